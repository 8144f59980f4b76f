// Oracle: Python's str() and json.dumps(), worked by hand.
#include "text/jinja/print.h"

#include "tests/text/jinja/render.h"
#include "text/jinja/callable.h"

namespace ounce::jinja {
namespace {

constexpr char kValue[] =
    R"({"a": [1, 2.0, true, null, "x'y"], "b": {}, "c": []})";

TEST(PrintTest, ContainersPrintAsPythonPrintsThem) {
  Work work(1000);
  EXPECT_EQ(*ToText(ValueOf(kValue), &work),
            "{'a': [1, 2.0, True, None, \"x'y\"], 'b': {}, 'c': []}");
  EXPECT_EQ(*ToText(*MakeSequence(SequenceKind::kTuple, {Value("a")}), &work),
            "('a',)");
  EXPECT_EQ(*ToText(Value(Range{1, 5, 2, 2}), &work), "range(1, 5, 2)");
  EXPECT_EQ(*ToText(Value(), &work), "");
}

TEST(PrintTest, WhatPrintsAnAddressIsRefused) {
  Work work(1000);
  EXPECT_EQ(ToText(*MakeIterator({}), &work).status().code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(
      ToText(Value(std::make_shared<const Callable>()), &work).status().code(),
      absl::StatusCode::kUnimplemented);
}

TEST(PrintTest, JsonHasItsSpacesAndItsIndentation) {
  Work work(1000);
  EXPECT_EQ(*ToJson(ValueOf(kValue), {}, &work),
            R"({"a": [1, 2.0, true, null, "x'y"], "b": {}, "c": []})");
  JsonStyle style;
  style.indent = "  ";
  style.item_separator = ",";
  EXPECT_EQ(*ToJson(ValueOf(R"({"a": [1, 2], "b": {}})"), style, &work),
            "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}");
}

TEST(PrintTest, UndefinedHasNoJson) {
  Work work(1000);
  EXPECT_THAT(ToJson(MakeUndefined("'x' is undefined"), {}, &work),
              FailsWith(absl::StatusCode::kInvalidArgument, "'x'"));
}

TEST(PrintTest, ANamespaceThatHoldsItselfEndsInAnError) {
  Work work(1 << 20);
  const auto space = std::make_shared<Namespace>();
  space->Set("self", Value(space));
  EXPECT_EQ(ToText(Value(space), &work).status().code(),
            absl::StatusCode::kResourceExhausted);
  space->attributes.clear();
}

TEST(PrintTest, SharedListsThatPrintEndlesslyHitTheLimit) {
  // 2^40 elements in 40 lists.
  Work work(1 << 20);
  Value value("x");
  for (int i = 0; i < 40; ++i) {
    value = *MakeSequence(SequenceKind::kList, {value, value});
  }
  EXPECT_EQ(ToText(value, &work).status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace ounce::jinja
