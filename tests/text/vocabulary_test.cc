#include "text/vocabulary.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

TEST(VocabularyTest, FindsBothWays) {
  ASSERT_OK_AND_ASSIGN(const Vocabulary vocabulary,
                       ReadVocabulary(R"({"a": 0, "é": 7})"));
  EXPECT_EQ(vocabulary.Find("é"), 7);
  EXPECT_EQ(vocabulary.Find("b"), std::nullopt);
  EXPECT_EQ(*vocabulary.TokenOf(7), "é");
  EXPECT_EQ(vocabulary.TokenOf(1), std::nullopt);
  EXPECT_EQ(vocabulary.TokenOf(-1), std::nullopt);
  EXPECT_EQ(vocabulary.size(), 2u);
  EXPECT_EQ(vocabulary.id_limit(), 8);
}

TEST(VocabularyTest, EmptyHasNoIds) {
  ASSERT_OK_AND_ASSIGN(const Vocabulary vocabulary, ReadVocabulary("{}"));
  EXPECT_EQ(vocabulary.id_limit(), 0);
}

TEST(VocabularyTest, IdsMayComeInAnyOrderAndHaveGaps) {
  ASSERT_OK_AND_ASSIGN(
      const Vocabulary vocabulary,
      ReadVocabulary(R"({"c": 16777215, "a": 1, "": 2, "b": 0, "d": 9})"));
  EXPECT_EQ(vocabulary.TokenOf(16777215), "c");
  EXPECT_EQ(vocabulary.TokenOf(9), "d");
  EXPECT_EQ(vocabulary.TokenOf(2), "");
  EXPECT_EQ(vocabulary.TokenOf(0), "b");
  EXPECT_EQ(vocabulary.TokenOf(3), std::nullopt);
  EXPECT_EQ(vocabulary.TokenOf(16777214), std::nullopt);
  EXPECT_EQ(vocabulary.Find(""), 2);
  EXPECT_EQ(vocabulary.id_limit(), 16777216);
}

// Many more tokens than are looked up at a time, every second of them known.
TEST(VocabularyTest, FindsAllAsItFindsEach) {
  std::string text = "{";
  for (int i = 0; i < 5000; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ",", "\"", 2 * i, "\": ", i);
  }
  ASSERT_OK_AND_ASSIGN(Vocabulary read, ReadVocabulary(text + "}"));
  const Vocabulary vocabulary = std::move(read);
  std::vector<std::string> tokens;
  for (int i = 0; i < 10000; ++i) tokens.push_back(absl::StrCat(i));
  std::vector<std::optional<int32_t>> ids(tokens.size());
  vocabulary.FindAll(
      std::vector<absl::string_view>(tokens.begin(), tokens.end()),
      absl::MakeSpan(ids));
  for (int i = 0; i < 10000; ++i) {
    const auto expected =
        i % 2 == 0 ? std::optional<int32_t>(i / 2) : std::nullopt;
    EXPECT_EQ(ids[static_cast<size_t>(i)], expected) << i;
    EXPECT_EQ(vocabulary.Find(tokens[static_cast<size_t>(i)]), expected) << i;
  }
}

TEST(VocabularyTest, OneTokenTwiceIsAnErrorOfTheText) {
  EXPECT_THAT(ReadVocabulary(R"({"a": 0, "b": 1, "\u0061": 2})"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("key \"a\" is given twice")));
}

TEST(VocabularyTest, OneIdForTwoTokensIsAnError) {
  EXPECT_THAT(ReadVocabulary(R"({"a": 3, "b": 3})"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("id 3 to both \"a\" and \"b\"")));
}

TEST(VocabularyTest, BadIdNamesItsToken) {
  for (const char* bad : {R"({"tok": -1})", R"({"tok": 99999999})",
                          R"({"tok": "0"})", R"({"tok": null})"}) {
    EXPECT_THAT(ReadVocabulary(bad),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("\"vocab\" token \"tok\"")))
        << bad;
  }
}

}  // namespace
}  // namespace ounce
