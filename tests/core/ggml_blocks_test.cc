// One block of each type, worked by hand from the description in
// core/packing/ggml_blocks.h; tests/formats/gguf/golden_tensors_test.cc
// compares whole tensors with another implementation.
#include "core/packing/ggml_blocks.h"

#include <vector>

#include "core/packing/codec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

using ::testing::Each;

// f16 numbers, low byte first: 0.5, 1 and -1.
constexpr uint8_t kHalf[] = {0x00, 0x38};
constexpr uint8_t kOne[] = {0x00, 0x3C};
constexpr uint8_t kMinusOne[] = {0x00, 0xBC};

// The block that begins with the bytes of `parts`, zero behind them.
class Block {
 public:
  explicit Block(const BlockLayout& layout)
      : layout_(layout), bytes_(static_cast<size_t>(layout.bytes)) {}
  Block& Put(size_t at, std::initializer_list<uint8_t> bytes) {
    std::copy(bytes.begin(), bytes.end(),
              bytes_.begin() + static_cast<std::ptrdiff_t>(at));
    return *this;
  }
  Block& Put(size_t at, const uint8_t (&f16)[2]) {
    return Put(at, {f16[0], f16[1]});
  }
  std::vector<float> Unpack() const {
    std::vector<float> values(static_cast<size_t>(layout_.cols));
    UnpackGgmlBlocks(layout_, bytes_.data(), 1, values.data());
    return values;
  }

 private:
  const BlockLayout& layout_;
  std::vector<uint8_t> bytes_;
};

TEST(GgmlBlocksTest, Q8_0IsScaleTimesCode) {
  const std::vector<float> values = Block(kQ8_0Layout)
                                        .Put(0, kHalf)
                                        .Put(2, {1, 0xFE})
                                        .Put(33, {0x7F})
                                        .Unpack();
  EXPECT_EQ(values[0], 0.5f);   // 0.5 * 1
  EXPECT_EQ(values[1], -1.0f);  // 0.5 * -2
  EXPECT_EQ(values[2], 0.0f);
  EXPECT_EQ(values[31], 63.5f);  // 0.5 * 127
}

TEST(GgmlBlocksTest, Q4_0HasItsZeroAtEight) {
  const std::vector<float> values =
      Block(kQ4_0Layout).Put(0, kHalf).Put(2, {0x9F}).Put(17, {0x08}).Unpack();
  EXPECT_EQ(values[0], 3.5f);    // 0.5 * (15 - 8)
  EXPECT_EQ(values[16], 0.5f);   // 0.5 * (9 - 8)
  EXPECT_EQ(values[1], -4.0f);   // 0.5 * (0 - 8)
  EXPECT_EQ(values[15], 0.0f);   // 0.5 * (8 - 8)
  EXPECT_EQ(values[31], -4.0f);  // 0.5 * (0 - 8)
}

TEST(GgmlBlocksTest, Q4_1AddsItsMinimum) {
  const std::vector<float> values =
      Block(kQ4_1Layout).Put(0, kHalf).Put(2, kOne).Put(4, {0x2F}).Unpack();
  EXPECT_EQ(values[0], 8.5f);   // 0.5 * 15 + 1
  EXPECT_EQ(values[16], 2.0f);  // 0.5 * 2 + 1
  EXPECT_EQ(values[1], 1.0f);   // 0.5 * 0 + 1
  EXPECT_EQ(values[31], 1.0f);
}

TEST(GgmlBlocksTest, Q5_0TakesAFifthBitForEachCode) {
  const std::vector<float> values = Block(kQ5_0Layout)
                                        .Put(0, kHalf)
                                        .Put(2, {0x01, 0, 0, 0x80})
                                        .Put(6, {0x10})
                                        .Put(21, {0xF0})
                                        .Unpack();
  EXPECT_EQ(values[0], 0.0f);    // 0.5 * ((0 + 16) - 16)
  EXPECT_EQ(values[16], -7.5f);  // 0.5 * (1 - 16)
  EXPECT_EQ(values[15], -8.0f);  // 0.5 * (0 - 16)
  EXPECT_EQ(values[31], 7.5f);   // 0.5 * ((15 + 16) - 16)
}

TEST(GgmlBlocksTest, Q5_1AddsItsMinimum) {
  const std::vector<float> values = Block(kQ5_1Layout)
                                        .Put(0, kHalf)
                                        .Put(2, kMinusOne)
                                        .Put(4, {0x01, 0, 0, 0x80})
                                        .Put(8, {0x10})
                                        .Put(23, {0xF0})
                                        .Unpack();
  EXPECT_EQ(values[0], 7.0f);    // 0.5 * 16 - 1
  EXPECT_EQ(values[16], -0.5f);  // 0.5 * 1 - 1
  EXPECT_EQ(values[15], -1.0f);
  EXPECT_EQ(values[31], 14.5f);  // 0.5 * 31 - 1
}

TEST(GgmlBlocksTest, Iq4NlLooksItsValuesUp) {
  const std::vector<float> values =
      Block(kIq4NlLayout).Put(0, kHalf).Put(2, {0xF0}).Put(17, {0x87}).Unpack();
  EXPECT_EQ(values[0], -63.5f);  // 0.5 * -127, the first
  EXPECT_EQ(values[16], 56.5f);  // 0.5 * 113, the last
  EXPECT_EQ(values[15], -5.0f);  // 0.5 * -10, number 7
  EXPECT_EQ(values[31], 0.5f);   // 0.5 * 1, number 8
}

class BlockRowsTest : public ::testing::TestWithParam<Codec> {};

// Rows of three blocks at an odd address: row 1 alone is what it is among all.
TEST_P(BlockRowsTest, RowsAreWholeBlocksAndMayBeUnaligned) {
  const CodecInfo& info = GetCodecInfo(GetParam());
  const int64_t cols = 3 * info.block.cols;
  const int64_t bytes = *PackedBytes(GetParam(), 2, cols, 0);
  EXPECT_EQ(bytes, 6 * info.block.bytes);
  std::vector<uint8_t> data(static_cast<size_t>(bytes) + 1);
  for (size_t i = 0; i < data.size(); ++i) {
    // Exponents stay finite: no byte is 0x7C or above but for the sign.
    data[i] = static_cast<uint8_t>((i * 37 + i / 7) % 0x7C);
  }
  PackedMatrix matrix = {GetParam(), 2, cols, 0, data.data() + 1, bytes};
  std::vector<float> all(static_cast<size_t>(2 * cols));
  info.unpack_rows(matrix, 0, 2, all.data());
  std::vector<float> second(static_cast<size_t>(cols));
  info.unpack_rows(matrix, 1, 2, second.data());
  EXPECT_THAT(second,
              ::testing::ElementsAreArray(all.begin() + cols, all.end()));
  // And block by block.
  std::vector<float> block(static_cast<size_t>(info.block.cols));
  for (int64_t b = 0; b < 6; ++b) {
    UnpackGgmlBlocks(info.block, matrix.data + b * info.block.bytes, 1,
                     block.data());
    EXPECT_TRUE(std::equal(block.begin(), block.end(),
                           all.begin() + b * info.block.cols));
  }
  info.unpack_rows(matrix, 1, 1, nullptr);
}

TEST_P(BlockRowsTest, ZeroScalesGiveZeros) {
  const CodecInfo& info = GetCodecInfo(GetParam());
  std::vector<uint8_t> data(static_cast<size_t>(info.block.bytes), 0x5A);
  for (int64_t i = 0; i < 2 * info.block.num_scales; ++i) {
    data[static_cast<size_t>(info.block.scales_offset + i)] = 0;
  }
  std::vector<float> values(static_cast<size_t>(info.block.cols), 1.0f);
  UnpackGgmlBlocks(info.block, data.data(), 1, values.data());
  EXPECT_THAT(values, Each(0.0f));
}

std::vector<Codec> Foreign() {
  std::vector<Codec> codecs;
  for (const CodecInfo& info : ForeignCodecs()) codecs.push_back(info.codec);
  return codecs;
}

INSTANTIATE_TEST_SUITE_P(All, BlockRowsTest, ::testing::ValuesIn(Foreign()),
                         [](const ::testing::TestParamInfo<Codec>& test) {
                           return std::string(GetCodecInfo(test.param).name);
                         });

}  // namespace
}  // namespace ounce
