// What the golden rows cannot show: refusals by name, and limits.
#include "text/jinja/methods.h"

#include "tests/text/jinja/render.h"

namespace ounce::jinja {
namespace {

TEST(MethodsTest, PositionsAndPropertiesOutsideOfAsciiAreRefused) {
  for (const char* source :
       {"{{ 'a'.find('a', 1) }}", "{{ 'a'.startswith('a', 1) }}",
        "{{ 'é'.isalpha() }}", "{{ 'a'.encode() }}", "{{ {}.copy() }}",
        "{{ ('a' | safe).upper() }}"}) {
    EXPECT_EQ(Render(source).status().code(), absl::StatusCode::kUnimplemented)
        << source;
  }
}

TEST(MethodsTest, MethodsThatChangeTheirObjectAreBarred) {
  for (const char* source :
       {"{{ [].append(1) }}", "{{ [].pop() }}", "{{ {}.update({}) }}",
        "{{ {}.setdefault('a', 1) }}", "{{ [2, 1].sort() }}"}) {
    EXPECT_THAT(Render(source),
                FailsWith(absl::StatusCode::kUnimplemented, "sandbox"))
        << source;
  }
}

TEST(MethodsTest, PaddingHitsTheLimitBeforeItTakesTheMemory) {
  for (const char* source :
       {"{{ 'a'.ljust(10000000000) }}", "{{ 'a'.center(10000000000, 'é') }}",
        "{{ '1'.zfill(10000000000) }}"}) {
    EXPECT_EQ(Render(source).status().code(),
              absl::StatusCode::kResourceExhausted)
        << source;
  }
}

}  // namespace
}  // namespace ounce::jinja
