// Round-to-nearest: every weight becomes the nearest code of its row's or
// group's grid.  Needs no data; the baseline for every other method.
// Source: the grids are those of core/packing/int8.h, int4.h and
// int4_progressive.h.
#ifndef OUNCE_QUANTIZE_ROUND_TO_NEAREST_H_
#define OUNCE_QUANTIZE_ROUND_TO_NEAREST_H_

#include "absl/status/statusor.h"
#include "core/tensor.h"
#include "quantize/quantizer.h"

namespace ounce {

// Quantizes `weight` [out, in], finite values, to the grid of `options.codec`.
//
// absmax, the scale that reaches the largest weight:
//   int8       scale = max|w| / 127, codes -127..127
//   int4       scale = w* / -8 with w* the weight of largest magnitude, its
//              sign kept, so that all 16 codes serve; codes -8..7
//   int4-progressive
//              as int4; the largest scale of a row over 15 is the row's unit,
//              and every scale one of the two multiples beside it, that of the
//              smaller squared error
//   int4-asym  the range is widened to hold 0; scale = (max - min) / 15, zero
//              point round(-min / scale)
// least_squares: the scale with the least squared error found by trying clipped
// ranges and refitting the scale to the codes; never worse than absmax.  For
// int4-progressive all multiples of the unit are tried instead.
// Scales are rounded to what the codec stores before codes are chosen.  A row
// or group of zeros has scale 0.  Zeros stay exactly zero.
//
// Deterministic; rows are independent.  Temporary memory: O(cols).
//
// kInvalidArgument: a scale above the largest f16, naming its row and column.
absl::StatusOr<QuantizeResult> QuantizeRoundToNearest(
    MatrixView<const float> weight, const QuantizeOptions& options);

}  // namespace ounce

#endif  // OUNCE_QUANTIZE_ROUND_TO_NEAREST_H_
