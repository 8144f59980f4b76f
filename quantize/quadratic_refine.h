// Lowers the quadratic error of codes and scales that are already there, one at
// a time: trace(D H D^T) with D = weight - scale * (code - zero point).
#ifndef OUNCE_QUANTIZE_QUADRATIC_REFINE_H_
#define OUNCE_QUANTIZE_QUADRATIC_REFINE_H_

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "quantize/coded_rows.h"

namespace ounce {

// D H D^T of each row of `error` D [rows, n], into `sums` [rows].
void QuadraticErrors(MatrixView<const float> error,
                     MatrixView<const float> hessian, double* sums);

// Cyclic coordinate descent.  Each step replaces one code by the best one in
// view of all others, or one scale (a group's, then a row's only one or the
// unit of its scales) by the best one that the codec stores for the codes as
// they are; no step raises a row's error, apart from rounding.  Codes are taken
// in blocks of columns, so that most of the work is one matrix product.  Zero
// points stay.
// One object serves one thread.
class QuadraticRefiner {
 public:
  // `hessian` [n, n], symmetric, must outlive the refiner.  Columns whose
  // diagonal is 0 keep their codes.
  explicit QuadraticRefiner(MatrixView<const float> hessian)
      : hessian_(hessian) {}

  // Visits every code and scale of `rows`, some a few times; `error` [rows, n]
  // is their D, and kept so.
  void Sweep(const CodedRows& rows, MatrixView<float> error);

 private:
  struct Block {
    int64_t begin;
    int64_t end;
  };

  void RefineBlock(const CodedRows& rows, int64_t row, Block block,
                   MatrixView<float> error);
  bool RefineCodes(const CodedRows& rows, int64_t row, Block block,
                   float* error);
  bool RefineGroup(const CodedRows& rows, int64_t row, int64_t group,
                   Block block, float* error);
  void RefineRowScales(const CodedRows& rows, MatrixView<float> error);

  const MatrixView<const float> hessian_;
  std::vector<float> products_;   // [rows, block] of D H.
  std::vector<float> direction_;  // [rows, n]
  float* gradient_ = nullptr;     // Of the row at hand, from the block on.
};

}  // namespace ounce

#endif  // OUNCE_QUANTIZE_QUADRATIC_REFINE_H_
