// The block types of ggml that have scales within scales ("k-quants" and
// IQ4_XS), as GGUF files hold them: read, never written.  A block has 256
// columns in parts of 16 or 32 with a scale each.  With the f16 numbers d and,
// in some, dmin of a block, the integers scale and min of a part:
//   Q2_K    (d * scale) * code - dmin * min       84 bytes, parts of 16
//     16 bytes, one a part: scale in the lower half, min in the upper; 64 of
//     2-bit codes; d; dmin.
//   Q3_K    (d * (scale - 32)) * code            110 bytes, parts of 16
//     32 bytes of third bits; 64 of the codes' lower two; 12 of scales; d.
//     A code is its lower two bits, less 4 unless its third bit is set.
//   Q4_K    (d * scale) * code - dmin * min      144 bytes, parts of 32
//     d; dmin; 12 bytes of scales and minima; 128 of 4-bit codes.
//   Q5_K    the same                             176 bytes, parts of 32
//     d; dmin; 12 bytes of scales and minima; 32 of fifth bits; 128 of the
//     codes' lower four.
//   Q6_K    (d * scale) * (code - 32)            210 bytes, parts of 16
//     128 bytes of the codes' lower four bits; 64 of their upper two; 16
//     scales, int8; d.
//   IQ4_XS  (d * (scale - 32)) * kIq4Values[code]  136 bytes, parts of 32
//     d; a 16-bit number of the scales' upper two bits; 4 bytes of their lower
//     four; 128 of codes, each part as in a block of IQ4_NL.
// How codes share bytes is said beside the code that reads them.
// Source: ggml (https://github.com/ggml-org/ggml), src/ggml-common.h and the
// reference dequantisation of src/ggml-quants.c, whose bits these are.
#ifndef OUNCE_CORE_PACKING_GGML_K_BLOCKS_H_
#define OUNCE_CORE_PACKING_GGML_K_BLOCKS_H_

#include <cstdint>

#include "core/packing/codec.h"

namespace ounce {

// BlockLayout::split of each.
void SplitQ2K(const uint8_t* blocks, int64_t count, const BlockParts& out);
void SplitQ3K(const uint8_t* blocks, int64_t count, const BlockParts& out);
void SplitQ4K(const uint8_t* blocks, int64_t count, const BlockParts& out);
void SplitQ5K(const uint8_t* blocks, int64_t count, const BlockParts& out);
void SplitQ6K(const uint8_t* blocks, int64_t count, const BlockParts& out);
void SplitIq4Xs(const uint8_t* blocks, int64_t count, const BlockParts& out);

inline constexpr BlockLayout kQ2KLayout = {256, 84, 80, 2, 16, true, SplitQ2K};
inline constexpr BlockLayout kQ3KLayout = {256, 110,   108,     1,
                                           16,  false, SplitQ3K};
inline constexpr BlockLayout kQ4KLayout = {256, 144, 0, 2, 32, true, SplitQ4K};
inline constexpr BlockLayout kQ5KLayout = {256, 176, 0, 2, 32, true, SplitQ5K};
inline constexpr BlockLayout kQ6KLayout = {256, 210,   208,     1,
                                           16,  false, SplitQ6K};
inline constexpr BlockLayout kIq4XsLayout = {256, 136,   0,         1,
                                             32,  false, SplitIq4Xs};

}  // namespace ounce

#endif  // OUNCE_CORE_PACKING_GGML_K_BLOCKS_H_
