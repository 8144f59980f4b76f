// Inputs for the kernel benchmarks.
#ifndef OUNCE_BENCH_KERNELS_MATRICES_H_
#define OUNCE_BENCH_KERNELS_MATRICES_H_

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "core/packing/codec.h"
#include "core/tensor.h"

namespace ounce {

inline Matrix RandomMatrix(int64_t rows, int64_t cols) {
  std::mt19937 random(1);
  Matrix matrix(rows, cols);
  for (float& value : matrix.values()) {
    value = static_cast<float>(random()) * 0x1.0p-31f - 1.0f;
  }
  return matrix;
}

// Random bytes are as good as any weights, apart from scales, which must not be
// denormal or infinite: every 16-bit part has a middling exponent.
class RandomWeights {
 public:
  RandomWeights(Codec codec, int64_t rows, int64_t cols) {
    matrix_.codec = codec;
    matrix_.rows = rows;
    matrix_.cols = cols;
    matrix_.group_size = GetCodecInfo(codec).grouped ? 32 : 0;
    matrix_.bytes = *PackedBytes(codec, rows, cols, matrix_.group_size);
    std::mt19937 random(2);
    data_.resize(static_cast<size_t>(matrix_.bytes) + 64);
    for (uint8_t& byte : data_) {
      byte = static_cast<uint8_t>(random() & 0x3F);
    }
    const auto misaligned = reinterpret_cast<uintptr_t>(data_.data()) % 64;
    matrix_.data = data_.data() + (64 - misaligned);
  }
  const PackedMatrix& matrix() const { return matrix_; }

 private:
  PackedMatrix matrix_;
  std::vector<uint8_t> data_;
};

}  // namespace ounce

#endif  // OUNCE_BENCH_KERNELS_MATRICES_H_
