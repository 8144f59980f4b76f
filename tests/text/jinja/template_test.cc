#include "text/jinja/template.h"

#include <string>

#include "tests/text/jinja/render.h"

namespace ounce::jinja {
namespace {

TEST(TemplateTest, IsRenderedAnyNumberOfTimesWithNothingKept) {
  ASSERT_OK_AND_ASSIGN(
      const Template parsed,
      Template::Parse("{{ x }}{% set x = 2 %}{{ x }}{% set y = 1 %}"));
  const std::tm now = {};
  EXPECT_EQ(*parsed.Render({{"x", Value(int64_t{1})}}, now), "12");
  EXPECT_EQ(*parsed.Render({{"x", Value(int64_t{5})}}, now), "52");
}

TEST(TemplateTest, ATemplateThatIsTooLongOrNotUtf8IsRefused) {
  Limits limits;
  limits.max_template_bytes = 4;
  EXPECT_EQ(Template::Parse("12345", limits).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Template::Parse("a\xFFz").status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace ounce::jinja
