// Oracle: Python's printf-style formatting and str.format(), worked by hand.
#include "text/jinja/string_format.h"

#include <string>

#include "tests/text/jinja/render.h"

namespace ounce::jinja {
namespace {

absl::StatusOr<Value> Percent(absl::string_view format, const Value& value) {
  Work work(10000);
  return FormatPercent(format, value, &work);
}

TEST(StringFormatTest, WidthsCountCharactersAndSigns) {
  EXPECT_EQ(Percent("%4s|", Value("é"))->AsText()->bytes, "   é|");
  EXPECT_EQ(Percent("%-4s|", Value("é"))->AsText()->bytes, "é   |");
  EXPECT_EQ(Percent("%05d", Value(int64_t{-42}))->AsText()->bytes, "-0042");
  EXPECT_EQ(Percent("%.2s", Value("漢字é"))->AsText()->bytes, "漢字");
  EXPECT_EQ(Percent("%%%s", Value("a"))->AsText()->bytes, "%a");
}

TEST(StringFormatTest, EveryValueMustBeUsed) {
  EXPECT_FALSE(Percent("%s %s", Value("a")).ok());
  EXPECT_FALSE(Percent("no place", Value("a")).ok());
  EXPECT_FALSE(Percent("%", Value("a")).ok());
}

TEST(StringFormatTest, OtherConversionsAreRefusedByName) {
  for (const char* format : {"%c", "%g", "%(a)s", "%+d", "%9999s"}) {
    EXPECT_EQ(Percent(format, Value("a")).status().code(),
              absl::StatusCode::kUnimplemented)
        << format;
  }
}

TEST(StringFormatTest, BracesTakeNumbersAndNames) {
  Work work(1000);
  const Arguments arguments = {{Value("a"), Value("b")}, {{"x", Value("c")}}};
  EXPECT_EQ(FormatBraces("{}{1}{x}{{}}", arguments, &work)->AsText()->bytes,
            "abc{}");
  for (const char* format : {"{", "}", "{y}", "{9}"}) {
    EXPECT_EQ(FormatBraces(format, arguments, &work).status().code(),
              absl::StatusCode::kInvalidArgument)
        << format;
  }
  for (const char* format : {"{0:>5}", "{0!r}", "{x.a}", "{x[0]}"}) {
    EXPECT_EQ(FormatBraces(format, arguments, &work).status().code(),
              absl::StatusCode::kUnimplemented)
        << format;
  }
}

}  // namespace
}  // namespace ounce::jinja
