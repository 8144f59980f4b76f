#include "text/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

TEST(ConfigTest, CharacterIsExactlyOne) {
  ASSERT_OK_AND_ASSIGN(
      const std::string mark,
      GetCharacter(ParseOrDie("{\"replacement\": \"\u2581\"}"), "replacement"));
  EXPECT_EQ(mark, "\u2581");
  for (const char* config :
       {R"({"c": ""})", R"({"c": "ab"})", R"({"c": 1})", "{}", "[]"}) {
    EXPECT_THAT(
        GetCharacter(ParseOrDie(config), "c"),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"c\"")))
        << config;
  }
}

TEST(ConfigTest, IdsHaveBounds) {
  ASSERT_OK_AND_ASSIGN(const int32_t id, ToTokenId(Json(16777215)));
  EXPECT_EQ(id, 16777215);
  for (const Json& bad : {Json(-1), Json(16777216), Json(1.5), Json("1"),
                          Json(), Json(int64_t{1} << 62), Json(1e300)}) {
    EXPECT_THAT(ToTokenId(bad), StatusIs(absl::StatusCode::kInvalidArgument,
                                         HasSubstr("the id is ")));
  }
}

}  // namespace
}  // namespace ounce
