// What every quantisation method takes and gives.
#ifndef OUNCE_QUANTIZE_QUANTIZER_H_
#define OUNCE_QUANTIZE_QUANTIZER_H_

#include <cstdint>

#include "core/packing/packed_matrix.h"
#include "core/quantized_matrix.h"

namespace ounce {

enum class ScaleMethod {
  kAbsMax,        // The largest weight is met, as nearly as scales allow.
  kLeastSquares,  // The squared error is least: large weights may be clipped.
};

struct QuantizeOptions {
  Codec codec = Codec::kInt8;  // A quantised one.
  // Columns that share a scale: 32, 64 or 128 for int4; 0, the whole row, for
  // int8.  Larger groups take less space and lose more.
  int64_t group_size = 0;
  ScaleMethod scale = ScaleMethod::kAbsMax;
};

struct QuantizeResult {
  QuantizedMatrix weight;
  // Groups too small for their codec's scales: f16 scales below the smallest
  // normal number, stored with fewer bits or as 0, and groups that became zeros
  // beside the largest of their row.
  int64_t tiny_scales = 0;
};

}  // namespace ounce

#endif  // OUNCE_QUANTIZE_QUANTIZER_H_
