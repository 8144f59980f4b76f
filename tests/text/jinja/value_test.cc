#include "text/jinja/value.h"

#include <string>
#include <utility>
#include <vector>

#include "tests/text/jinja/render.h"
#include "text/jinja/loop.h"
#include "text/jinja/work.h"

namespace ounce::jinja {
namespace {

TEST(ValueTest, KeysThatPythonTakesForEqualAreOneKey) {
  EXPECT_EQ(*HashKey(Value(int64_t{1})), *HashKey(Value(1.0)));
  EXPECT_EQ(*HashKey(Value(int64_t{1})), *HashKey(Value(true)));
  EXPECT_NE(*HashKey(Value(int64_t{1})), *HashKey(Value("1")));
  EXPECT_NE(*HashKey(Value("i1")), *HashKey(Value(int64_t{1})));
  EXPECT_NE(*HashKey(Value(1e300)), *HashKey(Value(2e300)));
}

TEST(ValueTest, AListIsNoKey) {
  EXPECT_EQ(HashKey(ValueOf("[1]")).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ValueTest, ADictKeepsTheOrderOfItsKeysWhenOneIsSetAgain) {
  Dict dict;
  ASSERT_THAT(dict.Set(Value("b"), Value(int64_t{1})), IsOk());
  ASSERT_THAT(dict.Set(Value("a"), Value(int64_t{2})), IsOk());
  ASSERT_THAT(dict.Set(Value("b"), Value(int64_t{3})), IsOk());
  ASSERT_EQ(dict.entries().size(), 2u);
  EXPECT_EQ(dict.entries()[0].first.AsText()->bytes, "b");
  EXPECT_EQ(*dict.Find(absl::string_view("b"))->AsInt(), 3);
}

TEST(ValueTest, WhatIsNestedTooDeepIsRefused) {
  Value value;
  absl::Status status;
  int depth = 0;
  for (; status.ok() && depth < 2 * kMaxValueDepth; ++depth) {
    absl::StatusOr<Value> next = MakeSequence(SequenceKind::kList, {value});
    status = next.status();
    if (next.ok()) value = *std::move(next);
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(value.depth(), kMaxValueDepth);
}

TEST(ValueTest, TruthIsThatOfPython) {
  for (const char* json : {"null", "false", "0", "0.0", "\"\"", "[]", "{}"}) {
    EXPECT_FALSE(ValueOf(json).truth()) << json;
  }
  for (const char* json : {"true", "-1", "0.5", "\"0\"", "[0]", "{\"\": 0}"}) {
    EXPECT_TRUE(ValueOf(json).truth()) << json;
  }
  EXPECT_FALSE(Value().truth());
}

TEST(ValueTest, JsonKeepsIntegersAndFloatsApart) {
  EXPECT_NE(ValueOf("1").AsInt(), nullptr);
  EXPECT_NE(ValueOf("1.0").AsFloat(), nullptr);
}

TEST(LoopTest, TakesElementsOneByOneUnlessAskedForTheLength) {
  int asked = 0;
  Loop loop({Value(int64_t{0}), Value(int64_t{1}), Value(int64_t{2})}, 0,
            [&asked](const Value& value) {
              ++asked;
              return *value.AsInt() != 1;
            });
  ASSERT_TRUE(loop.Next()->has_value());
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(*(*loop.Attribute("length"))->AsInt(), 2);
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(*(**loop.Next()).AsInt(), 2);
  EXPECT_TRUE(*(*loop.Attribute("last"))->AsBool());
  EXPECT_FALSE(loop.Next()->has_value());
}

TEST(WorkTest, AnExhaustedLimitStaysExhausted) {
  Work work(10);
  EXPECT_THAT(work.Spend(10), IsOk());
  EXPECT_FALSE(work.Spend(1).ok());
  EXPECT_FALSE(work.Spend(0).ok());
}

}  // namespace
}  // namespace ounce::jinja
