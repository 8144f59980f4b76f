#include "formats/gguf/gguf_file.h"

#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/formats/gguf/gguf_image.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint32_t kF32 = 0;
constexpr uint32_t kQ4_0 = 2;
constexpr uint64_t kHuge = uint64_t{1} << 60;

testing::Matcher<absl::Status> DataLoss(const std::string& words) {
  return StatusIs(absl::StatusCode::kDataLoss, HasSubstr(words));
}
testing::Matcher<absl::Status> Invalid(const std::string& words) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words));
}

absl::Status ParseError(const GgufImage& image) {
  return ParseGguf(image.Build()).status();
}
// The error for one key 'k' with these bytes of type and value.
absl::Status ParseK(const std::string& value) {
  return ParseError(GgufImage().Value("k", value));
}
// The error for one tensor 'x' over 64 bytes of data.
absl::Status ParseX(const std::vector<uint64_t>& ne, uint32_t type,
                    uint64_t offset) {
  GgufImage image;
  image.Tensor("x", ne, type, offset).data = std::string(64, 'd');
  return ParseError(image);
}

// One of everything, written by hand.
GgufImage Sample() {
  GgufImage image;
  image.Value("general.architecture", GgufString("llama"))
      .Value("u8", GgufBytes<uint32_t>(0) + "\xFF")
      .Value("i8", GgufBytes<uint32_t>(1) + "\xFF")
      .Value("u16", GgufBytes<uint32_t>(2) + "\xFE\xFF")
      .Value("i16", GgufBytes<uint32_t>(3) + "\xFE\xFF")
      .Value("u32", GgufBytes<uint32_t>(4) + "\xFD\xFF\xFF\xFF")
      .Value("i32", GgufBytes<uint32_t>(5) + "\xFD\xFF\xFF\xFF")
      .Value("f32", GgufFloat32(-1.5f))
      .Value("yes", GgufBool(true))
      .Value("u64", GgufBytes<uint32_t>(10) + GgufBytes<uint64_t>(1))
      .Value("i64", GgufBytes<uint32_t>(11) + GgufBytes<int64_t>(-1))
      .Value("f64", GgufBytes<uint32_t>(12) + GgufBytes<double>(0.1))
      .Value("words", GgufStrings({"a", "", "\xff\n"}))
      .Value("ids", GgufInt32s({3, -4}))
      .Value("scores", GgufFloat32s({0.5f, -2.0f}))
      .Value("none", GgufArray(4, 0, ""))
      .Value("nested",
             GgufArray(9, 2,
                       GgufBytes<uint32_t>(0) + GgufBytes<uint64_t>(1) + "x" +
                           GgufBytes<uint32_t>(8) + GgufBytes<uint64_t>(1) +
                           GgufText("y")));
  image.Tensor("b", {32, 1}, kQ4_0, 32).Tensor("a", {2, 1, 3}, kF32, 64);
  image.data = std::string(32, 'p') + "012345678901234567" +
               std::string(14, '\0') + "abcdefghijklmnopqrstuvwx";
  return image;
}

std::string Text(absl::Span<const uint8_t> bytes) {
  return std::string(bytes.begin(), bytes.end());
}

TEST(GgufFileTest, ReadsAFileWrittenByHand) {
  const std::string file = Sample().Build();
  ASSERT_OK_AND_ASSIGN(const GgufFile gguf, ParseGguf(file));
  EXPECT_THAT(gguf.String("general.architecture"), IsOkAndHolds("llama"));
  EXPECT_THAT(gguf.Int("u8"), IsOkAndHolds(255));
  EXPECT_THAT(gguf.Int("i8"), IsOkAndHolds(-1));
  EXPECT_THAT(gguf.Int("u16"), IsOkAndHolds(65534));
  EXPECT_THAT(gguf.Int("i16"), IsOkAndHolds(-2));
  EXPECT_THAT(gguf.Int("u32"), IsOkAndHolds(4294967293));
  EXPECT_THAT(gguf.Int("i32"), IsOkAndHolds(-3));
  EXPECT_THAT(gguf.Int("u64"), IsOkAndHolds(1));
  EXPECT_THAT(gguf.Int("i64"), IsOkAndHolds(-1));
  EXPECT_THAT(gguf.Double("f32"), IsOkAndHolds(-1.5));
  EXPECT_THAT(gguf.Double("f64"), IsOkAndHolds(0.1));
  EXPECT_THAT(gguf.Bool("yes"), IsOkAndHolds(true));
  EXPECT_THAT(gguf.Strings("words"),
              IsOkAndHolds(ElementsAre("a", "", "\xff\n")));
  EXPECT_THAT(gguf.Ints("ids"), IsOkAndHolds(ElementsAre(3, -4)));
  EXPECT_THAT(gguf.Doubles("scores"), IsOkAndHolds(ElementsAre(0.5, -2.0)));
  EXPECT_THAT(gguf.Ints("none"), IsOkAndHolds(IsEmpty()));
  EXPECT_TRUE(gguf.IsArray("nested"));
  EXPECT_FALSE(gguf.IsArray("u8"));
  EXPECT_FALSE(gguf.IsArray("absent"));

  ASSERT_THAT(gguf.tensors(), SizeIs(2));
  const GgufTensor& b = gguf.tensors()[0];
  EXPECT_EQ(b.name, "b");
  EXPECT_EQ(b.type, kQ4_0);
  EXPECT_THAT(b.shape, ElementsAre(1, 32));
  EXPECT_EQ(Text(b.bytes), "012345678901234567");
  const GgufTensor& a = gguf.tensors()[1];
  EXPECT_THAT(a.shape, ElementsAre(3, 1, 2));
  EXPECT_EQ(Text(a.bytes), "abcdefghijklmnopqrstuvwx");
}

TEST(GgufFileTest, ReadsVersion2AndAFileOfKeysAlone) {
  GgufImage image;
  image.version = 2;
  const std::string file = image.Value("k", GgufUint32(7)).Build();
  ASSERT_OK_AND_ASSIGN(const GgufFile gguf, ParseGguf(file));
  EXPECT_THAT(gguf.Int("k"), IsOkAndHolds(7));
  EXPECT_THAT(gguf.tensors(), IsEmpty());
  EXPECT_OK(ParseGguf(GgufImage().Build()));
}

TEST(GgufFileTest, GettersNameTheKeyTheTypeFoundAndTheTypeExpected) {
  const std::string file = Sample()
                               .Value("big", GgufBytes<uint32_t>(10) +
                                                 GgufBytes<uint64_t>(kHuge * 8))
                               .Build();
  ASSERT_OK_AND_ASSIGN(const GgufFile gguf, ParseGguf(file));
  EXPECT_THAT(gguf.Int("absent").status(),
              Invalid("key 'absent' is missing; expected an integer"));
  EXPECT_THAT(gguf.String("u8").status(),
              Invalid("is uint8; expected a string"));
  EXPECT_THAT(gguf.Int("f32").status(),
              Invalid("float32; expected an integer"));
  EXPECT_THAT(gguf.Int("yes").status(), Invalid("bool; expected an integer"));
  EXPECT_THAT(gguf.Int("ids").status(), Invalid("array; expected an integer"));
  EXPECT_THAT(gguf.Int("big").status(),
              Invalid("9223372036854775808; expected at most 2^63 - 1"));
  EXPECT_THAT(gguf.Double("u32").status(), Invalid("uint32; expected a float"));
  EXPECT_THAT(gguf.Bool("u8").status(), Invalid("uint8; expected a bool"));
  EXPECT_THAT(gguf.Strings("ids").status(),
              Invalid("array of int32; expected an array of strings"));
  EXPECT_THAT(gguf.Strings("u8").status(),
              Invalid("uint8; expected an array of strings"));
  EXPECT_THAT(gguf.Ints("scores").status(),
              Invalid("element 0, is float32; expected an integer"));
  EXPECT_THAT(gguf.Doubles("words").status(),
              Invalid("element 0, is string; expected a float"));
  EXPECT_THAT(gguf.Ints("nested").status(), Invalid("element 0, is array"));
}

TEST(GgufFileTest, AFallbackServesForAnAbsentKeyOnly) {
  const std::string file = Sample().Build();
  ASSERT_OK_AND_ASSIGN(const GgufFile gguf, ParseGguf(file));
  EXPECT_THAT(gguf.Int("absent", 5), IsOkAndHolds(5));
  EXPECT_THAT(gguf.Double("absent", 0.5), IsOkAndHolds(0.5));
  EXPECT_THAT(gguf.Bool("absent", true), IsOkAndHolds(true));
  EXPECT_THAT(gguf.String("absent", "x"), IsOkAndHolds("x"));
  EXPECT_THAT(gguf.Int("u8", 5), IsOkAndHolds(255));
  EXPECT_THAT(gguf.Int("f32", 5).status(), Invalid("key 'f32'"));
}

TEST(GgufFileTest, RefusesOtherFilesVersionsAndByteOrders) {
  GgufImage image;
  image.magic = "GGML";
  EXPECT_THAT(ParseError(image),
              Invalid("starts with 'GGML'; expected 'GGUF'"));
  image = GgufImage();
  image.version = 1;
  EXPECT_THAT(ParseError(image), Invalid("GGUF version 1; expected 2 or 3"));
  image.version = 4;
  EXPECT_THAT(ParseError(image), Invalid("GGUF version 4 at offset 4"));
  image.version = 0;
  EXPECT_THAT(ParseError(image), Invalid("GGUF version 0 at offset 4"));
  image.version = 0x03000000;
  EXPECT_THAT(ParseError(image), Invalid("big-endian"));
}

TEST(GgufFileTest, RefusesEveryTruncation) {
  // Every cut loses at least the last tensor's last byte.
  const std::string file = Sample().Build();
  ASSERT_OK(ParseGguf(file));
  for (size_t size = 0; size < file.size(); ++size) {
    // A copy of the exact size, so that a sanitizer sees a read past the end.
    const std::vector<char> cut(file.begin(),
                                file.begin() + static_cast<int64_t>(size));
    EXPECT_THAT(ParseGguf({cut.data(), cut.size()}).status(), DataLoss(""))
        << size;
  }
}

TEST(GgufFileTest, RefusesCountsAndLengthsBeyondTheEnd) {
  GgufImage image;
  image.num_tensors = kHuge;
  EXPECT_THAT(ParseError(image), DataLoss("the number of tensors at offset 8"));
  image = GgufImage();
  image.num_values = std::numeric_limits<uint64_t>::max();
  EXPECT_THAT(ParseError(image), DataLoss("the number of keys at offset 16"));
  image = GgufImage();
  image.values = GgufBytes(kHuge) + std::string(14, 'k');
  image.num_values = 1;
  EXPECT_THAT(ParseError(image), DataLoss("key 0: a key at offset 24 says"));

  EXPECT_THAT(ParseK(GgufBytes<uint32_t>(8) + GgufBytes(kHuge)),
              DataLoss("key 'k': a string at offset 37"));
  // The product of the count and an element's size would be 0 in 64 bits.
  EXPECT_THAT(ParseK(GgufArray(10, kHuge * 8, "12345678")),
              DataLoss("key 'k': an array's length"));
  EXPECT_THAT(ParseK(GgufArray(8, 3, std::string(16, '\0'))),
              DataLoss("key 'k': an array's length"));
  EXPECT_THAT(
      ParseK(GgufArray(8, 2, GgufText("0123456789") + GgufBytes(kHuge))),
      DataLoss("key 'k': a string in an array"));
  EXPECT_THAT(ParseK(GgufArray(9, kHuge, "")),
              DataLoss("key 'k': an array's length"));
}

TEST(GgufFileTest, RefusesTypesThatDoNotExistAndBadBools) {
  EXPECT_THAT(ParseK(GgufBytes<uint32_t>(13) + "12345678"),
              Invalid("key 'k': value type 13 at offset 33"));
  EXPECT_THAT(ParseK(GgufArray(13, 1, "12345678")),
              Invalid("key 'k': value type 13"));
  EXPECT_THAT(ParseK(GgufArray(0xFFFFFFFF, 1, "12345678")),
              Invalid("key 'k': value type 4294967295"));
  EXPECT_THAT(ParseK(GgufBytes<uint32_t>(7) + "\2"),
              Invalid("a bool of 2 at offset 37; expected 0 or 1"));
}

TEST(GgufFileTest, BoundsTheDepthOfArrays) {
  const auto nested = [](int depth) {
    std::string value = GgufArray(0, 1, "x");
    // An array's element has no type in front: the type is the array's.
    for (int i = 1; i < depth; ++i) value = GgufArray(9, 1, value.substr(4));
    return value;
  };
  EXPECT_OK(ParseK(nested(8)));
  EXPECT_THAT(ParseK(nested(9)), Invalid("nested more than 8 deep"));
  EXPECT_THAT(ParseK(nested(1000)), Invalid("nested more than 8 deep"));
}

TEST(GgufFileTest, RefusesKeysAndTensorsTwiceAndNamesOfBadLength) {
  EXPECT_THAT(
      ParseError(
          GgufImage().Value("k", GgufBool(true)).Value("k", GgufBool(true))),
      Invalid("key 'k' is there twice, again at offset 38"));
  GgufImage image;
  image.Tensor("x", {1}, kF32, 0).Tensor("x", {1}, kF32, 32);
  image.data = std::string(64, 'd');
  EXPECT_THAT(ParseError(image), Invalid("tensor 'x' is there twice"));
  EXPECT_THAT(ParseError(GgufImage().Value("", GgufUint32(1))),
              Invalid("a key of 0 bytes at offset 24"));
  EXPECT_THAT(
      ParseError(GgufImage().Value(std::string(65536, 'k'), GgufUint32(1))),
      Invalid("a key of 65536 bytes"));
  image = GgufImage();
  image.Tensor("", {1, 1}, kF32, 0).data = std::string(64, 'd');
  EXPECT_THAT(ParseError(image), Invalid("a tensor's name of 0 bytes"));
}

TEST(GgufFileTest, MessagesEscapeAndShortenNames) {
  const absl::Status status = ParseError(
      GgufImage().Value("\x1b[1m\xff" + std::string(200, 'k'), "zz"));
  EXPECT_THAT(status, DataLoss("key '\\x1b[1m\\xff" + std::string(75, 'k') +
                               "...': truncated"));
}

TEST(GgufFileTest, RefusesShapesThatBreakARule) {
  EXPECT_THAT(ParseX({}, kF32, 0), Invalid("tensor 'x': 0 dimensions"));
  EXPECT_THAT(ParseX({1, 1, 1, 1, 1}, kF32, 0),
              Invalid("tensor 'x': 5 dimensions"));
  EXPECT_THAT(ParseX({4, 0}, kF32, 0), Invalid("a dimension of 0"));
  EXPECT_THAT(ParseX({kHuge * 8}, kF32, 0), Invalid("a dimension of -9223372"));
  EXPECT_THAT(ParseX({33}, kQ4_0, 0),
              Invalid("shape [33] of Q4_0 before offset 45; expected rows of a "
                      "multiple of 32"));
  EXPECT_THAT(ParseX({16, 2}, kQ4_0, 0), Invalid("shape [2, 16] of Q4_0"));
  // 2^64 elements; then 2^62 elements of 4 bytes.
  EXPECT_THAT(ParseX({uint64_t{1} << 32, uint64_t{1} << 32}, kF32, 0),
              Invalid("more than 2^63 - 1 bytes"));
  EXPECT_THAT(ParseX({uint64_t{1} << 31, uint64_t{1} << 31}, kF32, 0),
              Invalid("more than 2^63 - 1 bytes"));
  EXPECT_THAT(ParseX({1}, 4, 0), Invalid("unknown tensor type 4"));
  EXPECT_THAT(ParseX({1}, 31, 0), Invalid("unknown tensor type 31"));
}

TEST(GgufFileTest, RefusesOffsetsThatAreMisalignedOrPastTheEnd) {
  EXPECT_OK(ParseX({8}, kF32, 32));
  EXPECT_THAT(ParseX({8}, kF32, 16),
              Invalid("tensor 'x' starts at 16 in the data section; expected a "
                      "multiple of 32"));
  EXPECT_THAT(ParseX({9}, kF32, 32), DataLoss("tensor 'x' has 36 bytes at 32"));
  EXPECT_THAT(ParseX({1}, kF32, 64), DataLoss("tensor 'x' has 4 bytes at 64"));
  EXPECT_THAT(ParseX({1}, kF32, kHuge * 15), DataLoss("tensor 'x'"));
  EXPECT_THAT(ParseX({1}, kF32, ~uint64_t{31}), DataLoss("tensor 'x'"));
}

TEST(GgufFileTest, RefusesTensorsThatOverlap) {
  GgufImage image;
  image.Tensor("late", {1}, kF32, 32).Tensor("early", {9}, kF32, 0);
  image.data = std::string(64, 'd');
  EXPECT_THAT(ParseError(image),
              DataLoss("tensor 'late' starts at 32 in the data section, inside "
                       "tensor 'early', which ends at 36"));
  image = GgufImage();
  image.Tensor("a", {1}, kF32, 0).Tensor("b", {1}, kF32, 0);
  image.data = std::string(64, 'd');
  EXPECT_THAT(ParseError(image), DataLoss("inside tensor"));
}

TEST(GgufFileTest, HoldsTensorsToTheFilesAlignment) {
  GgufImage image;
  image.alignment = 8;
  image.Value("general.alignment", GgufUint32(8))
      .Tensor("x", {1}, kF32, 8)
      .data = "........1234";
  const std::string file = image.Build();
  ASSERT_OK_AND_ASSIGN(const GgufFile gguf, ParseGguf(file));
  EXPECT_EQ(Text(gguf.tensors()[0].bytes), "1234");
  for (const uint32_t alignment : {0u, 1u, 4u, 12u, 24u, 0x80000000u}) {
    EXPECT_THAT(ParseError(GgufImage().Value("general.alignment",
                                             GgufUint32(alignment))),
                Invalid(absl::StrCat("key 'general.alignment' is ", alignment)))
        << alignment;
  }
  // The data would start far behind the file's end.
  EXPECT_THAT(ParseError(GgufImage()
                             .Value("general.alignment", GgufUint32(1u << 30))
                             .Tensor("x", {1}, kF32, 0)),
              DataLoss("tensor 'x'"));
  EXPECT_THAT(
      ParseError(GgufImage().Value("general.alignment", GgufString("32"))),
      Invalid("key 'general.alignment'"));
}

TEST(GgufFileTest, OpensALargeVocabularyWithoutACopyOfIt) {
  // 150,000 strings: the parser only walks over them.  The claim is that memory
  // does not grow with them, which the views show: they lie in the file.
  std::string strings;
  for (int i = 0; i < 150'000; ++i) strings += GgufText(absl::StrCat("t", i));
  const std::string file =
      GgufImage().Value("tokens", GgufArray(8, 150'000, strings)).Build();
  ASSERT_OK_AND_ASSIGN(const GgufFile gguf, ParseGguf(file));
  ASSERT_OK_AND_ASSIGN(const std::vector<absl::string_view> tokens,
                       gguf.Strings("tokens"));
  ASSERT_THAT(tokens, SizeIs(150'000));
  EXPECT_EQ(tokens[149'999], "t149999");
  EXPECT_GE(tokens[0].data(), file.data());
  EXPECT_LT(tokens[149'999].data(), file.data() + file.size());
}

}  // namespace
}  // namespace ounce
