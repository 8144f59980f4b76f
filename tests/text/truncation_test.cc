#include "text/truncation.h"

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

using Strategy = Truncation::Strategy;
using Texts = std::vector<Windows>;

std::vector<int32_t> Count(int32_t from, int32_t to) {
  std::vector<int32_t> ids;
  for (int32_t id = from; id < to; ++id) ids.push_back(id);
  return ids;
}

// The windows of texts that count from 1 and from 101.
absl::StatusOr<Texts> Truncated(const Truncation& truncation, int32_t first,
                                int32_t second = 0) {
  Texts texts = {{Encoding(Count(1, 1 + first), 0)}};
  if (second > 0) texts.push_back({Encoding(Count(101, 101 + second), 1)});
  OUNCE_RETURN_IF_ERROR(Truncate(truncation, &texts));
  return texts;
}

std::vector<std::vector<int32_t>> IdsOfAll(const Windows& windows) {
  std::vector<std::vector<int32_t>> ids;
  for (const Encoding& window : windows) ids.push_back(window.ids);
  return ids;
}

std::vector<size_t> LengthsOf(const absl::StatusOr<Texts>& texts) {
  EXPECT_THAT(texts, IsOk());
  std::vector<size_t> lengths;
  for (const Windows& text : *texts) lengths.push_back(text.front().size());
  return lengths;
}

TEST(TruncationTest, WindowsOverlapByTheStride) {
  ASSERT_OK_AND_ASSIGN(
      const Texts right,
      Truncated({4, Strategy::kLongestFirst, 1, Side::kRight}, 8));
  EXPECT_THAT(IdsOfAll(right.front()),
              ElementsAre(ElementsAre(1, 2, 3, 4), ElementsAre(4, 5, 6, 7),
                          ElementsAre(7, 8)));
  ASSERT_OK_AND_ASSIGN(
      const Texts left,
      Truncated({4, Strategy::kLongestFirst, 1, Side::kLeft}, 8));
  EXPECT_THAT(IdsOfAll(left.front()),
              ElementsAre(ElementsAre(5, 6, 7, 8), ElementsAre(2, 3, 4, 5),
                          ElementsAre(1, 2)));
}

TEST(TruncationTest, WhatFitsStaysWhole) {
  ASSERT_OK_AND_ASSIGN(const Texts texts, Truncated({8}, 3, 5));
  EXPECT_EQ(texts.front().size(), 1u);
  EXPECT_EQ(texts.back().front().ids.size(), 5u);
}

TEST(TruncationTest, TheLongerTextIsCutFirst) {
  const auto cut = [](int64_t length, int32_t first, int32_t second) {
    return LengthsOf(Truncated({length}, first, second));
  };
  EXPECT_THAT(cut(10, 3, 20), ElementsAre(3, 7));
  EXPECT_THAT(cut(10, 20, 3), ElementsAre(7, 3));
  // Both: half each, the odd one to the longer.
  EXPECT_THAT(cut(9, 20, 30), ElementsAre(4, 5));
  EXPECT_THAT(cut(9, 30, 20), ElementsAre(5, 4));
  EXPECT_THAT(cut(9, 6, 6), ElementsAre(4, 5));
}

TEST(TruncationTest, OneTextAlone) {
  EXPECT_THAT(LengthsOf(Truncated({10, Strategy::kOnlyFirst}, 20, 3)),
              ElementsAre(7, 3));
  EXPECT_THAT(LengthsOf(Truncated({10, Strategy::kOnlySecond}, 3, 20)),
              ElementsAre(3, 7));
  EXPECT_THAT(Truncated({10, Strategy::kOnlyFirst}, 3, 20),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("the first text has 3 ids, but 13 must go")));
  EXPECT_THAT(Truncated({10, Strategy::kOnlySecond}, 20),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("there is no second text")));
}

TEST(TruncationTest, ALengthOfZeroKeepsNothing) {
  ASSERT_OK_AND_ASSIGN(const Texts texts, Truncated({0}, 2));
  EXPECT_THAT(IdsOfAll(texts.front()),
              ElementsAre(ElementsAre(), ElementsAre(1, 2)));
}

TEST(TruncationTest, TooLongAStrideIsAnError) {
  EXPECT_THAT(Truncated({4, Strategy::kLongestFirst, 4}, 8),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("the stride is 4")));
  // 2^15 windows of 2^15 ids.
  EXPECT_THAT(
      Truncated({1 << 15, Strategy::kLongestFirst, (1 << 15) - 1}, 1 << 16),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("use a shorter stride")));
}

TEST(TruncationTest, ReadsTheFilesSetting) {
  ASSERT_OK_AND_ASSIGN(const auto none,
                       ParseTruncation(ParseOrDie(R"({"truncation": null})")));
  EXPECT_FALSE(none.has_value());
  ASSERT_OK_AND_ASSIGN(
      const auto truncation,
      ParseTruncation(ParseOrDie(R"({"truncation": {"direction": "Left",
          "max_length": 128, "strategy": "OnlySecond", "stride": 3}})")));
  ASSERT_TRUE(truncation.has_value());
  EXPECT_EQ(truncation->max_length, 128);
  EXPECT_EQ(truncation->strategy, Strategy::kOnlySecond);
  EXPECT_EQ(truncation->stride, 3);
  EXPECT_EQ(truncation->side, Side::kLeft);
}

TEST(TruncationTest, BadSettingsAreErrors) {
  for (const auto& [config, words] :
       std::vector<std::pair<const char*, const char*>>{
           {R"({"max_length": -1, "strategy": "OnlyFirst", "stride": 0})",
            "truncation: \"max_length\" is -1"},
           {R"({"max_length": 1, "strategy": "OnlyFirst"})", "stride"},
           {R"({"max_length": 1, "strategy": "Third", "stride": 0})",
            "expected one of LongestFirst, OnlyFirst, OnlySecond"},
           {R"({"max_length": 1, "strategy": "OnlyFirst", "stride": 0,
                "direction": "Up"})",
            "expected one of Left, Right"}}) {
    EXPECT_THAT(ParseTruncation(
                    ParseOrDie(absl::StrCat("{\"truncation\": ", config, "}"))),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words)));
  }
}

}  // namespace
}  // namespace ounce
