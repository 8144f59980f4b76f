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
  kTanh = 4,
  kQuickGelu = 5,    // x * sigmoid(1.702 x)
  kReluSquared = 6,  // max(x, 0)^2
};
enum class RotaryScaling : uint8_t {
  kNone = 0,
  kLinear = 1,    // Positions divided by `factor`.
  kLlama3 = 2,    // Low frequencies divided by `factor`, high ones kept.
  kDynamic = 3,   // A base that grows with texts longer than max_context.
  kYarn = 4,      // Low frequencies divided, high ones kept, a ramp between.
  kLongRope = 5,  // Each frequency divided by a factor of its own.
};
enum class NormKind : uint8_t { kRms = 0, kLayer = 1 };
// Of each sub-layer f (attention, feed-forward), x its input:
enum class NormPlacement : uint8_t {
  kInput = 0,           // x + f(norm(x))
  kOutput = 1,          // x + norm(f(x))
  kInputAndOutput = 2,  // x + norm'(f(norm(x)))
  kSum = 3,             // norm(x + f(x))
};
enum class ResidualOrder : uint8_t {
  kSerial = 0,
  kParallel = 1,        // x + attention(norm(x)) + ffn(norm'(x))
  kParallelShared = 2,  // The same with one norm for both.
};
enum class QkNorm : uint8_t {
  kNone = 0,
  kHead = 1,   // Each head's query and key by themselves, one weight for all.
  kWhole = 2,  // All heads' together.
};
enum class PositionKind : uint8_t {
  kRotary = 0,
  kLearned = 1,  // A vector per position, added to the embedding.
  kAlibi = 2,    // Scores biased by distance, each head by a slope of its own.
  kSinusoidal = 3,  // Sines, then cosines of the position, added likewise.
  kRelative = 4,    // Scores biased by distance, by learned buckets of it.
};
// Which rotary angles a layer takes.
enum class LayerRotary : uint8_t {
  kGlobal = 0,  // ModelSpec::rotary
  kLocal = 1,   // ModelSpec::local_rotary
  kNone = 2,
};

// What a model gives beside its hidden states.
enum class HeadKind : uint8_t {
  kLanguageModel = 0,   // Logits over the vocabulary, for each token.
  kNone = 1,            // Nothing; perhaps a pooled state.
  kSequenceLabels = 2,  // Logits over the labels, for the text.
  kTokenLabels = 3,     // Logits over the labels, for each token.
};
// Which of a text's hidden states stands for the text.
enum class Pooling : uint8_t {
  kFirst = 0,  // That of the first token.
  kMean = 1,   // The mean of all that are no padding.
};

struct RotarySpec {
  double base = 10000.0;  // theta
  RotaryScaling scaling = RotaryScaling::kNone;
  double factor = 1.0;
  // For kLlama3: wavelengths above original_context / low_freq_factor are
  // scaled, those below original_context / high_freq_factor are not.
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  // Positions before scaling: of kLlama3, kYarn; of kDynamic, kLongRope where
  // a text begins to count as long.
  int64_t original_context = 8192;
  // Values of a head that are turned, from its first on; even; 0: all.
  int64_t dims = 0;
  // Turns neighbours (x[2i], x[2i + 1]) in place of halves (x[i], x[i + n/2]).
  bool adjacent_pairs = false;
  // For kYarn: rotations within original_context above which a frequency is
  // kept, and below which it is divided by `factor`.
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  bool truncate = true;  // The ramp between begins and ends at whole pairs.
  // What cosines and sines are multiplied by, for kYarn and kLongRope.
  double attention_factor = 1.0;
  // For kLongRope, [dims / 2] each: divisors of the frequencies of texts up to
  // original_context, and of longer ones.
  std::vector<double> short_factors;
  std::vector<double> long_factors;
};

// What may differ from layer to layer.
struct LayerKind {
  bool windowed = true;  // Sees no further than ModelSpec::window, if that is.
  LayerRotary rotary = LayerRotary::kGlobal;
  bool routed = true;  // Has experts, if the model has.
};

// A feed-forward of experts of which a router picks some for each token.
// Source: Shazeer et al., arXiv:1701.06538; Mixtral, arXiv:2401.04088.
struct ExpertSpec {
  int64_t experts = 0;    // 0: none, every layer has one feed-forward.
  int64_t per_token = 0;  // Of the experts.
  int64_t ffn = 0;        // Width of one expert.
  // Of the expert that every token takes, weighted by a gate; 0: none.
  int64_t shared_ffn = 0;
  bool normalized = true;  // The picked experts' weights sum to 1.
};

// What hidden states go through before the head: activation(dense(x)), then
// perhaps a norm.  With HeadKind::kNone it is the pooler of a text.
struct HeadTransform {
  bool present = false;
  bool bias = true;  // Of `dense`.
  bool norm = false;
  ActivationKind activation = ActivationKind::kTanh;
};

// The encoder of an encoder-decoder.  Whatever is not here is as in the
// decoder, which the other fields of ModelSpec describe.
struct EncoderSpec {
  int64_t layers = 0;  // 0: there is no encoder beside the main stack.
  int64_t heads = 0;
  int64_t head_dim = 0;
  int64_t ffn = 0;
  int64_t vocab = 0;  // 0: the decoder's, and the same embedding.
};

// How an encoder-decoder's text is generated unless the user says otherwise.
// Ids of -1 are none.
struct GenerationSpec {
  int32_t start_id = -1;         // What the decoder begins with.
  int32_t forced_first_id = -1;  // The first that it gives, say a language.
  int32_t forced_last_id = -1;   // The last at the length limit.
  int64_t beams = 1;
  double length_penalty = 1.0;  // A beam's score is divided by length^this.
  bool early_stopping = false;  // Ends when as many texts as beams are done.
  int64_t no_repeat_ngram = 0;  // No sequence of so many ids comes twice.
  int64_t max_tokens = 0;       // 0: not said.
  int64_t min_tokens = 0;
  std::vector<int32_t> suppressed_ids;  // Never given.
};

struct ModelSpec {
  std::string architecture;  // Hugging Face `model_type`.
  int64_t vocab = 0;
  int64_t width = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;  // Divides `heads`.
  int64_t head_dim = 0;  // Even where positions are rotary.
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

  NormKind norm = NormKind::kRms;
  bool norm_bias = false;    // For kLayer.
  double norm_offset = 0.0;  // Added to what a file holds as a norm's weight.
  NormPlacement norm_placement = NormPlacement::kInput;
  bool final_norm = true;
  ResidualOrder residual = ResidualOrder::kSerial;
  // The residual goes on from the normed input: for NormPlacement::kInput.
  bool residual_from_norm = false;
  QkNorm qk_norm = QkNorm::kNone;
  PositionKind position = PositionKind::kRotary;
  int64_t position_offset = 0;  // For kLearned: rows before position 0's.
  double alibi_scale = 1.0;     // What slopes are multiplied by.
  bool alibi_bf16 = false;      // Biases are rounded to bfloat16.
  RotarySpec local_rotary;
  std::vector<LayerKind> layer_kinds;  // [layers]; empty: all as by default.
  bool gated_ffn = true;  // down(act(gate(x)) * up(x)), or down(act(up(x))).
  ExpertSpec experts;
  int64_t embedding_width = 0;   // Of the token embedding; 0: `width`.
  double embedding_scale = 1.0;  // What token embeddings are multiplied by.
  bool embedding_norm = false;   // A norm follows the embedding.
  double attention_scale = 0.0;  // Of scores; 0: 1 / sqrt(head_dim).
  bool attention_scale_by_layer = false;  // Divided by the layer's number, 1..
  double attention_soft_cap = 0.0;        // cap * tanh(score / cap); 0: none.
  double residual_scale = 1.0;  // What a sub-layer adds is multiplied by.
  double logit_scale = 1.0;
  double logit_soft_cap = 0.0;
  bool head_bias = false;

  // Every token sees those before it alone; false: all within the window, to
  // both sides.
  bool causal = true;
  EncoderSpec encoder;
  GenerationSpec generation;
  int64_t token_types = 0;  // Kinds of tokens that embeddings tell apart.
  // For kLearned: tokens of this id are not counted by the positions of the
  // others, and have the row of their own number; -1: none.
  int64_t unplaced_id = -1;
  // For kRelative: half of an encoder's buckets are for keys ahead.
  int64_t relative_buckets = 0;
  int64_t relative_max_distance = 0;  // From which on all share a bucket.
  // Positions, token types and the norm are of embeddings that are still
  // `embedding_width` wide; their projection follows, and has a bias.
  bool embedding_projected_last = false;
  // Distinct layers: layer i has the weights of the (i * this / layers)th; 0:
  // each has its own.
  int64_t layer_groups = 0;
  bool first_norm = true;  // Layer 0 normalises what its attention sees.
  HeadKind head = HeadKind::kLanguageModel;
  HeadTransform transform;
  Pooling pooling = Pooling::kFirst;
  bool unit_embedding = false;  // Text embeddings have length 1.
  // Tokens of a text that is embedded, if fewer than max_context; 0: no fewer.
  int64_t text_limit = 0;
  std::vector<std::string> labels;  // Of a classifier, by class.
  bool multi_label = false;         // A text may have any number of them.

  LayerKind layer_kind(int64_t layer) const {
    return layer_kinds.empty() ? LayerKind()
                               : layer_kinds[static_cast<size_t>(layer)];
  }
  // The window of `layer`, 0: none.
  int64_t layer_window(int64_t layer) const {
    return layer_kind(layer).windowed ? window : 0;
  }
  bool has_experts(int64_t layer) const {
    return experts.experts > 0 && layer_kind(layer).routed;
  }
  bool uses_rotary(LayerRotary choice) const;
  int64_t token_width() const {
    return embedding_width > 0 ? embedding_width : width;
  }
  bool has_encoder() const { return encoder.layers > 0; }
  bool has_labels() const {
    return head == HeadKind::kSequenceLabels || head == HeadKind::kTokenLabels;
  }
  // Layers that are stored, and which of them layer `layer` is.
  int64_t stored_layers() const {
    return layer_groups > 0 ? layer_groups : layers;
  }
  int64_t stored_layer(int64_t layer) const {
    return layer_groups > 0 ? layer * layer_groups / layers : layer;
  }
  // Width of positions, token types and the embeddings' norm.
  int64_t position_width() const {
    return embedding_projected_last ? token_width() : width;
  }
  // What the transform makes of `width`.
  int64_t transform_width() const {
    return head == HeadKind::kLanguageModel ? token_width() : width;
  }
  // Rows of the table of learned positions.
  int64_t position_rows() const { return max_context + position_offset; }
  int64_t rotary_dims(const RotarySpec& spec) const {
    return spec.dims > 0 ? spec.dims : head_dim;
  }
};

// The encoder of an encoder-decoder as a model of its own, without a head.
ModelSpec EncoderOf(const ModelSpec& spec);

// kInvalidArgument, naming the field, when a value breaks a rule above, is out
// of any sensible range (so that shapes computed from a valid spec cannot
// overflow), or is not finite.
absl::Status CheckSpec(const ModelSpec& spec);

}  // namespace ounce

#endif  // OUNCE_MODEL_SPEC_H_
