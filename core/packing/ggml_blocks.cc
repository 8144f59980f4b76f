#include "core/packing/ggml_blocks.h"

#include <algorithm>
#include <cstring>

#include "core/half.h"
#include "core/vectorize.h"

namespace ounce {
namespace {

constexpr int64_t kCols = 32;
constexpr int64_t kHalf = 16;

OUNCE_VECTORIZE_PART float LoadF16(const uint8_t* data) {
  uint16_t bits;
  std::memcpy(&bits, data, sizeof(bits));
  return F16ToF32(bits);
}

template <int kOffset>
OUNCE_VECTORIZE_PART void ReadNibbles(const uint8_t* nibbles, int8_t* codes) {
  OUNCE_KEEP_LOOP
  for (int64_t i = 0; i < kHalf; ++i) {
    codes[i] = static_cast<int8_t>((nibbles[i] & 0xF) - kOffset);
  }
  OUNCE_KEEP_LOOP
  for (int64_t i = 0; i < kHalf; ++i) {
    codes[i + kHalf] = static_cast<int8_t>((nibbles[i] >> 4) - kOffset);
  }
}

template <int kOffset>
OUNCE_VECTORIZE_PART void ReadFiveBits(const uint8_t* fifth_bits,
                                       const uint8_t* nibbles, int8_t* codes) {
  uint32_t bits;
  std::memcpy(&bits, fifth_bits, sizeof(bits));
  OUNCE_KEEP_LOOP
  for (int64_t i = 0; i < kHalf; ++i) {
    const auto fifth = static_cast<int>(bits >> i & 1u) << 4;
    codes[i] = static_cast<int8_t>((nibbles[i] & 0xF) + fifth - kOffset);
  }
  OUNCE_KEEP_LOOP
  for (int64_t i = 0; i < kHalf; ++i) {
    const auto fifth = static_cast<int>(bits >> (kHalf + i) & 1u) << 4;
    codes[i + kHalf] = static_cast<int8_t>((nibbles[i] >> 4) + fifth - kOffset);
  }
}

// Parts of kCount columns.  Widened and multiplied after the codes were read: a
// loop that does both at once defeats the vectoriser.
template <int64_t kCount>
OUNCE_VECTORIZE_PART void MultiplyParts(const BlockParts& parts, int64_t count,
                                        bool has_minima, float* out) {
  for (int64_t p = 0; p < count; ++p) {
    const int8_t* codes = parts.codes + p * kCount;
    float* values = out + p * kCount;
    const float step = parts.steps[p];
    const float minimum = has_minima ? parts.minima[p] : 0.0f;
    if (has_minima) {
      OUNCE_KEEP_LOOP
      for (int64_t i = 0; i < kCount; ++i) {
        values[i] = step * static_cast<float>(codes[i]) + minimum;
      }
    } else {
      // Without the sum, which would lose the sign of a zero.
      OUNCE_KEEP_LOOP
      for (int64_t i = 0; i < kCount; ++i) {
        values[i] = step * static_cast<float>(codes[i]);
      }
    }
  }
}

OUNCE_VECTORIZE void Multiply(const BlockLayout& layout,
                              const BlockParts& parts, int64_t cols,
                              float* out) {
  if (layout.part_cols == 16) {
    MultiplyParts<16>(parts, cols / 16, layout.has_minima, out);
  } else {
    MultiplyParts<32>(parts, cols / 32, layout.has_minima, out);
  }
}

}  // namespace

void ReadIq4Nibbles(const uint8_t* nibbles, int8_t* values) {
  // Eight nibbles at a time in registers: bytes written one by one would be
  // waited for when they are read as vectors.
  for (int64_t i = 0; i < kHalf; i += 8) {
    uint64_t in;
    std::memcpy(&in, nibbles + i, sizeof(in));
    uint64_t low = 0;
    uint64_t high = 0;
    for (int shift = 0; shift < 64; shift += 8) {
      const auto byte = static_cast<uint8_t>(in >> shift);
      const auto first = static_cast<uint8_t>(kIq4Values[byte & 0xF]);
      const auto second = static_cast<uint8_t>(kIq4Values[byte >> 4]);
      low |= uint64_t{first} << shift;
      high |= uint64_t{second} << shift;
    }
    std::memcpy(values + i, &low, sizeof(low));
    std::memcpy(values + i + kHalf, &high, sizeof(high));
  }
}

OUNCE_VECTORIZE void SplitQ8_0(const uint8_t* blocks, int64_t count,
                               const BlockParts& out) {
  for (int64_t b = 0; b < count; ++b, blocks += kQ8_0Layout.bytes) {
    out.steps[b] = LoadF16(blocks);
    std::memcpy(out.codes + b * kCols, blocks + 2, kCols);
  }
}

OUNCE_VECTORIZE void SplitQ4_0(const uint8_t* blocks, int64_t count,
                               const BlockParts& out) {
  for (int64_t b = 0; b < count; ++b, blocks += kQ4_0Layout.bytes) {
    out.steps[b] = LoadF16(blocks);
    ReadNibbles<8>(blocks + 2, out.codes + b * kCols);
  }
}

OUNCE_VECTORIZE void SplitQ4_1(const uint8_t* blocks, int64_t count,
                               const BlockParts& out) {
  for (int64_t b = 0; b < count; ++b, blocks += kQ4_1Layout.bytes) {
    out.steps[b] = LoadF16(blocks);
    out.minima[b] = LoadF16(blocks + 2);
    ReadNibbles<0>(blocks + 4, out.codes + b * kCols);
  }
}

OUNCE_VECTORIZE void SplitQ5_0(const uint8_t* blocks, int64_t count,
                               const BlockParts& out) {
  for (int64_t b = 0; b < count; ++b, blocks += kQ5_0Layout.bytes) {
    out.steps[b] = LoadF16(blocks);
    ReadFiveBits<16>(blocks + 2, blocks + 6, out.codes + b * kCols);
  }
}

OUNCE_VECTORIZE void SplitQ5_1(const uint8_t* blocks, int64_t count,
                               const BlockParts& out) {
  for (int64_t b = 0; b < count; ++b, blocks += kQ5_1Layout.bytes) {
    out.steps[b] = LoadF16(blocks);
    out.minima[b] = LoadF16(blocks + 2);
    ReadFiveBits<0>(blocks + 4, blocks + 8, out.codes + b * kCols);
  }
}

void SplitIq4Nl(const uint8_t* blocks, int64_t count, const BlockParts& out) {
  for (int64_t b = 0; b < count; ++b, blocks += kIq4NlLayout.bytes) {
    out.steps[b] = LoadF16(blocks);
    ReadIq4Nibbles(blocks + 2, out.codes + b * kCols);
  }
}

void UnpackGgmlBlocks(const BlockLayout& layout, const uint8_t* blocks,
                      int64_t count, float* out) {
  // Whole blocks of every layout, and little enough for the first-level cache.
  constexpr int64_t kPiece = 1024;
  int8_t codes[kPiece];
  float steps[kPiece / 16];
  float minima[kPiece / 16];
  const BlockParts parts = {codes, steps, minima};
  const int64_t piece_blocks = kPiece / layout.cols;
  while (count > 0) {
    const int64_t taken = std::min(count, piece_blocks);
    layout.split(blocks, taken, parts);
    Multiply(layout, parts, taken * layout.cols, out);
    blocks += taken * layout.bytes;
    out += taken * layout.cols;
    count -= taken;
  }
}

}  // namespace ounce
