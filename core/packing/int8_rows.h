// Weight rows as plain int8, for products that want whole rows in one piece:
// weight[r, c] = scales[r] * codes[r, c].
#ifndef OUNCE_CORE_PACKING_INT8_ROWS_H_
#define OUNCE_CORE_PACKING_INT8_ROWS_H_

#include <cstdint>

namespace ounce {

// Owns nothing.
struct Int8Rows {
  int8_t* codes = nullptr;      // [rows, cols], without padding.
  float* scales = nullptr;      // [rows]
  int32_t* row_sums = nullptr;  // [rows]: of each row's codes.
};

}  // namespace ounce

#endif  // OUNCE_CORE_PACKING_INT8_ROWS_H_
