// A transformer in plain double precision, without cache, chunks or threads:
// what the executor is compared with.
// Source: Llama, arXiv:2302.13971; grouped queries, arXiv:2305.13245.
#ifndef OUNCE_TESTS_RUNTIME_REFERENCE_TRANSFORMER_H_
#define OUNCE_TESTS_RUNTIME_REFERENCE_TRANSFORMER_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numbers>
#include <string>
#include <vector>

#include "core/packing/codec.h"
#include "model/bind.h"
#include "model/spec.h"
#include "model/tensor_table.h"

namespace ounce {

class ReferenceTransformer {
 public:
  using Vector = std::vector<double>;
  using Rows = std::vector<Vector>;

  ReferenceTransformer(const ModelSpec& spec, const BoundTensors& bound)
      : spec_(spec) {
    for (const BoundTensor& tensor : bound.tensors) {
      const PackedMatrix& m = tensor.matrix;
      std::vector<float> values(static_cast<size_t>(m.rows * m.cols));
      GetCodecInfo(m.codec).unpack_rows(m, 0, m.rows, values.data());
      Rows& rows = tensors_[tensor.slot.name];
      for (auto row = values.begin(); row != values.end(); row += m.cols) {
        rows.emplace_back(row, row + m.cols);
      }
    }
  }

  // Logits of every position; `key_mask` as in Executor::Forward(), or empty.
  Rows Logits(const std::vector<int32_t>& ids,
              const std::vector<uint8_t>& key_mask = {}) const {
    Rows x;
    for (const int32_t id : ids) {
      x.push_back(tensors_.at(std::string(kEmbeddingName)).at(Index(id)));
    }
    for (int64_t layer = 0; layer < spec_.layers; ++layer) {
      AddTo(x, Attention(layer, Norm(layer, "input_layernorm", x), key_mask));
      AddTo(x, FeedForward(layer, Norm(layer, "post_attention_layernorm", x)));
    }
    const absl::string_view head = spec_.tied_head ? kEmbeddingName : kHeadName;
    return Product(tensors_.at(std::string(head)),
                   RmsNorm(x, tensors_.at(std::string(kFinalNormName))[0]));
  }

 private:
  static size_t Index(int64_t i) { return static_cast<size_t>(i); }

  static void AddTo(Rows& x, const Rows& y) {
    for (size_t t = 0; t < x.size(); ++t) {
      for (size_t i = 0; i < x[t].size(); ++i) x[t][i] += y[t][i];
    }
  }

  Rows RmsNorm(Rows x, const Vector& weight) const {
    for (Vector& row : x) {
      double sum = 0;
      for (const double value : row) sum += value * value;
      const double norm =
          std::sqrt(sum / static_cast<double>(row.size()) + spec_.norm_epsilon);
      for (size_t i = 0; i < row.size(); ++i) row[i] *= weight[i] / norm;
    }
    return x;
  }
  Rows Norm(int64_t layer, const std::string& name, const Rows& x) const {
    return RmsNorm(x, tensors_.at(LayerTensorName(layer, name + ".weight"))[0]);
  }

  static Rows Product(const Rows& weight, const Rows& x) {
    Rows out(x.size(), Vector(weight.size()));
    for (size_t t = 0; t < x.size(); ++t) {
      for (size_t r = 0; r < weight.size(); ++r) {
        for (size_t i = 0; i < x[t].size(); ++i) {
          out[t][r] += x[t][i] * weight[r][i];
        }
      }
    }
    return out;
  }
  Rows Linear(int64_t layer, const std::string& name, const Rows& x) const {
    Rows out =
        Product(tensors_.at(LayerTensorName(layer, name + ".weight")), x);
    const auto bias = tensors_.find(LayerTensorName(layer, name + ".bias"));
    if (bias == tensors_.end()) return out;
    for (Vector& row : out) {
      for (size_t i = 0; i < row.size(); ++i) row[i] += bias->second[0][i];
    }
    return out;
  }

  // Rotates the halves of each head against each other; linear scaling divides
  // positions by the factor, which is 1 without.
  void Rotate(Rows& x) const {
    const size_t half = Index(spec_.head_dim) / 2;
    for (size_t t = 0; t < x.size(); ++t) {
      for (size_t head = 0; head < x[t].size(); head += 2 * half) {
        for (size_t i = 0; i < half; ++i) {
          const double angle =
              static_cast<double>(t) / spec_.rotary.factor *
              std::pow(spec_.rotary.base,
                       -static_cast<double>(i) / static_cast<double>(half));
          double& a = x[t][head + i];
          double& b = x[t][head + half + i];
          const double rotated = a * std::cos(angle) - b * std::sin(angle);
          b = b * std::cos(angle) + a * std::sin(angle);
          a = rotated;
        }
      }
    }
  }

  bool Sees(size_t query, size_t key,
            const std::vector<uint8_t>& key_mask) const {
    if (!key_mask.empty() && key_mask[key] == 0) return false;
    return spec_.window == 0 || key + Index(spec_.window) > query;
  }

  Rows Attention(int64_t layer, const Rows& x,
                 const std::vector<uint8_t>& key_mask) const {
    Rows query = Linear(layer, "self_attn.q_proj", x);
    Rows key = Linear(layer, "self_attn.k_proj", x);
    const Rows value = Linear(layer, "self_attn.v_proj", x);
    Rotate(query);
    Rotate(key);
    const size_t dim = Index(spec_.head_dim);
    Rows out(x.size(), Vector(query[0].size()));
    for (size_t t = 0; t < x.size(); ++t) {
      for (size_t head = 0; head < Index(spec_.heads); ++head) {
        const size_t from = head * Index(spec_.kv_heads) / Index(spec_.heads);
        Vector weights(t + 1);
        double sum = 0;
        for (size_t k = 0; k <= t; ++k) {
          if (!Sees(t, k, key_mask)) continue;
          double dot = 0;
          for (size_t i = 0; i < dim; ++i) {
            dot += query[t][head * dim + i] * key[k][from * dim + i];
          }
          weights[k] = std::exp(dot / std::sqrt(static_cast<double>(dim)));
          sum += weights[k];
        }
        if (sum == 0) continue;  // All keys hidden: nothing is attended to.
        for (size_t k = 0; k <= t; ++k) {
          for (size_t i = 0; i < dim; ++i) {
            out[t][head * dim + i] +=
                weights[k] / sum * value[k][from * dim + i];
          }
        }
      }
    }
    return Linear(layer, "self_attn.o_proj", out);
  }

  double Activate(double x) const {
    switch (spec_.activation) {
      case ActivationKind::kSilu:
        return x / (1 + std::exp(-x));
      case ActivationKind::kGelu:
        return x * 0.5 * std::erfc(-x / std::numbers::sqrt2);
      case ActivationKind::kGeluTanh:
        return 0.5 * x *
               (1 + std::tanh(std::sqrt(2 / std::numbers::pi) *
                              (x + 0.044715 * x * x * x)));
      case ActivationKind::kRelu:
        return std::max(x, 0.0);
    }
    return x;
  }

  Rows FeedForward(int64_t layer, const Rows& x) const {
    Rows gate = Linear(layer, "mlp.gate_proj", x);
    const Rows up = Linear(layer, "mlp.up_proj", x);
    for (size_t t = 0; t < gate.size(); ++t) {
      for (size_t i = 0; i < gate[t].size(); ++i) {
        gate[t][i] = Activate(gate[t][i]) * up[t][i];
      }
    }
    return Linear(layer, "mlp.down_proj", gate);
  }

  const ModelSpec spec_;
  std::map<std::string, Rows> tensors_;
};

}  // namespace ounce

#endif  // OUNCE_TESTS_RUNTIME_REFERENCE_TRANSFORMER_H_
