#include "model/spec.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

// Bounds far above any published model, and low enough that a product of three
// of them still fits int64_t.
constexpr int64_t kMaxSize = int64_t{1} << 20;
constexpr int64_t kMaxVocab = int64_t{1} << 24;
constexpr int64_t kMaxContext = int64_t{1} << 32;

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

absl::Status CheckRotary(const RotarySpec& rotary) {
  OUNCE_RETURN_IF_ERROR(CheckPositive("rotary base", rotary.base));
  OUNCE_RETURN_IF_ERROR(CheckPositive("rotary factor", rotary.factor));
  if (rotary.scaling != RotaryScaling::kLlama3) return absl::OkStatus();
  OUNCE_RETURN_IF_ERROR(
      CheckPositive("rotary low_freq_factor", rotary.low_freq_factor));
  OUNCE_RETURN_IF_ERROR(
      CheckPositive("rotary high_freq_factor", rotary.high_freq_factor));
  if (rotary.high_freq_factor <= rotary.low_freq_factor) {
    return absl::InvalidArgumentError(absl::StrCat(
        "rotary high_freq_factor is ", rotary.high_freq_factor,
        "; expected more than low_freq_factor, ", rotary.low_freq_factor));
  }
  return CheckRange("rotary original context", rotary.original_context, 1,
                    kMaxContext);
}

}  // namespace

absl::Status CheckSpec(const ModelSpec& spec) {
  OUNCE_RETURN_IF_ERROR(CheckRange("vocab", spec.vocab, 1, kMaxVocab));
  OUNCE_RETURN_IF_ERROR(CheckRange("width", spec.width, 1, kMaxSize));
  OUNCE_RETURN_IF_ERROR(CheckRange("layers", spec.layers, 1, 4096));
  OUNCE_RETURN_IF_ERROR(CheckRange("heads", spec.heads, 1, 4096));
  OUNCE_RETURN_IF_ERROR(CheckRange("kv_heads", spec.kv_heads, 1, spec.heads));
  OUNCE_RETURN_IF_ERROR(CheckRange("head_dim", spec.head_dim, 2, 8192));
  OUNCE_RETURN_IF_ERROR(CheckRange("ffn", spec.ffn, 1, kMaxSize));
  OUNCE_RETURN_IF_ERROR(
      CheckRange("max_context", spec.max_context, 1, kMaxContext));
  OUNCE_RETURN_IF_ERROR(CheckRange("window", spec.window, 0, kMaxContext));
  OUNCE_RETURN_IF_ERROR(CheckPositive("norm_epsilon", spec.norm_epsilon));
  if (spec.heads % spec.kv_heads != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("heads is ", spec.heads, "; expected a multiple of ",
                     spec.kv_heads, ", the number of kv_heads"));
  }
  if (spec.head_dim % 2 != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "head_dim is ", spec.head_dim, "; expected an even number"));
  }
  for (const int32_t id : spec.stop_ids) {
    OUNCE_RETURN_IF_ERROR(CheckRange("stop id", id, 0, kMaxVocab));
  }
  return CheckRotary(spec.rotary);
}

}  // namespace ounce
