// Where the elements of a matrix are within a stored tensor that holds more
// than this matrix, or holds it another way round: fused query, key and value
// projections, transposed weights.
#ifndef OUNCE_MODEL_ELEMENT_MAP_H_
#define OUNCE_MODEL_ELEMENT_MAP_H_

#include <cstdint>

namespace ounce {

// Element (r, c) of the matrix is the stored element
//   StoredRow(r) * row_step + c * column_step.
// A vector is a matrix of one column here: element i is (i, 0).
struct ElementMap {
  int64_t first = 0;        // The stored row of row 0.
  int64_t group_rows = 0;   // Rows that follow each other; 0: all of them.
  int64_t group_step = 0;   // Stored rows from one group's first to the next's.
  int64_t row_step = 0;     // Stored elements; 0: the map is the identity.
  int64_t column_step = 1;  // Stored elements.

  // The matrix is stored as it is, by itself, row after row.
  bool is_identity() const { return row_step == 0; }
  int64_t StoredRow(int64_t row) const {
    if (group_rows == 0) return first + row;
    return first + row / group_rows * group_step + row % group_rows;
  }
};

}  // namespace ounce

#endif  // OUNCE_MODEL_ELEMENT_MAP_H_
