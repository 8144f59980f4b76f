#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "artifact_generated.h"
#include "core/status_macros.h"
#include "formats/artifact/metadata.h"

namespace ounce {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

// True when a schema value has the number of ours: both enums are stored by it.
template <typename Ours, typename Theirs>
constexpr bool SameNumber(Ours ours, Theirs theirs) {
  return static_cast<int>(ours) == static_cast<int>(theirs);
}
static_assert(SameNumber(Codec::kF32, schema::Codec::F32) &&
              SameNumber(Codec::kF16, schema::Codec::F16) &&
              SameNumber(Codec::kBF16, schema::Codec::BF16) &&
              SameNumber(Codec::kInt8, schema::Codec::Int8) &&
              SameNumber(Codec::kInt4, schema::Codec::Int4) &&
              SameNumber(Codec::kInt4Asymmetric,
                         schema::Codec::Int4Asymmetric) &&
              SameNumber(Codec::kInt4Progressive,
                         schema::Codec::Int4Progressive) &&
              SameNumber(Codec::kInt8ActivationGroups,
                         schema::Codec::Int8ActivationGroups));
static_assert(
    SameNumber(ActivationKind::kSilu, schema::Activation::Silu) &&
    SameNumber(ActivationKind::kGelu, schema::Activation::Gelu) &&
    SameNumber(ActivationKind::kGeluTanh, schema::Activation::GeluTanh) &&
    SameNumber(ActivationKind::kRelu, schema::Activation::Relu) &&
    SameNumber(ActivationKind::kTanh, schema::Activation::Tanh) &&
    SameNumber(ActivationKind::kQuickGelu, schema::Activation::QuickGelu) &&
    SameNumber(ActivationKind::kReluSquared, schema::Activation::ReluSquared));
static_assert(
    SameNumber(RotaryScaling::kNone, schema::RotaryScaling::None) &&
    SameNumber(RotaryScaling::kLinear, schema::RotaryScaling::Linear) &&
    SameNumber(RotaryScaling::kLlama3, schema::RotaryScaling::Llama3) &&
    SameNumber(RotaryScaling::kDynamic, schema::RotaryScaling::Dynamic) &&
    SameNumber(RotaryScaling::kYarn, schema::RotaryScaling::Yarn) &&
    SameNumber(RotaryScaling::kLongRope, schema::RotaryScaling::LongRope));
static_assert(SameNumber(NormKind::kLayer, schema::NormKind::Layer) &&
              SameNumber(NormPlacement::kOutput,
                         schema::NormPlacement::Output) &&
              SameNumber(NormPlacement::kInputAndOutput,
                         schema::NormPlacement::InputAndOutput) &&
              SameNumber(NormPlacement::kSum, schema::NormPlacement::Sum));
static_assert(SameNumber(ResidualOrder::kParallel,
                         schema::ResidualOrder::Parallel) &&
              SameNumber(ResidualOrder::kParallelShared,
                         schema::ResidualOrder::ParallelShared));
static_assert(SameNumber(QkNorm::kHead, schema::QkNorm::Head) &&
              SameNumber(QkNorm::kWhole, schema::QkNorm::Whole));
static_assert(
    SameNumber(PositionKind::kLearned, schema::PositionKind::Learned) &&
    SameNumber(PositionKind::kAlibi, schema::PositionKind::Alibi) &&
    SameNumber(PositionKind::kSinusoidal, schema::PositionKind::Sinusoidal) &&
    SameNumber(PositionKind::kRelative, schema::PositionKind::Relative));
static_assert(SameNumber(HeadKind::kNone, schema::HeadKind::None) &&
              SameNumber(HeadKind::kSequenceLabels,
                         schema::HeadKind::SequenceLabels) &&
              SameNumber(HeadKind::kTokenLabels,
                         schema::HeadKind::TokenLabels) &&
              SameNumber(Pooling::kMean, schema::Pooling::Mean));
static_assert(SameNumber(LayerRotary::kLocal, schema::LayerRotary::Local) &&
              SameNumber(LayerRotary::kNone, schema::LayerRotary::None));
static_assert(SameNumber(TokenizerKind::kNone, schema::TokenizerKind::None) &&
              SameNumber(TokenizerKind::kTokenizerJson,
                         schema::TokenizerKind::TokenizerJson) &&
              SameNumber(TokenizerKind::kSentencePiece,
                         schema::TokenizerKind::SentencePiece) &&
              SameNumber(TokenizerKind::kBpeFiles,
                         schema::TokenizerKind::BpeFiles) &&
              SameNumber(TokenizerKind::kWordPieceFiles,
                         schema::TokenizerKind::WordPieceFiles));

// The root, spec, two rotary descriptions, experts, encoder, generation, head
// transform, tokenizer, provenance, calibration.
constexpr size_t kFixedTables = 11;

absl::Status CheckSize(absl::string_view what, size_t bytes, size_t limit) {
  if (bytes <= limit) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      what, " takes ", bytes, " bytes; an artifact holds at most ", limit));
}

// Before anything is built: the builder itself aborts when it grows past 2 GiB.
absl::Status CheckSizes(const ArtifactMetadata& metadata) {
  const Provenance& provenance = metadata.provenance;
  OUNCE_RETURN_IF_ERROR(CheckSize("the architecture's name",
                                  metadata.spec.architecture.size(),
                                  kMaxNameBytes));
  OUNCE_RETURN_IF_ERROR(
      CheckSize("the recipe", provenance.recipe.size(), kMaxRecipeBytes));
  OUNCE_RETURN_IF_ERROR(CheckSize(
      "the tool's version", provenance.tool_version.size(), kMaxNameBytes));
  for (const SourceFile& source : provenance.sources) {
    OUNCE_RETURN_IF_ERROR(
        CheckSize("a source file's name", source.name.size(), kMaxNameBytes));
  }
  if (metadata.tokenizer.files.size() > kMaxTokenizerFiles) {
    return absl::InvalidArgumentError(
        absl::StrCat("a tokenizer of ", metadata.tokenizer.files.size(),
                     " files; an artifact holds at most ", kMaxTokenizerFiles));
  }
  size_t tokenizer_bytes = 0;
  for (const TokenizerAsset::File& file : metadata.tokenizer.files) {
    OUNCE_RETURN_IF_ERROR(
        CheckSize("a tokenizer file's name", file.name.size(), kMaxNameBytes));
    tokenizer_bytes += file.bytes.view().size();
  }
  OUNCE_RETURN_IF_ERROR(
      CheckSize("the tokenizer", tokenizer_bytes, kMaxTokenizerBytes));
  for (const TensorRecord& record : metadata.records) {
    OUNCE_RETURN_IF_ERROR(
        CheckSize("a tensor's name", record.name.size(), kMaxNameBytes));
  }
  const size_t num_tables = metadata.records.size() +
                            metadata.tokenizer.files.size() +
                            provenance.sources.size() +
                            metadata.spec.layer_kinds.size() + kFixedTables;
  if (num_tables > kMaxTables) {
    return absl::InvalidArgumentError(
        absl::StrCat(num_tables,
                     " tensors and files; an artifact holds at "
                     "most ",
                     kMaxTables));
  }
  return absl::OkStatus();
}

Offset<schema::Rotary> BuildRotary(FlatBufferBuilder& builder,
                                   const RotarySpec& rotary) {
  const auto factors = [&](const std::vector<double>& values) {
    return values.empty() ? Offset<flatbuffers::Vector<double>>()
                          : builder.CreateVector(values);
  };
  const auto short_factors = factors(rotary.short_factors);
  const auto long_factors = factors(rotary.long_factors);
  return schema::CreateRotary(
      builder, rotary.base, static_cast<schema::RotaryScaling>(rotary.scaling),
      rotary.factor, rotary.low_freq_factor, rotary.high_freq_factor,
      rotary.original_context, rotary.dims, rotary.adjacent_pairs,
      rotary.beta_fast, rotary.beta_slow, rotary.truncate,
      rotary.attention_factor, short_factors, long_factors);
}

using LayerKindVector = flatbuffers::Vector<Offset<schema::LayerKind>>;
Offset<LayerKindVector> BuildLayerKinds(FlatBufferBuilder& builder,
                                        const ModelSpec& spec) {
  if (spec.layer_kinds.empty()) return {};
  std::vector<Offset<schema::LayerKind>> kinds;
  for (const LayerKind& kind : spec.layer_kinds) {
    kinds.push_back(schema::CreateLayerKind(
        builder, kind.windowed, static_cast<schema::LayerRotary>(kind.rotary),
        kind.routed));
  }
  return builder.CreateVector(kinds);
}

Offset<schema::Experts> BuildExperts(FlatBufferBuilder& builder,
                                     const ExpertSpec& experts) {
  if (experts.experts == 0) return {};
  return schema::CreateExperts(builder, experts.experts, experts.per_token,
                               experts.ffn, experts.shared_ffn,
                               experts.normalized);
}

Offset<schema::Encoder> BuildEncoder(FlatBufferBuilder& builder,
                                     const EncoderSpec& encoder) {
  if (encoder.layers == 0) return {};
  return schema::CreateEncoder(builder, encoder.layers, encoder.heads,
                               encoder.head_dim, encoder.ffn, encoder.vocab);
}

Offset<schema::Generation> BuildGeneration(FlatBufferBuilder& builder,
                                           const ModelSpec& spec) {
  if (!spec.has_encoder()) return {};
  const GenerationSpec& in = spec.generation;
  const auto suppressed_ids = builder.CreateVector(in.suppressed_ids);
  return schema::CreateGeneration(
      builder, in.start_id, in.forced_first_id, in.forced_last_id, in.beams,
      in.length_penalty, in.early_stopping, in.no_repeat_ngram, in.max_tokens,
      in.min_tokens, suppressed_ids);
}

Offset<schema::HeadTransform> BuildTransform(FlatBufferBuilder& builder,
                                             const HeadTransform& transform) {
  if (!transform.present) return {};
  return schema::CreateHeadTransform(
      builder, transform.bias, transform.norm,
      static_cast<schema::Activation>(transform.activation));
}

using StringVector = flatbuffers::Vector<Offset<flatbuffers::String>>;
Offset<StringVector> BuildLabels(FlatBufferBuilder& builder,
                                 const std::vector<std::string>& labels) {
  if (labels.empty()) return {};
  return builder.CreateVectorOfStrings(labels);
}

// What specs have from version 3 on, but for the tables.
void AddStackChoices(const ModelSpec& spec, schema::SpecBuilder* out) {
  out->add_causal(spec.causal);
  out->add_token_types(spec.token_types);
  out->add_unplaced_id(spec.unplaced_id);
  out->add_relative_buckets(spec.relative_buckets);
  out->add_relative_max_distance(spec.relative_max_distance);
  out->add_embedding_projected_last(spec.embedding_projected_last);
  out->add_layer_groups(spec.layer_groups);
  out->add_first_norm(spec.first_norm);
  out->add_head(static_cast<schema::HeadKind>(spec.head));
  out->add_pooling(static_cast<schema::Pooling>(spec.pooling));
  out->add_unit_embedding(spec.unit_embedding);
  out->add_multi_label(spec.multi_label);
  out->add_text_limit(spec.text_limit);
}

// What specs have from version 2 on, but for the tables.
void AddChoices(const ModelSpec& spec, schema::SpecBuilder* out) {
  out->add_norm(static_cast<schema::NormKind>(spec.norm));
  out->add_norm_bias(spec.norm_bias);
  out->add_norm_offset(spec.norm_offset);
  out->add_norm_placement(
      static_cast<schema::NormPlacement>(spec.norm_placement));
  out->add_final_norm(spec.final_norm);
  out->add_residual(static_cast<schema::ResidualOrder>(spec.residual));
  out->add_residual_from_norm(spec.residual_from_norm);
  out->add_qk_norm(static_cast<schema::QkNorm>(spec.qk_norm));
  out->add_position(static_cast<schema::PositionKind>(spec.position));
  out->add_position_offset(spec.position_offset);
  out->add_alibi_scale(spec.alibi_scale);
  out->add_alibi_bf16(spec.alibi_bf16);
  out->add_gated_ffn(spec.gated_ffn);
  out->add_embedding_width(spec.embedding_width);
  out->add_embedding_scale(spec.embedding_scale);
  out->add_embedding_norm(spec.embedding_norm);
  out->add_attention_scale(spec.attention_scale);
  out->add_attention_scale_by_layer(spec.attention_scale_by_layer);
  out->add_attention_soft_cap(spec.attention_soft_cap);
  out->add_residual_scale(spec.residual_scale);
  out->add_logit_scale(spec.logit_scale);
  out->add_logit_soft_cap(spec.logit_soft_cap);
  out->add_head_bias(spec.head_bias);
}

Offset<schema::Spec> BuildSpec(FlatBufferBuilder& builder,
                               const ModelSpec& spec) {
  const Offset<schema::Rotary> rotary_offset =
      BuildRotary(builder, spec.rotary);
  const Offset<schema::Rotary> local_rotary =
      spec.uses_rotary(LayerRotary::kLocal)
          ? BuildRotary(builder, spec.local_rotary)
          : Offset<schema::Rotary>();
  const auto layer_kinds = BuildLayerKinds(builder, spec);
  const auto experts = BuildExperts(builder, spec.experts);
  const auto encoder = BuildEncoder(builder, spec.encoder);
  const auto generation = BuildGeneration(builder, spec);
  const auto transform = BuildTransform(builder, spec.transform);
  const auto labels = BuildLabels(builder, spec.labels);
  const auto architecture = builder.CreateString(spec.architecture);
  const auto stop_ids = builder.CreateVector(spec.stop_ids);
  schema::SpecBuilder out(builder);
  out.add_architecture(architecture);
  out.add_vocab(spec.vocab);
  out.add_width(spec.width);
  out.add_layers(spec.layers);
  out.add_heads(spec.heads);
  out.add_kv_heads(spec.kv_heads);
  out.add_head_dim(spec.head_dim);
  out.add_ffn(spec.ffn);
  out.add_max_context(spec.max_context);
  out.add_norm_epsilon(spec.norm_epsilon);
  out.add_activation(static_cast<schema::Activation>(spec.activation));
  out.add_rotary(rotary_offset);
  out.add_window(spec.window);
  out.add_qkv_bias(spec.qkv_bias);
  out.add_output_bias(spec.output_bias);
  out.add_ffn_bias(spec.ffn_bias);
  out.add_tied_head(spec.tied_head);
  out.add_stop_ids(stop_ids);
  if (!local_rotary.IsNull()) out.add_local_rotary(local_rotary);
  if (!layer_kinds.IsNull()) out.add_layer_kinds(layer_kinds);
  if (!experts.IsNull()) out.add_experts(experts);
  if (!encoder.IsNull()) out.add_encoder(encoder);
  if (!generation.IsNull()) out.add_generation(generation);
  if (!transform.IsNull()) out.add_transform(transform);
  if (!labels.IsNull()) out.add_labels(labels);
  AddChoices(spec, &out);
  AddStackChoices(spec, &out);
  return out.Finish();
}

Offset<schema::Tensor> BuildTensor(FlatBufferBuilder& builder,
                                   const TensorRecord& record) {
  const auto name = builder.CreateString(record.name);
  const auto shape = builder.CreateVector(record.shape);
  return schema::CreateTensor(
      builder, name, shape, static_cast<schema::Codec>(record.codec),
      record.group_size, record.offset, record.bytes, record.hash.low,
      record.hash.high, record.snr_db, record.sparsity);
}

Offset<schema::Tokenizer> BuildTokenizer(FlatBufferBuilder& builder,
                                         const TokenizerAsset& tokenizer) {
  std::vector<Offset<schema::TokenizerFile>> files;
  for (const TokenizerAsset::File& file : tokenizer.files) {
    const auto name = builder.CreateString(file.name);
    const auto bytes = builder.CreateVector(
        reinterpret_cast<const uint8_t*>(file.bytes.view().data()),
        file.bytes.view().size());
    files.push_back(schema::CreateTokenizerFile(builder, name, bytes));
  }
  return schema::CreateTokenizer(
      builder, static_cast<schema::TokenizerKind>(tokenizer.kind),
      builder.CreateVector(files));
}

Offset<schema::Calibration> BuildCalibration(
    FlatBufferBuilder& builder, const CalibrationSource& calibration) {
  const auto sha256 = builder.CreateString(calibration.sha256);
  return schema::CreateCalibration(builder, sha256, calibration.tokens,
                                   calibration.context, calibration.seed,
                                   calibration.own_text);
}

Offset<schema::Provenance> BuildProvenance(FlatBufferBuilder& builder,
                                           const Provenance& provenance) {
  std::vector<Offset<schema::SourceFile>> sources;
  for (const SourceFile& source : provenance.sources) {
    const auto name = builder.CreateString(source.name);
    const auto sha256 = builder.CreateString(source.sha256);
    sources.push_back(
        schema::CreateSourceFile(builder, name, sha256, source.bytes));
  }
  // Statements of their own: the order of arguments is not defined, and the
  // bytes must not depend on it.
  const auto tool_version = builder.CreateString(provenance.tool_version);
  const auto source_offsets = builder.CreateVector(sources);
  const auto recipe = builder.CreateString(provenance.recipe);
  Offset<schema::Calibration> calibration;
  if (provenance.calibration.has_value()) {
    calibration = BuildCalibration(builder, *provenance.calibration);
  }
  return schema::CreateProvenance(builder, tool_version, source_offsets, recipe,
                                  calibration);
}

}  // namespace

absl::StatusOr<std::vector<uint8_t>> EncodeMetadata(
    const ArtifactMetadata& metadata) {
  OUNCE_RETURN_IF_ERROR(CheckSizes(metadata));
  FlatBufferBuilder builder;
  const auto spec = BuildSpec(builder, metadata.spec);
  std::vector<Offset<schema::Tensor>> tensors;
  for (const TensorRecord& record : metadata.records) {
    tensors.push_back(BuildTensor(builder, record));
  }
  const auto tensor_offsets = builder.CreateVector(tensors);
  const auto tokenizer = BuildTokenizer(builder, metadata.tokenizer);
  const auto provenance = BuildProvenance(builder, metadata.provenance);
  schema::FinishMetadataBuffer(
      builder, schema::CreateMetadata(builder, spec, tensor_offsets, tokenizer,
                                      provenance));
  const uint8_t* data = builder.GetBufferPointer();
  return std::vector<uint8_t>(data, data + builder.GetSize());
}

}  // namespace ounce
