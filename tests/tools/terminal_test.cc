#include "tools/terminal.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace ounce {
namespace {

TEST(FormatTableTest, AlignsTheFirstColumnLeftAndTheOthersRight) {
  EXPECT_EQ(FormatTable({{"name", "bits", "bytes"}, {"a", "4.5", "12"}}),
            "name  bits  bytes\n"
            "a      4.5     12\n");
}

TEST(FormatTableTest, ColumnsCanBeAlignedLeft) {
  EXPECT_EQ(FormatTable({{"name", "codec", "n"}, {"a", "f32", "12"}}, {1}),
            "name  codec   n\n"
            "a     f32    12\n");
}

TEST(FormatTableTest, LinesEndWithoutBlanks) {
  EXPECT_EQ(FormatTable({{"a", "longer"}, {"b", ""}}, {1}), "a  longer\nb\n");
}

TEST(FormatTableTest, RowsMayBeShorter) {
  EXPECT_EQ(FormatTable({{"a", "b", "c"}, {"long"}}), "a     b  c\nlong\n");
  EXPECT_EQ(FormatTable({}), "");
}

TEST(FormatTableTest, CountsCharactersNotBytes) {
  EXPECT_EQ(FormatTable({{"\u00fc", "x"}, {"ab", "y"}}), "\u00fc   x\nab  y\n");
}

TEST(FormatBytesTest, ChoosesTheUnit) {
  EXPECT_EQ(FormatBytes(0), "0 bytes");
  EXPECT_EQ(FormatBytes(678), "678 bytes");
  EXPECT_EQ(FormatBytes(9999), "9999 bytes");
  EXPECT_EQ(FormatBytes(12345), "12 kB");
  EXPECT_EQ(FormatBytes(999499), "999 kB");
  EXPECT_EQ(FormatBytes(999999), "1.0 MB");
  EXPECT_EQ(FormatBytes(4500000), "4.5 MB");
  EXPECT_EQ(FormatBytes(999960000), "1.00 GB");
  EXPECT_EQ(FormatBytes(1230000000), "1.23 GB");
  EXPECT_EQ(FormatBytes(int64_t{2} << 40), "2199.02 GB");
}

TEST(FormatNumberTest, KeepsTheDigitsAskedFor) {
  EXPECT_EQ(FormatNumber(3.14159, 3), "3.14");
  EXPECT_EQ(FormatNumber(-3.14159, 3), "-3.14");
  EXPECT_EQ(FormatNumber(1234.5678, 6), "1234.57");
  EXPECT_EQ(FormatNumber(0.00012345, 3), "0.000123");
  EXPECT_EQ(FormatNumber(123456, 2), "123456");
  EXPECT_EQ(FormatNumber(0, 4), "0");
  EXPECT_EQ(FormatNumber(9.9996, 4), "10.00");
  EXPECT_EQ(FormatNumber(0.99996, 4), "1.000");
}

TEST(FormatNumberTest, TakesAnExponentOnlyWhereItIsShorter) {
  EXPECT_EQ(FormatNumber(1.5e-12, 3), "1.50e-12");
  EXPECT_EQ(FormatNumber(1.5e20, 3), "1.50e+20");
}

TEST(FormatNumberTest, SaysWhatIsNotFinite) {
  EXPECT_EQ(FormatNumber(std::numeric_limits<double>::infinity(), 3), "inf");
  EXPECT_EQ(FormatNumber(-std::numeric_limits<double>::infinity(), 3), "-inf");
  EXPECT_EQ(FormatNumber(std::numeric_limits<double>::quiet_NaN(), 3), "nan");
}

TEST(ProgressBarTest, QuietShowsNothing) {
  CommonOptions options;
  options.quiet = true;
  ProgressBar bar("working", "windows", options);
  EXPECT_EQ(bar.callback(), nullptr);
}

TEST(ProgressBarTest, PlainLinesComeOncePerTenth) {
  testing::internal::CaptureStderr();
  {
    ProgressBar bar("working", "windows", CommonOptions(),
                    /*plain_pause=*/std::chrono::milliseconds(0));
    const ProgressCallback callback = bar.callback();
    for (int64_t done = 1; done <= 1000; ++done) callback(done, 1000);
    callback(0, 0);  // Nothing to do is no division by zero.
  }
  const std::string shown = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(shown.begin(), shown.end(), '\n'), 10) << shown;
  EXPECT_NE(shown.find("working: 10 %, "), std::string::npos);
  EXPECT_NE(shown.find("working: 100 %, "), std::string::npos);
  EXPECT_NE(shown.find("windows/s"), std::string::npos);
}

TEST(ProgressBarTest, ShortWorkPrintsNothing) {
  testing::internal::CaptureStderr();
  {
    ProgressBar bar("working", "windows", CommonOptions(),
                    /*plain_pause=*/std::chrono::hours(1));
    bar.callback()(1000, 1000);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(PeakResidentBytesTest, CountsMemoryThatWasTouched) {
  const int64_t before = PeakResidentBytes();
  ASSERT_GT(before, 0);
  std::vector<char> memory(64 << 20);
  std::memset(memory.data(), 1, memory.size());
  // All of it but what the process had free before, at most half.
  EXPECT_GT(PeakResidentBytes(), before + (32 << 20));
}

}  // namespace
}  // namespace ounce
