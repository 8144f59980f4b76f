// Inputs of kernel tests, the same on every platform.
#ifndef OUNCE_TESTS_KERNELS_RANDOM_DATA_H_
#define OUNCE_TESTS_KERNELS_RANDOM_DATA_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "core/half.h"
#include "core/packing/codec.h"
#include "core/quantized_matrix.h"
#include "core/tensor.h"
#include "kernels/kernel_table.h"

namespace ounce {

class RandomData {
 public:
  explicit RandomData(uint32_t seed = 1) : random_(seed) {}

  // Uniform in [-1, 1), respectively in [low, high].
  float Float() { return static_cast<float>(random_()) * 0x1.0p-31f - 1.0f; }
  int Int(int low, int high) {
    const auto choices = static_cast<uint32_t>(high - low + 1);
    return low + static_cast<int>(random_() % choices);
  }
  Matrix Floats(int64_t rows, int64_t cols) {
    Matrix matrix(rows, cols);
    for (float& value : matrix.values()) value = Float();
    return matrix;
  }

 private:
  std::mt19937 random_;
};

// Owns the stored bytes of a matrix; not one byte more is allocated, so that an
// address sanitizer sees every read beyond them.
class StoredMatrix {
 public:
  StoredMatrix(Codec codec, int64_t rows, int64_t cols, int64_t group_size)
      : bytes_(
            static_cast<size_t>(*PackedBytes(codec, rows, cols, group_size))) {
    view_ = {codec,      rows,          cols,
             group_size, bytes_.data(), static_cast<int64_t>(bytes_.size())};
  }
  StoredMatrix(const StoredMatrix&) = delete;
  StoredMatrix& operator=(const StoredMatrix&) = delete;

  uint8_t* bytes() { return bytes_.data(); }
  const PackedMatrix& view() const { return view_; }

 private:
  std::vector<uint8_t> bytes_;
  PackedMatrix view_;
};

// Makes the scales ones that the codec can store.
inline void RoundScales(Codec codec, QuantizedMatrix* matrix) {
  const CodecInfo& info = GetCodecInfo(codec);
  const auto groups = static_cast<size_t>(matrix->num_groups());
  for (size_t row = 0; row < matrix->scales.size(); row += groups) {
    float largest = 0.0f;
    for (size_t g = row; g < row + groups; ++g) {
      largest = std::max(largest, std::abs(matrix->scales[g]));
    }
    const float unit =
        info.row_scale == nullptr ? 0.0f : info.row_scale(largest);
    for (size_t g = row; g < row + groups; ++g) {
      matrix->scales[g] = info.round_scale(matrix->scales[g], unit);
    }
  }
}

// Random weights of a quantised codec with codes in [low, high] (and zero
// points too, for a codec that has them).
inline void FillQuantized(RandomData& random, int low, int high,
                          StoredMatrix* stored) {
  const PackedMatrix& view = stored->view();
  QuantizedMatrix matrix;
  matrix.rows = view.rows;
  matrix.cols = view.cols;
  matrix.group_size = view.group_size == 0 ? view.cols : view.group_size;
  const auto num_scales =
      static_cast<size_t>(matrix.rows * matrix.num_groups());
  matrix.codes.resize(static_cast<size_t>(view.rows * view.cols));
  for (int8_t& code : matrix.codes) {
    code = static_cast<int8_t>(random.Int(low, high));
  }
  matrix.scales.resize(num_scales);
  for (float& scale : matrix.scales) scale = 0.01f * random.Float();
  RoundScales(view.codec, &matrix);
  if (view.codec == Codec::kInt4Asymmetric) {
    matrix.zero_points.resize(num_scales);
    for (uint8_t& zero_point : matrix.zero_points) {
      zero_point = static_cast<uint8_t>(random.Int(low, high));
    }
  }
  GetCodecInfo(view.codec).pack(matrix, stored->bytes());
}

// Random weights of a float codec.
inline void FillFloats(RandomData& random, StoredMatrix* stored) {
  const PackedMatrix& view = stored->view();
  uint8_t* out = stored->bytes();
  for (int64_t i = 0; i < view.rows * view.cols; ++i) {
    const float value = random.Float();
    if (view.codec == Codec::kF32) {
      std::memcpy(out + i * 4, &value, 4);
    } else {
      const uint16_t half =
          view.codec == Codec::kF16 ? F32ToF16(value) : F32ToBF16(value);
      std::memcpy(out + i * 2, &half, 2);
    }
  }
}

// Random blocks of a foreign codec, their scales small numbers in f16.
inline void FillBlocks(RandomData& random, StoredMatrix* stored) {
  const PackedMatrix& view = stored->view();
  const BlockLayout& block = GetCodecInfo(view.codec).block;
  for (int64_t i = 0; i < view.bytes; ++i) {
    stored->bytes()[i] = static_cast<uint8_t>(random.Int(0, 255));
  }
  for (int64_t at = 0; at < view.bytes; at += block.bytes) {
    uint8_t* scales = stored->bytes() + at + block.scales_offset;
    for (int64_t i = 0; i < block.num_scales; ++i) {
      const uint16_t scale = F32ToF16(0.01f * random.Float());
      std::memcpy(scales + i * 2, &scale, 2);
    }
  }
}

// Quantised activations with given codes, by token and by group.
class Activations {
 public:
  Activations(int64_t tokens, int64_t cols,
              const std::function<int()>& next_code, RandomData& random) {
    const int64_t stride = RoundUp(cols, 64);
    codes_.resize(static_cast<size_t>(tokens * stride));
    std::vector<int32_t> sums(static_cast<size_t>(tokens * stride / kSumCols));
    scales_.resize(static_cast<size_t>(tokens));
    for (float& scale : scales_) scale = 0.5f + 0.4f * random.Float();
    // Of which one group in eight is all zero, as far as its scale goes.
    group_scales_.resize(sums.size());
    for (float& scale : group_scales_) {
      scale = random.Int(0, 7) == 0 ? 0.0f : 0.5f + 0.4f * random.Float();
    }
    for (int64_t t = 0; t < tokens; ++t) {
      for (int64_t c = 0; c < cols; ++c) {
        const int code = next_code();
        codes_[static_cast<size_t>(t * stride + c)] = static_cast<int8_t>(code);
        sums[static_cast<size_t>((t * stride + c) / kSumCols)] += code;
      }
    }
    for (const int32_t sum : sums) sums_.push_back(EncodeSum(sum));
    input_.quantized = {codes_.data(), scales_.data(), sums_.data(),
                        tokens,        cols,           stride};
    input_.grouped = input_.quantized;
    input_.grouped.scales = group_scales_.data();
  }
  Activations(const Activations&) = delete;
  Activations& operator=(const Activations&) = delete;

  const QuantizedRows& rows() const { return input_.quantized; }
  // Both forms.
  const MatMulInput& input() const { return input_; }

 private:
  std::vector<int8_t> codes_;
  std::vector<int32_t> sums_;
  std::vector<float> scales_;
  std::vector<float> group_scales_;
  MatMulInput input_;
};

}  // namespace ounce

#endif  // OUNCE_TESTS_KERNELS_RANDOM_DATA_H_
