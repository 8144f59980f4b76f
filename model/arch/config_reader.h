// Reads a config.json: typed values with a family's defaults, and the parts
// that many families share.
#ifndef OUNCE_MODEL_ARCH_CONFIG_READER_H_
#define OUNCE_MODEL_ARCH_CONFIG_READER_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/json.h"
#include "model/spec.h"

namespace ounce {

// What a family's config may leave out of its rotary description.
struct RotaryDefaults {
  double base = 10000.0;
  double partial = 1.0;  // Share of a head's values that is turned.
  // Positions before scaling where the config does not say; 0: max_context.
  int64_t original_context = 0;
  // Only the part for the layer type counts, as of RotaryBasis.
  bool part_only = false;
};

// Gives values one by one and keeps the first error for the end, so that a
// family's file reads as a table.  After an error the values are the fallbacks.
// A key that is null counts as absent.
class ConfigReader {
 public:
  // `config` must outlive the reader.
  explicit ConfigReader(const Json& config) : config_(config) {}

  int64_t Int(absl::string_view key, int64_t fallback);
  double Double(absl::string_view key, double fallback);
  bool Bool(absl::string_view key, bool fallback);
  std::string String(absl::string_view key, absl::string_view fallback);
  ActivationKind Activation(absl::string_view key, absl::string_view fallback);
  // The key of `keys` that the config has, else the first: older files have
  // other names.
  absl::string_view FirstOf(std::initializer_list<absl::string_view> keys);
  // Whether the config has `key`, with a value or null; or with a value.
  bool Has(absl::string_view key) const;
  bool HasValue(absl::string_view key) const;
  // Strings or integers of a list; empty when absent.
  std::vector<std::string> Strings(absl::string_view key);
  std::vector<int64_t> Ints(absl::string_view key);

  // The rotary description for the head_dim and max_context of `spec`, in the
  // newer style (`rope_parameters`) or the older (`rope_theta`, `rope_scaling`
  // with `type` or `rope_type`); with `layer_type` the part of the newer style
  // that is for layers of this type, if it has such parts.
  RotarySpec Rotary(const RotaryDefaults& defaults, const ModelSpec& spec,
                    absl::string_view layer_type = "");

  // Fails with kUnimplemented when `condition` holds: `what` says which setting
  // the program has no answer for.
  void Refuse(bool condition, absl::string_view what);
  // Keeps `status` if it is an error and the first.
  void Fail(const absl::Status& status);
  const absl::Status& status() const { return status_; }
  const Json& config() const { return config_; }

 private:
  template <typename T>
  T Take(absl::StatusOr<T> value, T fallback) {
    if (value.ok()) return *std::move(value);
    if (status_.ok()) status_ = value.status();
    return fallback;
  }

  const Json& config_;
  absl::Status status_;
};

// The kinds of `layers` layers from their types: those of "full_attention" see
// all, those of "sliding_attention" what the window lets them.
// kInvalidArgument: another number of types; kUnimplemented: another type.
absl::StatusOr<std::vector<LayerKind>> LayerKindsOf(
    const std::vector<std::string>& layer_types, int64_t layers);

// The activation called `name` in a config.  kUnimplemented with the list.
absl::StatusOr<ActivationKind> ParseActivation(absl::string_view name);

// `eos_token_id` as a number or a list of numbers; empty when absent or null.
absl::StatusOr<std::vector<int32_t>> ParseStopIds(const Json& config);

}  // namespace ounce

#endif  // OUNCE_MODEL_ARCH_CONFIG_READER_H_
