#include "formats/safetensors/safetensors_reader.h"

#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A file with this header and these data bytes, every byte in the open.
std::string File(const std::string& header, const std::string& data) {
  std::string file(8, '\0');
  const uint64_t size = header.size();
  std::memcpy(file.data(), &size, 8);
  return file + header + data;
}

absl::StatusOr<std::vector<StoredTensor>> Parse(const std::string& file) {
  OUNCE_ASSIGN_OR_RETURN(
      WeightFile found,
      ParseSafetensors(absl::MakeConstSpan(
          reinterpret_cast<const uint8_t*>(file.data()), file.size())));
  // Every tensor is mapped.
  EXPECT_THAT(found.gathered, IsEmpty());
  return std::move(found.tensors);
}

// A header with these entries.
std::string Header(const std::vector<std::string>& entries) {
  return absl::StrCat("{", absl::StrJoin(entries, ","), "}");
}

// The error for one tensor 'x' described by `entry` over 8 bytes of data.
absl::Status ParseX(const std::string& entry) {
  return Parse(File(absl::StrCat("{\"x\":", entry, "}"), "12345678")).status();
}

// An entry of one-byte elements at [begin, end).
std::string Bytes(const std::string& name, int begin, int end) {
  return absl::StrCat("\"", name, R"(":{"dtype":"U8","shape":[)", end - begin,
                      R"(],"data_offsets":[)", begin, ",", end, "]}");
}

testing::Matcher<absl::Status> DataLoss(const std::string& words) {
  return StatusIs(absl::StatusCode::kDataLoss, HasSubstr(words));
}
testing::Matcher<absl::Status> Invalid(const std::string& words) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words));
}

TEST(ParseSafetensorsTest, ReadsAFileWrittenByHand) {
  // Two tensors, the later one first in the header, and padding after it.
  const std::string file =
      File(R"({"__metadata__":{"format":"pt"},)"
           R"("b":{"dtype":"BF16","shape":[1,2],"data_offsets":[4,8]},)"
           R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}   )",
           std::string("\0\0\x80\x3f\x80\x3f\0\xc0", 8));
  ASSERT_OK_AND_ASSIGN(const std::vector<StoredTensor> tensors, Parse(file));
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_EQ(tensors[0].name, "a");
  EXPECT_THAT(tensors[0].shape, IsEmpty());
  EXPECT_EQ(tensors[0].dtype, "F32");
  EXPECT_EQ(tensors[0].codec, Codec::kF32);
  EXPECT_THAT(tensors[0].bytes, ElementsAre(0, 0, 0x80, 0x3f));  // 1.0
  EXPECT_EQ(tensors[1].name, "b");
  EXPECT_THAT(tensors[1].shape, ElementsAre(1, 2));
  EXPECT_EQ(tensors[1].codec, Codec::kBF16);
  EXPECT_THAT(tensors[1].bytes, ElementsAre(0x80, 0x3f, 0, 0xc0));  // 1, -2
}

TEST(ParseSafetensorsTest, ReadsEmptyFilesAndEmptyTensors) {
  ASSERT_OK_AND_ASSIGN(const std::vector<StoredTensor> none,
                       Parse(File("{}", "")));
  EXPECT_THAT(none, IsEmpty());
  ASSERT_OK_AND_ASSIGN(
      const std::vector<StoredTensor> some,
      Parse(File(
          Header({Bytes("x", 0, 1), Bytes("y", 1, 1),
                  R"("z":{"dtype":"F32","shape":[7,0],"data_offsets":[1,1]})"}),
          "1")));
  ASSERT_EQ(some.size(), 3u);
  EXPECT_THAT(some[1].bytes, IsEmpty());
  EXPECT_THAT(some[2].shape, ElementsAre(7, 0));
}

TEST(ParseSafetensorsTest, GivesOnlyFloatsACodec) {
  for (const auto& [dtype, bytes] :
       std::vector<std::pair<std::string, int>>{{"BOOL", 1},
                                                {"U8", 1},
                                                {"I8", 1},
                                                {"F8_E4M3", 1},
                                                {"F8_E5M2", 1},
                                                {"I16", 2},
                                                {"U16", 2},
                                                {"I32", 4},
                                                {"U32", 4},
                                                {"F64", 8},
                                                {"I64", 8},
                                                {"U64", 8}}) {
    const std::string data(static_cast<size_t>(bytes), '1');
    ASSERT_OK_AND_ASSIGN(
        const std::vector<StoredTensor> tensors,
        Parse(File(
            absl::StrCat(R"({"x":{"dtype":")", dtype,
                         R"(","shape":[1],"data_offsets":[0,)", bytes, "]}}"),
            data)));
    EXPECT_EQ(tensors[0].dtype, dtype);
    EXPECT_FALSE(tensors[0].codec.has_value()) << dtype;
  }
}

TEST(ParseSafetensorsTest, IgnoresFieldsItDoesNotKnow) {
  EXPECT_OK(ParseX(
      R"({"dtype":"U8","shape":[8],"data_offsets":[0,8],"stride":[1]})"));
}

TEST(ParseSafetensorsTest, ReportsTruncationAtEveryBoundary) {
  const std::string file = File(Header({Bytes("x", 0, 3)}), "123");
  ASSERT_OK(Parse(file).status());
  EXPECT_THAT(Parse("").status(), DataLoss("the file has 0 bytes"));
  EXPECT_THAT(Parse(file.substr(0, 7)).status(), DataLoss("has 7 bytes"));
  EXPECT_THAT(Parse(file.substr(0, 8)).status(),
              DataLoss("truncated: the header reaches to offset"));
  EXPECT_THAT(Parse(file.substr(0, file.size() - 4)).status(),
              DataLoss("truncated: the header"));
  EXPECT_THAT(Parse(file.substr(0, file.size() - 3)).status(),
              DataLoss("tensor 'x': data offsets [0, 3] in a data region of 0 "
                       "bytes"));
  EXPECT_THAT(Parse(file.substr(0, file.size() - 1)).status(),
              DataLoss("in a data region of 2 bytes"));
}

TEST(ParseSafetensorsTest, BoundsTheHeader) {
  EXPECT_THAT(Parse(std::string("\x01\xe1\xf5\x05\0\0\0\0{}", 10)).status(),
              Invalid("header of 100000001 bytes; expected at most 100000000"));
  EXPECT_THAT(Parse(std::string(8, '\xff')).status(),
              Invalid("header of 18446744073709551615 bytes"));
  EXPECT_THAT(Parse(std::string("\x00\xe1\xf5\x05\0\0\0\0{}", 10)).status(),
              DataLoss("truncated"));
  const std::string deep(9, '[');
  EXPECT_THAT(ParseX(deep), Invalid("nested deeper than 8 levels"));
}

TEST(ParseSafetensorsTest, RefusesAHeaderThatIsNoJsonObject) {
  EXPECT_THAT(Parse(File("", "")).status(), Invalid("does not start with '{'"));
  EXPECT_THAT(Parse(File(" {}", "")).status(),
              Invalid("does not start with '{'"));
  EXPECT_THAT(Parse(File("[]", "")).status(),
              Invalid("does not start with '{'"));
  EXPECT_THAT(Parse(File("{\"x\"", "")).status(), Invalid("not JSON at byte"));
  EXPECT_THAT(Parse(File("{}{}", "")).status(), Invalid("not JSON at byte"));
}

TEST(ParseSafetensorsTest, RefusesNamesGivenTwice) {
  EXPECT_THAT(
      Parse(File(Header({Bytes("x", 0, 1), Bytes("x", 1, 2)}), "12")).status(),
      Invalid("key \"x\" is given twice"));
}

TEST(ParseSafetensorsTest, RefusesWrongMetadata) {
  EXPECT_THAT(Parse(File(R"({"__metadata__":[]})", "")).status(),
              Invalid("\"__metadata__\" is array; expected an object"));
  EXPECT_THAT(Parse(File(R"({"__metadata__":{"epoch":3}})", "")).status(),
              Invalid("\"epoch\" is integer; expected a string"));
}

TEST(ParseSafetensorsTest, RefusesWrongFields) {
  EXPECT_THAT(ParseX("7"), Invalid("tensor 'x': \"dtype\" is missing"));
  EXPECT_THAT(ParseX(R"({"shape":[8],"data_offsets":[0,8]})"),
              Invalid("\"dtype\" is missing"));
  EXPECT_THAT(ParseX(R"({"dtype":"U8","data_offsets":[0,8]})"),
              Invalid("\"shape\" is missing"));
  EXPECT_THAT(ParseX(R"({"dtype":"U8","shape":[8]})"),
              Invalid("\"data_offsets\" is missing"));
  EXPECT_THAT(ParseX(R"({"dtype":"U8","shape":8,"data_offsets":[0,8]})"),
              Invalid("\"shape\" is integer"));
  EXPECT_THAT(ParseX(R"({"dtype":"U8","shape":[8],"data_offsets":[0]})"),
              Invalid("\"data_offsets\" has 1 elements"));
}

TEST(ParseSafetensorsTest, RefusesNumbersThatAreNoCounts) {
  for (const std::string number :
       {"-8", "8.0", "\"8\"", "9223372036854775808", "1e3", "null"}) {
    EXPECT_THAT(ParseX(R"({"dtype":"U8","shape":[)" + number +
                       R"(],"data_offsets":[0,8]})"),
                Invalid("\"shape\"[0] is"))
        << number;
    EXPECT_THAT(ParseX(R"({"dtype":"U8","shape":[8],"data_offsets":[0,)" +
                       number + "]}"),
                Invalid("\"data_offsets\"[1] is"))
        << number;
  }
}

TEST(ParseSafetensorsTest, NamesAnUnknownDtypeWithTheList) {
  EXPECT_THAT(ParseX(R"({"dtype":"Q4","shape":[8],"data_offsets":[0,8]})"),
              Invalid("tensor 'x': unknown dtype \"Q4\"; expected one of BOOL, "
                      "F4, "));
}

TEST(ParseSafetensorsTest, ChecksSizesWithoutOverflow) {
  EXPECT_THAT(ParseX(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"),
              DataLoss("shape [3] of F32 needs 12 bytes, but the data offsets "
                       "hold 8"));
  // 2^62 * 4 elements of one byte wrap to 0.
  EXPECT_THAT(ParseX(R"({"dtype":"U8","shape":[4611686018427387904,4],)"
                     R"("data_offsets":[0,0]})"),
              Invalid("fit 63 bits"));
  // 2^61 elements of 4 bytes wrap to 0.
  EXPECT_THAT(ParseX(R"({"dtype":"F32","shape":[2305843009213693952],)"
                     R"("data_offsets":[0,0]})"),
              Invalid("fit 63 bits"));
  EXPECT_THAT(ParseX(R"({"dtype":"F4","shape":[3],"data_offsets":[0,2]})"),
              Invalid("whole bytes"));
}

TEST(ParseSafetensorsTest, ChecksThatOffsetsLieInTheFile) {
  EXPECT_THAT(ParseX(R"({"dtype":"U8","shape":[1],"data_offsets":[8,9]})"),
              DataLoss("data offsets [8, 9] in a data region of 8 bytes"));
  EXPECT_THAT(ParseX(R"({"dtype":"U8","shape":[1],"data_offsets":[5,4]})"),
              DataLoss("data offsets [5, 4]"));
  EXPECT_THAT(ParseX(R"({"dtype":"U8","shape":[8],)"
                     R"("data_offsets":[9223372036854775807,8]})"),
              DataLoss("data offsets [9223372036854775807, 8]"));
}

TEST(ParseSafetensorsTest, ChecksThatTensorsTileTheData) {
  const auto tiled = [](const std::string& first, const std::string& second) {
    return Parse(File(Header({first, second}), "123456")).status();
  };
  EXPECT_OK(tiled(Bytes("x", 0, 2), Bytes("y", 2, 6)));
  EXPECT_OK(tiled(Bytes("x", 2, 6), Bytes("y", 0, 2)));
  EXPECT_THAT(tiled(Bytes("x", 0, 2), Bytes("y", 3, 6)),
              DataLoss("beyond the end of the tensor before it"));
  EXPECT_THAT(tiled(Bytes("x", 0, 3), Bytes("y", 2, 6)),
              DataLoss("tensor 'y' starts at offset"));
  EXPECT_THAT(tiled(Bytes("x", 0, 6), Bytes("y", 0, 6)), DataLoss("inside"));
  EXPECT_THAT(tiled(Bytes("x", 1, 2), Bytes("y", 2, 6)),
              DataLoss("tensor 'x' starts at offset"));
  EXPECT_THAT(tiled(Bytes("x", 0, 2), Bytes("y", 2, 5)),
              DataLoss("1 bytes after the last tensor"));
  EXPECT_THAT(Parse(File("{}", "1")).status(), DataLoss("1 bytes after"));
}

TEST(OpenSafetensorsTest, FindsByNameAndReleases) {
  const TempFolder folder;
  const std::string path =
      folder.Write("a.safetensors",
                   File(Header({Bytes("x", 0, 1), Bytes("y", 1, 3)}), "123"));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<TensorSource> source,
                       OpenSafetensors(path));
  EXPECT_EQ(source->tensors().size(), 2u);
  EXPECT_EQ(source->Find("z"), nullptr);
  const StoredTensor* y = source->Find("y");
  ASSERT_NE(y, nullptr);
  EXPECT_THAT(y->bytes, ElementsAre('2', '3'));
  source->Release(y->bytes);
  EXPECT_THAT(y->bytes, ElementsAre('2', '3'));
}

TEST(OpenSafetensorsTest, NamesTheFileInErrors) {
  const TempFolder folder;
  EXPECT_THAT(OpenSafetensors(folder.Path("none")).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
  EXPECT_THAT(OpenSafetensors(folder.Write("empty", "")).status(),
              DataLoss("/empty': truncated"));
}

}  // namespace
}  // namespace ounce
