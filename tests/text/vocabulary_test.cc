#include "text/vocabulary.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

TEST(VocabularyTest, FindsBothWays) {
  ASSERT_OK_AND_ASSIGN(const Vocabulary vocabulary,
                       Vocabulary::Parse(ParseOrDie(R"({"a": 0, "é": 7})")));
  EXPECT_EQ(vocabulary.Find("é"), 7);
  EXPECT_EQ(vocabulary.Find("b"), std::nullopt);
  EXPECT_EQ(*vocabulary.TokenOf(7), "é");
  EXPECT_EQ(vocabulary.TokenOf(1), nullptr);
  EXPECT_EQ(vocabulary.TokenOf(-1), nullptr);
  EXPECT_EQ(vocabulary.size(), 2u);
  EXPECT_EQ(vocabulary.id_limit(), 8);
}

TEST(VocabularyTest, EmptyHasNoIds) {
  ASSERT_OK_AND_ASSIGN(const Vocabulary vocabulary,
                       Vocabulary::Parse(ParseOrDie("{}")));
  EXPECT_EQ(vocabulary.id_limit(), 0);
}

TEST(VocabularyTest, OneIdForTwoTokensIsAnError) {
  EXPECT_THAT(Vocabulary::Parse(ParseOrDie(R"({"a": 3, "b": 3})")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("id 3 to both \"a\" and \"b\"")));
}

TEST(VocabularyTest, BadIdNamesItsToken) {
  for (const char* bad : {R"({"tok": -1})", R"({"tok": 99999999})",
                          R"({"tok": "0"})", R"({"tok": null})"}) {
    EXPECT_THAT(Vocabulary::Parse(ParseOrDie(bad)),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("\"vocab\" token \"tok\"")))
        << bad;
  }
  EXPECT_THAT(Vocabulary::Parse(Json()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("expected an object")));
}

}  // namespace
}  // namespace ounce
