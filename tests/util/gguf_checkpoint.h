// Writes a model as a GGUF file the way llama.cpp's converter arranges it, so
// that tests have one of every architecture: tensors in f32 from their
// canonical values, keys from the spec.
// Source: llama.cpp, convert_hf_to_gguf.py, and gguf-py/gguf/constants.py.
#ifndef OUNCE_TESTS_UTIL_GGUF_CHECKPOINT_H_
#define OUNCE_TESTS_UTIL_GGUF_CHECKPOINT_H_

#include <cmath>
#include <cstring>
#include <map>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/spec.h"
#include "model/tensor_table.h"
#include "tests/formats/gguf/gguf_image.h"

namespace ounce {

// By canonical name, as [out, in].
using CanonicalValues = std::map<std::string, std::vector<float>>;

class GgufCheckpoint {
 public:
  // `architecture` is GGUF's.
  GgufCheckpoint(const ModelSpec& spec, std::string architecture)
      : spec_(spec), architecture_(std::move(architecture)) {
    AddKeys();
  }

  // A tensor as it is to be stored.
  void Add(const std::string& name, const Shape& shape,
           const std::vector<float>& values) {
    std::vector<uint64_t> ne(shape.rbegin(), shape.rend());
    image_.Tensor(name, ne, /*type=*/0, image_.data.size());
    const size_t size = values.size() * sizeof(float);
    image_.data.append(reinterpret_cast<const char*>(values.data()), size);
    image_.data.resize((image_.data.size() + 31) / 32 * 32);
  }

  // Every tensor of the spec.
  void AddAll(const CanonicalValues& values) {
    for (const TensorSlot& slot : TensorTable(spec_)) {
      AddSlot(slot, values);
    }
    if (spec_.rotary.scaling == RotaryScaling::kLlama3) AddRotaryFactors();
  }

  GgufImage& image() { return image_; }
  std::string Key(const std::string& key) const {
    return absl::StrCat(architecture_, ".", key);
  }

 private:
  void Int(const std::string& key, int64_t value) {
    image_.Value(Key(key), GgufUint32(static_cast<uint32_t>(value)));
  }
  void Float(const std::string& key, double value) {
    image_.Value(Key(key), GgufFloat32(static_cast<float>(value)));
  }

  void AddKeys() {
    image_.Value("general.architecture", GgufString(architecture_));
    Int("context_length", spec_.max_context);
    Int("embedding_length", spec_.width);
    Int("block_count", spec_.layers);
    Int("feed_forward_length", spec_.ffn);
    Int("attention.head_count", spec_.heads);
    Int("vocab_size", spec_.vocab);
    if (architecture_ == "gpt2") {
      Float("attention.layer_norm_epsilon", spec_.norm_epsilon);
      return;
    }
    Int("attention.head_count_kv", spec_.kv_heads);
    Float("attention.layer_norm_rms_epsilon", spec_.norm_epsilon);
    Float("rope.freq_base", spec_.rotary.base);
    Int("rope.dimension_count", spec_.head_dim);
    Int("attention.key_length", spec_.head_dim);
    Int("attention.value_length", spec_.head_dim);
    if (spec_.experts.experts == 0) return;
    Int("expert_count", spec_.experts.experts);
    Int("expert_used_count", spec_.experts.per_token);
    if (architecture_ == "llama") return;
    Int("expert_feed_forward_length", spec_.experts.ffn);
    if (spec_.experts.shared_ffn == 0) return;
    Int("expert_shared_feed_forward_length", spec_.experts.shared_ffn);
  }

  // Query, key and value are one tensor.
  bool IsFused() const {
    return architecture_ == "gpt2" || architecture_ == "phi3";
  }

  // The canonical name without the layer and without ".weight" or ".bias", in
  // GGUF's words.
  static std::string Stem(const std::string& canonical) {
    static const auto& stems = *new std::map<std::string, std::string>{
        {"model.embed_tokens", "token_embd"},
        {"model.embed_positions", "position_embd"},
        {"model.norm", "output_norm"},
        {"lm_head", "output"},
        {"input_layernorm", "attn_norm"},
        {"self_attn.q_proj", "attn_q"},
        {"self_attn.k_proj", "attn_k"},
        {"self_attn.v_proj", "attn_v"},
        {"self_attn.q_norm", "attn_q_norm"},
        {"self_attn.k_norm", "attn_k_norm"},
        {"self_attn.o_proj", "attn_output"},
        {"post_attention_layernorm", "ffn_norm"},
        {"mlp.gate_proj", "ffn_gate"},
        {"mlp.up_proj", "ffn_up"},
        {"mlp.down_proj", "ffn_down"},
        {"mlp.router", "ffn_gate_inp"},
        {"mlp.experts.0.gate_proj", "ffn_gate_exps"},
        {"mlp.experts.0.up_proj", "ffn_up_exps"},
        {"mlp.experts.0.down_proj", "ffn_down_exps"},
        {"mlp.shared_expert.gate_proj", "ffn_gate_shexp"},
        {"mlp.shared_expert.up_proj", "ffn_up_shexp"},
        {"mlp.shared_expert.down_proj", "ffn_down_shexp"},
        {"mlp.shared_expert_gate", "ffn_gate_inp_shexp"}};
    return stems.at(canonical);
  }

  // Rotary pairs: halves (Hugging Face) to neighbours.
  std::vector<float> Permuted(const std::vector<float>& values,
                              int64_t rows) const {
    const size_t cols = values.size() / static_cast<size_t>(rows);
    const auto head_dim = static_cast<size_t>(spec_.head_dim);
    std::vector<float> out(values.size());
    for (size_t head = 0; head < values.size() / cols / head_dim; ++head) {
      for (size_t pair = 0; pair < head_dim / 2; ++pair) {
        for (size_t half = 0; half < 2; ++half) {
          const size_t from = head * head_dim + half * head_dim / 2 + pair;
          const size_t to = head * head_dim + 2 * pair + half;
          std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(from * cols),
                      cols,
                      out.begin() + static_cast<std::ptrdiff_t>(to * cols));
        }
      }
    }
    return out;
  }

  // `name` with another part in the place of `part`.
  static std::string Replaced(std::string name, const std::string& part,
                              const std::string& other) {
    const size_t at = name.find(part);
    return name.replace(at, part.size(), other);
  }

  static void Append(const std::vector<float>& more,
                     std::vector<float>* values) {
    values->insert(values->end(), more.begin(), more.end());
  }

  void AddSlot(const TensorSlot& slot, const CanonicalValues& all) {
    const size_t dot = slot.name.rfind('.');
    const std::string suffix = slot.name.substr(dot);
    std::string stem = slot.name.substr(0, dot);
    std::string prefix;
    if (absl::StartsWith(stem, "model.layers.")) {
      const size_t end = stem.find('.', 13);
      prefix = absl::StrCat("blk.", stem.substr(13, end - 13), ".");
      stem = stem.substr(end + 1);
    }
    std::vector<float> values = all.at(slot.name);
    Shape shape = slot.shape;
    const bool query = stem == "self_attn.q_proj";
    const bool key = stem == "self_attn.k_proj";
    if (absl::StartsWith(stem, "mlp.experts.")) {
      if (!absl::StartsWith(stem, "mlp.experts.0.")) return;
      for (int64_t e = 1; e < spec_.experts.experts; ++e) {
        Append(all.at(Replaced(slot.name, "experts.0.",
                               absl::StrCat("experts.", e, "."))),
               &values);
      }
      shape.insert(shape.begin(), spec_.experts.experts);
    } else if (stem == "mlp.shared_expert_gate") {
      shape = {spec_.width};
    } else if (architecture_ == "llama" && (query || key)) {
      values = Permuted(values, shape[0]);
    } else if (architecture_ == "phi3" && stem == "mlp.gate_proj") {
      Append(all.at(Replaced(slot.name, "gate_proj", "up_proj")), &values);
      shape[0] *= 2;
      Add(absl::StrCat(prefix, "ffn_up", suffix), shape, values);
      return;
    } else if (architecture_ == "phi3" && stem == "mlp.up_proj") {
      return;
    } else if (IsFused() && query) {
      for (const char* other : {"k_proj", "v_proj"}) {
        Append(all.at(Replaced(slot.name, "q_proj", other)), &values);
      }
      shape[0] += 2 * spec_.kv_heads * spec_.head_dim;
      Add(absl::StrCat(prefix, "attn_qkv", suffix), shape, values);
      return;
    } else if (IsFused() && (key || stem == "self_attn.v_proj")) {
      return;
    }
    Add(absl::StrCat(prefix, Stem(stem), suffix), shape, values);
  }

  // Llama 3's rule, as the converter works it out.
  void AddRotaryFactors() {
    const RotarySpec& rotary = spec_.rotary;
    const auto original = static_cast<double>(rotary.original_context);
    std::vector<float> factors;
    for (int64_t i = 0; i < spec_.head_dim; i += 2) {
      const double frequency =
          std::pow(rotary.base, -static_cast<double>(i) /
                                    static_cast<double>(spec_.head_dim));
      const double length = 2.0 * std::numbers::pi / frequency;
      double factor = rotary.factor;
      if (length < original / rotary.high_freq_factor) {
        factor = 1.0;
      } else if (length <= original / rotary.low_freq_factor) {
        const double smooth =
            (original / length - rotary.low_freq_factor) /
            (rotary.high_freq_factor - rotary.low_freq_factor);
        factor = 1.0 / ((1.0 - smooth) / rotary.factor + smooth);
      }
      factors.push_back(static_cast<float>(factor));
    }
    Add("rope_freqs.weight", {spec_.head_dim / 2}, factors);
  }

  const ModelSpec spec_;
  const std::string architecture_;
  GgufImage image_;
};

}  // namespace ounce

#endif  // OUNCE_TESTS_UTIL_GGUF_CHECKPOINT_H_
