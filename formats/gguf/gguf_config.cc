#include "formats/gguf/gguf_config.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "formats/gguf/gguf_type.h"

namespace ounce {
namespace {

// Collects members of the config from keys, and keeps the first error for the
// end.  Keys are given without the architecture's name in front.
class ConfigBuilder {
 public:
  ConfigBuilder(const GgufShards& shards, std::string architecture)
      : shards_(shards), architecture_(std::move(architecture)) {}

  const GgufFile& file() const { return shards_.metadata(); }
  const GgufTensor* Find(absl::string_view name) const {
    return shards_.Find(name);
  }
  std::string Key(absl::string_view key) const {
    return absl::StrCat(architecture_, ".", key);
  }
  bool Has(absl::string_view key) const { return file().Has(Key(key)); }

  // A number, or an array of one for each layer, all equal.
  int64_t Int(absl::string_view key) {
    if (!file().IsArray(Key(key))) return Take(file().Int(Key(key)));
    const std::vector<int64_t> values = Take(file().Ints(Key(key)));
    if (!values.empty() &&
        std::equal(values.begin() + 1, values.end(), values.begin())) {
      return values.front();
    }
    Refuse(key, "differs from layer to layer");
    return 0;
  }
  int64_t Int(absl::string_view key, int64_t fallback) {
    return Has(key) ? Int(key) : fallback;
  }
  double Double(absl::string_view key) { return Take(file().Double(Key(key))); }
  double Double(absl::string_view key, double fallback) {
    return Has(key) ? Double(key) : fallback;
  }
  bool Bool(absl::string_view key, bool fallback) {
    return Take(file().Bool(Key(key), fallback));
  }
  std::string String(absl::string_view key, absl::string_view fallback) {
    return Take(file().String(Key(key), fallback));
  }

  void Set(absl::string_view member, Json value) {
    config_.Set(member, std::move(value));
  }
  void Refuse(absl::string_view key, absl::string_view what) {
    Fail(absl::UnimplementedError(absl::StrCat(
        "key '", Key(key), "' ", what, ", for which architecture '",
        architecture_, "' has no answer here")));
  }
  void Fail(absl::Status status) {
    if (status_.ok()) status_ = std::move(status);
  }
  absl::StatusOr<Json> Finish() {
    OUNCE_RETURN_IF_ERROR(status_);
    return Json(std::move(config_));
  }

 private:
  template <typename T>
  T Take(absl::StatusOr<T> value) {
    if (value.ok()) return *std::move(value);
    Fail(value.status());
    return T();
  }

  const GgufShards& shards_;
  const std::string architecture_;
  Json::Object config_;
  absl::Status status_;
};

// Keys that would change the results, each with the value that would not.
struct NeutralNumber {
  absl::string_view key;
  double value;
};
constexpr NeutralNumber kNeutralNumbers[] = {
    {"attention.scale", 0.0},
    {"attention.clamp_kqv", 0.0},
    {"attention.max_alibi_bias", 0.0},
    {"attn_logit_softcapping", 0.0},
    {"final_logit_softcapping", 0.0},
    {"logit_scale", 0.0},
    {"residual_scale", 0.0},
    {"embedding_scale", 0.0},
    {"expert_weights_scale", 0.0},
    {"rope.scaling.yarn_log_multiplier", 0.0},
};

void CheckNeutralKeys(ConfigBuilder* builder) {
  for (const NeutralNumber& neutral : kNeutralNumbers) {
    const double value = builder->Double(neutral.key, neutral.value);
    if (value != neutral.value) {
      builder->Refuse(neutral.key, absl::StrCat("is ", value));
    }
  }
  if (!builder->Bool("attention.causal", true)) {
    builder->Refuse("attention.causal", "is false");
  }
  if (builder->Bool("use_parallel_residual", false)) {
    builder->Refuse("use_parallel_residual", "is true");
  }
}

// The vocabulary is as large as the embedding, whatever the tokenizer's is.
int64_t SetVocabulary(ConfigBuilder* builder) {
  const GgufTensor* embedding = builder->Find("token_embd.weight");
  const int64_t rows = embedding == nullptr ? 0 : embedding->shape.front();
  const int64_t vocab = builder->Int("vocab_size", rows);
  builder->Set("vocab_size", vocab);
  builder->Set("tie_word_embeddings",
               builder->Find("output.weight") == nullptr);
  return vocab;
}

// Ids that end a text or a turn.  Files that have none say so with a number
// that is no token's.
void SetStopIds(int64_t vocab, ConfigBuilder* builder) {
  Json::Array ids;
  for (const absl::string_view key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
        "tokenizer.ggml.eom_token_id"}) {
    if (!builder->file().Has(key)) continue;
    const absl::StatusOr<int64_t> id = builder->file().Int(key);
    builder->Fail(id.status());
    if (!id.ok()) return;
    if (*id < 0 || *id >= vocab) continue;
    const auto same = [&](const Json& other) { return other.AsInt() == *id; };
    if (std::none_of(ids.begin(), ids.end(), same)) ids.push_back(*id);
  }
  if (!ids.empty()) builder->Set("eos_token_id", std::move(ids));
}

Json YarnScaling(ConfigBuilder* builder) {
  const double factor = builder->Double("rope.scaling.factor");
  Json::Object scaling;
  scaling.Set("rope_type", "yarn");
  scaling.Set("factor", factor);
  scaling.Set("original_max_position_embeddings",
              builder->Int("rope.scaling.original_context_length",
                           builder->Int("context_length")));
  scaling.Set("beta_fast",
              builder->Double("rope.scaling.yarn_beta_fast", 32.0));
  scaling.Set("beta_slow", builder->Double("rope.scaling.yarn_beta_slow", 1.0));
  // On top of what the factor brings by itself.
  const double more = builder->Double("rope.scaling.attn_factor", 1.0) *
                      builder->Double("rope.scaling.yarn_attn_factor", 1.0);
  if (more != 1.0 && factor > 0.0) {
    scaling.Set("attention_factor", more * (1.0 + 0.1 * std::log(factor)));
  }
  const double mix = builder->Double("rope.scaling.yarn_ext_factor", 1.0);
  if (mix != 1.0 && mix != -1.0) {  // -1: the usual.
    builder->Refuse("rope.scaling.yarn_ext_factor", absl::StrCat("is ", mix));
  }
  return Json(std::move(scaling));
}

// A divisor for each rotary frequency.
Json::Array Factors(const GgufTensor& tensor, ConfigBuilder* builder) {
  std::vector<double> factors;
  if (tensor.shape.size() != 1 || FindGgufType(tensor.type)->name != "F32") {
    builder->Fail(absl::InvalidArgumentError(absl::StrCat(
        "tensor '", tensor.name, "' has shape ", ShapeString(tensor.shape),
        " and type ", FindGgufType(tensor.type)->name,
        "; expected F32 and one factor for each pair of rotary values")));
    return {};
  }
  for (size_t i = 0; i < tensor.bytes.size(); i += sizeof(float)) {
    float factor;
    std::memcpy(&factor, tensor.bytes.data() + i, sizeof(factor));
    factors.push_back(double{factor});
  }
  return Json::Array(factors.begin(), factors.end());
}

// Factors that a file brings as tensors: Llama 3.1's, worked out from its
// config by the converter, are one list for all lengths; Phi-3's are two.
// Null when there are none.
Json FactorScaling(ConfigBuilder* builder) {
  const GgufTensor* all = builder->Find("rope_freqs.weight");
  const GgufTensor* shorter =
      all != nullptr ? all : builder->Find("rope_factors_short.weight");
  const GgufTensor* longer =
      all != nullptr ? all : builder->Find("rope_factors_long.weight");
  if (shorter == nullptr || longer == nullptr) return Json();
  const int64_t context = builder->Int("context_length");
  builder->Set(
      "original_max_position_embeddings",
      all != nullptr
          ? context
          : builder->Int("rope.scaling.original_context_length", context));
  return Json::Of(
      {{"rope_type", "longrope"},
       {"short_factor", Factors(*shorter, builder)},
       {"long_factor", Factors(*longer, builder)},
       {"attention_factor", builder->Double("rope.scaling.attn_factor", 1.0)}});
}

// The values of a head that are turned, all unless the architecture can do
// with fewer.
void SetRotaryPart(const GgufArchitecture& architecture, int64_t head_dim,
                   ConfigBuilder* builder) {
  const int64_t dims = builder->Int("rope.dimension_count", head_dim);
  if (dims == head_dim) return;
  if (architecture.model_type != "phi3" || dims < 0 || dims > head_dim) {
    builder->Refuse("rope.dimension_count",
                    absl::StrCat("is ", dims, " of ", head_dim, " values"));
    return;
  }
  // Half a value more, so that no rounding takes one away.
  builder->Set("partial_rotary_factor", (static_cast<double>(dims) + 0.5) /
                                            static_cast<double>(head_dim));
}

void SetRotary(const GgufArchitecture& architecture, int64_t head_dim,
               ConfigBuilder* builder) {
  builder->Set("rope_theta", builder->Double("rope.freq_base", 10000.0));
  SetRotaryPart(architecture, head_dim, builder);
  const double older_factor = builder->Double("rope.scale_linear", 1.0);
  const std::string type = builder->String(
      "rope.scaling.type", older_factor == 1.0 ? "none" : "linear");
  Json factors = FactorScaling(builder);
  if (!factors.is_null()) {
    if (type != "none" && type != "longrope") {
      builder->Refuse(
          "rope.scaling.type",
          absl::StrCat("is '", type, "' beside factors for each frequency"));
    }
    builder->Set("rope_scaling", std::move(factors));
  } else if (type == "linear") {
    const double factor = builder->Double("rope.scaling.factor", older_factor);
    builder->Set("rope_scaling",
                 Json::Of({{"rope_type", "linear"}, {"factor", factor}}));
  } else if (type == "yarn") {
    builder->Set("rope_scaling", YarnScaling(builder));
  } else if (type != "none") {
    builder->Refuse("rope.scaling.type", absl::StrCat("is '", type, "'"));
  }
}

// A window hides nothing that is as long as the context.
void SetWindow(const GgufArchitecture& architecture, ConfigBuilder* builder) {
  const int64_t window = builder->Int("attention.sliding_window", 0);
  if (window == 0 || window >= builder->Int("context_length")) return;
  if (architecture.model_type == "phi3") {
    builder->Set("sliding_window", window);
  } else {
    builder->Refuse("attention.sliding_window", absl::StrCat("is ", window));
  }
}

void SetGpt2(ConfigBuilder* builder) {
  builder->Set("n_embd", builder->Int("embedding_length"));
  builder->Set("n_layer", builder->Int("block_count"));
  builder->Set("n_head", builder->Int("attention.head_count"));
  builder->Set("n_positions", builder->Int("context_length"));
  builder->Set("n_inner", builder->Int("feed_forward_length"));
  builder->Set("layer_norm_epsilon",
               builder->Double("attention.layer_norm_epsilon"));
}

// Whether the attention's projections have biases, which no key says.
bool HasBias(absl::string_view projection, const ConfigBuilder& builder) {
  return builder.Find(absl::StrCat("blk.0.", projection, ".bias")) != nullptr;
}

void SetExperts(const GgufArchitecture& architecture, ConfigBuilder* builder) {
  builder->Set(architecture.model_type == "mixtral" ? "num_local_experts"
                                                    : "num_experts",
               builder->Int("expert_count"));
  builder->Set("num_experts_per_tok", builder->Int("expert_used_count"));
  if (architecture.model_type == "mixtral") return;
  const auto rows = [&](absl::string_view name, size_t dimension) -> int64_t {
    const GgufTensor* tensor = builder->Find(name);
    const bool has = tensor != nullptr && tensor->shape.size() > dimension;
    return has ? tensor->shape[dimension] : 0;
  };
  builder->Set("moe_intermediate_size",
               builder->Int("expert_feed_forward_length",
                            rows("blk.0.ffn_gate_exps.weight", 1)));
  const bool is_qwen3 = architecture.model_type == "qwen3_moe";
  if (!is_qwen3) {
    builder->Set("shared_expert_intermediate_size",
                 builder->Int("expert_shared_feed_forward_length",
                              rows("blk.0.ffn_gate_shexp.weight", 0)));
  }
  builder->Set("norm_topk_prob",
               builder->Bool("expert_weights_norm", is_qwen3));
}

// Llama and what is like it.
void SetLlama(const GgufArchitecture& architecture, ConfigBuilder* builder) {
  const int64_t width = builder->Int("embedding_length");
  const int64_t heads = builder->Int("attention.head_count");
  const int64_t head_dim =
      builder->Int("attention.key_length", heads > 0 ? width / heads : 0);
  builder->Set("hidden_size", width);
  builder->Set("num_attention_heads", heads);
  builder->Set("head_dim", head_dim);
  if (builder->Int("attention.value_length", head_dim) != head_dim) {
    builder->Refuse("attention.value_length", "is not that of the keys");
  }
  builder->Set("num_key_value_heads",
               builder->Int("attention.head_count_kv", heads));
  builder->Set("num_hidden_layers", builder->Int("block_count"));
  builder->Set("intermediate_size", builder->Int("feed_forward_length"));
  builder->Set("max_position_embeddings", builder->Int("context_length"));
  builder->Set("rms_norm_eps",
               builder->Double("attention.layer_norm_rms_epsilon"));
  builder->Set("attention_bias", HasBias("attn_q", *builder));
  builder->Set("mlp_bias", HasBias("ffn_up", *builder));
  SetWindow(architecture, builder);
  SetRotary(architecture, head_dim, builder);
  if (architecture.has_experts) SetExperts(architecture, builder);
}

}  // namespace

absl::StatusOr<GgufConfig> ReadGgufConfig(const GgufShards& shards) {
  const GgufFile& file = shards.metadata();
  OUNCE_ASSIGN_OR_RETURN(const std::string name,
                         file.String("general.architecture"));
  const std::string experts_key = absl::StrCat(name, ".expert_count");
  OUNCE_ASSIGN_OR_RETURN(const int64_t experts, file.Int(experts_key, 0));
  GgufConfig result;
  OUNCE_ASSIGN_OR_RETURN(result.architecture,
                         FindGgufArchitecture(name, experts > 0));
  ConfigBuilder builder(shards, name);
  builder.Set("model_type", result.architecture->model_type);
  SetStopIds(SetVocabulary(&builder), &builder);
  CheckNeutralKeys(&builder);
  if (name == "gpt2") {
    SetGpt2(&builder);
  } else {
    SetLlama(*result.architecture, &builder);
  }
  OUNCE_ASSIGN_OR_RETURN(result.config, builder.Finish());
  return result;
}

}  // namespace ounce
