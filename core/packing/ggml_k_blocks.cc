#include "core/packing/ggml_k_blocks.h"

#include <cstring>

#include "core/half.h"
#include "core/packing/ggml_blocks.h"
#include "core/vectorize.h"

namespace ounce {
namespace {

constexpr int64_t kCols = 256;
constexpr int64_t kPart = 32;  // Columns whose codes lie side by side.

OUNCE_VECTORIZE_PART float LoadF16(const uint8_t* data) {
  uint16_t bits;
  std::memcpy(&bits, data, sizeof(bits));
  return F16ToF32(bits);
}

// The 6-bit scales and minima of the eight parts of Q4_K and Q5_K, in 12 bytes.
// Parts 0 to 3 have the lower six bits of a byte each: scales bytes 0 to 3,
// minima 4 to 7.  Parts 4 to 7 have their lower four bits in bytes 8 to 11, the
// scale's in the lower half, and the others in the two bits that were left
// over. Four bytes at a time, as one number.
struct SixBits {
  uint8_t scales[8];
  uint8_t minima[8];
};
OUNCE_VECTORIZE_PART SixBits ReadSixBits(const uint8_t* bytes) {
  uint32_t words[3];
  std::memcpy(words, bytes, sizeof(words));
  const uint32_t scales[2] = {
      words[0] & 0x3F3F3F3Fu,
      (words[2] & 0x0F0F0F0Fu) | (words[0] >> 6 & 0x03030303u) << 4};
  const uint32_t minima[2] = {
      words[1] & 0x3F3F3F3Fu,
      (words[2] >> 4 & 0x0F0F0F0Fu) | (words[1] >> 6 & 0x03030303u) << 4};
  SixBits six;
  std::memcpy(six.scales, scales, sizeof(scales));
  std::memcpy(six.minima, minima, sizeof(minima));
  return six;
}

// The 6-bit scale of part `part` of Q3_K: its lower four bits in half a byte of
// the first eight, its upper two in a quarter of one of the last four.
OUNCE_VECTORIZE_PART int ScaleOfQ3(const uint8_t* bytes, int64_t part) {
  const int low = part < 8 ? bytes[part] & 0xF : bytes[part - 8] >> 4;
  return low | (bytes[8 + part % 4] >> (part / 4 * 2) & 3) << 4;
}

// Two bits of each of 32 bytes, those from 2 * kQuarter on, times 2^kUp.
template <int kQuarter, int kUp>
OUNCE_VECTORIZE_PART void ReadQuarter(const uint8_t* bytes, int8_t* out) {
  for (int64_t i = 0; i < kPart; ++i) {
    out[i] = static_cast<int8_t>((bytes[i] >> (2 * kQuarter) & 3) << kUp);
  }
}

// In Q2_K, Q3_K and Q6_K a quarter of a byte holds a piece of each of four
// codes that are 32 columns apart: 32 bytes stand for 128 columns.
template <int kUp>
OUNCE_VECTORIZE_PART void ReadQuarters(const uint8_t* bytes, int8_t* out) {
  for (int64_t half = 0; half < 2; ++half) {
    const uint8_t* in = bytes + half * kPart;
    int8_t* columns = out + half * 4 * kPart;
    ReadQuarter<0, kUp>(in, columns);
    ReadQuarter<1, kUp>(in, columns + kPart);
    ReadQuarter<2, kUp>(in, columns + 2 * kPart);
    ReadQuarter<3, kUp>(in, columns + 3 * kPart);
  }
}

// The halves of `kBytes` bytes: the lower ones of all, then the upper ones.
template <int64_t kBytes>
OUNCE_VECTORIZE_PART void ReadHalves(const uint8_t* bytes, int8_t* out) {
  OUNCE_KEEP_LOOP
  for (int64_t i = 0; i < kBytes; ++i) {
    out[i] = static_cast<int8_t>(bytes[i] & 0xF);
  }
  OUNCE_KEEP_LOOP
  for (int64_t i = 0; i < kBytes; ++i) {
    out[kBytes + i] = static_cast<int8_t>(bytes[i] >> 4);
  }
}

// Adds bit kBit of each of 32 bytes, times 2^kUp, to the codes of part kBit.
template <int kBit, int kUp>
OUNCE_VECTORIZE_PART void AddBit(const uint8_t* bytes, int8_t* codes) {
  int8_t* part = codes + kBit * kPart;
  for (int64_t i = 0; i < kPart; ++i) {
    part[i] = static_cast<int8_t>(part[i] + ((bytes[i] >> kBit & 1) << kUp));
  }
}

// A bit of 32 bytes for each of the eight parts.
template <int kUp>
OUNCE_VECTORIZE_PART void AddBits(const uint8_t* bytes, int8_t* codes) {
  AddBit<0, kUp>(bytes, codes);
  AddBit<1, kUp>(bytes, codes);
  AddBit<2, kUp>(bytes, codes);
  AddBit<3, kUp>(bytes, codes);
  AddBit<4, kUp>(bytes, codes);
  AddBit<5, kUp>(bytes, codes);
  AddBit<6, kUp>(bytes, codes);
  AddBit<7, kUp>(bytes, codes);
}

// The parts of Q4_K and Q5_K: 32 bytes hold one in their lower halves and the
// next in their upper ones.
OUNCE_VECTORIZE_PART void ReadParts(const uint8_t* bytes, int8_t* codes) {
  for (int64_t pair = 0; pair < 4; ++pair) {
    ReadHalves<kPart>(bytes + pair * kPart, codes + pair * 2 * kPart);
  }
}

// What the two begin with.
OUNCE_VECTORIZE_PART void ReadStepsAndMinima(const uint8_t* block, float* steps,
                                             float* minima) {
  const float d = LoadF16(block);
  const float dmin = LoadF16(block + 2);
  const SixBits six = ReadSixBits(block + 4);
  for (int64_t part = 0; part < 8; ++part) {
    steps[part] = d * static_cast<float>(six.scales[part]);
    minima[part] = -(dmin * static_cast<float>(six.minima[part]));
  }
}

}  // namespace

OUNCE_VECTORIZE void SplitQ2K(const uint8_t* blocks, int64_t count,
                              const BlockParts& out) {
  for (int64_t b = 0; b < count; ++b) {
    const uint8_t* block = blocks + b * kQ2KLayout.bytes;
    const float d = LoadF16(block + 80);
    const float dmin = LoadF16(block + 82);
    for (int64_t part = 0; part < 16; ++part) {
      const uint8_t scale = block[part];
      out.steps[b * 16 + part] = d * static_cast<float>(scale & 0xF);
      out.minima[b * 16 + part] = -(dmin * static_cast<float>(scale >> 4));
    }
    ReadQuarters<0>(block + 16, out.codes + b * kCols);
  }
}

OUNCE_VECTORIZE void SplitQ3K(const uint8_t* blocks, int64_t count,
                              const BlockParts& out) {
  for (int64_t b = 0; b < count; ++b) {
    const uint8_t* block = blocks + b * kQ3KLayout.bytes;
    const float d = LoadF16(block + 108);
    for (int64_t part = 0; part < 16; ++part) {
      const int scale = ScaleOfQ3(block + 96, part) - 32;
      out.steps[b * 16 + part] = d * static_cast<float>(scale);
    }
    int8_t* codes = out.codes + b * kCols;
    ReadQuarters<0>(block + 32, codes);
    AddBits<2>(block, codes);
    for (int64_t i = 0; i < kCols; ++i) {
      codes[i] = static_cast<int8_t>(codes[i] - 4);
    }
  }
}

OUNCE_VECTORIZE void SplitQ4K(const uint8_t* blocks, int64_t count,
                              const BlockParts& out) {
  for (int64_t b = 0; b < count; ++b) {
    const uint8_t* block = blocks + b * kQ4KLayout.bytes;
    ReadStepsAndMinima(block, out.steps + b * 8, out.minima + b * 8);
    ReadParts(block + 16, out.codes + b * kCols);
  }
}

OUNCE_VECTORIZE void SplitQ5K(const uint8_t* blocks, int64_t count,
                              const BlockParts& out) {
  for (int64_t b = 0; b < count; ++b) {
    const uint8_t* block = blocks + b * kQ5KLayout.bytes;
    ReadStepsAndMinima(block, out.steps + b * 8, out.minima + b * 8);
    ReadParts(block + 48, out.codes + b * kCols);
    AddBits<4>(block + 16, out.codes + b * kCols);
  }
}

// The lower four bits: 64 bytes stand for 128 columns, of which the first 64
// are in the lower halves.
OUNCE_VECTORIZE void SplitQ6K(const uint8_t* blocks, int64_t count,
                              const BlockParts& out) {
  for (int64_t b = 0; b < count; ++b) {
    const uint8_t* block = blocks + b * kQ6KLayout.bytes;
    const float d = LoadF16(block + 208);
    for (int64_t part = 0; part < 16; ++part) {
      const auto scale = static_cast<int8_t>(block[192 + part]);
      out.steps[b * 16 + part] = d * static_cast<float>(scale);
    }
    int8_t low[kCols];
    ReadHalves<64>(block, low);
    ReadHalves<64>(block + 64, low + 128);
    int8_t* codes = out.codes + b * kCols;
    ReadQuarters<4>(block + 128, codes);
    for (int64_t i = 0; i < kCols; ++i) {
      codes[i] = static_cast<int8_t>(codes[i] + low[i] - 32);
    }
  }
}

void SplitIq4Xs(const uint8_t* blocks, int64_t count, const BlockParts& out) {
  for (int64_t b = 0; b < count; ++b) {
    const uint8_t* block = blocks + b * kIq4XsLayout.bytes;
    const float d = LoadF16(block);
    uint16_t upper;
    std::memcpy(&upper, block + 2, sizeof(upper));
    for (int64_t part = 0; part < 8; ++part) {
      const int low = block[4 + part / 2] >> (part % 2 * 4) & 0xF;
      const int scale = low | (upper >> (2 * part) & 3) << 4;
      out.steps[b * 8 + part] = d * static_cast<float>(scale - 32);
      ReadIq4Nibbles(block + 8 + part * 16,
                     out.codes + b * kCols + part * kPart);
    }
  }
}

}  // namespace ounce
