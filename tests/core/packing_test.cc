// The stored layouts, as core/packing/int8.h and int4.h describe them.
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "core/half.h"
#include "core/hash.h"
#include "core/packing/codec.h"
#include "core/packing/int4.h"
#include "core/packing/int8.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

std::vector<uint8_t> Pack(Codec codec, const QuantizedMatrix& matrix) {
  const CodecInfo& info = GetCodecInfo(codec);
  const int64_t group_size = info.grouped ? matrix.group_size : 0;
  // Garbage first: packing must overwrite padding too.
  std::vector<uint8_t> bytes(static_cast<size_t>(*PackedBytes(
                                 codec, matrix.rows, matrix.cols, group_size)),
                             0xAB);
  info.pack(matrix, bytes.data());
  return bytes;
}

std::vector<float> Unpack(Codec codec, const QuantizedMatrix& shape,
                          const std::vector<uint8_t>& bytes, int64_t begin,
                          int64_t end) {
  PackedMatrix packed;
  packed.codec = codec;
  packed.rows = shape.rows;
  packed.cols = shape.cols;
  packed.group_size = GetCodecInfo(codec).grouped ? shape.group_size : 0;
  packed.data = bytes.data();
  packed.bytes = static_cast<int64_t>(bytes.size());
  std::vector<float> values(static_cast<size_t>((end - begin) * shape.cols));
  GetCodecInfo(codec).unpack_rows(packed, begin, end, values.data());
  return values;
}

template <typename T>
T ReadAt(const std::vector<uint8_t>& bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

TEST(Int8PackingTest, BytesWorkedByHand) {
  // Two rows of five columns: 8 padded columns make 128 bytes of codes, then
  // 64 of scales and 64 of row sums.
  const QuantizedMatrix matrix = {
      2, 5, 5, {1, 2, 3, 4, 5, -1, -2, -3, -4, 127}, {0.5f, 2.0f}, {}};
  const std::vector<uint8_t> bytes = Pack(Codec::kInt8, matrix);
  ASSERT_EQ(bytes.size(), 256u);
  std::vector<uint8_t> codes(128, 0);
  for (const size_t c : {0u, 1u, 2u, 3u}) {
    codes[c] = static_cast<uint8_t>(c + 1);        // Row 0, columns 0 to 3.
    codes[4 + c] = static_cast<uint8_t>(255 - c);  // Row 1: -1 to -4.
  }
  codes[64] = 5;    // Row 0, column 4.
  codes[68] = 127;  // Row 1, column 4.
  EXPECT_THAT(std::vector<uint8_t>(bytes.begin(), bytes.begin() + 128),
              ElementsAreArray(codes));
  EXPECT_EQ(ReadAt<float>(bytes, 128), 0.5f);
  EXPECT_EQ(ReadAt<float>(bytes, 132), 2.0f);
  EXPECT_EQ(ReadAt<int32_t>(bytes, 192), 15);
  EXPECT_EQ(ReadAt<int32_t>(bytes, 196), 117);
  // Rows that do not exist: no scale, no sum.
  EXPECT_THAT(std::vector<uint8_t>(bytes.begin() + 136, bytes.begin() + 192),
              Each(0));
  EXPECT_THAT(std::vector<uint8_t>(bytes.begin() + 200, bytes.end()), Each(0));
}

TEST(Int4PackingTest, SymmetricBytesWorkedByHand) {
  // One row of ten columns, codes -8..1, stored as 0..9: 32 padded columns make
  // 256 bytes of codes; one group's scales take 32 more, filled up to 320.
  QuantizedMatrix matrix = {1, 10, 32, {}, {0.5f}, {}};
  for (int8_t code = -8; code < 2; ++code) matrix.codes.push_back(code);
  const std::vector<uint8_t> bytes = Pack(Codec::kInt4, matrix);
  ASSERT_EQ(bytes.size(), 320u);
  std::vector<uint8_t> codes(256, 0x88);  // 8 is zero.
  codes[0] = 0x40;                        // Columns 0 and 4.
  codes[1] = 0x51;
  codes[2] = 0x62;
  codes[3] = 0x73;
  codes[64] = 0x88;  // Column 8 and the padding column 12.
  codes[65] = 0x89;  // Column 9.
  EXPECT_THAT(std::vector<uint8_t>(bytes.begin(), bytes.begin() + 256),
              ElementsAreArray(codes));
  EXPECT_EQ(ReadAt<uint16_t>(bytes, 256), 0x3800);  // 0.5 as f16.
  EXPECT_THAT(std::vector<uint8_t>(bytes.begin() + 258, bytes.end()), Each(0));
}

TEST(Int4PackingTest, AsymmetricBytesWorkedByHand) {
  // Row 0: one column of code 15, zero point 3; rows 1 to 7: code 0, zero point
  // 0; row 8: code 2, zero point 9.
  QuantizedMatrix matrix = {9,
                            1,
                            32,
                            std::vector<int8_t>(9, 0),
                            std::vector<float>(9, 1.0f),
                            std::vector<uint8_t>(9, 0)};
  matrix.codes[0] = 15;
  matrix.zero_points[0] = 3;
  matrix.codes[8] = 2;
  matrix.zero_points[8] = 9;
  const std::vector<uint8_t> bytes = Pack(Codec::kInt4Asymmetric, matrix);
  ASSERT_EQ(bytes.size(), 320u);
  // Padding columns hold the zero point: they mean zero.
  EXPECT_THAT(std::vector<uint8_t>(bytes.begin(), bytes.begin() + 4),
              ElementsAre(0x3F, 0x33, 0x33, 0x33));
  EXPECT_THAT(std::vector<uint8_t>(bytes.begin() + 32, bytes.begin() + 36),
              ElementsAre(0x92, 0x99, 0x99, 0x99));
  EXPECT_EQ(ReadAt<uint16_t>(bytes, 256 + 2 * 8), 0x3C00);  // Row 8's scale.
  // Zero points: row 0 and row 8 share a byte.
  EXPECT_EQ(bytes[288], 0x93);
  EXPECT_THAT(std::vector<uint8_t>(bytes.begin() + 289, bytes.end()), Each(0));
}

TEST(Int4ProgressivePackingTest, BytesWorkedByHand) {
  // One row of 33 columns in two groups, scales 1.5 and -1: three and minus two
  // halves.  64 padded columns make 512 bytes of codes, then 2 * 16 of group
  // scales and 64 of row scales, filled up to 640.
  QuantizedMatrix matrix = {
      1, 33, 32, std::vector<int8_t>(33, 0), {1.5f, -1.0f}, {}};
  matrix.codes[0] = -8;
  matrix.codes[4] = 7;
  matrix.codes[32] = 5;
  const std::vector<uint8_t> bytes = Pack(Codec::kInt4Progressive, matrix);
  ASSERT_EQ(bytes.size(), 640u);
  std::vector<uint8_t> codes(512, 0x88);
  codes[0] = 0xF0;    // Columns 0 and 4.
  codes[256] = 0x8D;  // Column 32 and the padding column 36.
  EXPECT_THAT(std::vector<uint8_t>(bytes.begin(), bytes.begin() + 512),
              ElementsAreArray(codes));
  EXPECT_EQ(bytes[512], 3);
  EXPECT_EQ(bytes[528], 0xFE);
  EXPECT_EQ(ReadAt<float>(bytes, 544), 0.5f);
  EXPECT_THAT(std::vector<uint8_t>(bytes.begin() + 548, bytes.end()), Each(0));
}

TEST(Int4PackingTest, RowBlocksAreWholeCacheLines) {
  for (const int64_t cols : {1, 32, 33, 172, 4096}) {
    for (const int64_t group_size : {32, 64, 128}) {
      for (const bool symmetric : {true, false}) {
        const Int4BlockLayout layout =
            GetInt4BlockLayout(cols, group_size, symmetric);
        EXPECT_EQ(layout.block_bytes % 64, 0);
        EXPECT_GE(layout.padded_cols, cols);
      }
    }
  }
}

struct RoundTripCase {
  Codec codec;
  int64_t group_size;  // 0: one scale per row.
  int low;
  int high;
};

class RoundTripTest : public ::testing::TestWithParam<RoundTripCase> {};

TEST_P(RoundTripTest, UnpackedValuesAreScaleTimesCode) {
  const RoundTripCase& param = GetParam();
  std::mt19937 random(1);
  for (const int64_t rows : {1, 16, 17, 40}) {
    for (const int64_t cols : {1, 31, 32, 33, 172}) {
      QuantizedMatrix matrix;
      matrix.rows = rows;
      matrix.cols = cols;
      matrix.group_size = param.group_size == 0 ? cols : param.group_size;
      const auto draw = [&](int low, int high) {
        return low + static_cast<int>(random() %
                                      static_cast<uint32_t>(high - low + 1));
      };
      for (int64_t i = 0; i < rows * cols; ++i) {
        matrix.codes.push_back(
            static_cast<int8_t>(draw(param.low, param.high)));
      }
      for (int64_t i = 0; i < rows * matrix.num_groups(); ++i) {
        const float scale = static_cast<float>(draw(-1000, 1000)) / 777.0f;
        // Units of a power of two: every codec's scales.
        const auto round_scale = GetCodecInfo(param.codec).round_scale;
        matrix.scales.push_back(round_scale(scale, 0.125f));
        if (param.codec == Codec::kInt4Asymmetric) {
          matrix.zero_points.push_back(static_cast<uint8_t>(draw(0, 15)));
        }
      }
      std::vector<float> expected;
      for (int64_t i = 0; i < rows * cols; ++i) {
        const auto group = static_cast<size_t>(i / cols * matrix.num_groups() +
                                               i % cols / matrix.group_size);
        const int zero_point =
            matrix.zero_points.empty() ? 0 : matrix.zero_points[group];
        expected.push_back(
            matrix.scales[group] *
            static_cast<float>(matrix.codes[static_cast<size_t>(i)] -
                               zero_point));
      }
      const std::vector<uint8_t> bytes = Pack(param.codec, matrix);
      EXPECT_THAT(Unpack(param.codec, matrix, bytes, 0, rows),
                  ElementsAreArray(expected));
      const std::vector<float> last(expected.end() - cols, expected.end());
      EXPECT_THAT(Unpack(param.codec, matrix, bytes, rows - 1, rows),
                  ElementsAreArray(last));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Codecs, RoundTripTest,
    ::testing::Values(RoundTripCase{Codec::kInt8, 0, -127, 127},
                      RoundTripCase{Codec::kInt8ActivationGroups, 0, -127, 127},
                      RoundTripCase{Codec::kInt4, 32, -8, 7},
                      RoundTripCase{Codec::kInt4, 64, -8, 7},
                      RoundTripCase{Codec::kInt4, 128, -8, 7},
                      RoundTripCase{Codec::kInt4Asymmetric, 32, 0, 15},
                      RoundTripCase{Codec::kInt4Asymmetric, 128, 0, 15},
                      RoundTripCase{Codec::kInt4Progressive, 32, -8, 7},
                      RoundTripCase{Codec::kInt4Progressive, 64, -8, 7},
                      RoundTripCase{Codec::kInt4Progressive, 128, -8, 7}));

// The layouts are part of the artifact format: no change may move a byte.  The
// matrix is full of different codes, scales and zero points and ends within a
// block and within a group; the hashes are those of a program in another
// language that follows docs/artifact_format.md.
TEST(FrozenLayoutTest, PackedBytesAreThoseOfFormatVersion1) {
  struct Case {
    Codec codec;
    int low;
    int high;
    absl::string_view xxh3_128;
  };
  const Case cases[] = {
      {Codec::kInt8, -127, 127, "870c74aa0b93a27a5670257583c136b6"},
      {Codec::kInt8ActivationGroups, -127, 127,
       "870c74aa0b93a27a5670257583c136b6"},
      {Codec::kInt4, -8, 7, "5ecf62c1d635aff08e8c3fc25e61abe1"},
      {Codec::kInt4Asymmetric, 0, 15, "136d87a4ceba345f41a3fe4898b1050a"},
      {Codec::kInt4Progressive, -8, 7, "e125fe5c4a7600cbffaa71c23987cb1f"},
  };
  for (const Case& param : cases) {
    const CodecInfo& info = GetCodecInfo(param.codec);
    QuantizedMatrix matrix;
    matrix.rows = 21;
    matrix.cols = 76;
    matrix.group_size = info.grouped ? 64 : 76;
    const int range = param.high - param.low + 1;
    for (int i = 0; i < 21 * 76; ++i) {
      matrix.codes.push_back(
          static_cast<int8_t>(param.low + i * i % 1009 % range));
    }
    // Exact in f16; progressive ones are at most 15 times their row's.
    const int most = info.max_multiple == 0 ? 18 : info.max_multiple;
    for (int i = 0; i < 21 * matrix.num_groups(); ++i) {
      const int multiple = i % (2 * most + 1) - most;
      matrix.scales.push_back(static_cast<float>(multiple) / 64.0f);
      if (param.codec == Codec::kInt4Asymmetric) {
        matrix.zero_points.push_back(static_cast<uint8_t>(i * 7 % 16));
      }
    }
    EXPECT_EQ(Xxh3(Pack(param.codec, matrix)).Hex(), param.xxh3_128)
        << info.name;
  }
}

TEST(RoundScaleTest, Int4ScalesRoundToF16HalfToEven) {
  EXPECT_EQ(RoundInt4Scale(1.0f, 0.0f), 1.0f);
  // f16 has 10 fraction bits: 1 + 2^-11 lies half way and goes to even.
  EXPECT_EQ(RoundInt4Scale(1.0f + 0x1.0p-11f, 0.0f), 1.0f);
  EXPECT_EQ(RoundInt4Scale(1.0f + 0x1.8p-10f, 0.0f), 1.0f + 0x1.0p-9f);
  EXPECT_EQ(RoundInt4Scale(-0.1f, 0.0f), -0.0999755859375f);  // 0xAE66.
  EXPECT_EQ(RoundInt4Scale(1e6f, 0.0f), std::numeric_limits<float>::infinity());
}

TEST(RoundScaleTest, ProgressiveScalesAreSmallMultiplesOfTheRows) {
  const CodecInfo& info = GetCodecInfo(Codec::kInt4Progressive);
  EXPECT_EQ(info.round_scale(1.2f, 0.5f), 1.0f);
  EXPECT_EQ(info.round_scale(-1.3f, 0.5f), -1.5f);
  EXPECT_EQ(info.round_scale(9.0f, 0.5f), 7.5f);     // 15 is the most.
  EXPECT_EQ(info.round_scale(-1e-9f, 0.5f), -0.5f);  // 1 the least,
  EXPECT_EQ(info.round_scale(0.0f, 0.5f), 0.0f);     // but for 0.
  EXPECT_EQ(info.round_scale(0.0f, 0.0f), 0.0f);
}

TEST(RoundScaleTest, MultiplesOfAProgressiveUnitAreExact) {
  std::mt19937 random(4);
  const auto row_scale = GetCodecInfo(Codec::kInt4Progressive).row_scale;
  for (int i = 0; i < 1000; ++i) {
    const float largest = static_cast<float>(random()) * 0x1p-40f;
    const float unit = row_scale(largest);
    // Rounded up by less than one part in 2^19.
    EXPECT_NEAR(unit * 15.0f, largest, largest * 0x1p-18f);
    for (int multiple = 1; multiple <= 15; ++multiple) {
      const auto factor = static_cast<float>(multiple);
      EXPECT_EQ(double{unit * factor}, double{unit} * multiple);
    }
  }
  EXPECT_EQ(row_scale(0.0f), 0.0f);
}

TEST(RoundScaleTest, Int8ScalesAreKept) {
  EXPECT_EQ(GetCodecInfo(Codec::kInt8).round_scale(0.1f, 0.0f), 0.1f);
}

TEST(DensePackingTest, HalvesUnpackExactly) {
  const QuantizedMatrix shape = {1, 2, 2, {}, {}, {}};
  // 1.5 and -2 in either format.
  const std::vector<uint8_t> f16 = {0x00, 0x3E, 0x00, 0xC0};
  const std::vector<uint8_t> bf16 = {0xC0, 0x3F, 0x00, 0xC0};
  EXPECT_THAT(Unpack(Codec::kF16, shape, f16, 0, 1), ElementsAre(1.5f, -2.0f));
  EXPECT_THAT(Unpack(Codec::kBF16, shape, bf16, 0, 1),
              ElementsAre(1.5f, -2.0f));
}

TEST(PackedBytesTest, WorkedByHand) {
  EXPECT_EQ(*PackedBytes(Codec::kF32, 3, 5, 0), 60);
  EXPECT_EQ(*PackedBytes(Codec::kBF16, 3, 5, 0), 30);
  // Two blocks of 8 padded columns * 16 + 128.
  EXPECT_EQ(*PackedBytes(Codec::kInt8, 17, 5, 0), 2 * 256);
  // 2048 columns: 16384 of codes, 64 groups * 32 of scales: 4.5 bits a weight.
  EXPECT_EQ(*PackedBytes(Codec::kInt4, 16, 2048, 32), 16 * 2048 * 9 / 16);
  EXPECT_EQ(*PackedBytes(Codec::kInt4Asymmetric, 16, 2048, 32),
            16 * 2048 * 9 / 16 + 64 * 8);
  EXPECT_EQ(*PackedBytes(Codec::kInt4, 0, 2048, 32), 0);
}

TEST(PackedBytesTest, ReportsGroupSizesThatDoNotExist) {
  for (const int64_t group_size : {0, 1, 16, 33, 256, -32}) {
    EXPECT_THAT(PackedBytes(Codec::kInt4, 16, 64, group_size),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected 32, 64 or 128")));
  }
  EXPECT_THAT(PackedBytes(Codec::kInt8, 16, 64, 32),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("group size 32 for codec int8")));
}

TEST(PackedBytesTest, ReportsHostileShapes) {
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  const std::vector<std::pair<int64_t, int64_t>> shapes = {
      {-1, 64},   {64, -1},       {kHuge, 2},
      {2, kHuge}, {kHuge, kHuge}, {int64_t{1} << 33, int64_t{1} << 33},
      {0, kHuge}, {kHuge, 0}};
  for (const Codec codec : {Codec::kF32, Codec::kInt8, Codec::kInt4}) {
    for (const auto& [rows, cols] : shapes) {
      EXPECT_THAT(
          PackedBytes(codec, rows, cols, codec == Codec::kInt4 ? 32 : 0),
          StatusIs(absl::StatusCode::kInvalidArgument,
                   HasSubstr("expected at most 2^50")));
    }
  }
}

TEST(CodecInfoTest, ActivationGroupsAreOfOneCodecAlone) {
  for (const CodecInfo& info : AllCodecs()) {
    EXPECT_EQ(info.activation_group,
              info.codec == Codec::kInt8ActivationGroups ? 32 : 0)
        << info.name;
  }
}

TEST(FindCodecTest, KnowsNumbersAndNames) {
  for (const CodecInfo& info : AllCodecs()) {
    EXPECT_EQ(FindCodec(static_cast<int>(info.codec)), &info);
    EXPECT_EQ(FindCodec(info.name), &info);
    EXPECT_EQ(&GetCodecInfo(info.codec), &info);
  }
  EXPECT_EQ(FindCodec(-1), nullptr);
  EXPECT_EQ(FindCodec(8), nullptr);
  EXPECT_EQ(FindCodec(static_cast<int>(Codec::kQ4K)), nullptr);
  EXPECT_EQ(FindCodec("q4_k"), nullptr);
  EXPECT_EQ(FindCodec("int5"), nullptr);
}

TEST(ForeignCodecsTest, AreReadAndNeverWritten) {
  for (const CodecInfo& info : ForeignCodecs()) {
    EXPECT_EQ(&GetCodecInfo(info.codec), &info);
    EXPECT_TRUE(IsForeign(info.codec)) << info.name;
    EXPECT_EQ(info.pack, nullptr) << info.name;
    EXPECT_FALSE(info.quantized) << info.name;
    EXPECT_EQ(FindCodec(static_cast<int>(info.codec)), nullptr) << info.name;
    EXPECT_EQ(FindCodec(info.name), nullptr) << info.name;
  }
  for (const CodecInfo& info : AllCodecs()) {
    EXPECT_FALSE(IsForeign(info.codec)) << info.name;
  }
}

TEST(ForeignCodecsTest, RowsAreWholeBlocks) {
  // Four blocks of 18 bytes in each of three rows.
  ASSERT_OK_AND_ASSIGN(const int64_t bytes,
                       PackedBytes(Codec::kQ4_0, 3, 128, 0));
  EXPECT_EQ(bytes, 3 * 4 * 18);
  EXPECT_EQ(RowBytes(Codec::kQ4_0, 128), 4 * 18);
  EXPECT_EQ(RowBytes(Codec::kQ6K, 512), 2 * 210);
  EXPECT_EQ(RowBytes(Codec::kF16, 7), 14);
  EXPECT_THAT(PackedBytes(Codec::kQ4_0, 3, 100, 0),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("multiples of 32")));
  EXPECT_THAT(PackedBytes(Codec::kQ4K, 3, 128, 0),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("multiples of 256")));
  EXPECT_THAT(
      PackedBytes(Codec::kQ4K, 3, 256, 32),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("group size 32")));
}

}  // namespace
}  // namespace ounce
