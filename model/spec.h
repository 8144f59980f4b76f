// A transformer described by its choices.  An architecture is data: a family's
// file in model/arch/ turns a config into a spec, and one executor runs any
// spec.
#ifndef OUNCE_MODEL_SPEC_H_
#define OUNCE_MODEL_SPEC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace ounce {

// The values of these enums are stored in artifacts: never renumber one.
enum class ActivationKind : uint8_t {
  kSilu = 0,      // x * sigmoid(x)
  kGelu = 1,      // x * normal_cdf(x)
  kGeluTanh = 2,  // The tanh approximation of it.
  kRelu = 3,
};
enum class RotaryScaling : uint8_t {
  kNone = 0,
  kLinear = 1,  // Positions divided by `factor`.
  kLlama3 = 2,  // Low frequencies divided by `factor`, high ones kept.
};

struct RotarySpec {
  double base = 10000.0;  // theta
  RotaryScaling scaling = RotaryScaling::kNone;
  double factor = 1.0;
  // For kLlama3: wavelengths above original_context / low_freq_factor are
  // scaled, those below original_context / high_freq_factor are not.
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  int64_t original_context = 8192;
};

struct ModelSpec {
  std::string architecture;  // Hugging Face `model_type`.
  int64_t vocab = 0;
  int64_t width = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;  // Divides `heads`.
  int64_t head_dim = 0;  // Even.
  int64_t ffn = 0;
  int64_t max_context = 0;  // Positions the model was made for.
  double norm_epsilon = 1e-6;
  ActivationKind activation = ActivationKind::kSilu;
  RotarySpec rotary;
  int64_t window =
      0;  // A token attends to itself and window - 1 before; 0: all.
  bool qkv_bias = false;
  bool output_bias = false;  // Of the attention's output projection.
  bool ffn_bias = false;
  bool tied_head = false;  // The head is the embedding's matrix.
  // Ids that end a generated text; may be empty.
  std::vector<int32_t> stop_ids;
};

// kInvalidArgument, naming the field, when a value breaks a rule above, is out
// of any sensible range (so that shapes computed from a valid spec cannot
// overflow), or is not finite.
absl::Status CheckSpec(const ModelSpec& spec);

}  // namespace ounce

#endif  // OUNCE_MODEL_SPEC_H_
