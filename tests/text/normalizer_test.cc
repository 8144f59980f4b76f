#include "text/normalizer.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

std::string Normalized(NormalizerOr (*parse)(const Json&),
                       absl::string_view config, absl::string_view text) {
  auto normalizer = parse(ParseOrDie(config));
  EXPECT_THAT(normalizer, IsOk());
  auto result = (*normalizer)->Normalize(text);
  EXPECT_THAT(result, IsOk());
  return result.ok() ? *result : "";
}

TEST(NormalizerTest, FormsDiffer) {
  // Å as one character, and the ligature fi.
  const std::string text = "\u212B\uFB01";
  EXPECT_EQ(Normalized(&ParseNfc, "{}", text), "\u00C5\uFB01");
  EXPECT_EQ(Normalized(&ParseNfd, "{}", text), "A\u030A\uFB01");
  EXPECT_EQ(Normalized(&ParseNfkc, "{}", text), "\u00C5fi");
  EXPECT_EQ(Normalized(&ParseNfkd, "{}", text), "A\u030Afi");
}

TEST(NormalizerTest, LowercaseExpandsTheDottedI) {
  EXPECT_EQ(Normalized(&ParseLowercase, "{}", "A\u0130Σ"), "ai\u0307σ");
}

TEST(NormalizerTest, PrependLeavesEmptyTextEmpty) {
  EXPECT_EQ(Normalized(&ParsePrepend, R"({"prepend": "_"})", "a"), "_a");
  EXPECT_EQ(Normalized(&ParsePrepend, R"({"prepend": "_"})", ""), "");
}

TEST(NormalizerTest, ReplaceTakesTextOrExpression) {
  EXPECT_EQ(
      Normalized(&ParseReplaceNormalizer,
                 R"({"pattern": {"String": " "}, "content": "_"})", "a  b"),
      "a__b");
  EXPECT_EQ(
      Normalized(&ParseReplaceNormalizer,
                 R"({"pattern": {"Regex": " +"}, "content": "_"})", "a  b"),
      "a_b");
}

TEST(NormalizerTest, StripTakesUnicodeSpaceFromTheChosenSides) {
  const std::string text = "\u3000 a b\u2028";
  EXPECT_EQ(Normalized(&ParseStripNormalizer,
                       R"({"strip_left": true, "strip_right": false})", text),
            "a b\u2028");
  EXPECT_EQ(Normalized(&ParseStripNormalizer,
                       R"({"strip_left": false, "strip_right": true})", text),
            "\u3000 a b");
  EXPECT_EQ(Normalized(&ParseStripNormalizer, "{}", " \n "), "");
}

TEST(NormalizerTest, SequenceAppliesInOrder) {
  std::vector<std::unique_ptr<Normalizer>> parts;
  for (auto* parse : {&ParseNfkd, &ParseLowercase}) {
    auto part = parse(Json());
    ASSERT_THAT(part, IsOk());
    parts.push_back(*std::move(part));
  }
  auto result = MakeSequence(std::move(parts))->Normalize("\uFF21");
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(*result, "a");
}

TEST(NormalizerTest, MissingSettingsAreErrors) {
  EXPECT_THAT(ParsePrepend(Json()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("\"prepend\" is missing")));
  EXPECT_THAT(
      ParseReplaceNormalizer(ParseOrDie(R"({"pattern": {"String": "a"}})")),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("\"content\" is missing")));
  EXPECT_THAT(ParseStripNormalizer(ParseOrDie(R"({"strip_left": 1})")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("\"strip_left\"")));
}

TEST(NormalizerTest, AnExpressionThatGivesUpIsAnError) {
  auto normalizer = ParseReplaceNormalizer(
      ParseOrDie(R"({"pattern": {"Regex": "(a+)+$"}, "content": ""})"));
  ASSERT_THAT(normalizer, IsOk());
  EXPECT_THAT(
      (*normalizer)->Normalize(std::string(64, 'a').append("b")),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("gave up")));
}

}  // namespace
}  // namespace ounce
