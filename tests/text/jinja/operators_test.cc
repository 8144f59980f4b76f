// Oracle: the Python language reference, worked by hand.
#include "text/jinja/operators.h"

#include <cstdint>
#include <limits>

#include "tests/text/jinja/render.h"

namespace ounce::jinja {
namespace {

constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();
constexpr int64_t kSmallest = std::numeric_limits<int64_t>::min();

class OperatorsTest : public testing::Test {
 protected:
  absl::StatusOr<Value> Of(absl::string_view symbol, Value left, Value right) {
    return Calculate(symbol, left, right, &work_);
  }
  Work work_{1 << 20};
};

TEST_F(OperatorsTest, DivisionRoundsDownWithEverySign) {
  const int64_t cases[][4] = {// left, right, quotient, rest
                              {7, 2, 3, 1},
                              {-7, 2, -4, 1},
                              {7, -2, -4, -1},
                              {-7, -2, 3, -1},
                              {6, -3, -2, 0}};
  for (const auto& [left, right, quotient, rest] : cases) {
    EXPECT_EQ(*Of("//", left, right)->AsInt(), quotient);
    EXPECT_EQ(*Of("%", left, right)->AsInt(), rest);
    EXPECT_EQ(*Of("//", double(left), double(right))->AsFloat(), quotient);
    EXPECT_EQ(*Of("%", double(left), double(right))->AsFloat(), rest);
  }
}

TEST_F(OperatorsTest, AnIntegerBeyond64BitsIsAnErrorAndNotAWrongNumber) {
  EXPECT_FALSE(Of("+", kLargest, int64_t{1}).ok());
  EXPECT_FALSE(Of("-", kSmallest, int64_t{1}).ok());
  EXPECT_FALSE(Of("*", kLargest, int64_t{2}).ok());
  EXPECT_FALSE(Of("//", kSmallest, int64_t{-1}).ok());
  EXPECT_FALSE(Of("**", int64_t{2}, int64_t{63}).ok());
  EXPECT_FALSE(Negate(Value(kSmallest)).ok());
  EXPECT_EQ(*Of("%", kSmallest, int64_t{-1})->AsInt(), 0);
  EXPECT_EQ(*Of("**", int64_t{-1}, kLargest)->AsInt(), -1);
  EXPECT_EQ(*Of("**", int64_t{-1}, kLargest - 1)->AsInt(), 1);
}

TEST_F(OperatorsTest, ARepetitionIsRefusedBeforeItTakesTheMemory) {
  EXPECT_EQ(Of("*", Value("ab"), kLargest).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Of("*", ValueOf("[1]"), int64_t{1} << 30).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(OperatorsTest, EqualityCrossesNumbersButNoOtherTypes) {
  EXPECT_TRUE(
      *Equal(ValueOf("[1, {\"a\": 2}]"), ValueOf("[1.0, {\"a\": 2}]"), &work_));
  EXPECT_FALSE(*Equal(Value("1"), Value(int64_t{1}), &work_));
  EXPECT_FALSE(*Equal(None{}, Value(false), &work_));
  EXPECT_TRUE(*Equal(Value(), MakeUndefined("x"), &work_));
}

TEST_F(OperatorsTest, DifferentTypesHaveNoOrder) {
  EXPECT_FALSE(Less(Value("a"), Value(int64_t{1}), &work_).ok());
  EXPECT_FALSE(Less(None{}, Value(int64_t{1}), &work_).ok());
  EXPECT_TRUE(*Less(ValueOf("[1, 2]"), ValueOf("[1, 2, 0]"), &work_));
}

TEST_F(OperatorsTest, SlicesTakeAnyBoundsAndSteps) {
  const auto slice = [this](Value start, Value stop, Value step) {
    return Slice(Value("abcde"), {start, stop, step}, &work_)->AsText()->bytes;
  };
  EXPECT_EQ(slice(None{}, None{}, int64_t{-1}), "edcba");
  EXPECT_EQ(slice(int64_t{-2}, None{}, None{}), "de");
  EXPECT_EQ(slice(int64_t{-99}, int64_t{99}, int64_t{2}), "ace");
  EXPECT_EQ(slice(int64_t{3}, int64_t{0}, int64_t{-2}), "db");
  EXPECT_EQ(slice(kSmallest, kLargest, kLargest), "a");
  EXPECT_EQ(slice(kLargest, kSmallest, kSmallest), "e");
  EXPECT_EQ(slice(int64_t{4}, int64_t{1}, None{}), "");
  EXPECT_FALSE(Slice(Value("a"), {None{}, None{}, int64_t{0}}, &work_).ok());
}

TEST_F(OperatorsTest, AnIteratorIsUsedUpOnceAndRefusedAfterAPart) {
  const Value whole = *MakeIterator({Value("a"), Value("b")});
  EXPECT_EQ(Elements(whole, &work_)->size(), 2u);
  EXPECT_EQ(Elements(whole, &work_)->size(), 0u);
  const Value part = *MakeIterator({Value("a"), Value("b")});
  EXPECT_TRUE(*Contains(part, Value("a"), &work_));
  EXPECT_EQ(Elements(part, &work_).status().code(),
            absl::StatusCode::kUnimplemented);
}

TEST_F(OperatorsTest, WhatIsJoinedToAMarkupIsEscaped) {
  EXPECT_EQ(Of("+", Value("<"), Value(Text{"<b>", true}))->AsText()->bytes,
            "&lt;<b>");
  EXPECT_EQ(Of("*", Value(Text{"<b>", true}), int64_t{2}).status().code(),
            absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace ounce::jinja
