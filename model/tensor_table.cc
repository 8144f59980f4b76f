#include "model/tensor_table.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace ounce {
namespace {

// Collects slots whose names begin with a prefix.
class Slots {
 public:
  Slots(std::string prefix, const ModelSpec& spec,
        std::vector<TensorSlot>* table)
      : prefix_(std::move(prefix)), spec_(spec), table_(*table) {}

  void Add(absl::string_view name, Shape shape, TensorRole role) {
    table_.push_back({absl::StrCat(prefix_, name), std::move(shape), role});
  }
  void Norm(absl::string_view name, int64_t size) {
    Add(absl::StrCat(name, ".weight"), {size}, TensorRole::kVector);
    if (spec_.norm != NormKind::kLayer || !spec_.norm_bias) return;
    Add(absl::StrCat(name, ".bias"), {size}, TensorRole::kVector);
  }
  void Projection(absl::string_view name, int64_t out, int64_t in, bool bias) {
    Add(absl::StrCat(name, ".weight"), {out, in}, TensorRole::kMatrix);
    if (bias) Add(absl::StrCat(name, ".bias"), {out}, TensorRole::kVector);
  }
  // The projections of a feed-forward called `name` of `ffn` units.
  void FeedForward(absl::string_view name, int64_t ffn) {
    const bool bias = spec_.ffn_bias;
    if (spec_.gated_ffn) {
      Projection(absl::StrCat(name, ".gate_proj"), ffn, spec_.width, bias);
    }
    Projection(absl::StrCat(name, ".up_proj"), ffn, spec_.width, bias);
    Projection(absl::StrCat(name, ".down_proj"), spec_.width, ffn, bias);
  }

 private:
  const std::string prefix_;
  const ModelSpec& spec_;
  std::vector<TensorSlot>& table_;
};

bool HasOutputNorms(const ModelSpec& spec) {
  return spec.norm_placement == NormPlacement::kOutput ||
         spec.norm_placement == NormPlacement::kInputAndOutput;
}

// Norms of a sub-layer's input or of the sum after it, which share names.
bool HasBlockNorms(const ModelSpec& spec) {
  return spec.norm_placement != NormPlacement::kOutput;
}

void AppendAttention(const ModelSpec& spec, bool has_norm, Slots* slots) {
  const int64_t query = spec.heads * spec.head_dim;
  const int64_t kv = spec.kv_heads * spec.head_dim;
  if (HasBlockNorms(spec) && has_norm) {
    slots->Norm("input_layernorm", spec.width);
  }
  slots->Projection("self_attn.q_proj", query, spec.width, spec.qkv_bias);
  slots->Projection("self_attn.k_proj", kv, spec.width, spec.qkv_bias);
  slots->Projection("self_attn.v_proj", kv, spec.width, spec.qkv_bias);
  if (spec.qk_norm != QkNorm::kNone) {
    const bool whole = spec.qk_norm == QkNorm::kWhole;
    slots->Norm("self_attn.q_norm", whole ? query : spec.head_dim);
    slots->Norm("self_attn.k_norm", whole ? kv : spec.head_dim);
  }
  slots->Projection("self_attn.o_proj", spec.width, query, spec.output_bias);
  if (HasOutputNorms(spec)) slots->Norm("self_attn.output_norm", spec.width);
}

void AppendCrossAttention(const ModelSpec& spec, Slots* slots) {
  const int64_t query = spec.heads * spec.head_dim;
  const int64_t kv = spec.kv_heads * spec.head_dim;
  slots->Norm("cross_attention_layernorm", spec.width);
  slots->Projection("cross_attn.q_proj", query, spec.width, spec.qkv_bias);
  slots->Projection("cross_attn.k_proj", kv, spec.width, spec.qkv_bias);
  slots->Projection("cross_attn.v_proj", kv, spec.width, spec.qkv_bias);
  slots->Projection("cross_attn.o_proj", spec.width, query, spec.output_bias);
}

void AppendExperts(const ModelSpec& spec, Slots* slots) {
  const ExpertSpec& experts = spec.experts;
  slots->Add("mlp.router.weight", {experts.experts, spec.width},
             TensorRole::kRouter);
  for (int64_t expert = 0; expert < experts.experts; ++expert) {
    slots->FeedForward(absl::StrCat("mlp.experts.", expert), experts.ffn);
  }
  if (experts.shared_ffn == 0) return;
  slots->FeedForward("mlp.shared_expert", experts.shared_ffn);
  slots->Add("mlp.shared_expert_gate.weight", {1, spec.width},
             TensorRole::kRouter);
}

void AppendLayer(const ModelSpec& spec, int64_t layer,
                 std::vector<TensorSlot>* table) {
  Slots slots(LayerTensorName(layer, ""), spec, table);
  AppendAttention(spec, layer > 0 || spec.first_norm, &slots);
  if (spec.has_encoder()) AppendCrossAttention(spec, &slots);
  if (HasBlockNorms(spec) && spec.residual != ResidualOrder::kParallelShared) {
    slots.Norm("post_attention_layernorm", spec.width);
  }
  if (spec.has_experts(layer)) {
    AppendExperts(spec, &slots);
  } else {
    slots.FeedForward("mlp", spec.ffn);
  }
  if (HasOutputNorms(spec)) slots.Norm("mlp.output_norm", spec.width);
}

void AppendEmbedding(const ModelSpec& spec, Slots* slots) {
  const int64_t embedding = spec.token_width();
  slots->Add(kEmbeddingName, {spec.vocab, embedding}, TensorRole::kEmbedding);
  if (spec.position == PositionKind::kLearned) {
    slots->Add(kPositionsName, {spec.position_rows(), spec.position_width()},
               TensorRole::kPositions);
  }
  if (spec.position == PositionKind::kRelative) {
    slots->Add(kRelativeBiasName, {spec.relative_buckets, spec.heads},
               TensorRole::kPositions);
  }
  if (spec.token_types > 0) {
    slots->Add(kTokenTypesName, {spec.token_types, spec.position_width()},
               TensorRole::kPositions);
  }
  if (embedding != spec.width || spec.embedding_projected_last) {
    slots->Projection(kProjectIn, spec.width, embedding,
                      spec.embedding_projected_last);
  }
  if (spec.embedding_norm) slots->Norm(kEmbeddingNorm, spec.position_width());
}

void AppendHead(const ModelSpec& spec, Slots* slots) {
  const int64_t embedding = spec.token_width();
  const HeadTransform& transform = spec.transform;
  if (transform.present) {
    const absl::string_view name = TransformName(spec.head);
    const int64_t width = spec.transform_width();
    slots->Projection(name, width, spec.width, transform.bias);
    if (transform.norm) slots->Norm(absl::StrCat(name, "_norm"), width);
  }
  if (spec.has_labels()) {
    const auto labels = static_cast<int64_t>(spec.labels.size());
    slots->Add(absl::StrCat(kClassifier, ".weight"), {labels, spec.width},
               TensorRole::kClassifier);
    slots->Add(absl::StrCat(kClassifier, ".bias"), {labels},
               TensorRole::kVector);
  }
  if (spec.head != HeadKind::kLanguageModel) return;
  if (embedding != spec.width && !transform.present) {
    slots->Projection(kProjectOut, embedding, spec.width, false);
  }
  if (!spec.tied_head) {
    slots->Add(kHeadName, {spec.vocab, embedding}, TensorRole::kHead);
  }
  if (spec.head_bias) {
    slots->Add(kHeadBiasName, {spec.vocab}, TensorRole::kVector);
  }
}

void AppendEncoder(const ModelSpec& spec, std::vector<TensorSlot>* table) {
  for (TensorSlot& slot : TensorTable(EncoderOf(spec))) {
    if (slot.name == kEmbeddingName && spec.encoder.vocab == 0) continue;
    slot.name = EncoderTensorName(slot.name);
    table->push_back(std::move(slot));
  }
}

}  // namespace

std::vector<TensorSlot> TensorTable(const ModelSpec& spec) {
  std::vector<TensorSlot> table;
  if (spec.has_encoder()) AppendEncoder(spec, &table);
  Slots slots("", spec, &table);
  AppendEmbedding(spec, &slots);
  for (int64_t layer = 0; layer < spec.stored_layers(); ++layer) {
    AppendLayer(spec, layer, &table);
  }
  if (spec.final_norm) slots.Norm(kFinalNorm, spec.width);
  AppendHead(spec, &slots);
  return table;
}

std::string LayerTensorName(int64_t layer, absl::string_view suffix) {
  return absl::StrCat("model.layers.", layer, ".", suffix);
}

std::optional<int64_t> LayerOf(absl::string_view name) {
  if (!absl::ConsumePrefix(&name, "model.layers.")) return std::nullopt;
  int64_t layer;
  if (!absl::SimpleAtoi(name.substr(0, name.find('.')), &layer)) {
    return std::nullopt;
  }
  return layer;
}

std::string ExpertName(int64_t expert, absl::string_view projection) {
  return absl::StrCat("mlp.experts.", expert, ".", projection);
}

absl::string_view TransformName(HeadKind head) {
  switch (head) {
    case HeadKind::kLanguageModel:
      return "lm_head_transform";
    case HeadKind::kNone:
      return "pooler";
    case HeadKind::kSequenceLabels:
    case HeadKind::kTokenLabels:
      break;
  }
  return "classifier_transform";
}

std::string EncoderTensorName(absl::string_view name) {
  absl::ConsumePrefix(&name, "model.");
  return absl::StrCat("encoder.", name);
}

int64_t CountParameters(const std::vector<TensorSlot>& table) {
  int64_t parameters = 0;
  for (const TensorSlot& slot : table) {
    int64_t size = 1;
    for (const int64_t dimension : slot.shape) size *= dimension;
    parameters += size;
  }
  return parameters;
}

}  // namespace ounce
