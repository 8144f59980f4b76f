// Half-quadratic quantisation: scales and zero points for which most weights
// lose little, whatever the few large ones lose.  Needs no data.
// Source: Badri and Shaji, "Half-Quadratic Quantization of Large Machine
// Learning Models", 2023, https://mobiusml.github.io/hqq_blog/.
//
// It seeks the least
//   sum |weight - restored|^p,   p = 3/4 < 1,
// of a group by means of a copy e of the errors: the least of
//   |e|^p + beta / 2 * (e - (weight - restored))^2
// over e is a shrinking of the errors, of small ones to 0; over the scale (the
// authors' zero point), the codes being kept, it is a least squares fit of the
// weights less e.  Both are repeated with a growing beta while that helps.
//
// What is ours:
//   - p is 3/4 where the authors take 0.7: its powers are square roots, which
//     are the same everywhere and run in vectors;
//   - errors are measured in steps of the grid, so that a group's unit means
//     nothing to beta;
//   - it is scales that are fitted.  A zero point is a whole number here, which
//     the fit of one would never move: those beside it are tried.
// As theirs, it goes down from its start and looks for no other valley: the
// least of such a sum anywhere gives up the large weights, at twice the squared
// error in int4 and ten times and more in int8.
#ifndef OUNCE_QUANTIZE_HQQ_H_
#define OUNCE_QUANTIZE_HQQ_H_

#include "absl/status/statusor.h"
#include "core/tensor.h"
#include "quantize/quantizer.h"

namespace ounce {

// Begins with what QuantizeRoundToNearest() gives for `options` and makes the
// sum above smaller, group by group; it is never larger.  Scales are rounded to
// what the codec stores before codes are chosen (a row's unit stays); zeros
// stay exactly zero.
//
// Deterministic; rows are independent.  Temporary memory: O(cols).
//
// Errors as QuantizeRoundToNearest().
absl::StatusOr<QuantizeResult> QuantizeHalfQuadratic(
    MatrixView<const float> weight, const QuantizeOptions& options);

}  // namespace ounce

#endif  // OUNCE_QUANTIZE_HQQ_H_
