// A checkpoint of random weights in a family's own layout, and the operations
// that its published formulas are written with, in double precision and plain
// loops: what a test of a family without stored outputs is worked with.  It
// knows neither ModelSpec nor canonical names.
#ifndef OUNCE_TESTS_E2E_FAMILY_NET_H_
#define OUNCE_TESTS_E2E_FAMILY_NET_H_

#include <cmath>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "core/tensor.h"
#include "formats/safetensors/safetensors_writer.h"
#include "gtest/gtest.h"
#include "tests/util/gaussian.h"
#include "tests/util/status_matchers.h"

namespace ounce {

using NetVector = std::vector<double>;
using NetRows = std::vector<NetVector>;  // [tokens][width]

class FamilyNet {
 public:
  // Adds a tensor: norms' weights around 1 (or 0, where a norm adds 1), the
  // others around 0 in proportion to their inputs.
  void Add(const std::string& name, Shape shape) {
    int64_t size = 1;
    for (const int64_t dimension : shape) size *= dimension;
    const bool is_vector = shape.size() == 1;
    const auto in = static_cast<double>(shape.back());
    std::vector<float> values =
        gaussian_.Floats(size, is_vector ? 0.2 : 1.2 / std::sqrt(in));
    const bool is_norm = absl::StrContains(name, "norm") ||
                         absl::StrContains(name, "Norm") ||
                         absl::StrContains(name, "ln_");
    if (is_vector && is_norm && !absl::EndsWith(name, ".bias")) {
      for (float& value : values) value += norm_center;
    }
    tensors_[name] = {std::move(shape), std::move(values)};
  }
  // A weight [out, in] and its bias.
  void AddLinear(const std::string& name, int64_t out, int64_t in,
                 bool bias = false) {
    Add(name + ".weight", {out, in});
    if (bias) Add(name + ".bias", {out});
  }
  void AddNorm(const std::string& name, int64_t size, bool bias = false) {
    Add(name + ".weight", {size});
    if (bias) Add(name + ".bias", {size});
  }

  // As model.safetensors, each tensor under what `rename` makes of its name, or
  // not at all if that is "".
  void Write(
      const std::string& folder, const std::string& config,
      const std::function<std::string(std::string)>& rename = nullptr) const {
    std::vector<OutputTensor> out;
    for (const auto& [name, tensor] : tensors_) {
      const std::string stored = rename ? rename(name) : name;
      if (stored.empty()) continue;
      out.push_back({stored,
                     "F32",
                     tensor.first,
                     {reinterpret_cast<const uint8_t*>(tensor.second.data()),
                      tensor.second.size() * sizeof(float)}});
    }
    ASSERT_OK(WriteSafetensors(folder + "/model.safetensors", out));
    std::ofstream(folder + "/config.json") << config;
  }

  double At(const std::string& name, int64_t index) const {
    return double{tensors_.at(name).second[static_cast<size_t>(index)]};
  }
  bool Has(const std::string& name) const { return tensors_.contains(name); }
  // A second tensor with the values of the first.
  void Copy(const std::string& name, const std::string& copy) {
    tensors_[copy] = tensors_.at(name);
  }

  NetRows Embedding(const std::string& name,
                    const std::vector<int32_t>& ids) const {
    const int64_t width = tensors_.at(name).first[1];
    NetRows x;
    for (const int32_t id : ids) {
      NetVector row;
      for (int64_t i = 0; i < width; ++i)
        row.push_back(At(name, id * width + i));
      x.push_back(row);
    }
    return x;
  }

  // x W^T + b over rows [begin, end) of the weight; all of them by default.
  NetRows Linear(const std::string& name, const NetRows& x, int64_t begin = 0,
                 int64_t end = -1) const {
    const Shape& shape = tensors_.at(name + ".weight").first;
    if (end < 0) end = shape[0];
    NetRows out;
    for (const NetVector& row : x) {
      NetVector y;
      for (int64_t r = begin; r < end; ++r) {
        double sum = Has(name + ".bias") ? At(name + ".bias", r) : 0.0;
        for (int64_t c = 0; c < shape[1]; ++c) {
          sum += row[static_cast<size_t>(c)] *
                 At(name + ".weight", r * shape[1] + c);
        }
        y.push_back(sum);
      }
      out.push_back(y);
    }
    return out;
  }

  NetRows LayerNorm(const std::string& name, NetRows x, double epsilon) const {
    for (NetVector& row : x) {
      const auto n = static_cast<double>(row.size());
      double mean = 0, variance = 0;
      for (const double value : row) mean += value / n;
      for (const double value : row)
        variance += (value - mean) * (value - mean) / n;
      for (size_t i = 0; i < row.size(); ++i) {
        const auto index = static_cast<int64_t>(i);
        row[i] = (row[i] - mean) / std::sqrt(variance + epsilon) *
                 At(name + ".weight", index);
        if (Has(name + ".bias")) row[i] += At(name + ".bias", index);
      }
    }
    return x;
  }
  // Of every part of a row that is as long as the weight.
  NetRows RmsNorm(const std::string& name, NetRows x, double epsilon,
                  double offset = 0.0) const {
    const auto size =
        static_cast<size_t>(tensors_.at(name + ".weight").first[0]);
    for (NetVector& row : x) {
      for (size_t part = 0; part < row.size(); part += size) {
        double squares = 0;
        for (size_t i = 0; i < size; ++i)
          squares += row[part + i] * row[part + i];
        const double root =
            std::sqrt(squares / static_cast<double>(size) + epsilon);
        for (size_t i = 0; i < size; ++i) {
          row[part + i] *=
              (offset + At(name + ".weight", static_cast<int64_t>(i))) / root;
        }
      }
    }
    return x;
  }

  float norm_center = 1.0f;

 private:
  Gaussian gaussian_{7};
  std::map<std::string, std::pair<Shape, std::vector<float>>> tensors_;
};

inline NetRows Sum(NetRows a, const NetRows& b, double scale = 1.0) {
  for (size_t t = 0; t < a.size(); ++t) {
    for (size_t i = 0; i < a[t].size(); ++i) a[t][i] += scale * b[t][i];
  }
  return a;
}
inline NetRows Map(NetRows x, const std::function<double(double)>& f) {
  for (NetVector& row : x) {
    for (double& value : row) value = f(value);
  }
  return x;
}
inline NetRows Times(NetRows a, const NetRows& b) {
  for (size_t t = 0; t < a.size(); ++t) {
    for (size_t i = 0; i < a[t].size(); ++i) a[t][i] *= b[t][i];
  }
  return a;
}

inline double Silu(double x) { return x / (1 + std::exp(-x)); }
inline double Gelu(double x) {
  return 0.5 * x * std::erfc(-x / std::numbers::sqrt2);
}
inline double GeluTanh(double x) {
  return 0.5 * x *
         (1 + std::tanh(std::sqrt(2 / std::numbers::pi) *
                        (x + 0.044715 * x * x * x)));
}

// Turns the first `dims` of each head's `head_dim` values, halves against each
// other, or neighbours.
inline NetRows Rope(NetRows x, size_t head_dim, size_t dims, double base,
                    bool neighbours = false) {
  for (size_t t = 0; t < x.size(); ++t) {
    for (size_t head = 0; head < x[t].size(); head += head_dim) {
      for (size_t i = 0; i < dims / 2; ++i) {
        const double angle = static_cast<double>(t) *
                             std::pow(base, -2.0 * static_cast<double>(i) /
                                                static_cast<double>(dims));
        double& a = x[t][head + (neighbours ? 2 * i : i)];
        double& b = x[t][head + (neighbours ? 2 * i + 1 : i + dims / 2)];
        const double turned = a * std::cos(angle) - b * std::sin(angle);
        b = a * std::sin(angle) + b * std::cos(angle);
        a = turned;
      }
    }
  }
  return x;
}

struct NetAttention {
  size_t heads;
  size_t kv_heads;
  double scale;
  // A token sees itself and window - 1 before, and as many behind where it sees
  // those; 0: all.
  size_t window = 0;
  double cap = 0.0;  // 0: none.
  // What is added to the score of a head, a query and a key.
  std::function<double(size_t, size_t, size_t)> bias = nullptr;
  bool causal = true;              // Else every token sees all keys.
  std::vector<uint8_t> mask = {};  // Of keys, 0: hidden; empty: none is.

  bool Sees(size_t t, size_t s) const {
    if (causal && s > t) return false;
    if (!mask.empty() && mask[s] == 0) return false;
    return window == 0 || (s + window > t && t + window > s);
  }
};

// softmax(q k^T) v; of a query that sees no key zeros.
inline NetRows Attend(const NetAttention& args, const NetRows& q,
                      const NetRows& k, const NetRows& v) {
  const size_t dim = q[0].size() / args.heads;
  NetRows out(q.size(), NetVector(q[0].size()));
  for (size_t t = 0; t < q.size(); ++t) {
    for (size_t h = 0; h < args.heads; ++h) {
      const size_t from = h / (args.heads / args.kv_heads) * dim;
      NetVector weights(k.size());
      double sum = 0;
      for (size_t s = 0; s < k.size(); ++s) {
        if (!args.Sees(t, s)) continue;
        double score = 0;
        for (size_t i = 0; i < dim; ++i)
          score += q[t][h * dim + i] * k[s][from + i];
        score *= args.scale;
        if (args.cap != 0) score = args.cap * std::tanh(score / args.cap);
        if (args.bias) score += args.bias(h, t, s);
        sum += weights[s] = std::exp(score);
      }
      for (size_t s = 0; s < k.size() && sum > 0; ++s) {
        for (size_t i = 0; i < dim; ++i) {
          out[t][h * dim + i] += weights[s] / sum * v[s][from + i];
        }
      }
    }
  }
  return out;
}

}  // namespace ounce

#endif  // OUNCE_TESTS_E2E_FAMILY_NET_H_
