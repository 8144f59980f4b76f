// Inputs whose channels are correlated and of different sizes, as a model's
// are, and the mean of their products.
#ifndef OUNCE_TESTS_QUANTIZE_CORRELATED_H_
#define OUNCE_TESTS_QUANTIZE_CORRELATED_H_

#include <cmath>
#include <cstdint>

#include "core/tensor.h"
#include "tests/util/gaussian.h"

namespace ounce {

// The mean of x x^T over `tokens` vectors of `width`, of which each is a mix of
// independent sources that fall off, its channels scaled apart.
inline Matrix CorrelatedHessian(int64_t width, int64_t tokens, uint64_t seed) {
  Gaussian random(seed);
  Matrix mix(width, width, random.Floats(width * width));
  for (int64_t col = 0; col < width; ++col) {
    const auto size = static_cast<float>(std::exp(0.5 * random.Next()));
    for (int64_t source = 0; source < width; ++source) {
      mix.row(source)[col] *=
          size / static_cast<float>(std::sqrt(1.0 + double(source)));
    }
  }
  Matrix x(tokens, width);
  for (int64_t t = 0; t < tokens; ++t) {
    for (int64_t source = 0; source < width; ++source) {
      const auto value = static_cast<float>(random.Next());
      for (int64_t c = 0; c < width; ++c) {
        x.row(t)[c] += value * mix.row(source)[c];
      }
    }
  }
  Matrix hessian(width, width);
  for (int64_t i = 0; i < width; ++i) {
    for (int64_t j = 0; j <= i; ++j) {
      double sum = 0.0;
      for (int64_t t = 0; t < tokens; ++t) {
        sum += double{x.row(t)[i]} * double{x.row(t)[j]};
      }
      hessian.row(i)[j] = hessian.row(j)[i] =
          static_cast<float>(sum / static_cast<double>(tokens));
    }
  }
  return hessian;
}

// trace(D H D^T), in f64.
inline double QuadraticError(const Matrix& error, const Matrix& hessian) {
  double sum = 0.0;
  for (int64_t row = 0; row < error.rows(); ++row) {
    for (int64_t i = 0; i < error.cols(); ++i) {
      for (int64_t j = 0; j < error.cols(); ++j) {
        sum += double{error.row(row)[i]} * double{hessian.row(i)[j]} *
               double{error.row(row)[j]};
      }
    }
  }
  return sum;
}

}  // namespace ounce

#endif  // OUNCE_TESTS_QUANTIZE_CORRELATED_H_
