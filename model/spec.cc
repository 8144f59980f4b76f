#include "model/spec.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

// Bounds far above any published model, and low enough that a product of three
// of them still fits int64_t.
constexpr int64_t kMaxSize = int64_t{1} << 20;
constexpr int64_t kMaxVocab = int64_t{1} << 24;
constexpr int64_t kMaxContext = int64_t{1} << 32;
constexpr int64_t kMaxExperts = 4096;
// A learned position is a row of a matrix: a bound that a file can hold.
constexpr int64_t kMaxLearned = int64_t{1} << 24;
constexpr int64_t kMaxBuckets = 4096;
constexpr int64_t kMaxLabels = int64_t{1} << 16;
constexpr int64_t kMaxLabelBytes = 1024;
constexpr int64_t kMaxTokenTypes = 4096;
constexpr int64_t kMaxBeams = 64;

absl::Status CheckRange(absl::string_view field, int64_t value, int64_t low,
                        int64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " is ", value, "; expected ", low, " to ", high));
}

absl::Status CheckPositive(absl::string_view field, double value) {
  if (std::isfinite(value) && value > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " is ", value, "; expected a positive number"));
}

absl::Status CheckNotNegative(absl::string_view field, double value) {
  if (std::isfinite(value) && value >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " is ", value, "; expected 0 or a positive number"));
}

absl::Status CheckLlama3(const RotarySpec& rotary) {
  OUNCE_RETURN_IF_ERROR(
      CheckPositive("rotary low_freq_factor", rotary.low_freq_factor));
  OUNCE_RETURN_IF_ERROR(
      CheckPositive("rotary high_freq_factor", rotary.high_freq_factor));
  if (rotary.high_freq_factor > rotary.low_freq_factor) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "rotary high_freq_factor is ", rotary.high_freq_factor,
      "; expected more than low_freq_factor, ", rotary.low_freq_factor));
}

absl::Status CheckYarn(const RotarySpec& rotary) {
  OUNCE_RETURN_IF_ERROR(CheckPositive("rotary beta_fast", rotary.beta_fast));
  OUNCE_RETURN_IF_ERROR(CheckPositive("rotary beta_slow", rotary.beta_slow));
  if (rotary.base > 1.0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "rotary base is ", rotary.base, "; yarn scaling expects more than 1"));
}

absl::Status CheckLongRope(const RotarySpec& rotary, int64_t dims) {
  for (const auto* factors : {&rotary.short_factors, &rotary.long_factors}) {
    OUNCE_RETURN_IF_ERROR(CheckRange("number of rotary longrope factors",
                                     static_cast<int64_t>(factors->size()),
                                     dims / 2, dims / 2));
    for (const double factor : *factors) {
      OUNCE_RETURN_IF_ERROR(CheckPositive("rotary longrope factor", factor));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckRotary(const RotarySpec& rotary, int64_t dims,
                         int64_t head_dim) {
  OUNCE_RETURN_IF_ERROR(CheckRange("rotary dims", dims, 2, head_dim));
  if (dims % 2 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("rotary dims is ", dims, "; expected an even number"));
  }
  OUNCE_RETURN_IF_ERROR(CheckPositive("rotary base", rotary.base));
  OUNCE_RETURN_IF_ERROR(CheckPositive("rotary factor", rotary.factor));
  OUNCE_RETURN_IF_ERROR(
      CheckPositive("rotary attention_factor", rotary.attention_factor));
  switch (rotary.scaling) {
    case RotaryScaling::kNone:
    case RotaryScaling::kLinear:
      return absl::OkStatus();
    case RotaryScaling::kLlama3:
      OUNCE_RETURN_IF_ERROR(CheckLlama3(rotary));
      break;
    case RotaryScaling::kYarn:
      OUNCE_RETURN_IF_ERROR(CheckYarn(rotary));
      break;
    case RotaryScaling::kLongRope:
      OUNCE_RETURN_IF_ERROR(CheckLongRope(rotary, dims));
      break;
    case RotaryScaling::kDynamic:
      if (dims == 2) {
        return absl::InvalidArgumentError(
            "rotary dims is 2; dynamic scaling expects more");
      }
      break;
  }
  return CheckRange("rotary original context", rotary.original_context, 1,
                    kMaxContext);
}

absl::Status CheckSizes(const ModelSpec& spec) {
  OUNCE_RETURN_IF_ERROR(CheckRange("vocab", spec.vocab, 1, kMaxVocab));
  OUNCE_RETURN_IF_ERROR(CheckRange("width", spec.width, 1, kMaxSize));
  OUNCE_RETURN_IF_ERROR(
      CheckRange("embedding width", spec.embedding_width, 0, kMaxSize));
  OUNCE_RETURN_IF_ERROR(CheckRange("layers", spec.layers, 1, 4096));
  OUNCE_RETURN_IF_ERROR(CheckRange("heads", spec.heads, 1, 4096));
  OUNCE_RETURN_IF_ERROR(CheckRange("kv_heads", spec.kv_heads, 1, spec.heads));
  OUNCE_RETURN_IF_ERROR(CheckRange("head_dim", spec.head_dim, 1, 8192));
  OUNCE_RETURN_IF_ERROR(CheckRange("ffn", spec.ffn, 1, kMaxSize));
  OUNCE_RETURN_IF_ERROR(
      CheckRange("max_context", spec.max_context, 1, kMaxContext));
  OUNCE_RETURN_IF_ERROR(
      CheckRange("text limit", spec.text_limit, 0, spec.max_context));
  OUNCE_RETURN_IF_ERROR(CheckRange("window", spec.window, 0, kMaxContext));
  if (spec.heads % spec.kv_heads != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("heads is ", spec.heads, "; expected a multiple of ",
                     spec.kv_heads, ", the number of kv_heads"));
  }
  if (spec.layer_kinds.empty()) return absl::OkStatus();
  return CheckRange("number of layer kinds",
                    static_cast<int64_t>(spec.layer_kinds.size()), spec.layers,
                    spec.layers);
}

absl::Status CheckExperts(const ExpertSpec& experts) {
  OUNCE_RETURN_IF_ERROR(CheckRange("experts", experts.experts, 0, kMaxExperts));
  if (experts.experts == 0) return absl::OkStatus();
  OUNCE_RETURN_IF_ERROR(
      CheckRange("experts per token", experts.per_token, 1, experts.experts));
  OUNCE_RETURN_IF_ERROR(CheckRange("expert ffn", experts.ffn, 1, kMaxSize));
  return CheckRange("shared expert ffn", experts.shared_ffn, 0, kMaxSize);
}

absl::Status CheckPositions(const ModelSpec& spec) {
  if (spec.position == PositionKind::kSinusoidal) {
    return CheckRange("max_context of sinusoidal positions", spec.max_context,
                      1, kMaxLearned);
  }
  if (spec.position == PositionKind::kRelative) {
    OUNCE_RETURN_IF_ERROR(
        CheckRange("relative_buckets", spec.relative_buckets, 4, kMaxBuckets));
    // The nearest half of the buckets is for one distance each.
    return CheckRange("relative_max_distance", spec.relative_max_distance,
                      spec.relative_buckets / 2 + 1, kMaxLearned);
  }
  if (spec.position == PositionKind::kLearned) {
    OUNCE_RETURN_IF_ERROR(
        CheckRange("position_offset", spec.position_offset, 0, kMaxSize));
    return CheckRange("max_context of learned positions", spec.max_context, 1,
                      kMaxLearned);
  }
  if (spec.position == PositionKind::kAlibi) {
    return CheckPositive("alibi_scale", spec.alibi_scale);
  }
  if (spec.uses_rotary(LayerRotary::kGlobal)) {
    OUNCE_RETURN_IF_ERROR(
        CheckRotary(spec.rotary, spec.rotary_dims(spec.rotary), spec.head_dim));
  }
  if (!spec.uses_rotary(LayerRotary::kLocal)) return absl::OkStatus();
  return CheckRotary(spec.local_rotary, spec.rotary_dims(spec.local_rotary),
                     spec.head_dim);
}

absl::Status CheckScales(const ModelSpec& spec) {
  OUNCE_RETURN_IF_ERROR(CheckPositive("norm_epsilon", spec.norm_epsilon));
  OUNCE_RETURN_IF_ERROR(CheckNotNegative("norm_offset", spec.norm_offset));
  OUNCE_RETURN_IF_ERROR(CheckPositive("embedding_scale", spec.embedding_scale));
  OUNCE_RETURN_IF_ERROR(
      CheckNotNegative("attention_scale", spec.attention_scale));
  OUNCE_RETURN_IF_ERROR(
      CheckNotNegative("attention_soft_cap", spec.attention_soft_cap));
  OUNCE_RETURN_IF_ERROR(CheckPositive("residual_scale", spec.residual_scale));
  OUNCE_RETURN_IF_ERROR(CheckPositive("logit_scale", spec.logit_scale));
  return CheckNotNegative("logit_soft_cap", spec.logit_soft_cap);
}

absl::Status CheckEncoder(const ModelSpec& spec) {
  const EncoderSpec& encoder = spec.encoder;
  OUNCE_RETURN_IF_ERROR(CheckRange("encoder layers", encoder.layers, 0, 4096));
  if (encoder.layers == 0) return absl::OkStatus();
  OUNCE_RETURN_IF_ERROR(CheckRange("encoder heads", encoder.heads, 1, 4096));
  OUNCE_RETURN_IF_ERROR(
      CheckRange("encoder head_dim", encoder.head_dim, 1, 8192));
  OUNCE_RETURN_IF_ERROR(CheckRange("encoder ffn", encoder.ffn, 1, kMaxSize));
  OUNCE_RETURN_IF_ERROR(
      CheckRange("encoder vocab", encoder.vocab, 0, kMaxVocab));
  const bool positions = spec.position == PositionKind::kLearned ||
                         spec.position == PositionKind::kSinusoidal ||
                         spec.position == PositionKind::kRelative;
  if (spec.causal && positions && spec.head == HeadKind::kLanguageModel &&
      spec.residual == ResidualOrder::kSerial && !spec.residual_from_norm &&
      spec.experts.experts == 0 && spec.layer_groups == 0 &&
      spec.layer_kinds.empty() && spec.window == 0 &&
      spec.embedding_width == 0 && !spec.transform.present) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "an encoder-decoder needs serial layers, all alike and with one "
      "feed-forward each, positions that are learned, sinusoidal or relative, "
      "and a plain language model's head");
}

absl::Status CheckGeneration(const GenerationSpec& generation) {
  for (const int32_t id : {generation.start_id, generation.forced_first_id,
                           generation.forced_last_id}) {
    OUNCE_RETURN_IF_ERROR(CheckRange("generation id", id, -1, kMaxVocab));
  }
  for (const int32_t id : generation.suppressed_ids) {
    OUNCE_RETURN_IF_ERROR(CheckRange("suppressed id", id, 0, kMaxVocab));
  }
  OUNCE_RETURN_IF_ERROR(CheckRange("beams", generation.beams, 1, kMaxBeams));
  for (const int64_t tokens : {generation.no_repeat_ngram,
                               generation.max_tokens, generation.min_tokens}) {
    OUNCE_RETURN_IF_ERROR(
        CheckRange("generation length", tokens, 0, kMaxContext));
  }
  if (std::isfinite(generation.length_penalty)) return absl::OkStatus();
  return absl::InvalidArgumentError("length_penalty is not a finite number");
}

absl::Status CheckHead(const ModelSpec& spec) {
  const auto labels = static_cast<int64_t>(spec.labels.size());
  OUNCE_RETURN_IF_ERROR(CheckRange("number of labels", labels,
                                   spec.has_labels() ? 1 : 0,
                                   spec.has_labels() ? kMaxLabels : 0));
  for (const std::string& label : spec.labels) {
    OUNCE_RETURN_IF_ERROR(CheckRange("bytes of a label",
                                     static_cast<int64_t>(label.size()), 0,
                                     kMaxLabelBytes));
  }
  OUNCE_RETURN_IF_ERROR(
      CheckRange("token_types", spec.token_types, 0, kMaxTokenTypes));
  const bool counted = spec.position == PositionKind::kLearned;
  OUNCE_RETURN_IF_ERROR(CheckRange(
      "unplaced_id", spec.unplaced_id, -1,
      counted ? std::max<int64_t>(spec.position_offset, 0) - 1 : -1));
  return CheckRange("layer_groups", spec.layer_groups, 0, spec.layers);
}

// Choices that no family combines, and that the executor does not run.
absl::Status CheckChoices(const ModelSpec& spec) {
  const bool parallel = spec.residual != ResidualOrder::kSerial;
  if (parallel && spec.norm_placement != NormPlacement::kInput) {
    return absl::InvalidArgumentError(
        "parallel attention and feed-forward need norms of their inputs alone");
  }
  if (!spec.causal && spec.head == HeadKind::kLanguageModel &&
      !spec.transform.present) {
    return absl::InvalidArgumentError(
        "an encoder's language model head needs a transform");
  }
  if (spec.causal && spec.head != HeadKind::kLanguageModel) {
    return absl::InvalidArgumentError("a decoder needs a language model head");
  }
  if (spec.layer_groups > 0 &&
      (!spec.layer_kinds.empty() || !spec.first_norm)) {
    return absl::InvalidArgumentError("layers of groups need to be alike");
  }
  if (!spec.first_norm &&
      (parallel || spec.norm_placement != NormPlacement::kInput ||
       spec.residual_from_norm)) {
    return absl::InvalidArgumentError(
        "only serial sub-layers with norms of their inputs can lack the first");
  }
  if (spec.causal && (spec.unplaced_id >= 0 || spec.token_types > 0)) {
    return absl::InvalidArgumentError(
        "a decoder has neither tokens without positions nor token types");
  }
  if (spec.residual_from_norm &&
      (parallel || spec.norm_placement != NormPlacement::kInput)) {
    return absl::InvalidArgumentError(
        "a residual from the norm needs serial sub-layers with norms of their "
        "inputs");
  }
  return absl::OkStatus();
}

}  // namespace

bool ModelSpec::uses_rotary(LayerRotary choice) const {
  if (position != PositionKind::kRotary) return false;
  if (layer_kinds.empty()) return choice == LayerRotary::kGlobal;
  return std::any_of(
      layer_kinds.begin(), layer_kinds.end(),
      [choice](const LayerKind& kind) { return kind.rotary == choice; });
}

ModelSpec EncoderOf(const ModelSpec& spec) {
  ModelSpec encoder = spec;
  encoder.encoder = {};
  encoder.generation = {};
  encoder.causal = false;
  encoder.head = HeadKind::kNone;
  encoder.head_bias = false;
  encoder.layers = spec.encoder.layers;
  encoder.heads = encoder.kv_heads = spec.encoder.heads;
  encoder.head_dim = spec.encoder.head_dim;
  encoder.ffn = spec.encoder.ffn;
  if (spec.encoder.vocab > 0) encoder.vocab = spec.encoder.vocab;
  return encoder;
}

absl::Status CheckSpec(const ModelSpec& spec) {
  OUNCE_RETURN_IF_ERROR(CheckSizes(spec));
  OUNCE_RETURN_IF_ERROR(CheckScales(spec));
  OUNCE_RETURN_IF_ERROR(CheckExperts(spec.experts));
  OUNCE_RETURN_IF_ERROR(CheckChoices(spec));
  OUNCE_RETURN_IF_ERROR(CheckHead(spec));
  OUNCE_RETURN_IF_ERROR(CheckEncoder(spec));
  OUNCE_RETURN_IF_ERROR(CheckGeneration(spec.generation));
  for (const int32_t id : spec.stop_ids) {
    OUNCE_RETURN_IF_ERROR(CheckRange("stop id", id, 0, kMaxVocab));
  }
  return CheckPositions(spec);
}

}  // namespace ounce
