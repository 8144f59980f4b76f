// What the golden rows (tests/text/chat_templates_golden_test.cc) cannot show:
// refusals by name, and limits.
#include "text/jinja/filters.h"

#include "tests/text/jinja/render.h"

namespace ounce::jinja {
namespace {

TEST(FiltersTest, AnUnknownFilterIsNamedWithThoseWeHave) {
  EXPECT_THAT(
      Render("a\n{{ 'x' | urlize }}"),
      FailsWith(absl::StatusCode::kUnimplemented,
                "line 2, column 10: the filter \"urlize\"; we have abs, "
                "attr, "));
}

TEST(FiltersTest, AnUnknownFilterThatIsNotReachedDoesNoHarm) {
  EXPECT_EQ(*Render("{% if false %}{{ 'x' | urlize }}{% endif %}ok"), "ok");
}

TEST(FiltersTest, OptionsThatWeDoNotHaveAreRefused) {
  for (const char* source :
       {"{{ [1, 'a'] | sort }}", "{{ [{}] | sort(attribute='a,b') }}",
        "{{ 'é' | wordcount }}", "{{ 1 | round(-1) }}", "{{ {} | attr('x') }}",
        "{{ 'a' | format(x=1) }}", "{{ 'a' | safe | upper }}"}) {
    EXPECT_EQ(Render(source).status().code(), absl::StatusCode::kUnimplemented)
        << source;
  }
}

TEST(FiltersTest, FiltersThatMultiplyTextHitTheLimit) {
  for (const char* source :
       {"{{ 'a' | center(1000000000) }}", "{{ 'a\nb' | indent(10000000000) }}",
        "{{ [1] | tojson(indent=10000000000) }}",
        "{{ range(100000) | join('x' * 100000) }}"}) {
    EXPECT_EQ(Render(source).status().code(),
              absl::StatusCode::kResourceExhausted)
        << source;
  }
}

TEST(FiltersTest, SortingIsStableInBothDirections) {
  constexpr char kItems[] =
      R"({"l": [{"k": 1, "n": "a"}, {"k": 0, "n": "b"}, {"k": 1, "n": "c"}]})";
  EXPECT_EQ(*Render("{{ l | sort(attribute='k') | map(attribute='n') | join }}",
                    kItems),
            "bac");
  EXPECT_EQ(*Render("{{ l | sort(true, attribute='k') | map(attribute='n') | "
                    "join }}",
                    kItems),
            "acb");
}

}  // namespace
}  // namespace ounce::jinja
