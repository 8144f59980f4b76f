// What every pruning method is: a scan that keeps small statistics, then an
// apply that zeroes weights panel by panel.
#ifndef OUNCE_PRUNE_PRUNER_H_
#define OUNCE_PRUNE_PRUNER_H_

#include "core/tensor.h"

namespace ounce {

// One pruner serves one tensor, or a group of tensors that share a threshold.
// The driver runs every round of the scan over all rows of all its tensors,
// then applies it to all rows, both in the same order.  Not thread-safe.
class Pruner {
 public:
  virtual ~Pruner() = default;

  // How many times the weights must be seen before Apply().
  virtual int num_scan_rounds() const = 0;
  // Part of round `round`; `panel` is [out, in].
  virtual void Scan(int round, MatrixView<const float> panel) = 0;
  virtual void EndRound(int round) = 0;
  // Sets the pruned weights of `panel` to 0.
  virtual void Apply(MatrixView<float> panel) = 0;
};

}  // namespace ounce

#endif  // OUNCE_PRUNE_PRUNER_H_
