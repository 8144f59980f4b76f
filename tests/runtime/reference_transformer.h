// A transformer in plain double precision, without cache, chunks or threads:
// what the executor is compared with, for every choice of a spec.
// Source: the transformer, arXiv:1706.03762; T5, arXiv:1910.10683; Llama,
// arXiv:2302.13971; grouped queries, arXiv:2305.13245; ALiBi,
// arXiv:2108.12409; experts, arXiv:2401.04088; the definitions in model/spec.h.
#ifndef OUNCE_TESTS_RUNTIME_REFERENCE_TRANSFORMER_H_
#define OUNCE_TESTS_RUNTIME_REFERENCE_TRANSFORMER_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numbers>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

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
      ReadRows(tensor, 0, m.rows, values.data());
      Rows& rows = tensors_[tensor.slot.name];
      for (auto row = values.begin(); row != values.end(); row += m.cols) {
        rows.emplace_back(row, row + m.cols);
      }
    }
  }

  // Of the encoder beside the decoder that `spec` describes.
  static ReferenceTransformer EncoderBeside(const ModelSpec& spec,
                                            const BoundTensors& bound) {
    ReferenceTransformer encoder(EncoderOf(spec), {});
    const ReferenceTransformer all(spec, bound);
    for (const TensorSlot& slot : TensorTable(encoder.spec_)) {
      const auto own = all.tensors_.find(EncoderTensorName(slot.name));
      encoder.tensors_[slot.name] =
          own != all.tensors_.end() ? own->second : all.At(slot.name);
    }
    return encoder;
  }

  // Final hidden states of every position; `key_mask` as in
  // Executor::Forward(), or empty; `token_types` of each id, or empty.
  Rows Hidden(const std::vector<int32_t>& ids,
              const std::vector<uint8_t>& key_mask = {},
              const std::vector<int32_t>& token_types = {}) const {
    Rows x = Embed(ids, token_types);
    for (int64_t layer = 0; layer < spec_.layers; ++layer) {
      x = Layer(layer, std::move(x), key_mask);
    }
    return spec_.final_norm ? Norm("model.norm", x) : x;
  }

  // What decoders' tokens see: hidden states of a source and which are hidden.
  void SetSource(Rows source, std::vector<uint8_t> mask) {
    source_ = std::move(source);
    source_mask_ = std::move(mask);
  }

  // Logits of every position.
  Rows Logits(const std::vector<int32_t>& ids,
              const std::vector<uint8_t>& key_mask = {}) const {
    Rows x = Hidden(ids, key_mask);
    if (spec_.token_width() != spec_.width) {
      x = Product(At("model.project_out.weight"), x);
    }
    x = Product(
        At(spec_.tied_head ? "model.embed_tokens.weight" : "lm_head.weight"),
        x);
    if (spec_.head_bias) AddBias("lm_head.bias", x);
    Scale(x, spec_.logit_scale);
    for (Vector& row : x) {
      for (double& value : row) value = Capped(value, spec_.logit_soft_cap);
    }
    return x;
  }

 private:
  static size_t Index(int64_t i) { return static_cast<size_t>(i); }
  const Rows& At(const std::string& name) const { return tensors_.at(name); }

  static Rows Sum(Rows x, const Rows& y) {
    for (size_t t = 0; t < x.size(); ++t) {
      for (size_t i = 0; i < x[t].size(); ++i) x[t][i] += y[t][i];
    }
    return x;
  }
  static void Scale(Rows& x, double factor) {
    for (Vector& row : x) {
      for (double& value : row) value *= factor;
    }
  }
  static double Capped(double value, double cap) {
    return cap == 0 ? value : cap * std::tanh(value / cap);
  }

  Rows Embed(const std::vector<int32_t>& ids,
             const std::vector<int32_t>& token_types) const {
    Rows x;
    for (const int32_t id : ids) {
      x.push_back(At("model.embed_tokens.weight").at(Index(id)));
    }
    const bool projects = tensors_.contains("model.project_in.weight");
    if (projects && !spec_.embedding_projected_last) {
      x = Linear("model.project_in", x);
    }
    Scale(x, spec_.embedding_scale);
    x = Sum(x, Positions(ids, x[0].size()));
    for (size_t t = 0; t < x.size() && spec_.token_types > 0; ++t) {
      const int32_t type = token_types.empty() ? 0 : token_types[t];
      x[t] =
          Sum({x[t]}, {At("model.embed_token_types.weight")[Index(type)]})[0];
    }
    if (spec_.embedding_norm) x = Norm("model.embed_norm", x);
    return projects && spec_.embedding_projected_last
               ? Linear("model.project_in", x)
               : x;
  }

  // What positions add, of those kinds that add something.
  Rows Positions(const std::vector<int32_t>& ids, size_t width) const {
    Rows added(ids.size(), Vector(width));
    int64_t place = 0;
    for (size_t t = 0; t < ids.size(); ++t) {
      if (spec_.position == PositionKind::kLearned) {
        const bool unplaced = ids[t] == spec_.unplaced_id;
        added[t] = At("model.embed_positions.weight")[Index(
            unplaced ? int64_t{ids[t]} : spec_.position_offset + place++)];
      } else if (spec_.position == PositionKind::kSinusoidal) {
        const size_t sines = (width + 1) / 2;
        for (size_t i = 0; i < width; ++i) {
          const double angle =
              static_cast<double>(t) *
              std::pow(1e4, -2.0 * static_cast<double>(i % sines) /
                                static_cast<double>(width));
          added[t][i] = i < sines ? std::sin(angle) : std::cos(angle);
        }
      }
    }
    return added;
  }

  // A block, by what model/spec.h says of NormPlacement and ResidualOrder.
  Rows Layer(int64_t layer, Rows x, const std::vector<uint8_t>& mask) const {
    const auto name = [this, layer](const std::string& suffix) {
      return LayerTensorName(spec_.stored_layer(layer), suffix);
    };
    const std::string first = name("input_layernorm");
    const std::string second = spec_.residual == ResidualOrder::kParallelShared
                                   ? first
                                   : name("post_attention_layernorm");
    if (spec_.residual != ResidualOrder::kSerial) {
      Rows attended = Attention(layer, Norm(first, x), mask);
      Rows fed = FeedForward(layer, Norm(second, x));
      Scale(attended, spec_.residual_scale);
      Scale(fed, spec_.residual_scale);
      return Sum(Sum(std::move(x), attended), fed);
    }
    x = SubLayer(std::move(x), first, name("self_attn.output_norm"),
                 [&](const Rows& in) { return Attention(layer, in, mask); });
    if (spec_.has_encoder()) {
      x = SubLayer(std::move(x), name("cross_attention_layernorm"), "",
                   [&](const Rows& in) { return CrossAttention(layer, in); });
    }
    return SubLayer(std::move(x), second, name("mlp.output_norm"),
                    [&](const Rows& in) { return FeedForward(layer, in); });
  }

  template <typename Function>
  Rows SubLayer(Rows x, const std::string& norm, const std::string& output_norm,
                Function function) const {
    const NormPlacement placement = spec_.norm_placement;
    const bool of_input = placement == NormPlacement::kInput ||
                          placement == NormPlacement::kInputAndOutput;
    const bool of_output = placement == NormPlacement::kOutput ||
                           placement == NormPlacement::kInputAndOutput;
    // A layer may lack the norm of its first sub-layer's input.
    const bool has_norm = tensors_.contains(norm + ".weight");
    const Rows in = of_input && has_norm ? Norm(norm, x) : x;
    Rows out = function(in);
    if (of_output) out = Norm(output_norm, out);
    Scale(out, spec_.residual_scale);
    x = Sum(spec_.residual_from_norm ? in : std::move(x), out);
    return placement == NormPlacement::kSum ? Norm(norm, x) : x;
  }

  // Normalises `row[begin .. begin + weight.size())`.
  void NormalizePart(const Vector& weight, const Vector* bias, size_t begin,
                     Vector& row) const {
    const auto n = static_cast<double>(weight.size());
    double mean = 0, squares = 0;
    for (size_t i = 0; i < weight.size(); ++i) mean += row[begin + i] / n;
    if (spec_.norm == NormKind::kRms) mean = 0;
    for (size_t i = 0; i < weight.size(); ++i) {
      squares += (row[begin + i] - mean) * (row[begin + i] - mean);
    }
    const double deviation = std::sqrt(squares / n + spec_.norm_epsilon);
    for (size_t i = 0; i < weight.size(); ++i) {
      double& value = row[begin + i];
      value = (value - mean) / deviation * (weight[i] + spec_.norm_offset);
      if (bias != nullptr) value += (*bias)[i];
    }
  }
  // The norm `name` of every vector of its size that the rows consist of.
  Rows Norm(const std::string& name, Rows x) const {
    const Vector& weight = At(name + ".weight")[0];
    const auto bias = tensors_.find(name + ".bias");
    const Vector* shift = bias == tensors_.end() ? nullptr : &bias->second[0];
    for (Vector& row : x) {
      for (size_t i = 0; i < row.size(); i += weight.size()) {
        NormalizePart(weight, shift, i, row);
      }
    }
    return x;
  }

  static Rows Product(const Rows& weight, const Rows& x) {
    Rows out(x.size(), Vector(weight.size()));
    for (size_t t = 0; t < x.size(); ++t) {
      for (size_t r = 0; r < weight.size(); ++r) {
        out[t][r] = std::inner_product(x[t].begin(), x[t].end(),
                                       weight[r].begin(), 0.0);
      }
    }
    return out;
  }
  void AddBias(const std::string& name, Rows& x) const {
    const auto bias = tensors_.find(name);
    if (bias == tensors_.end()) return;
    for (Vector& row : x) {
      for (size_t i = 0; i < row.size(); ++i) row[i] += bias->second[0][i];
    }
  }
  Rows Linear(const std::string& name, const Rows& x) const {
    Rows out = Product(At(name + ".weight"), x);
    AddBias(name + ".bias", out);
    return out;
  }

  // Rotates pairs of each head's first values against each other; linear
  // scaling divides positions by the factor, which is 1 without.
  void Rotate(const RotarySpec& rotary, Rows& x) const {
    const size_t dims = Index(spec_.rotary_dims(rotary));
    for (size_t t = 0; t < x.size(); ++t) {
      for (size_t head = 0; head < x[t].size(); head += Index(spec_.head_dim)) {
        for (size_t i = 0; i < dims / 2; ++i) {
          const double angle =
              static_cast<double>(t) / rotary.factor *
              std::pow(rotary.base, -2.0 * static_cast<double>(i) /
                                        static_cast<double>(dims));
          const bool adjacent = rotary.adjacent_pairs;
          double& a = x[t][head + (adjacent ? 2 * i : i)];
          double& b = x[t][head + (adjacent ? 2 * i + 1 : dims / 2 + i)];
          const double rotated = a * std::cos(angle) - b * std::sin(angle);
          b = b * std::cos(angle) + a * std::sin(angle);
          a = rotated;
        }
      }
    }
  }

  bool Sees(int64_t layer, size_t query, size_t key,
            const std::vector<uint8_t>& key_mask) const {
    if (!key_mask.empty() && key_mask[key] == 0) return false;
    if (spec_.causal && key > query) return false;
    const size_t window = Index(spec_.layer_window(layer));
    return window == 0 || (key + window > query && query + window > key);
  }

  // By the paper: half of a side's buckets are for a distance each, the others
  // for ranges that grow as powers up to relative_max_distance.
  double RelativeBias(size_t head, size_t query, size_t key) const {
    int64_t side = spec_.relative_buckets;
    int64_t first = 0;
    int64_t distance = static_cast<int64_t>(query) - static_cast<int64_t>(key);
    if (!spec_.causal) {
      side /= 2;
      if (distance < 0) first = side;
      distance = std::abs(distance);
    }
    int64_t bucket = std::min(distance, side / 2);
    const auto exact = static_cast<double>(side / 2);
    const double growth =
        std::log2(static_cast<double>(spec_.relative_max_distance) / exact) /
        (static_cast<double>(side) - exact);
    while (bucket >= side / 2 && bucket + 1 < side &&
           std::log2(static_cast<double>(distance) / exact) + 1e-9 >=
               growth * static_cast<double>(bucket + 1 - side / 2)) {
      ++bucket;
    }
    return At("model.relative_bias.weight")[Index(first + bucket)][head];
  }

  // Of a number of heads that is a power of two: 2^(-8 / heads), its square ...
  double AlibiSlope(size_t head) const {
    return std::exp2(-8.0 * static_cast<double>(head + 1) /
                     static_cast<double>(spec_.heads));
  }

  double Score(int64_t layer, size_t head, double dot, size_t query,
               size_t key) const {
    double scale = spec_.attention_scale;
    if (scale == 0) scale = 1 / std::sqrt(static_cast<double>(spec_.head_dim));
    if (spec_.attention_scale_by_layer) scale /= static_cast<double>(layer + 1);
    const double score = Capped(dot * scale, spec_.attention_soft_cap);
    if (spec_.position == PositionKind::kRelative) {
      return score + RelativeBias(head, query, key);
    }
    if (spec_.position != PositionKind::kAlibi) return score;
    const double distance =
        static_cast<double>(query) - static_cast<double>(key);
    return score - AlibiSlope(head) * spec_.alibi_scale * distance;
  }

  Rows Attention(int64_t layer, const Rows& x,
                 const std::vector<uint8_t>& key_mask) const {
    const auto name = [this, layer](const std::string& suffix) {
      return LayerTensorName(spec_.stored_layer(layer), "self_attn." + suffix);
    };
    Rows query = Linear(name("q_proj"), x);
    Rows key = Linear(name("k_proj"), x);
    const Rows value = Linear(name("v_proj"), x);
    if (spec_.qk_norm != QkNorm::kNone) {
      query = Norm(name("q_norm"), query);
      key = Norm(name("k_norm"), key);
    }
    const LayerRotary choice = spec_.layer_kind(layer).rotary;
    if (spec_.position == PositionKind::kRotary &&
        choice != LayerRotary::kNone) {
      const RotarySpec& rotary =
          choice == LayerRotary::kLocal ? spec_.local_rotary : spec_.rotary;
      Rotate(rotary, query);
      Rotate(rotary, key);
    }
    const auto score = [&](size_t head, double dot, size_t t, size_t k) {
      return Score(layer, head, dot, t, k);
    };
    const auto sees = [&](size_t t, size_t k) {
      return Sees(layer, t, k, key_mask);
    };
    return Linear(name("o_proj"), Mixture(query, key, value, sees, score));
  }

  // What tokens see of the source: scores without positions.
  Rows CrossAttention(int64_t layer, const Rows& x) const {
    const std::string name = LayerTensorName(layer, "cross_attn.");
    double scale = spec_.attention_scale;
    if (scale == 0) scale = 1 / std::sqrt(static_cast<double>(spec_.head_dim));
    return Linear(
        name + "o_proj",
        Mixture(
            Linear(name + "q_proj", x), Linear(name + "k_proj", source_),
            Linear(name + "v_proj", source_),
            [&](size_t, size_t k) {
              return source_mask_.empty() || source_mask_[k] != 0;
            },
            [&](size_t, double dot, size_t, size_t) { return dot * scale; }));
  }

  // softmax(score(query * key)) * value over the keys that each token sees;
  // zeros where it sees none.
  template <typename Sees, typename Score>
  Rows Mixture(const Rows& query, const Rows& key, const Rows& value, Sees sees,
               Score score) const {
    const size_t dim = Index(spec_.head_dim);
    Rows out(query.size(), Vector(query[0].size()));
    for (size_t t = 0; t < query.size(); ++t) {
      for (size_t head = 0; head < Index(spec_.heads); ++head) {
        const size_t from = head * Index(spec_.kv_heads) / Index(spec_.heads);
        Vector weights(key.size());
        double sum = 0;
        for (size_t k = 0; k < key.size(); ++k) {
          if (!sees(t, k)) continue;
          double dot = 0;
          for (size_t i = 0; i < dim; ++i) {
            dot += query[t][head * dim + i] * key[k][from * dim + i];
          }
          weights[k] = std::exp(score(head, dot, t, k));
          sum += weights[k];
        }
        for (size_t k = 0; k < key.size() && sum > 0; ++k) {
          for (size_t i = 0; i < dim; ++i) {
            out[t][head * dim + i] +=
                weights[k] / sum * value[k][from * dim + i];
          }
        }
      }
    }
    return out;
  }

  static double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

  double Activate(double x) const {
    switch (spec_.activation) {
      case ActivationKind::kSilu:
        return x * Sigmoid(x);
      case ActivationKind::kGelu:
        return x * 0.5 * std::erfc(-x / std::numbers::sqrt2);
      case ActivationKind::kGeluTanh:
        return 0.5 * x *
               (1 + std::tanh(std::sqrt(2 / std::numbers::pi) *
                              (x + 0.044715 * x * x * x)));
      case ActivationKind::kRelu:
        return std::max(x, 0.0);
      case ActivationKind::kTanh:
        return std::tanh(x);
      case ActivationKind::kQuickGelu:
        return x * Sigmoid(1.702 * x);
      case ActivationKind::kReluSquared:
        return std::max(x, 0.0) * std::max(x, 0.0);
    }
    return x;
  }

  Rows Mlp(const std::string& name, const Rows& x) const {
    const Rows up = Linear(name + ".up_proj", x);
    Rows hidden = spec_.gated_ffn ? Linear(name + ".gate_proj", x) : up;
    for (size_t t = 0; t < hidden.size(); ++t) {
      for (size_t i = 0; i < hidden[t].size(); ++i) {
        hidden[t][i] = Activate(hidden[t][i]);
        if (spec_.gated_ffn) hidden[t][i] *= up[t][i];
      }
    }
    return Linear(name + ".down_proj", hidden);
  }

  Rows FeedForward(int64_t layer, const Rows& x) const {
    const std::string name = LayerTensorName(spec_.stored_layer(layer), "mlp");
    if (!spec_.has_experts(layer)) return Mlp(name, x);
    Rows out;
    for (const Vector& row : x) out.push_back(Mix(name, row));
    return out;
  }

  // The best experts of one token, weighted by the softmax of their scores.
  Vector Mix(const std::string& name, const Vector& x) const {
    const ExpertSpec& experts = spec_.experts;
    Vector scores = Product(At(name + ".router.weight"), {x})[0];
    double sum = 0;
    for (double& score : scores) sum += score = std::exp(score);
    std::vector<size_t> order(scores.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return scores[a] > scores[b]; });
    order.resize(Index(experts.per_token));
    double picked = 0;
    for (const size_t e : order) picked += scores[e];
    Rows out = {Vector(x.size())};
    for (const size_t e : order) {
      Rows given = Mlp(name + ".experts." + std::to_string(e), {x});
      Scale(given, scores[e] / (experts.normalized ? picked : sum));
      out = Sum(out, given);
    }
    if (experts.shared_ffn == 0) return out[0];
    Rows shared = Mlp(name + ".shared_expert", {x});
    Scale(shared,
          Sigmoid(Product(At(name + ".shared_expert_gate.weight"), {x})[0][0]));
    return Sum(out, shared)[0];
  }

  const ModelSpec spec_;
  std::map<std::string, Rows> tensors_;
  Rows source_;
  std::vector<uint8_t> source_mask_;
};

}  // namespace ounce

#endif  // OUNCE_TESTS_RUNTIME_REFERENCE_TRANSFORMER_H_
