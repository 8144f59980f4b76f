#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"
#include "text/normalizer.h"

namespace ounce {
namespace {

std::string Normalized(const NormalizerOr& normalizer, absl::string_view text) {
  EXPECT_THAT(normalizer, IsOk());
  if (!normalizer.ok()) return "";
  auto out = (*normalizer)->Normalize(text);
  EXPECT_THAT(out, IsOk());
  return out.ok() ? *std::move(out) : "";
}

TEST(CharacterNormalizerTest, BertCleansSeparatesStripsAndLowers) {
  const auto bert = ParseBertNormalizer(Json());
  EXPECT_EQ(Normalized(bert, "H\u00E9llo\tW\u0000orld"), "hello w");
  EXPECT_EQ(Normalized(bert, absl::string_view("a\0b\u200Bc\uFFFD\n", 11)),
            "abc ");
  EXPECT_EQ(Normalized(bert, "\u4E2Da"), " \u4E2D a");
  // U+000B and U+0085 are white space, but control characters before that.
  EXPECT_EQ(Normalized(bert, "a\vb\u0085c\u2003d"), "abc d");
}

TEST(CharacterNormalizerTest, BertStripsAccentsByDefaultWhereItLowers) {
  const auto cased = ParseBertNormalizer(ParseOrDie(R"({"lowercase": false})"));
  EXPECT_EQ(Normalized(cased, "\u00C9"), "\u00C9");
  const auto stripped = ParseBertNormalizer(
      ParseOrDie(R"({"lowercase": false, "strip_accents": true})"));
  EXPECT_EQ(Normalized(stripped, "\u00C9"), "E");
  const auto kept = ParseBertNormalizer(
      ParseOrDie(R"({"lowercase": true, "strip_accents": false,
                     "clean_text": false, "handle_chinese_chars": false})"));
  EXPECT_EQ(Normalized(kept, "\u00C9\t\u4E2D"), "\u00E9\t\u4E2D");
}

TEST(CharacterNormalizerTest, StripAccentsLeavesComposedLetters) {
  EXPECT_EQ(Normalized(ParseStripAccents(Json()), "e\u0301\u00E9\u0903"),
            "e\u00E9");
}

TEST(CharacterNormalizerTest, NmtDropsControlsAndMakesSpaces) {
  const auto nmt = ParseNmt(Json());
  EXPECT_EQ(Normalized(nmt, "a\x01\x0B\x7F\u008F\u009Fb\u0085"), "ab\u0085");
  EXPECT_EQ(Normalized(nmt,
                       "\t\n\f\r\u1680\u200B\u200F\u2028\u2029\u2581"
                       "\uFEFF\uFFFD"),
            std::string(12, ' '));
}

TEST(CharacterNormalizerTest, ByteLevelWritesEachByte) {
  EXPECT_EQ(Normalized(ParseByteLevelNormalizer(Json()), " \u00E9"),
            "\u0120\u00C3\u00A9");
}

TEST(CharacterNormalizerTest, BadSettingsAreErrors) {
  for (const char* config : {R"({"clean_text": 1})", R"({"lowercase": "x"})",
                             R"({"strip_accents": 0})"}) {
    EXPECT_THAT(ParseBertNormalizer(ParseOrDie(config)),
                StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
  }
}

}  // namespace
}  // namespace ounce
