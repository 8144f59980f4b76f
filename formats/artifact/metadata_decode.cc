#include <cmath>
#include <limits>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "artifact_generated.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "formats/artifact/layout.h"
#include "formats/artifact/metadata.h"

namespace ounce {
namespace {

// The schema nests four tables deep; vectors and strings count as levels.
constexpr flatbuffers::uoffset_t kMaxDepth = 16;

absl::Status CheckBuffer(absl::Span<const uint8_t> bytes) {
  // The verifier asserts what it cannot address, so sizes come first.
  if (bytes.size() < 2 * sizeof(flatbuffers::uoffset_t) ||
      bytes.size() > kMaxMetadataBytes) {
    return absl::DataLossError(absl::StrCat("metadata of ", bytes.size(),
                                            " bytes; expected 8 to ",
                                            kMaxMetadataBytes));
  }
  flatbuffers::Verifier::Options options;
  options.max_depth = kMaxDepth;
  options.max_tables = kMaxTables;
  flatbuffers::Verifier verifier(bytes.data(), bytes.size(), options);
  if (!schema::VerifyMetadataBuffer(verifier)) {
    return absl::DataLossError(
        "metadata is no valid FlatBuffer of kind OUNC; get the file again");
  }
  return absl::OkStatus();
}

// A copy of `text` when it has `min` to `max` bytes.
absl::StatusOr<std::string> ReadText(const flatbuffers::String* text,
                                     absl::string_view what, size_t min,
                                     size_t max) {
  if (text->size() < min || text->size() > max) {
    return absl::DataLossError(absl::StrCat(
        what, " has ", text->size(), " bytes; expected ", min, " to ", max));
  }
  return std::string(text->c_str(), text->size());
}

// The value as our enum, whose last value is `last`.
template <typename Ours, typename Theirs>
absl::StatusOr<Ours> ReadEnum(Theirs value, Ours last, absl::string_view what) {
  if (static_cast<int>(value) > static_cast<int>(last)) {
    return absl::DataLossError(
        absl::StrCat(what, " is ", static_cast<int>(value), "; expected 0 to ",
                     static_cast<int>(last)));
  }
  return static_cast<Ours>(value);
}

absl::StatusOr<RotarySpec> ReadRotary(const schema::Rotary& in) {
  RotarySpec rotary;
  rotary.base = in.base();
  OUNCE_ASSIGN_OR_RETURN(
      rotary.scaling,
      ReadEnum(in.scaling(), RotaryScaling::kLongRope, "rotary.scaling"));
  rotary.factor = in.factor();
  rotary.low_freq_factor = in.low_freq_factor();
  rotary.high_freq_factor = in.high_freq_factor();
  rotary.original_context = in.original_context();
  rotary.dims = in.dims();
  rotary.adjacent_pairs = in.adjacent_pairs();
  rotary.beta_fast = in.beta_fast();
  rotary.beta_slow = in.beta_slow();
  rotary.truncate = in.truncate();
  rotary.attention_factor = in.attention_factor();
  if (in.short_factors() != nullptr) {
    rotary.short_factors.assign(in.short_factors()->begin(),
                                in.short_factors()->end());
  }
  if (in.long_factors() != nullptr) {
    rotary.long_factors.assign(in.long_factors()->begin(),
                               in.long_factors()->end());
  }
  return rotary;
}

absl::Status ReadLayerKinds(const schema::Spec& in, ModelSpec* spec) {
  if (in.layer_kinds() == nullptr) return absl::OkStatus();
  for (const schema::LayerKind* stored : *in.layer_kinds()) {
    LayerKind kind;
    kind.windowed = stored->windowed();
    OUNCE_ASSIGN_OR_RETURN(
        kind.rotary,
        ReadEnum(stored->rotary(), LayerRotary::kNone, "a layer's rotary"));
    kind.routed = stored->routed();
    spec->layer_kinds.push_back(kind);
  }
  return absl::OkStatus();
}

ExpertSpec ReadExperts(const schema::Experts& in) {
  ExpertSpec experts;
  experts.experts = in.experts();
  experts.per_token = in.per_token();
  experts.ffn = in.ffn();
  experts.shared_ffn = in.shared_ffn();
  experts.normalized = in.normalized();
  return experts;
}

absl::Status ReadEnums(const schema::Spec& in, ModelSpec* spec) {
  OUNCE_ASSIGN_OR_RETURN(
      spec->activation,
      ReadEnum(in.activation(), ActivationKind::kReluSquared, "activation"));
  OUNCE_ASSIGN_OR_RETURN(spec->norm,
                         ReadEnum(in.norm(), NormKind::kLayer, "norm"));
  OUNCE_ASSIGN_OR_RETURN(
      spec->norm_placement,
      ReadEnum(in.norm_placement(), NormPlacement::kSum, "norm_placement"));
  OUNCE_ASSIGN_OR_RETURN(
      spec->residual,
      ReadEnum(in.residual(), ResidualOrder::kParallelShared, "residual"));
  OUNCE_ASSIGN_OR_RETURN(spec->qk_norm,
                         ReadEnum(in.qk_norm(), QkNorm::kWhole, "qk_norm"));
  OUNCE_ASSIGN_OR_RETURN(
      spec->position,
      ReadEnum(in.position(), PositionKind::kRelative, "position"));
  OUNCE_ASSIGN_OR_RETURN(spec->head,
                         ReadEnum(in.head(), HeadKind::kTokenLabels, "head"));
  OUNCE_ASSIGN_OR_RETURN(spec->pooling,
                         ReadEnum(in.pooling(), Pooling::kMean, "pooling"));
  return absl::OkStatus();
}

EncoderSpec ReadEncoder(const schema::Encoder& in) {
  EncoderSpec encoder;
  encoder.layers = in.layers();
  encoder.heads = in.heads();
  encoder.head_dim = in.head_dim();
  encoder.ffn = in.ffn();
  encoder.vocab = in.vocab();
  return encoder;
}

GenerationSpec ReadGeneration(const schema::Generation& in) {
  GenerationSpec generation;
  generation.start_id = in.start_id();
  generation.forced_first_id = in.forced_first_id();
  generation.forced_last_id = in.forced_last_id();
  generation.beams = in.beams();
  generation.length_penalty = in.length_penalty();
  generation.early_stopping = in.early_stopping();
  generation.no_repeat_ngram = in.no_repeat_ngram();
  generation.max_tokens = in.max_tokens();
  generation.min_tokens = in.min_tokens();
  if (in.suppressed_ids() != nullptr) {
    generation.suppressed_ids.assign(in.suppressed_ids()->begin(),
                                     in.suppressed_ids()->end());
  }
  return generation;
}

absl::StatusOr<HeadTransform> ReadTransform(const schema::HeadTransform& in) {
  HeadTransform transform;
  transform.present = true;
  transform.bias = in.bias();
  transform.norm = in.norm();
  OUNCE_ASSIGN_OR_RETURN(transform.activation,
                         ReadEnum(in.activation(), ActivationKind::kReluSquared,
                                  "the head's activation"));
  return transform;
}

// What specs have from version 3 on, but for the enums.
absl::Status ReadStackChoices(const schema::Spec& in, ModelSpec* spec) {
  spec->causal = in.causal();
  spec->token_types = in.token_types();
  spec->unplaced_id = in.unplaced_id();
  spec->relative_buckets = in.relative_buckets();
  spec->relative_max_distance = in.relative_max_distance();
  spec->embedding_projected_last = in.embedding_projected_last();
  spec->layer_groups = in.layer_groups();
  spec->first_norm = in.first_norm();
  spec->unit_embedding = in.unit_embedding();
  spec->multi_label = in.multi_label();
  spec->text_limit = in.text_limit();
  if (in.encoder() != nullptr) spec->encoder = ReadEncoder(*in.encoder());
  if (in.generation() != nullptr) {
    spec->generation = ReadGeneration(*in.generation());
  }
  if (in.transform() != nullptr) {
    OUNCE_ASSIGN_OR_RETURN(spec->transform, ReadTransform(*in.transform()));
  }
  if (in.labels() == nullptr) return absl::OkStatus();
  for (const flatbuffers::String* label : *in.labels()) {
    OUNCE_ASSIGN_OR_RETURN(std::string text,
                           ReadText(label, "a label", 0, kMaxNameBytes));
    spec->labels.push_back(std::move(text));
  }
  return absl::OkStatus();
}

// What specs have from version 2 on, but for the enums.
absl::Status ReadChoices(const schema::Spec& in, ModelSpec* spec) {
  spec->norm_bias = in.norm_bias();
  spec->norm_offset = in.norm_offset();
  spec->final_norm = in.final_norm();
  spec->residual_from_norm = in.residual_from_norm();
  spec->position_offset = in.position_offset();
  spec->alibi_scale = in.alibi_scale();
  spec->alibi_bf16 = in.alibi_bf16();
  spec->gated_ffn = in.gated_ffn();
  spec->embedding_width = in.embedding_width();
  spec->embedding_scale = in.embedding_scale();
  spec->embedding_norm = in.embedding_norm();
  spec->attention_scale = in.attention_scale();
  spec->attention_scale_by_layer = in.attention_scale_by_layer();
  spec->attention_soft_cap = in.attention_soft_cap();
  spec->residual_scale = in.residual_scale();
  spec->logit_scale = in.logit_scale();
  spec->logit_soft_cap = in.logit_soft_cap();
  spec->head_bias = in.head_bias();
  if (in.experts() != nullptr) spec->experts = ReadExperts(*in.experts());
  if (in.local_rotary() != nullptr) {
    OUNCE_ASSIGN_OR_RETURN(spec->local_rotary, ReadRotary(*in.local_rotary()));
  }
  return ReadLayerKinds(in, spec);
}

absl::StatusOr<ModelSpec> ReadSpec(const schema::Spec& in) {
  ModelSpec spec;
  OUNCE_ASSIGN_OR_RETURN(
      spec.architecture,
      ReadText(in.architecture(), "architecture", 1, kMaxNameBytes));
  spec.vocab = in.vocab();
  spec.width = in.width();
  spec.layers = in.layers();
  spec.heads = in.heads();
  spec.kv_heads = in.kv_heads();
  spec.head_dim = in.head_dim();
  spec.ffn = in.ffn();
  spec.max_context = in.max_context();
  spec.norm_epsilon = in.norm_epsilon();
  OUNCE_RETURN_IF_ERROR(ReadEnums(in, &spec));
  OUNCE_ASSIGN_OR_RETURN(spec.rotary, ReadRotary(*in.rotary()));
  spec.window = in.window();
  spec.qkv_bias = in.qkv_bias();
  spec.output_bias = in.output_bias();
  spec.ffn_bias = in.ffn_bias();
  spec.tied_head = in.tied_head();
  if (in.stop_ids() != nullptr) {
    spec.stop_ids.assign(in.stop_ids()->begin(), in.stop_ids()->end());
  }
  OUNCE_RETURN_IF_ERROR(ReadChoices(in, &spec));
  OUNCE_RETURN_IF_ERROR(ReadStackChoices(in, &spec));
  const absl::Status status = CheckSpec(spec);
  if (!status.ok()) {
    return absl::DataLossError(absl::StrCat("spec: ", status.message()));
  }
  return spec;
}

absl::StatusOr<Codec> ReadCodec(schema::Codec value, absl::string_view name) {
  const CodecInfo* info = FindCodec(static_cast<int>(value));
  if (info != nullptr) return info->codec;
  const auto append_name = [](std::string* out, const CodecInfo& codec) {
    out->append(codec.name.data(), codec.name.size());
  };
  return absl::UnimplementedError(absl::StrCat(
      "tensor '", name, "' has codec ", static_cast<int>(value), "; we have ",
      absl::StrJoin(AllCodecs(), ", ", append_name)));
}

absl::StatusOr<TensorRecord> ReadRecord(const schema::Tensor& in) {
  TensorRecord record;
  OUNCE_ASSIGN_OR_RETURN(
      record.name, ReadText(in.name(), "a tensor's name", 1, kMaxNameBytes));
  if (in.shape()->size() < 1 || in.shape()->size() > 2) {
    return absl::DataLossError(absl::StrCat("tensor '", record.name,
                                            "' has rank ", in.shape()->size(),
                                            "; expected 1 or 2"));
  }
  record.shape.assign(in.shape()->begin(), in.shape()->end());
  OUNCE_ASSIGN_OR_RETURN(record.codec, ReadCodec(in.codec(), record.name));
  record.group_size = in.group_size();
  record.offset = in.offset();
  record.bytes = in.bytes();
  record.hash = {in.hash_low(), in.hash_high()};
  record.snr_db = in.snr_db();
  record.sparsity = in.sparsity();
  // Written so that NaN fails, too.
  if (std::isnan(record.snr_db) ||
      !(record.sparsity >= 0.0 && record.sparsity <= 1.0)) {
    return absl::DataLossError(
        absl::StrCat("tensor '", record.name, "' has snr_db ", record.snr_db,
                     " and sparsity ", record.sparsity,
                     "; expected a number and a share from 0 to 1"));
  }
  return record;
}

absl::StatusOr<std::vector<TensorRecord>> ReadRecords(
    const flatbuffers::Vector<flatbuffers::Offset<schema::Tensor>>& in) {
  std::vector<TensorRecord> records;
  absl::flat_hash_set<std::string> names;
  for (const schema::Tensor* tensor : in) {
    OUNCE_ASSIGN_OR_RETURN(TensorRecord record, ReadRecord(*tensor));
    if (!names.insert(record.name).second) {
      return absl::DataLossError(
          absl::StrCat("tensor '", record.name, "' is listed twice"));
    }
    records.push_back(std::move(record));
  }
  return records;
}

absl::StatusOr<TokenizerAsset> ReadTokenizer(const schema::Tokenizer& in) {
  TokenizerAsset tokenizer;
  OUNCE_ASSIGN_OR_RETURN(tokenizer.kind,
                         ReadEnum(in.kind(), TokenizerKind::kWordPieceFiles,
                                  "the tokenizer's kind"));
  if (in.files() == nullptr) return tokenizer;
  if (in.files()->size() > kMaxTokenizerFiles) {
    return absl::DataLossError(absl::StrCat("tokenizer of ", in.files()->size(),
                                            " files; expected at most ",
                                            kMaxTokenizerFiles));
  }
  size_t total = 0;
  for (const schema::TokenizerFile* file : *in.files()) {
    TokenizerAsset::File out;
    OUNCE_ASSIGN_OR_RETURN(
        out.name,
        ReadText(file->name(), "a tokenizer file's name", 1, kMaxNameBytes));
    if (tokenizer.Find(out.name) != nullptr) {
      return absl::DataLossError(
          absl::StrCat("tokenizer file '", out.name, "' is listed twice"));
    }
    // Two files may share bytes, so the sum can exceed the metadata's size.
    total += file->bytes()->size();
    if (total > kMaxTokenizerBytes) {
      return absl::DataLossError(
          absl::StrCat("tokenizer of ", total, " bytes up to file '", out.name,
                       "'; expected at most ", kMaxTokenizerBytes));
    }
    const auto* data = reinterpret_cast<const char*>(file->bytes()->data());
    out.bytes = {absl::string_view(data, file->bytes()->size()), nullptr};
    tokenizer.files.push_back(std::move(out));
  }
  return tokenizer;
}

absl::StatusOr<std::optional<CalibrationSource>> ReadCalibration(
    const schema::Calibration* in) {
  if (in == nullptr) return std::nullopt;
  CalibrationSource out;
  OUNCE_ASSIGN_OR_RETURN(
      out.sha256,
      ReadText(in->text_sha256(), "a calibration text's SHA-256", 64, 64));
  out.tokens = in->tokens();
  out.context = in->context();
  out.seed = in->seed();
  out.own_text = in->own_text();
  if (out.tokens < 1 || out.context < 1) {
    return absl::DataLossError(
        absl::StrCat("a calibration text of ", out.tokens,
                     " tokens in windows of ", out.context));
  }
  return out;
}

absl::StatusOr<Provenance> ReadProvenance(const schema::Provenance& in) {
  Provenance provenance;
  OUNCE_ASSIGN_OR_RETURN(
      provenance.tool_version,
      ReadText(in.tool_version(), "tool_version", 0, kMaxNameBytes));
  OUNCE_ASSIGN_OR_RETURN(provenance.recipe,
                         ReadText(in.recipe(), "recipe", 0, kMaxRecipeBytes));
  OUNCE_ASSIGN_OR_RETURN(provenance.calibration,
                         ReadCalibration(in.calibration()));
  if (in.sources() == nullptr) return provenance;
  for (const schema::SourceFile* source : *in.sources()) {
    SourceFile out;
    OUNCE_ASSIGN_OR_RETURN(
        out.name,
        ReadText(source->name(), "a source file's name", 1, kMaxNameBytes));
    OUNCE_ASSIGN_OR_RETURN(
        out.sha256, ReadText(source->sha256(), "a source's SHA-256", 64, 64));
    out.bytes = source->bytes();
    if (out.bytes < 0) {
      return absl::DataLossError(
          absl::StrCat("source '", out.name, "' has ", out.bytes, " bytes"));
    }
    provenance.sources.push_back(std::move(out));
  }
  return provenance;
}

}  // namespace

absl::StatusOr<ArtifactMetadata> DecodeMetadata(
    absl::Span<const uint8_t> bytes) {
  OUNCE_RETURN_IF_ERROR(CheckBuffer(bytes));
  const schema::Metadata& in = *schema::GetMetadata(bytes.data());
  ArtifactMetadata metadata;
  OUNCE_ASSIGN_OR_RETURN(metadata.spec, ReadSpec(*in.spec()));
  OUNCE_ASSIGN_OR_RETURN(metadata.records, ReadRecords(*in.tensors()));
  OUNCE_ASSIGN_OR_RETURN(metadata.tokenizer, ReadTokenizer(*in.tokenizer()));
  OUNCE_ASSIGN_OR_RETURN(metadata.provenance, ReadProvenance(*in.provenance()));
  return metadata;
}

}  // namespace ounce
