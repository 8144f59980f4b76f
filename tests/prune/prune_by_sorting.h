// Magnitude pruning in the plainest way: sort, then zero the first.
#ifndef OUNCE_TESTS_PRUNE_PRUNE_BY_SORTING_H_
#define OUNCE_TESTS_PRUNE_PRUNE_BY_SORTING_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace ounce {

// Zeroes round(sparsity * size) of `weights`, those of smallest magnitude, of
// equal ones the first.
inline void PruneBySorting(double sparsity, std::vector<float>* weights) {
  std::vector<size_t> order(weights->size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::abs((*weights)[a]) < std::abs((*weights)[b]);
  });
  const auto count = static_cast<size_t>(
      std::llround(sparsity * static_cast<double>(weights->size())));
  for (size_t i = 0; i < count; ++i) (*weights)[order[i]] = 0.0f;
}

}  // namespace ounce

#endif  // OUNCE_TESTS_PRUNE_PRUNE_BY_SORTING_H_
