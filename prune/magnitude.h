// Magnitude pruning: the weights of smallest magnitude become zero.
// Source: Han et al., arXiv:1506.02626, section 3.
#ifndef OUNCE_PRUNE_MAGNITUDE_H_
#define OUNCE_PRUNE_MAGNITUDE_H_

#include <cstdint>
#include <vector>

#include "prune/pruner.h"

namespace ounce {

// Zeroes exactly round(sparsity * size) weights: all those below the threshold,
// and of those equal to it the first in row order.  Weights that are 0 already
// count.  Two scans find the threshold exactly: the first by the upper half of
// the magnitude's 32 bits, the second by the lower half.  Memory: 512 KiB,
// whatever the size.
class MagnitudePruner : public Pruner {
 public:
  // `sparsity` in [0, 1).
  explicit MagnitudePruner(double sparsity);

  int num_scan_rounds() const override { return 2; }
  void Scan(int round, MatrixView<const float> panel) override;
  void EndRound(int round) override;
  void Apply(MatrixView<float> panel) override;

  // After the scan: weights below this magnitude are pruned.
  float threshold() const;

 private:
  void CountUpper(MatrixView<const float> panel);
  void CountLower(MatrixView<const float> panel);

  const double sparsity_;
  std::vector<int64_t> histogram_;  // Of the half being counted.
  int64_t size_ = 0;                // Weights seen in the first round.
  int64_t to_prune_ = 0;  // Weights still to find below the threshold.
  uint32_t upper_ = 0;    // Of the threshold's bits.
  uint32_t bits_ = 0;     // The threshold's magnitude, as f32 bits.
  int64_t ties_ = 0;      // Weights equal to it that are still to prune.
};

}  // namespace ounce

#endif  // OUNCE_PRUNE_MAGNITUDE_H_
