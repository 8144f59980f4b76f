#include "text/padding.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<Windows> Batch() {
  return {{Encoding({1, 2, 3}, 0), Encoding({4}, 1)}, {Encoding({5}, 1)}};
}

TEST(PaddingTest, FillsUpToTheLongestText) {
  std::vector<Windows> batch = Batch();
  ASSERT_OK(Pad({std::nullopt, 1, Side::kRight, 9, 7}, &batch));
  EXPECT_THAT(batch[0][0].ids, ElementsAre(1, 2, 3));
  EXPECT_THAT(batch[0][1].ids, ElementsAre(4, 9, 9));
  EXPECT_THAT(batch[1][0].ids, ElementsAre(5, 9, 9));
  EXPECT_THAT(batch[1][0].type_ids, ElementsAre(1, 7, 7));
  EXPECT_THAT(batch[1][0].attention_mask, ElementsAre(1, 0, 0));
}

TEST(PaddingTest, RoundsUpAndPadsTheLeft) {
  std::vector<Windows> batch = Batch();
  ASSERT_OK(Pad({std::nullopt, 4, Side::kLeft, 9, 7}, &batch));
  EXPECT_THAT(batch[0][0].ids, ElementsAre(9, 1, 2, 3));
  EXPECT_THAT(batch[0][0].attention_mask, ElementsAre(0, 1, 1, 1));
}

TEST(PaddingTest, WhatIsLongerThanTheFixedLengthStays) {
  std::vector<Windows> batch = Batch();
  ASSERT_OK(Pad({2, 1, Side::kRight, 9, 7}, &batch));
  EXPECT_THAT(batch[0][0].ids, ElementsAre(1, 2, 3));
  EXPECT_THAT(batch[1][0].ids, ElementsAre(5, 9));
}

TEST(PaddingTest, TooMuchPaddingIsAnErrorBeforeItTakesMemory) {
  std::vector<Windows> batch(100, {Encoding({1}, 0)});
  EXPECT_THAT(Pad({int64_t{1} << 24, 1, Side::kRight, 0, 0}, &batch),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("100 windows padded to 16777216 ids")));
}

TEST(PaddingTest, ReadsTheFilesSetting) {
  ASSERT_OK_AND_ASSIGN(const auto none, ParsePadding(ParseOrDie("{}")));
  EXPECT_FALSE(none.has_value());
  ASSERT_OK_AND_ASSIGN(
      const auto padding,
      ParsePadding(ParseOrDie(R"({"padding": {"strategy": {"Fixed": 128},
          "direction": "Left", "pad_to_multiple_of": 8, "pad_id": 1,
          "pad_type_id": 2, "pad_token": "<pad>"}})")));
  ASSERT_TRUE(padding.has_value());
  EXPECT_EQ(padding->length, 128);
  EXPECT_EQ(padding->multiple_of, 8);
  EXPECT_EQ(padding->side, Side::kLeft);
  EXPECT_EQ(padding->id, 1);
  EXPECT_EQ(padding->type_id, 2);
  ASSERT_OK_AND_ASSIGN(
      const auto longest,
      ParsePadding(ParseOrDie(R"({"padding": {"strategy": "BatchLongest",
          "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
          "pad_type_id": 0, "pad_token": "[PAD]"}})")));
  EXPECT_FALSE(longest->length.has_value());
  EXPECT_EQ(longest->multiple_of, 1);
}

TEST(PaddingTest, BadSettingsAreErrors) {
  for (const auto& [config, words] :
       std::vector<std::pair<const char*, const char*>>{
           {R"({"strategy": "Shortest"})", "expected \"BatchLongest\" or"},
           {R"({"strategy": {"Fixed": 99999999999}})", "expected at most"},
           {R"({"strategy": {"Fixed": -1}})", "is -1"},
           {R"({"strategy": "BatchLongest", "direction": "Up"})",
            "expected one of Left, Right"},
           {R"({"strategy": "BatchLongest", "direction": "Left",
                "pad_to_multiple_of": 99999999999})",
            "expected at most"},
           {R"({"strategy": "BatchLongest", "direction": "Left"})",
            "\"pad_id\""}}) {
    EXPECT_THAT(
        ParsePadding(ParseOrDie(absl::StrCat("{\"padding\": ", config, "}"))),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words)))
        << config;
  }
}

}  // namespace
}  // namespace ounce
