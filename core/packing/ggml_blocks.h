// The block types of ggml that share one scale among 32 columns, as GGUF files
// hold them: read, never written.  A block begins with its scale d in f16; all
// numbers are little-endian.  With code i of a block as the 4, 5 or 8 bits said
// below, value i is
//   Q8_0    d * code, codes int8                34 bytes: d, 32 codes
//   Q4_0    d * (code - 8)                      18 bytes: d, nibbles
//   Q4_1    d * code + m                        20 bytes: d, m in f16, nibbles
//   Q5_0    d * (code - 16)                     22 bytes: d, fifth bits,
//   nibbles Q5_1    d * code + m                        24 bytes: d, m, fifth
//   bits, nibbles IQ4_NL  d * kIq4Values[code]                18 bytes: d,
//   nibbles
// Nibbles: 16 bytes, of which byte i has the lower four bits of code i in its
// lower half and those of code i + 16 in its upper half.  Fifth bits: a 32-bit
// number with that of code i at bit i.
// Source: ggml (https://github.com/ggml-org/ggml), src/ggml-common.h and the
// reference dequantisation of src/ggml-quants.c, whose bits these are.
#ifndef OUNCE_CORE_PACKING_GGML_BLOCKS_H_
#define OUNCE_CORE_PACKING_GGML_BLOCKS_H_

#include <array>
#include <cstdint>

#include "core/packing/codec.h"

namespace ounce {

// The values that the codes of IQ4_NL and IQ4_XS stand for.
inline constexpr std::array<int8_t, 16> kIq4Values = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// Of 16 bytes of nibbles, into 32 values.
void ReadIq4Nibbles(const uint8_t* nibbles, int8_t* values);

// BlockLayout::split of each.
void SplitQ8_0(const uint8_t* blocks, int64_t count, const BlockParts& out);
void SplitQ4_0(const uint8_t* blocks, int64_t count, const BlockParts& out);
void SplitQ4_1(const uint8_t* blocks, int64_t count, const BlockParts& out);
void SplitQ5_0(const uint8_t* blocks, int64_t count, const BlockParts& out);
void SplitQ5_1(const uint8_t* blocks, int64_t count, const BlockParts& out);
void SplitIq4Nl(const uint8_t* blocks, int64_t count, const BlockParts& out);

inline constexpr BlockLayout kQ8_0Layout = {32, 34, 0, 1, 32, false, SplitQ8_0};
inline constexpr BlockLayout kQ4_0Layout = {32, 18, 0, 1, 32, false, SplitQ4_0};
inline constexpr BlockLayout kQ4_1Layout = {32, 20, 0, 2, 32, true, SplitQ4_1};
inline constexpr BlockLayout kQ5_0Layout = {32, 22, 0, 1, 32, false, SplitQ5_0};
inline constexpr BlockLayout kQ5_1Layout = {32, 24, 0, 2, 32, true, SplitQ5_1};
inline constexpr BlockLayout kIq4NlLayout = {32, 18,    0,         1,
                                             32, false, SplitIq4Nl};

// Values of `count` blocks of any layout, here or in ggml_k_blocks.h.
void UnpackGgmlBlocks(const BlockLayout& layout, const uint8_t* blocks,
                      int64_t count, float* out);

}  // namespace ounce

#endif  // OUNCE_CORE_PACKING_GGML_BLOCKS_H_
