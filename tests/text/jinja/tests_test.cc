// What the golden rows cannot show: refusals by name.
#include "text/jinja/tests.h"

#include "tests/text/jinja/render.h"

namespace ounce::jinja {
namespace {

TEST(TestsTest, AnUnknownTestIsNamedWithThoseWeHave) {
  EXPECT_THAT(Render("{{ 1 is prime }}"),
              FailsWith(absl::StatusCode::kUnimplemented,
                        "column 9: the test \"prime\"; we have !=, <, "));
}

TEST(TestsTest, IdentityThatPythonDecidesByAccidentIsRefused) {
  for (const char* source :
       {"{{ 'a' is sameas 'a' }}", "{{ 1 is sameas 1 }}"}) {
    EXPECT_EQ(Render(source).status().code(), absl::StatusCode::kUnimplemented);
  }
}

TEST(TestsTest, AWrongNumberOfArgumentsIsAnError) {
  for (const char* source :
       {"{{ 1 is defined(2) }}", "{{ 1 is divisibleby }}", "{{ 1 is eq }}"}) {
    EXPECT_EQ(Render(source).status().code(),
              absl::StatusCode::kInvalidArgument)
        << source;
  }
}

}  // namespace
}  // namespace ounce::jinja
