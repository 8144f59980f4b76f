// Normally distributed numbers, the same on every platform.
#ifndef OUNCE_TESTS_UTIL_GAUSSIAN_H_
#define OUNCE_TESTS_UTIL_GAUSSIAN_H_

#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "core/random.h"

namespace ounce {

// Box and Muller's transform.
class Gaussian {
 public:
  explicit Gaussian(uint64_t seed) : random_(seed) {}

  double Next() {
    const double radius =
        std::sqrt(-2.0 * std::log(1.0 - random_.NextDouble()));
    return radius * std::cos(2.0 * std::numbers::pi * random_.NextDouble());
  }
  std::vector<float> Floats(int64_t count, double deviation = 1.0) {
    std::vector<float> values;
    for (int64_t i = 0; i < count; ++i) {
      values.push_back(static_cast<float>(deviation * Next()));
    }
    return values;
  }

 private:
  Random random_;
};

}  // namespace ounce

#endif  // OUNCE_TESTS_UTIL_GAUSSIAN_H_
