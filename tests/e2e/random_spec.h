// Specs of models at random, of any choices that can be combined and some that
// cannot, and inputs for them.
#ifndef OUNCE_TESTS_E2E_RANDOM_SPEC_H_
#define OUNCE_TESTS_E2E_RANDOM_SPEC_H_

#include <cstdint>
#include <random>

#include "model/spec.h"
#include "tools/raw_outputs.h"

namespace ounce {

// Small ones; CheckSpec() may refuse them.
class SpecMaker {
 public:
  explicit SpecMaker(uint32_t seed) : random_(seed) {}

  int64_t Number(int64_t low, int64_t high) {
    const auto range = static_cast<uint64_t>(high - low + 1);
    return low + static_cast<int64_t>(random_() % range);
  }
  bool Coin() { return Number(0, 1) == 1; }
  // One in four: the choices that few families make.
  bool Seldom() { return Number(0, 3) == 0; }
  template <typename Enum>
  Enum Any(Enum last) {
    return static_cast<Enum>(Number(0, static_cast<int64_t>(last)));
  }

  ModelSpec Make() {
    ModelSpec spec;
    spec.architecture = "any";
    spec.vocab = 11;
    spec.width = Number(1, 9);
    spec.layers = Number(1, 3);
    spec.kv_heads = Number(1, 2);
    spec.heads = spec.kv_heads * Number(1, 2);
    spec.head_dim = Number(1, 9);
    spec.ffn = Number(1, 9);
    spec.max_context = Number(5, 9);
    spec.position = Any(PositionKind::kRelative);
    SetNorms(&spec);
    SetAttention(&spec);
    SetEmbedding(&spec);
    SetHead(&spec);
    if (Seldom()) {
      spec.experts = {.experts = 3,
                      .per_token = Number(1, 3),
                      .ffn = Number(1, 5),
                      .shared_ffn = Number(0, 5),
                      .normalized = Coin()};
    }
    if (Seldom()) AddEncoder(&spec);
    spec.generation.start_id = static_cast<int32_t>(Number(0, 10));
    return spec;
  }

 private:
  // With what an encoder-decoder cannot have taken out, most often.
  void AddEncoder(ModelSpec* spec) {
    spec->encoder = {.layers = Number(1, 2),
                     .heads = Number(1, 3),
                     .head_dim = Number(1, 9),
                     .ffn = Number(1, 9),
                     .vocab = Coin() ? 0 : 13};
    if (Seldom()) return;
    constexpr PositionKind kPositions[] = {PositionKind::kLearned,
                                           PositionKind::kSinusoidal,
                                           PositionKind::kRelative};
    spec->position = kPositions[Number(0, 2)];
    spec->causal = spec->first_norm = true;
    spec->head = HeadKind::kLanguageModel;
    spec->labels.clear();
    spec->layer_kinds.clear();
    spec->transform = {};
    spec->residual = ResidualOrder::kSerial;
    spec->residual_from_norm = false;
    spec->experts = {};
    spec->window = spec->layer_groups = spec->embedding_width = 0;
    spec->token_types = 0;
    spec->unplaced_id = -1;
  }
  void SetNorms(ModelSpec* spec) {
    spec->norm = Any(NormKind::kLayer);
    spec->norm_bias = Coin();
    spec->norm_offset = Seldom() ? 1.0 : 0.0;
    spec->norm_placement = Any(NormPlacement::kSum);
    spec->final_norm = Coin();
    spec->first_norm = !Seldom();
    spec->residual =
        Seldom() ? Any(ResidualOrder::kParallelShared) : ResidualOrder::kSerial;
    spec->residual_from_norm = Seldom();
    spec->residual_scale = Seldom() ? 0.3 : 1.0;
  }
  void SetAttention(ModelSpec* spec) {
    spec->causal = Coin();
    spec->window = Coin() ? 0 : Number(1, 6);
    spec->qk_norm = Seldom() ? Any(QkNorm::kWhole) : QkNorm::kNone;
    spec->attention_soft_cap = Seldom() ? 5.0 : 0.0;
    spec->attention_scale_by_layer = Seldom();
    spec->qkv_bias = Coin();
    spec->output_bias = Coin();
    spec->ffn_bias = Coin();
    spec->gated_ffn = Coin();
    spec->activation = Any(ActivationKind::kReluSquared);
    spec->relative_buckets = Number(4, 9);
    spec->relative_max_distance = Number(2, 9);
    spec->layer_groups = Seldom() ? Number(1, 3) : 0;
    for (RotarySpec* rotary : {&spec->rotary, &spec->local_rotary}) {
      rotary->dims = Coin() ? 0 : 2 * Number(1, 4);
      rotary->adjacent_pairs = Coin();
      rotary->scaling = Any(RotaryScaling::kYarn);
      rotary->original_context = Number(1, 9);
    }
    if (!Seldom()) return;
    for (int64_t layer = 0; layer < spec->layers; ++layer) {
      spec->layer_kinds.push_back({Coin(), Any(LayerRotary::kNone), Coin()});
    }
  }
  void SetEmbedding(ModelSpec* spec) {
    spec->embedding_width = Coin() ? 0 : Number(1, 9);
    spec->embedding_projected_last = Seldom();
    spec->embedding_norm = Coin();
    spec->embedding_scale = Coin() ? 1.0 : 3.0;
    spec->position_offset = Number(0, 3);
    spec->unplaced_id = Number(-1, 2);
    spec->token_types = Number(0, 2);
  }
  void SetHead(ModelSpec* spec) {
    spec->head =
        spec->causal ? HeadKind::kLanguageModel : Any(HeadKind::kTokenLabels);
    spec->tied_head = Coin();
    spec->head_bias = Coin();
    spec->transform = {.present = Coin(),
                       .bias = Coin(),
                       .norm = Coin(),
                       .activation = Any(ActivationKind::kReluSquared)};
    spec->pooling = Any(Pooling::kMean);
    if (spec->has_labels()) spec->labels.assign(3, "");
  }

  std::mt19937 random_;
};

// Two texts of five tokens.
inline RawInputs Inputs(const ModelSpec& spec, SpecMaker* maker) {
  RawInputs inputs;
  const auto fill = [maker](int64_t tokens, int64_t high) {
    IdMatrix matrix = {2, tokens, {}};
    for (int64_t i = 0; i < 2 * tokens; ++i) {
      matrix.values.push_back(static_cast<int32_t>(maker->Number(0, high)));
    }
    return matrix;
  };
  inputs.ids = fill(5, 10);
  if (maker->Coin()) inputs.mask = fill(5, 1);
  if (spec.token_types > 0) inputs.token_types = fill(5, spec.token_types - 1);
  if (maker->Coin()) inputs.decoder_ids = fill(4, 10);
  return inputs;
}

}  // namespace ounce

#endif  // OUNCE_TESTS_E2E_RANDOM_SPEC_H_
