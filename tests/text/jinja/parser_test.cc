// Oracle: jinja2's grammar, worked by hand.
#include "text/jinja/parser.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/text/jinja/render.h"

namespace ounce::jinja {
namespace {

std::string Times(int count, absl::string_view text) {
  std::string out;
  for (int i = 0; i < count; ++i) absl::StrAppend(&out, text);
  return out;
}

TEST(ParserTest, StatementsThatWeDoNotHaveAreNamedWithTheirPlace) {
  for (const char* name : {"include", "import", "from", "extends", "block",
                           "autoescape", "do", "trans", "debug", "print"}) {
    EXPECT_THAT(ParseTemplate(absl::StrCat("x\n {% ", name, " 'a' %}")),
                FailsWith(absl::StatusCode::kUnimplemented,
                          absl::StrCat("line 2, column 5: the statement \"",
                                       name, "\"; we have if, for, set,")));
  }
}

TEST(ParserTest, RecursiveLoopsAndSeveralIndicesAreRefused) {
  EXPECT_THAT(ParseTemplate("{% for x in y recursive %}{% endfor %}"),
              FailsWith(absl::StatusCode::kUnimplemented, "recursive"));
  EXPECT_THAT(ParseTemplate("{{ x[1, 2] }}"),
              FailsWith(absl::StatusCode::kUnimplemented, "several indices"));
}

TEST(ParserTest, ErrorsSayWhatStandsThereAndWhatWasExpected) {
  const auto refused = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(ParseTemplate("{% if x %}\n{% else %}"),
              FailsWith(refused, "without its {% endif %}"));
  EXPECT_THAT(ParseTemplate("{% endif %}"),
              FailsWith(refused, "{% endif %} without the block"));
  EXPECT_THAT(ParseTemplate("{{ a b }}"),
              FailsWith(refused, "column 6: unexpected 'b'; expected }}"));
  EXPECT_THAT(ParseTemplate("{% for x of y %}"),
              FailsWith(refused, "unexpected 'of'; expected 'in'"));
  EXPECT_THAT(ParseTemplate("{% macro f(a=1, b) %}{% endmacro %}"),
              FailsWith(refused, "expected a default"));
}

TEST(ParserTest, ABreakInsideAMacroDoesNotLeaveTheLoopAroundIt) {
  EXPECT_FALSE(ParseTemplate("{% for x in y %}{% macro f() %}{% break %}"
                             "{% endmacro %}{% endfor %}")
                   .ok());
}

TEST(ParserTest, DeepNestingIsRefusedOfEveryKind) {
  constexpr int kMany = 100000;
  const std::string deep[] = {
      absl::StrCat("{{ ", Times(kMany, "("), "1", Times(kMany, ")"), " }}"),
      absl::StrCat("{{ ", Times(kMany, "["), Times(kMany, "]"), " }}"),
      absl::StrCat("{{ ", Times(kMany, "-"), "1 }}"),
      absl::StrCat("{{ ", Times(kMany, "not "), "1 }}"),
      absl::StrCat("{{ 1", Times(kMany, " + 1"), " }}"),
      absl::StrCat("{{ x", Times(kMany, ".x"), " }}"),
      absl::StrCat("{{ x", Times(kMany, "|abs"), " }}"),
      absl::StrCat("{{ 1", Times(kMany, " if 1 else 1"), " }}"),
      absl::StrCat("{{ x", Times(kMany, "[x"), " }}"),
      absl::StrCat("{% set ", Times(kMany, "("), "x = 1 %}"),
      Times(kMany, "{% if x %}"),
      Times(kMany, "{% for x in x %}"),
  };
  for (const std::string& source : deep) {
    EXPECT_FALSE(ParseTemplate(source).ok()) << source.substr(0, 40);
  }
}

TEST(ParserTest, AManifoldElifIsNotDeep) {
  EXPECT_THAT(ParseTemplate(absl::StrCat(
                  "{% if x %}", Times(5000, "{% elif x %}y"), "{% endif %}")),
              IsOk());
}

}  // namespace
}  // namespace ounce::jinja
