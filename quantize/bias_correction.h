// What a quantised matrix gives too much or too little on average, put into its
// bias.
// Source: Nagel et al., Data-Free Quantization, arXiv:1906.04721, section 4.2:
// with weights W and Wq = W + e in place of them, outputs change by e x, on
// average by e mean(x), which a bias takes back.
#ifndef OUNCE_QUANTIZE_BIAS_CORRECTION_H_
#define OUNCE_QUANTIZE_BIAS_CORRECTION_H_

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/tensor.h"

namespace ounce {

// Some rows of a matrix and what quantisation made of them, [rows, in] both.
struct RestoredRows {
  MatrixView<const float> weight;
  MatrixView<const float> restored;
};

// Adds (weight - restored) mean_input to `bias`, [rows], for those rows.
// `mean_input`, [in], is the mean over tokens of the inputs that the restored
// rows will see: with channels scaled, of scaled ones.  A sum that no f32 holds
// leaves all of `bias` as it was.
// kInvalidArgument, naming column or row: a mean that is not finite, a bias
// that would not be.
absl::Status CorrectBias(const RestoredRows& rows,
                         absl::Span<const float> mean_input,
                         absl::Span<float> bias);

}  // namespace ounce

#endif  // OUNCE_QUANTIZE_BIAS_CORRECTION_H_
