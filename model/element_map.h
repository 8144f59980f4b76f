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
  // The stored rows come in stretches of so many, each with its halves
  // interleaved: the first row of either half, then the second of either ...;
  // even; 0: they do not.
  int64_t pair_rows = 0;

  // The matrix is stored as it is, by itself, row after row.
  bool is_identity() const { return row_step == 0; }
  int64_t StoredRow(int64_t row) const {
    const int64_t within =
        group_rows == 0
            ? first + row
            : first + row / group_rows * group_step + row % group_rows;
    if (pair_rows == 0) return within;
    const int64_t place = within % pair_rows;
    const int64_t half = pair_rows / 2;
    return within - place + place % half * 2 + place / half;
  }
};

}  // namespace ounce

#endif  // OUNCE_MODEL_ELEMENT_MAP_H_
