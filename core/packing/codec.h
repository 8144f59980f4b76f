// The table of codecs: what each is called, how large it is, how it is packed
// and read back.  A new codec is a pair of files beside this one and a row in
// codec.cc (and, unless it is foreign, one in the kernel table).
#ifndef OUNCE_CORE_PACKING_CODEC_H_
#define OUNCE_CORE_PACKING_CODEC_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/packing/packed_matrix.h"
#include "core/quantized_matrix.h"

namespace ounce {

// Blocks of a foreign codec, taken apart: each stretch of
// BlockLayout::part_cols columns has a step and, in some, a minimum.  Value c
// is
//   step * code[c]            or
//   step * code[c] + minimum
struct BlockParts {
  int8_t* codes = nullptr;  // [columns]
  float* steps = nullptr;   // [columns / part_cols]
  float* minima = nullptr;  // The same, if BlockLayout::has_minima.
};

// How a foreign codec stores a row: whole blocks, one after the other.
struct BlockLayout {
  int64_t cols = 0;   // Columns of a block.
  int64_t bytes = 0;  // Of a block.
  // Of the f16 numbers that scale all of a block, where its first is: the
  // values are finite if these are.
  int64_t scales_offset = 0;
  int64_t num_scales = 0;
  int64_t part_cols = 0;  // 16 or 32.
  bool has_minima = false;
  // Takes `count` blocks that follow each other apart; the data may be
  // unaligned.
  void (*split)(const uint8_t* blocks, int64_t count,
                const BlockParts& out) = nullptr;
};

struct CodecInfo {
  Codec codec;
  absl::string_view name;  // In recipes, reports and `inspect`.
  int bits;                // Per code; scales and padding come on top.
  bool quantized;          // Integer codes: products quantise their input.
  bool grouped;            // Needs a group size.
  // Bytes of a matrix; the shape must pass CheckPackedShape.
  int64_t (*packed_bytes)(int64_t rows, int64_t cols, int64_t group_size);
  // Values of rows [begin, end), row after row, into `out` (f32, cols apart).
  void (*unpack_rows)(const PackedMatrix& matrix, int64_t begin, int64_t end,
                      float* out);
  // Writes whole row blocks (the last may be partial) at their place in a
  // matrix: `out` is where the first row's block starts and
  // packed_bytes(rows, cols, group_size) long.  Null for float codecs.
  void (*pack)(const QuantizedMatrix& matrix, uint8_t* out);
  // The scale that will be stored in place of `scale`, to be asked before codes
  // are chosen, so that they fit it.  `row_scale` is the row's unit, of no
  // meaning to codecs without one; of a codec with one, the nearest of its
  // multiples, beside which others may be tried.  Null for float codecs.
  float (*round_scale)(float scale, float row_scale);
  // Codecs whose group scales are multiples -n..n of a unit that their row
  // stores: n, and the unit of a row whose largest group scale has the
  // magnitude `largest`.  0 and null: each group's scale is a number of its
  // own.
  int max_multiple = 0;
  float (*row_scale)(float largest) = nullptr;
  // Columns of a product's input that share a scale; 0: all of a token's.
  int activation_group = 0;
  // Of foreign codecs alone; products with them are float products.
  BlockLayout block = {};
};

// The row of `codec`, which must be one of the enum's values.
const CodecInfo& GetCodecInfo(Codec codec);
// The row for a number read from an artifact, or called `name`; nullptr if
// unknown or foreign.
const CodecInfo* FindCodec(int value);
const CodecInfo* FindCodec(absl::string_view name);
// What artifacts hold, and what other programs' files do besides.
absl::Span<const CodecInfo> AllCodecs();
absl::Span<const CodecInfo> ForeignCodecs();

// Bytes of one row of a codec that stores rows one after the other, which all
// but the quantised ones do; the columns must be ones that PackedBytes() takes.
int64_t RowBytes(Codec codec, int64_t cols);

// Bytes of a matrix of this codec and shape.
// kInvalidArgument: negative, overflowing, a group size the codec does not have
// (grouped codecs: 32, 64 or 128; others: 0), or columns that end within one of
// a foreign codec's blocks.
absl::StatusOr<int64_t> PackedBytes(Codec codec, int64_t rows, int64_t cols,
                                    int64_t group_size);

}  // namespace ounce

#endif  // OUNCE_CORE_PACKING_CODEC_H_
