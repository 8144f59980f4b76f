// Oracle: jinja2's SandboxedEnvironment.getattr() and getitem(), by hand.
#include "text/jinja/attributes.h"

#include "tests/text/jinja/render.h"
#include "text/jinja/callable.h"

namespace ounce::jinja {
namespace {

class AttributesTest : public testing::Test {
 protected:
  const Value dict_ = ValueOf(R"({"items": 1, "x": 2})");
  Work work_{1000};
};

TEST_F(AttributesTest, ADotFindsTheMethodFirstAndABracketTheKey) {
  EXPECT_NE(GetAttribute(dict_, "items")->AsCallable(), nullptr);
  EXPECT_EQ(*GetItem(dict_, Value("items"), &work_)->AsInt(), 1);
  EXPECT_EQ(*GetAttribute(dict_, "x")->AsInt(), 2);
  EXPECT_NE(GetItem(dict_, Value("get"), &work_)->AsCallable(), nullptr);
}

TEST_F(AttributesTest, WhatIsMissingIsUndefinedAndOfUndefinedAnError) {
  ASSERT_OK_AND_ASSIGN(const Value missing, GetAttribute(dict_, "y"));
  EXPECT_TRUE(missing.is_undefined());
  EXPECT_THAT(GetAttribute(missing, "z"),
              FailsWith(absl::StatusCode::kInvalidArgument,
                        "type dict has no attribute \"y\""));
  EXPECT_TRUE(GetItem(dict_, ValueOf("[1]"), &work_)->is_undefined());
}

TEST_F(AttributesTest, MethodsThatPythonHasAndWeDoNotAreNamed) {
  EXPECT_THAT(GetAttribute(Value("a"), "translate"),
              FailsWith(absl::StatusCode::kUnimplemented,
                        "str.translate; we have capitalize,"));
  EXPECT_THAT(GetAttribute(ValueOf("[]"), "append"),
              FailsWith(absl::StatusCode::kUnimplemented, "sandbox"));
  EXPECT_THAT(GetAttribute(Value("a"), "__class__"),
              FailsWith(absl::StatusCode::kUnimplemented, "sandbox"));
}

}  // namespace
}  // namespace ounce::jinja
