#include "text/score.h"

#include <string>

#include "gtest/gtest.h"

namespace ounce {
namespace {

TEST(ScoreTest, RoundsAsTheReferenceDoes) {
  // What tokenizers 0.23.2 saves after it has read the number on the left.
  const struct {
    const char* number;
    double score;
  } kRows[] = {
      {"-2.5019338130950928", -2.5019338130950928},
      {"-1.7976931348623157", -1.7976931348623155},
      {"-123456789.123456789123", -123456789.1234568},
      {"-12.498348297723695", -12.498348297723696},
      {"-14.120845597001237", -14.120845597001235},
      {"-13.854029498532663", -13.854029498532665},
      {"-0.015299998050153363", -0.015299998050153365},
      {"-3.8628845919385846", -3.862884591938585},
  };
  for (const auto& [number, score] : kRows) {
    EXPECT_EQ(ReadScore(number), score) << number;
  }
}

TEST(ScoreTest, ReadsEveryFormOfNumber) {
  EXPECT_EQ(ReadScore("0"), 0.0);
  EXPECT_EQ(ReadScore("-0.5"), -0.5);
  EXPECT_EQ(ReadScore("25e-2"), 0.25);
  EXPECT_EQ(ReadScore("2.5E+1"), 25.0);
  EXPECT_EQ(ReadScore("18446744073709551616"), 18446744073709551616.0);
  EXPECT_EQ(ReadScore("1" + std::string(30, '0') + ".75"), 1e30);
  EXPECT_EQ(ReadScore("0.1" + std::string(30, '0')), 0.1);
}

TEST(ScoreTest, ExtremesBecomeZeroOrAnError) {
  EXPECT_EQ(ReadScore("1e-400"), 0.0);
  EXPECT_EQ(ReadScore("-1e-99999999999999999999"), 0.0);
  EXPECT_EQ(ReadScore("1e400"), std::nullopt);
  EXPECT_EQ(ReadScore("9e308"), std::nullopt);
  EXPECT_EQ(ReadScore("1e99999999999999999999"), std::nullopt);
  EXPECT_EQ(ReadScore("0e99999999999999999999"), 0.0);
}

}  // namespace
}  // namespace ounce
