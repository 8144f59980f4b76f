// Hostile templates, and what the golden rows cannot show.
#include "text/jinja/interpreter.h"

#include "tests/text/jinja/render.h"

namespace ounce::jinja {
namespace {

constexpr auto kExhausted = absl::StatusCode::kResourceExhausted;

TEST(InterpreterTest, ErrorsNameThePlaceOfTheInnermostExpression) {
  EXPECT_THAT(Render("{% for x in [1] %}\n  {{ 'a' ~ (x + nobody) }}\n"
                     "{% endfor %}"),
              FailsWith(absl::StatusCode::kInvalidArgument,
                        "line 2, column 13: 'nobody' is undefined"));
  EXPECT_THAT(Render("{% macro f() %}\n{{ raise_exception('no') }}"
                     "{% endmacro %}{{ f() }}"),
              FailsWith(absl::StatusCode::kInvalidArgument,
                        "line 2, column 4: the template refuses the "
                        "conversation: no"));
}

TEST(InterpreterTest, EndlessWorkHitsTheLimit) {
  for (const char* source :
       {"{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}"
        "{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(99) %}"
        "{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}"
        "{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{{ 'a' * 9999999999 }}",
        "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{{ ('a' * 99999) | map('replace', 'a', 'b' * 99999) | list }}",
        "{% set ns = namespace(x=1) %}{% for i in range(999) %}"
        "{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x='a') %}{% for i in range(999) %}"
        "{% set ns.x = [ns.x.count] %}{% endfor %}"}) {
    EXPECT_FALSE(Render(source).ok()) << source;
  }
}

TEST(InterpreterTest, OutputIsBounded) {
  Limits limits;
  limits.max_output_bytes = 10;
  EXPECT_EQ(*Render("{{ 'a' * 10 }}", "{}", limits), "aaaaaaaaaa");
  EXPECT_EQ(Render("{{ 'a' * 11 }}", "{}", limits).status().code(), kExhausted);
  EXPECT_EQ(Render("aaaaaaaaaaa", "{}", limits).status().code(), kExhausted);
}

TEST(InterpreterTest, NamespacesThatHoldEachOtherAreFreed) {
  // AddressSanitizer's leak check is the oracle.
  EXPECT_EQ(*Render("{% set a = namespace() %}{% set b = namespace(a=a) %}"
                    "{% set a.b = b %}{% set a.f = [a.b] %}x"),
            "x");
}

TEST(InterpreterTest, AMacroThatOutlivesItsBlockIsRefused) {
  EXPECT_THAT(
      Render("{% set ns = namespace() %}{% for i in [1] %}{% macro f() %}{{ i "
             "}}{% endmacro %}{% set ns.f = f %}{% endfor %}{{ ns.f() }}"),
      FailsWith(absl::StatusCode::kUnimplemented, "outside of the block"));
}

TEST(InterpreterTest, ALoopThatOutlivesItsBlockHasEnded) {
  EXPECT_EQ(*Render("{% set ns = namespace() %}{% for i in [1, 2] if i %}"
                    "{% set ns.l = loop %}{% endfor %}{{ ns.l.index }}"
                    "{{ ns.l.last }}"),
            "2True");
}

TEST(InterpreterTest, FunctionsOfJinjaThatWeDoNotHaveAreNamed) {
  for (const char* name : {"cycler", "joiner", "lipsum"}) {
    EXPECT_THAT(Render(absl::StrCat("{{ ", name, "() }}")),
                FailsWith(absl::StatusCode::kUnimplemented,
                          absl::StrCat("the function '", name, "'; we have")));
  }
}

TEST(InterpreterTest, ATimeFormatIsCheckedBeforeItIsUsed) {
  EXPECT_EQ(*Render("{{ strftime_now('%Y-%m-%dT%H:%M:%S') }}"),
            "2000-01-02T03:04:05");
  for (const char* source :
       {"{{ strftime_now('%f') }}", "{{ strftime_now('%999999d') }}",
        "{{ strftime_now('a\\x00b') }}", "{{ strftime_now('%Y' * 999) }}"}) {
    EXPECT_FALSE(Render(source).ok()) << source;
  }
}

}  // namespace
}  // namespace ounce::jinja
