#include "runtime/weights.h"

#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "model/tensor_table.h"

namespace ounce {
namespace {

// Looks bound tensors up by their canonical names; what a model does not have
// is empty.
class Lookup {
 public:
  // Of the encoder beside a decoder, if `is_encoder`.
  Lookup(const BoundTensors& bound, bool is_encoder, ModelWeights* weights)
      : is_encoder_(is_encoder), weights_(*weights) {
    for (const BoundTensor& tensor : bound.tensors) {
      by_name_[tensor.slot.name] = &tensor;
    }
  }

  PackedMatrix Matrix(absl::string_view name) const {
    const BoundTensor* tensor = Find(name);
    if (tensor == nullptr) return {};
    PackedMatrix matrix = tensor->matrix;
    if (!tensor->map.is_identity()) {
      weights_.copies.push_back(
          std::make_unique<const std::vector<uint8_t>>(CopyMatrix(*tensor)));
      matrix.data = weights_.copies.back()->data();
    }
    return matrix;
  }
  ounce::Matrix Floats(absl::string_view name) const {
    const BoundTensor* tensor = Find(name);
    if (tensor == nullptr) return {};
    ounce::Matrix values(tensor->matrix.rows, tensor->matrix.cols);
    ReadRows(*tensor, 0, values.rows(), values.values().data());
    return values;
  }
  std::vector<float> Vector(absl::string_view name) const {
    const BoundTensor* tensor = Find(name);
    if (tensor == nullptr) return {};
    std::vector<float> values(static_cast<size_t>(tensor->matrix.cols));
    ReadRows(*tensor, 0, 1, values.data());
    return values;
  }
  LinearWeights Linear(absl::string_view name) const {
    return {Matrix(absl::StrCat(name, ".weight")),
            Vector(absl::StrCat(name, ".bias"))};
  }
  NormWeights Norm(absl::string_view name) const {
    NormWeights norm = {Vector(absl::StrCat(name, ".weight")),
                        Vector(absl::StrCat(name, ".bias"))};
    const auto offset = static_cast<float>(weights_.spec.norm_offset);
    if (offset == 0.0f) return norm;
    for (float& weight : norm.weight) weight += offset;
    return norm;
  }
  FeedForwardWeights FeedForward(absl::string_view name) const {
    return {Linear(absl::StrCat(name, ".gate_proj")),
            Linear(absl::StrCat(name, ".up_proj")),
            Linear(absl::StrCat(name, ".down_proj"))};
  }

 private:
  const BoundTensor* Find(absl::string_view name) const {
    auto found = by_name_.find(name);
    if (is_encoder_) found = by_name_.find(EncoderTensorName(name));
    return found == by_name_.end() ? nullptr : found->second;
  }

  const bool is_encoder_;
  ModelWeights& weights_;
  absl::flat_hash_map<std::string, const BoundTensor*> by_name_;
};

std::unique_ptr<const ExpertWeights> ArrangeExperts(const ModelSpec& spec,
                                                    int64_t layer,
                                                    const Lookup& find) {
  const auto name = [layer](absl::string_view suffix) {
    return LayerTensorName(layer, suffix);
  };
  auto out = std::make_unique<ExpertWeights>();
  out->router = find.Matrix(name("mlp.router.weight"));
  for (int64_t e = 0; e < spec.experts.experts; ++e) {
    out->experts.push_back(
        find.FeedForward(name(absl::StrCat("mlp.experts.", e))));
  }
  out->shared = find.FeedForward(name("mlp.shared_expert"));
  out->shared_gate = find.Vector(name("mlp.shared_expert_gate.weight"));
  return out;
}

LayerWeights FindLayer(const ModelSpec& spec, int64_t layer,
                       const Lookup& find) {
  const auto name = [layer](absl::string_view suffix) {
    return LayerTensorName(layer, suffix);
  };
  LayerWeights out;
  out.attention_norm = find.Norm(name("input_layernorm"));
  out.query = find.Linear(name("self_attn.q_proj"));
  out.key = find.Linear(name("self_attn.k_proj"));
  out.value = find.Linear(name("self_attn.v_proj"));
  out.query_norm = find.Norm(name("self_attn.q_norm"));
  out.key_norm = find.Norm(name("self_attn.k_norm"));
  out.output = find.Linear(name("self_attn.o_proj"));
  out.attention_output_norm = find.Norm(name("self_attn.output_norm"));
  out.cross_norm = find.Norm(name("cross_attention_layernorm"));
  out.cross_query = find.Linear(name("cross_attn.q_proj"));
  out.cross_key = find.Linear(name("cross_attn.k_proj"));
  out.cross_value = find.Linear(name("cross_attn.v_proj"));
  out.cross_output = find.Linear(name("cross_attn.o_proj"));
  out.ffn_norm = spec.residual == ResidualOrder::kParallelShared
                     ? out.attention_norm
                     : find.Norm(name("post_attention_layernorm"));
  if (spec.has_experts(layer)) {
    out.experts = ArrangeExperts(spec, layer, find);
  } else {
    out.ffn = find.FeedForward(name("mlp"));
  }
  out.ffn_output_norm = find.Norm(name("mlp.output_norm"));
  return out;
}

void Append(const FeedForwardWeights& ffn,
            std::vector<const PackedMatrix*>* matrices) {
  for (const LinearWeights* linear : {&ffn.gate, &ffn.up, &ffn.down}) {
    if (linear->weight.bytes > 0) matrices->push_back(&linear->weight);
  }
}

ModelWeights ArrangeStack(const ModelSpec& spec, const BoundTensors& bound,
                          bool is_encoder) {
  ModelWeights weights;
  weights.spec = spec;
  const Lookup find(bound, is_encoder, &weights);
  weights.embedding = find.Matrix(kEmbeddingName);
  weights.positions = find.Matrix(kPositionsName);
  weights.token_types = find.Matrix(kTokenTypesName);
  weights.relative_bias = find.Floats(kRelativeBiasName);
  weights.project_in = find.Linear(kProjectIn);
  weights.embedding_norm = find.Norm(kEmbeddingNorm);
  for (int64_t layer = 0; layer < spec.stored_layers(); ++layer) {
    weights.layers.push_back(FindLayer(spec, layer, find));
  }
  weights.final_norm = find.Norm(kFinalNorm);
  const absl::string_view transform = TransformName(spec.head);
  weights.head_transform = find.Linear(transform);
  weights.head_norm = find.Norm(absl::StrCat(transform, "_norm"));
  weights.classifier = find.Linear(kClassifier);
  weights.project_out = find.Linear(kProjectOut);
  weights.head.weight =
      spec.tied_head ? weights.embedding : find.Matrix(kHeadName);
  weights.head.bias = find.Vector(kHeadBiasName);
  return weights;
}

}  // namespace

ModelWeights ArrangeWeights(const ModelSpec& spec, const BoundTensors& bound) {
  ModelWeights weights = ArrangeStack(spec, bound, false);
  if (!spec.has_encoder()) return weights;
  weights.encoder = std::make_unique<ModelWeights>(
      ArrangeStack(EncoderOf(spec), bound, true));
  if (spec.encoder.vocab == 0) weights.encoder->embedding = weights.embedding;
  return weights;
}

LayerWeights ArrangeLayer(const ModelSpec& spec, int64_t layer,
                          const BoundTensors& bound) {
  ModelWeights model;
  model.spec = spec;
  return FindLayer(spec, layer, Lookup(bound, false, &model));
}

Norm NormOf(const ModelSpec& spec, const NormWeights& weights) {
  Norm norm;
  norm.kind =
      spec.norm == NormKind::kRms ? Norm::Kind::kRms : Norm::Kind::kLayer;
  norm.weight = weights.weight.data();
  norm.bias = weights.bias.empty() ? nullptr : weights.bias.data();
  norm.epsilon = static_cast<float>(spec.norm_epsilon);
  return norm;
}

std::vector<const PackedMatrix*> MatricesOf(const LayerWeights& layer) {
  std::vector<const PackedMatrix*> matrices = {
      &layer.query.weight, &layer.key.weight, &layer.value.weight,
      &layer.output.weight};
  for (const LinearWeights* linear :
       {&layer.cross_query, &layer.cross_key, &layer.cross_value,
        &layer.cross_output}) {
    if (linear->weight.bytes > 0) matrices.push_back(&linear->weight);
  }
  if (layer.experts == nullptr) {
    Append(layer.ffn, &matrices);
    return matrices;
  }
  matrices.push_back(&layer.experts->router);
  for (const FeedForwardWeights& expert : layer.experts->experts) {
    Append(expert, &matrices);
  }
  Append(layer.experts->shared, &matrices);
  return matrices;
}

}  // namespace ounce
