#include "text/jinja/binding.h"

#include "tests/text/jinja/render.h"

namespace ounce::jinja {
namespace {

constexpr Signature kSignature = {"f", "first second", 1};

TEST(BindingTest, NamesAndPlacesGoToTheirParameters) {
  ASSERT_OK_AND_ASSIGN(
      const Bound bound,
      Bound::Make(kSignature, {{Value("a")}, {{"second", Value("b")}}}));
  EXPECT_EQ(*bound.String(0, ""), "a");
  EXPECT_EQ(*bound.String(1, ""), "b");
}

TEST(BindingTest, WhatIsNotGivenHasItsDefault) {
  ASSERT_OK_AND_ASSIGN(const Bound bound,
                       Bound::Make(kSignature, {{None{}}, {}}));
  EXPECT_TRUE(bound.Has(0));
  EXPECT_FALSE(bound.IsSet(0));
  EXPECT_EQ(*bound.Int(1, 7), 7);
}

TEST(BindingTest, RefusesMissingUnknownRepeatedAndSurplusArguments) {
  const auto make = [](Arguments arguments) {
    return Bound::Make(kSignature, arguments);
  };
  const auto refused = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(make({}), FailsWith(refused, "'f' needs the argument 'first'"));
  EXPECT_THAT(make({{Value("a")}, {{"third", Value("b")}}}),
              FailsWith(refused, "no argument 'third'"));
  EXPECT_THAT(make({{Value("a")}, {{"first", Value("b")}}}),
              FailsWith(refused, "twice the argument 'first'"));
  EXPECT_THAT(make({{Value("a"), Value("b"), Value("c")}, {}}),
              FailsWith(refused, "at most 2"));
}

TEST(BindingTest, NamesTheTypeThatIsWrong) {
  ASSERT_OK_AND_ASSIGN(const Bound bound,
                       Bound::Make(kSignature, {{Value("a")}, {}}));
  EXPECT_THAT(bound.Int(0, 0),
              FailsWith(absl::StatusCode::kInvalidArgument,
                        "'first' of 'f' is of type str; expected int"));
}

}  // namespace
}  // namespace ounce::jinja
