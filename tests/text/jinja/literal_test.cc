// Oracle: the Python language reference, worked by hand.
#include "text/jinja/literal.h"

#include <cmath>

#include "tests/text/jinja/render.h"

namespace ounce::jinja {
namespace {

TEST(LiteralTest, ANumberEndsWherePythonsDoes) {
  EXPECT_EQ(FindNumber("12.5e-3x", true).size, 7u);
  EXPECT_TRUE(FindNumber("12.5e-3x", true).is_float);
  EXPECT_EQ(FindNumber("12.x", true).size, 2u);
  EXPECT_EQ(FindNumber("1_000_", true).size, 5u);
  EXPECT_EQ(FindNumber("1e5", true).size, 3u);
  EXPECT_EQ(FindNumber("1e", true).size, 1u);
  EXPECT_EQ(FindNumber("0x1Fg", true).size, 4u);
  EXPECT_EQ(FindNumber("0.1", false).size, 1u);
}

TEST(LiteralTest, EscapesAreThoseOfPython) {
  EXPECT_EQ(*UnescapeString(R"(a\n\t\\\'\"\x41\u00e9\U0001F600\101\q)"),
            "a\n\t\\'\"A\xC3\xA9\xF0\x9F\x98\x80"
            "A\\q");
  EXPECT_EQ(*UnescapeString("a\\\nb"), "ab");
}

TEST(LiteralTest, ABrokenEscapeIsAnError) {
  for (const char* text :
       {"\\", "\\x4", "\\u12", "\\ud800", "\\U00110000", "\\N{DASH}"}) {
    EXPECT_FALSE(UnescapeString(text).ok()) << text;
  }
}

TEST(LiteralTest, IntegersAreReadAsPythonsIntDoes) {
  EXPECT_EQ(**ParsePythonInt(" -1_0 ", 10), -10);
  EXPECT_EQ(**ParsePythonInt("0x1f", 16), 31);
  EXPECT_EQ(**ParsePythonInt("-9223372036854775808", 10), INT64_MIN);
  for (const char* text : {"", "-", "1.5", "1__0", "_1", "1_", "a", "- 1"}) {
    EXPECT_FALSE(ParsePythonInt(text, 10)->has_value()) << text;
  }
  EXPECT_EQ(ParsePythonInt("9223372036854775808", 10).status().code(),
            absl::StatusCode::kOutOfRange);
}

TEST(LiteralTest, FloatsAreReadAsPythonsFloatDoes) {
  EXPECT_EQ(*ParsePythonFloat(" 1_0.5e1 "), 105.0);
  EXPECT_TRUE(std::isinf(*ParsePythonFloat("-Infinity")));
  EXPECT_TRUE(std::isnan(*ParsePythonFloat("nan")));
  for (const char* text : {"", "x", "0x10", "1e", "1 2", "nan(3)"}) {
    EXPECT_FALSE(ParsePythonFloat(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace ounce::jinja
