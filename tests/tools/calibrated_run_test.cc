#include "tools/calibrated_run.h"

#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(ParseBytesTest, TakesBytesAndBinaryUnits) {
  EXPECT_THAT(ParseBytes(""), IsOkAndHolds(0));
  EXPECT_THAT(ParseBytes("1"), IsOkAndHolds(1));
  EXPECT_THAT(ParseBytes("800000000"), IsOkAndHolds(800'000'000));
  EXPECT_THAT(ParseBytes("64K"), IsOkAndHolds(65'536));
  EXPECT_THAT(ParseBytes("512M"), IsOkAndHolds(int64_t{512} << 20));
  EXPECT_THAT(ParseBytes("2G"), IsOkAndHolds(int64_t{2} << 30));
  EXPECT_THAT(ParseBytes("1.5G"), IsOkAndHolds(int64_t{3} << 29));
}

TEST(ParseBytesTest, RefusesWhatIsNoSize) {
  for (const std::string text :
       {"G", "2GB", "2g", "-1G", "0", "0M", "two", "nan", "inf", "1e30",
        "2 G x", "9000000000G"}) {
    const absl::StatusOr<int64_t> bytes = ParseBytes(text);
    EXPECT_THAT(bytes, StatusIs(absl::StatusCode::kInvalidArgument,
                                AllOf(HasSubstr("--max-ram " + text),
                                      HasSubstr("expected a size"))));
    EXPECT_TRUE(IsUsageError(bytes.status())) << text;
  }
}

// `arguments` after one of them was set.
template <typename T>
CalibrationArguments With(T CalibrationArguments::*member, T value) {
  CalibrationArguments arguments;
  arguments.*member = value;
  return arguments;
}

TEST(CalibrationArgumentsTest, AnyOfThemIsNoticed) {
  EXPECT_FALSE(CalibrationArguments().given());
  for (const CalibrationArguments& arguments :
       {With<std::string>(&CalibrationArguments::text, "a.txt"),
        With<int64_t>(&CalibrationArguments::tokens, 5),
        With<int64_t>(&CalibrationArguments::context, 5),
        With<uint64_t>(&CalibrationArguments::seed, 5),
        With<std::string>(&CalibrationArguments::max_ram, "1G"),
        With(&CalibrationArguments::resume, true)}) {
    EXPECT_TRUE(arguments.given());
  }
}

TEST(CalibrationTablesTest, AreEmptyWithoutCalibration) {
  CompressReport report;
  TensorReport& tensor = report.tensors.emplace_back();
  tensor.name = "w";
  tensor.method = "round_to_nearest";
  EXPECT_EQ(CalibrationTables(report), "");
}

TensorReport Gptq(const std::string& name, double snr_db) {
  TensorReport tensor;
  tensor.name = name;
  tensor.method = "gptq";
  tensor.snr_db = snr_db;
  tensor.error_before = 4.0;
  tensor.error_after = 1.0;
  tensor.seconds = 1.25;
  return tensor;
}

// Of twelve calibrated tensors the ten worst, the worst first; what stayed
// float is none of them.
TEST(CalibrationTablesTest, ShowTheTenWorstTensors) {
  CompressReport report;
  for (int i = 0; i < 12; ++i) {
    report.tensors.push_back(Gptq("t" + std::to_string(i), 40.0 - i));
  }
  TensorReport& norm = report.tensors.emplace_back();
  norm.name = "norm";
  norm.method = "float";
  norm.snr_db = std::numeric_limits<double>::infinity();
  report.tensors[11].method = "round_to_nearest";
  report.tensors[11].fallback = "no token";
  report.tensors[11].error_before.reset();
  report.tensors[11].error_after.reset();
  const std::string text = CalibrationTables(report);
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  EXPECT_THAT(text, StartsWith("worst tensors"));
  EXPECT_THAT(lines[1],
              AllOf(StartsWith("t11 "), HasSubstr("29.00"),
                    HasSubstr("round_to_nearest"), Not(HasSubstr("%"))));
  EXPECT_THAT(lines[2],
              AllOf(StartsWith("t10 "), HasSubstr("30.00"), HasSubstr("gptq"),
                    HasSubstr("25.0 %"), EndsWith("1.25")));
  EXPECT_THAT(lines[10], StartsWith("t2 "));
  EXPECT_THAT(text, Not(HasSubstr("t1 ")));
  EXPECT_THAT(text, Not(HasSubstr("norm")));
}

TEST(CalibrationTablesTest, ShowChannelScales) {
  CompressReport report;
  report.channel_scales.push_back({"a.norm", "smooth", 0.55, true, 2.0, 0.5});
  report.channel_scales.push_back({"b.norm", "awq", 0.0, false, 2.0, 2.0});
  const std::vector<std::string> lines =
      absl::StrSplit(CalibrationTables(report), '\n');
  EXPECT_THAT(lines[1], AllOf(StartsWith("a.norm"), HasSubstr("smooth"),
                              HasSubstr("0.55"), EndsWith("25.0 %")));
  EXPECT_THAT(lines[2], AllOf(StartsWith("b.norm"), HasSubstr("awq"),
                              HasSubstr("none"), EndsWith("100.0 %")));
}

}  // namespace
}  // namespace ounce
