// The angles of rotary positions, as cosines and sines.
// Source: RoFormer, arXiv:2104.09864; "llama3" scaling as in Meta's Llama 3.1
// reference code.
#ifndef OUNCE_RUNTIME_ROTARY_TABLE_H_
#define OUNCE_RUNTIME_ROTARY_TABLE_H_

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "model/spec.h"

namespace ounce {

class RotaryTable {
 public:
  // Frequencies for heads of `head_dim` values.
  RotaryTable(const RotarySpec& spec, int64_t head_dim);

  // Fills row t of `cos` and `sin`, [tokens, head_dim / 2] each, with the
  // angles of position `first_position` + t.  Angles are f32, as in the
  // reference implementation, so that long contexts agree with it.
  void Fill(int64_t first_position, MatrixView<float> cos,
            MatrixView<float> sin) const;

  // [head_dim / 2], radians per position.
  const std::vector<float>& frequencies() const { return frequencies_; }

 private:
  std::vector<float> frequencies_;
};

}  // namespace ounce

#endif  // OUNCE_RUNTIME_ROTARY_TABLE_H_
