// A small model with random weights, bound and ready to run.
#ifndef OUNCE_TESTS_UTIL_TINY_MODEL_H_
#define OUNCE_TESTS_UTIL_TINY_MODEL_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/packing/codec.h"
#include "core/quantized_matrix.h"
#include "model/bind.h"
#include "model/spec.h"
#include "model/tensor_table.h"
#include "runtime/weights.h"
#include "tests/util/fake_tensor_source.h"
#include "tests/util/gaussian.h"

namespace ounce {

// Two blocks whose sizes all differ, with grouped queries: no two axes can be
// mixed up unnoticed.
inline ModelSpec TinySpec() {
  ModelSpec spec;
  spec.architecture = "llama";
  spec.vocab = 50;
  spec.width = 24;
  spec.layers = 2;
  spec.heads = 4;
  spec.kv_heads = 2;
  spec.head_dim = 8;
  spec.ffn = 40;
  spec.max_context = 64;
  return spec;
}

class TinyModel {
 public:
  // Matrices are stored as `codec`, vectors as f32.  Values are those of the
  // seed, whatever the codec.
  explicit TinyModel(const ModelSpec& spec, Codec codec = Codec::kF32,
                     uint64_t seed = 1)
      : spec_(spec) {
    Gaussian gaussian(seed);
    for (const TensorSlot& slot : TensorTable(spec)) {
      const int64_t size = CountParameters({slot});
      std::vector<float> values = gaussian.Floats(size, 0.4);
      if (IsCompressible(slot.role)) {
        AddMatrix(slot, codec, values);
        continue;
      }
      if (slot.role != TensorRole::kVector) {
        source_.AddFloats(slot.name, slot.shape, values);
        continue;
      }
      // Around 1, as norms are.
      for (float& value : values) value = 1.0f + 0.5f * value;
      source_.AddFloats(slot.name, slot.shape, values);
    }
    Bind();
  }
  TinyModel(const TinyModel&) = delete;
  TinyModel& operator=(const TinyModel&) = delete;

  const ModelSpec& spec() const { return spec_; }
  FakeTensorSource& source() { return source_; }
  const BoundTensors& bound() const { return bound_; }
  const ModelWeights& weights() const { return weights_; }
  // Again, after the source's bytes were changed.
  void Bind() {
    bound_ = *BindTensors(spec_, nullptr, source_);
    weights_ = ArrangeWeights(spec_, bound_);
  }

 private:
  // Rounds each group of 32 columns, or each row for int8, to its largest
  // weight.
  void AddMatrix(const TensorSlot& slot, Codec codec,
                 const std::vector<float>& values) {
    const CodecInfo& info = GetCodecInfo(codec);
    if (!info.quantized) {
      source_.AddFloats(slot.name, slot.shape, values, codec);
      return;
    }
    QuantizedMatrix matrix;
    matrix.rows = slot.shape[0];
    matrix.cols = slot.shape[1];
    matrix.group_size = info.grouped ? 32 : matrix.cols;
    const float limit = info.grouped ? 7.0f : 127.0f;
    const int zero_point = codec == Codec::kInt4Asymmetric ? 8 : 0;
    for (int64_t row = 0; row < matrix.rows; ++row) {
      float row_largest = 0;
      for (int64_t c = 0; c < matrix.cols; ++c) {
        const float value = values[static_cast<size_t>(row * matrix.cols + c)];
        row_largest = std::max(row_largest, std::abs(value));
      }
      const float unit = info.row_scale == nullptr
                             ? 0.0f
                             : info.row_scale(row_largest / limit);
      for (int64_t c = 0; c < matrix.cols; c += matrix.group_size) {
        const float* first = values.data() + row * matrix.cols + c;
        const float* last =
            first + std::min(matrix.group_size, matrix.cols - c);
        float largest = 0;
        for (const float* w = first; w != last; ++w) {
          largest = std::max(largest, std::abs(*w));
        }
        const float scale = info.round_scale(largest / limit, unit);
        for (const float* w = first; w != last; ++w) {
          const float code = std::clamp(std::round(*w / scale), -limit, limit);
          matrix.codes.push_back(
              static_cast<int8_t>(static_cast<int>(code) + zero_point));
        }
        matrix.scales.push_back(scale);
        if (zero_point != 0) {
          matrix.zero_points.push_back(static_cast<uint8_t>(zero_point));
        }
      }
    }
    const int64_t group_size = info.grouped ? 32 : 0;
    std::vector<uint8_t> bytes(static_cast<size_t>(
        info.packed_bytes(matrix.rows, matrix.cols, group_size)));
    info.pack(matrix, bytes.data());
    source_.Add(slot.name, slot.shape, codec, group_size, std::move(bytes));
  }

  const ModelSpec spec_;
  FakeTensorSource source_;
  BoundTensors bound_;
  ModelWeights weights_;
};

}  // namespace ounce

#endif  // OUNCE_TESTS_UTIL_TINY_MODEL_H_
