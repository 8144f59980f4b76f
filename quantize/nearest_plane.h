// Rounds rows of weights one column at a time; what each column's rounding
// loses, the columns after it make up for.
// Source: Babai's nearest plane algorithm as in Chen et al., "The Geometry of
// LLM Quantization", arXiv:2507.18553: with H = L L^T and columns taken from
// the last to the first it gives the codes of GPTQ (Frantar et al.,
// arXiv:2210.17323, Algorithm 1), which needs the inverse of H, without it.
#ifndef OUNCE_QUANTIZE_NEAREST_PLANE_H_
#define OUNCE_QUANTIZE_NEAREST_PLANE_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/tensor.h"
#include "quantize/coded_rows.h"

namespace ounce {

// One object serves one thread.
class NearestPlaneRounder {
 public:
  // `factor` L [n, n]: lower triangle, positive diagonal; its row i belongs to
  // the weights' column order[i].  Both must outlive the rounder.
  NearestPlaneRounder(MatrixView<const float> factor,
                      absl::Span<const int64_t> order)
      : factor_(factor), order_(order) {}

  // Sets all codes of `rows`, for the scales they have, and `error` [rows, n],
  // PaddedStride() apart, to their D = weight - scale * (code - zero point).
  // Of row d of D and column j in the order of L: code j is the one that brings
  // (d L)_j, which depends on the columns from j on, nearest to 0.
  void Round(const CodedRows& rows, MatrixView<float> error);

 private:
  MatrixView<float> Feedback(MatrixView<const float> errors, int64_t begin,
                             int64_t end);
  void RoundBlock(const CodedRows& rows, int64_t row, int64_t begin,
                  MatrixView<float> block_feedback, float* errors);

  const MatrixView<const float> factor_;
  const absl::Span<const int64_t> order_;
  std::vector<float> permuted_;  // The error in the order of the factor.
  std::vector<float> feedback_;
};

}  // namespace ounce

#endif  // OUNCE_QUANTIZE_NEAREST_PLANE_H_
