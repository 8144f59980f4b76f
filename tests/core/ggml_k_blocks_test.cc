// One block of each type, worked by hand from the description in
// core/packing/ggml_k_blocks.h and the notes in its .cc file;
// tests/formats/gguf/golden_tensors_test.cc compares whole tensors with another
// implementation.
#include "core/packing/ggml_k_blocks.h"

#include <cstring>
#include <vector>

#include "core/packing/ggml_blocks.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

constexpr uint16_t kHalf = 0x3800;     // 0.5 in f16.
constexpr uint16_t kQuarter = 0x3400;  // 0.25
constexpr uint16_t kOne = 0x3C00;

class KBlock {
 public:
  explicit KBlock(const BlockLayout& layout)
      : layout_(layout), bytes_(static_cast<size_t>(layout.bytes)) {}
  uint8_t& operator[](size_t at) { return bytes_[at]; }
  void PutF16(size_t at, uint16_t bits) {
    std::memcpy(bytes_.data() + at, &bits, sizeof(bits));
  }
  std::vector<float> Unpack() const {
    std::vector<float> values(256);
    UnpackGgmlBlocks(layout_, bytes_.data(), 1, values.data());
    return values;
  }

 private:
  const BlockLayout& layout_;
  std::vector<uint8_t> bytes_;
};

TEST(GgmlKBlocksTest, Q2K) {
  KBlock block(kQ2KLayout);
  block.PutF16(80, kHalf);
  block.PutF16(82, kOne);
  block[0] = 0x21;   // Columns 0 to 15: scale 1, minimum 2.
  block[1] = 0x03;   // 16 to 31: scale 3.
  block[2] = 0x01;   // 32 to 47: scale 1.
  block[4] = 0x01;   // 64 to 79.
  block[6] = 0x01;   // 96 to 111.
  block[15] = 0x12;  // 240 to 255: scale 2, minimum 1.
  // Codes of columns 0, 32, 64 and 96, lowest bits first: 2, 1, 2, 3.
  block[16] = 0b11'10'01'10;
  block[16 + 16] = 0b11;         // Column 16: 3.
  block[16 + 63] = 0b11'000000;  // Column 255: 3.
  const std::vector<float> values = block.Unpack();
  EXPECT_EQ(values[0], -1.0f);   // 0.5 * 1 * 2 - 1 * 2
  EXPECT_EQ(values[1], -2.0f);   // 0 - 1 * 2
  EXPECT_EQ(values[16], 4.5f);   // 0.5 * 3 * 3
  EXPECT_EQ(values[32], 0.5f);   // 0.5 * 1 * 1
  EXPECT_EQ(values[64], 1.0f);   // 0.5 * 1 * 2
  EXPECT_EQ(values[96], 1.5f);   // 0.5 * 1 * 3
  EXPECT_EQ(values[255], 2.0f);  // 0.5 * 2 * 3 - 1 * 1
  EXPECT_EQ(values[254], -1.0f);
}

TEST(GgmlKBlocksTest, Q3K) {
  KBlock block(kQ3KLayout);
  block.PutF16(108, kHalf);
  // Scales, stored with 32 added: of columns 0 to 15 1 (lower bits 1, upper 2),
  // of 128 to 143 2 (2 and 2), of 240 to 255 -1 (15 and 1), of all others -32.
  block[96] = 0x21;
  block[96 + 8] = 0x22;
  block[96 + 7] = 0xF0;
  block[96 + 11] = 0x40;
  block[32] = 3;               // Column 0, lower bits.
  block[32 + 32] = 1;          // Column 128.
  block[32 + 63] = 2 << 6;     // Column 255.
  block[0] = 1 << 0 | 1 << 4;  // Third bits of columns 0 and 128.
  block[31] = 1 << 7;          // Of column 255.
  const std::vector<float> values = block.Unpack();
  EXPECT_EQ(values[0], 1.5f);    // 0.5 * 1 * 3
  EXPECT_EQ(values[1], -2.0f);   // 0.5 * 1 * (0 - 4)
  EXPECT_EQ(values[128], 1.0f);  // 0.5 * 2 * 1
  EXPECT_EQ(values[129], -4.0f);
  EXPECT_EQ(values[255], -1.0f);  // 0.5 * -1 * 2
  EXPECT_EQ(values[254], 2.0f);   // 0.5 * -1 * -4
  EXPECT_EQ(values[16], 64.0f);   // 0.5 * -32 * -4
}

// Of columns 0 to 31 scale 2, minimum 4; of 32 to 63 scale 3; of 128 to 159
// scale 33 = 2 * 16 + 1 and minimum 20 = 1 * 16 + 4, in pieces; of 224 to 255
// scale 15.
void PutScales(size_t at, KBlock* block) {
  block->PutF16(0, kHalf);
  block->PutF16(2, kQuarter);
  (*block)[at] = 2 << 6 | 2;
  (*block)[at + 1] = 3;
  (*block)[at + 4] = 1 << 6 | 4;
  (*block)[at + 8] = 4 << 4 | 1;
  (*block)[at + 11] = 15;
}

TEST(GgmlKBlocksTest, Q4K) {
  KBlock block(kQ4KLayout);
  PutScales(4, &block);
  block[16] = 0x5A;        // Columns 0 and 32.
  block[16 + 64] = 0x07;   // Columns 128 and 160.
  block[16 + 127] = 0xF0;  // Columns 223 and 255.
  const std::vector<float> values = block.Unpack();
  EXPECT_EQ(values[0], 9.0f);      // 0.5 * 2 * 10 - 0.25 * 4
  EXPECT_EQ(values[1], -1.0f);     // 0 - 0.25 * 4
  EXPECT_EQ(values[32], 7.5f);     // 0.5 * 3 * 5
  EXPECT_EQ(values[128], 110.5f);  // 0.5 * 33 * 7 - 0.25 * 20
  EXPECT_EQ(values[129], -5.0f);
  EXPECT_EQ(values[160], 0.0f);
  EXPECT_EQ(values[255], 112.5f);  // 0.5 * 15 * 15
}

TEST(GgmlKBlocksTest, Q5K) {
  KBlock block(kQ5KLayout);
  PutScales(4, &block);
  block[16] = 1 << 0 | 1 << 4;  // Fifth bits of columns 0 and 128.
  block[16 + 31] = 1 << 7;      // Of column 255.
  block[48] = 0x5A;
  block[48 + 64] = 0x07;
  block[48 + 127] = 0xF0;
  const std::vector<float> values = block.Unpack();
  EXPECT_EQ(values[0], 25.0f);  // 0.5 * 2 * (10 + 16) - 0.25 * 4
  EXPECT_EQ(values[1], -1.0f);
  EXPECT_EQ(values[32], 7.5f);     // 0.5 * 3 * 5
  EXPECT_EQ(values[128], 374.5f);  // 0.5 * 33 * (7 + 16) - 0.25 * 20
  EXPECT_EQ(values[255], 232.5f);  // 0.5 * 15 * (15 + 16)
}

TEST(GgmlKBlocksTest, Q6K) {
  KBlock block(kQ6KLayout);
  block.PutF16(208, kHalf);
  block[192] = 2;                 // Scale of columns 0 to 15.
  block[192 + 2] = 0xFF;          // Of 32 to 47: -1.
  block[192 + 4] = 1;             // Of 64 to 79.
  block[192 + 6] = 3;             // Of 96 to 111.
  block[192 + 15] = 0xFE;         // Of 240 to 255: -2.
  block[0] = 0x5A;                // Lower bits of columns 0 and 64: 10 and 5.
  block[32] = 0x21;               // Of columns 32 and 96: 1 and 2.
  block[127] = 0xF0;              // Of columns 191 and 255: 0 and 15.
  block[128] = 0b00'11'10'01;     // Upper bits of columns 96, 64, 32 and 0.
  block[128 + 63] = 0b11'000000;  // Of column 255.
  const std::vector<float> values = block.Unpack();
  EXPECT_EQ(values[0], -6.0f);     // 0.5 * 2 * (10 + 16 - 32)
  EXPECT_EQ(values[1], -32.0f);    // 0.5 * 2 * -32
  EXPECT_EQ(values[32], -0.5f);    // 0.5 * -1 * (1 + 32 - 32)
  EXPECT_EQ(values[64], 10.5f);    // 0.5 * 1 * (5 + 48 - 32)
  EXPECT_EQ(values[96], -45.0f);   // 0.5 * 3 * (2 - 32)
  EXPECT_EQ(values[255], -31.0f);  // 0.5 * -2 * (15 + 48 - 32)
}

TEST(GgmlKBlocksTest, Iq4Xs) {
  KBlock block(kIq4XsLayout);
  block.PutF16(0, kHalf);
  // Scales, stored with 32 added: of columns 0 to 31 1 (lower bits 1, upper 2),
  // of 224 to 255 -1 (15 and 1), of all others -32.
  block.PutF16(2, 2 | 1 << 14);
  block[4] = 0x01;
  block[7] = 0xF0;
  block[8] = 0xF0;                // Columns 0 and 16.
  block[8 + 7 * 16 + 15] = 0x87;  // Columns 239 and 255.
  const std::vector<float> values = block.Unpack();
  EXPECT_EQ(values[0], -63.5f);    // 0.5 * 1 * -127
  EXPECT_EQ(values[16], 56.5f);    // 0.5 * 1 * 113
  EXPECT_EQ(values[239], 5.0f);    // 0.5 * -1 * -10
  EXPECT_EQ(values[255], -0.5f);   // 0.5 * -1 * 1
  EXPECT_EQ(values[32], 2032.0f);  // 0.5 * -32 * -127
}

}  // namespace
}  // namespace ounce
