// The angles of rotary positions, as cosines and sines.
// Source: RoFormer, arXiv:2104.09864; the scalings as in modeling_rope_utils of
// transformers 5.12: "llama3" of Meta's Llama 3.1 reference code, YaRN
// (arXiv:2309.00071), LongRoPE (arXiv:2402.13753).
#ifndef OUNCE_RUNTIME_ROTARY_TABLE_H_
#define OUNCE_RUNTIME_ROTARY_TABLE_H_

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "model/spec.h"

namespace ounce {

class RotaryTable {
 public:
  // For the first `dims` values of each head.
  RotaryTable(const RotarySpec& spec, int64_t dims);

  // Fills row t of `cos` and `sin`, [tokens, dims / 2] each, with the angles of
  // position `first_position` + t in a text of `length` tokens.  Angles are
  // f32, as in the reference implementation, so that long contexts agree with
  // it.
  void Fill(int64_t first_position, int64_t length, MatrixView<float> cos,
            MatrixView<float> sin) const;

  // [dims / 2], radians per position in a text of `length` tokens.
  std::vector<float> Frequencies(int64_t length) const;

  // Whether all positions of a text of `after` tokens turn otherwise than they
  // did when it had `before`, so that keys stored then are of no use.  (Texts
  // that grow under dynamic scaling keep theirs, as in the reference.)
  bool IsOutdated(int64_t before, int64_t after) const;

  int64_t num_pairs() const { return dims_ / 2; }

 private:
  void FillRow(const std::vector<float>& frequencies, int64_t position,
               float* cos, float* sin) const;

  const RotarySpec spec_;
  const int64_t dims_;
  std::vector<float> frequencies_;       // Of all texts, or of short ones.
  std::vector<float> long_frequencies_;  // Of kLongRope.
};

}  // namespace ounce

#endif  // OUNCE_RUNTIME_ROTARY_TABLE_H_
