#include "model/spec.h"

#include <functional>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/tensor_table.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

ModelSpec Valid() {
  ModelSpec spec;
  spec.architecture = "llama";
  spec.vocab = 320;
  spec.width = 64;
  spec.layers = 3;
  spec.heads = 4;
  spec.kv_heads = 2;
  spec.head_dim = 16;
  spec.ffn = 160;
  spec.max_context = 256;
  return spec;
}

// CheckSpec of a valid spec after `change`.
absl::Status CheckChanged(const std::function<void(ModelSpec*)>& change) {
  ModelSpec spec = Valid();
  change(&spec);
  return CheckSpec(spec);
}

struct BadField {
  std::string words;  // Of the message.
  std::function<void(ModelSpec*)> change;
};

TEST(CheckSpecTest, AcceptsAnOrdinaryModel) { EXPECT_OK(CheckSpec(Valid())); }

TEST(CheckSpecTest, NamesTheFieldAndTheValueThatIsOutOfRange) {
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  const BadField fields[] = {
      {"vocab is 0", [](ModelSpec* s) { s->vocab = 0; }},
      {"vocab is 16777217", [](ModelSpec* s) { s->vocab = (1 << 24) + 1; }},
      {"width is -64", [](ModelSpec* s) { s->width = -64; }},
      {"width is 1048577", [](ModelSpec* s) { s->width = (1 << 20) + 1; }},
      {"layers is 4097", [](ModelSpec* s) { s->layers = 4097; }},
      {"heads is 0", [](ModelSpec* s) { s->heads = 0; }},
      {"kv_heads is 8", [](ModelSpec* s) { s->kv_heads = 8; }},
      {"kv_heads is 0", [](ModelSpec* s) { s->kv_heads = 0; }},
      {"heads is 4; expected a multiple of 3",
       [](ModelSpec* s) { s->kv_heads = 3; }},
      {"head_dim is 0", [](ModelSpec* s) { s->head_dim = 0; }},
      {"rotary dims is 15; expected an even number",
       [](ModelSpec* s) { s->head_dim = 15; }},
      {"ffn is 0", [](ModelSpec* s) { s->ffn = 0; }},
      {"max_context is 0", [](ModelSpec* s) { s->max_context = 0; }},
      {"max_context", [](ModelSpec* s) { s->max_context = kHuge; }},
      {"window is -1", [](ModelSpec* s) { s->window = -1; }},
      {"stop id is -1",
       [](ModelSpec* s) {
         s->stop_ids = {1, -1};
       }},
  };
  for (const BadField& field : fields) {
    EXPECT_THAT(
        CheckChanged(field.change),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field.words)));
  }
}

TEST(CheckSpecTest, RefusesNumbersThatAreNotFiniteOrNotPositive) {
  for (const double value :
       {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(),
        std::numeric_limits<double>::infinity()}) {
    const BadField fields[] = {
        {"norm_epsilon", [=](ModelSpec* s) { s->norm_epsilon = value; }},
        {"rotary base", [=](ModelSpec* s) { s->rotary.base = value; }},
        {"rotary factor", [=](ModelSpec* s) { s->rotary.factor = value; }},
        {"low_freq_factor",
         [=](ModelSpec* s) {
           s->rotary.scaling = RotaryScaling::kLlama3;
           s->rotary.low_freq_factor = value;
         }},
        {"high_freq_factor",
         [=](ModelSpec* s) {
           s->rotary.scaling = RotaryScaling::kLlama3;
           s->rotary.high_freq_factor = value;
         }},
    };
    for (const BadField& field : fields) {
      EXPECT_THAT(
          CheckChanged(field.change),
          StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field.words)))
          << value;
    }
  }
}

TEST(CheckSpecTest, HighFrequencyFactorMustExceedTheLow) {
  // Their difference is a divisor.
  EXPECT_THAT(CheckChanged([](ModelSpec* s) {
                s->rotary.scaling = RotaryScaling::kLlama3;
                s->rotary.low_freq_factor = s->rotary.high_freq_factor = 2.0;
              }),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("expected more than low_freq_factor, 2")));
}

TEST(CheckSpecTest, Llama3NeedsAnOriginalContext) {
  EXPECT_THAT(CheckChanged([](ModelSpec* s) {
                s->rotary.scaling = RotaryScaling::kLlama3;
                s->rotary.original_context = 0;
              }),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("original context is 0")));
  // Unused otherwise.
  EXPECT_OK(CheckChanged([](ModelSpec* s) { s->rotary.original_context = 0; }));
}

TEST(CheckSpecTest, NamesTheChoiceThatIsOutOfRange) {
  const BadField fields[] = {
      {"embedding width is -3", [](ModelSpec* s) { s->embedding_width = -3; }},
      {"embedding_scale is 0", [](ModelSpec* s) { s->embedding_scale = 0; }},
      {"attention_scale is -1", [](ModelSpec* s) { s->attention_scale = -1; }},
      {"attention_soft_cap is -1",
       [](ModelSpec* s) { s->attention_soft_cap = -1; }},
      {"residual_scale is 0", [](ModelSpec* s) { s->residual_scale = 0; }},
      {"logit_scale is 0", [](ModelSpec* s) { s->logit_scale = 0; }},
      {"logit_soft_cap is -2", [](ModelSpec* s) { s->logit_soft_cap = -2; }},
      {"norm_offset is -1", [](ModelSpec* s) { s->norm_offset = -1; }},
      {"number of layer kinds is 2; expected 3 to 3",
       [](ModelSpec* s) { s->layer_kinds.resize(2); }},
      {"experts is -1", [](ModelSpec* s) { s->experts.experts = -1; }},
      {"experts per token is 3",
       [](ModelSpec* s) {
         s->experts = {.experts = 2, .per_token = 3, .ffn = 8};
       }},
      {"expert ffn is 0",
       [](ModelSpec* s) {
         s->experts = {.experts = 2, .per_token = 1, .ffn = 0};
       }},
      {"shared expert ffn is -1",
       [](ModelSpec* s) {
         s->experts = {
             .experts = 2, .per_token = 1, .ffn = 8, .shared_ffn = -1};
       }},
      {"alibi_scale is 0",
       [](ModelSpec* s) {
         s->position = PositionKind::kAlibi;
         s->alibi_scale = 0;
       }},
      {"position_offset is -1",
       [](ModelSpec* s) {
         s->position = PositionKind::kLearned;
         s->position_offset = -1;
       }},
      {"max_context of learned positions",
       [](ModelSpec* s) {
         s->position = PositionKind::kLearned;
         s->max_context = int64_t{1} << 30;
       }},
  };
  for (const BadField& field : fields) {
    EXPECT_THAT(
        CheckChanged(field.change),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field.words)));
  }
}

TEST(CheckSpecTest, NamesTheRotaryValueThatBreaksARule) {
  const BadField fields[] = {
      {"rotary dims is 3; expected an even number",
       [](ModelSpec* s) { s->rotary.dims = 3; }},
      {"rotary dims is 18; expected 2 to 16",
       [](ModelSpec* s) { s->rotary.dims = 18; }},
      {"dynamic scaling expects more",
       [](ModelSpec* s) {
         s->rotary.dims = 2;
         s->rotary.scaling = RotaryScaling::kDynamic;
       }},
      {"rotary base is 1; yarn",
       [](ModelSpec* s) {
         s->rotary.base = 1;
         s->rotary.scaling = RotaryScaling::kYarn;
       }},
      {"rotary beta_fast is 0",
       [](ModelSpec* s) {
         s->rotary.beta_fast = 0;
         s->rotary.scaling = RotaryScaling::kYarn;
       }},
      {"longrope factors is 0; expected 8 to 8",
       [](ModelSpec* s) { s->rotary.scaling = RotaryScaling::kLongRope; }},
      {"rotary longrope factor is 0",
       [](ModelSpec* s) {
         s->rotary.scaling = RotaryScaling::kLongRope;
         s->rotary.short_factors.assign(8, 1.0);
         s->rotary.long_factors.assign(8, 0.0);
       }},
      {"rotary attention_factor is 0",
       [](ModelSpec* s) { s->rotary.attention_factor = 0; }},
  };
  for (const BadField& field : fields) {
    EXPECT_THAT(
        CheckChanged(field.change),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field.words)));
  }
}

TEST(CheckSpecTest, RotaryRulesAreForAnglesThatSomeLayerTakes) {
  // An odd head is fine without rotary positions.
  EXPECT_OK(CheckChanged([](ModelSpec* s) {
    s->head_dim = 15;
    s->position = PositionKind::kLearned;
  }));
  EXPECT_OK(CheckChanged([](ModelSpec* s) {
    s->head_dim = 15;
    s->position = PositionKind::kAlibi;
  }));
  EXPECT_OK(CheckChanged([](ModelSpec* s) { s->local_rotary.base = 0; }));
  EXPECT_THAT(CheckChanged([](ModelSpec* s) {
                s->layer_kinds.resize(3);
                s->layer_kinds[1].rotary = LayerRotary::kLocal;
                s->local_rotary.base = 0;
              }),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("rotary base is 0")));
}

TEST(CheckSpecTest, RefusesChoicesThatDoNotGoTogether) {
  EXPECT_THAT(CheckChanged([](ModelSpec* s) {
                s->residual = ResidualOrder::kParallel;
                s->norm_placement = NormPlacement::kOutput;
              }),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("parallel attention")));
  EXPECT_THAT(CheckChanged([](ModelSpec* s) {
                s->residual_from_norm = true;
                s->residual = ResidualOrder::kParallelShared;
              }),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("residual from the norm")));
  EXPECT_THAT(CheckChanged([](ModelSpec* s) {
                s->residual_from_norm = true;
                s->norm_placement = NormPlacement::kSum;
              }),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("residual from the norm")));
}

TEST(ModelSpecTest, LayersDifferByTheirKinds) {
  ModelSpec spec = Valid();
  spec.window = 8;
  spec.experts.experts = 2;
  EXPECT_EQ(spec.layer_window(2), 8);
  EXPECT_TRUE(spec.has_experts(2));
  EXPECT_TRUE(spec.uses_rotary(LayerRotary::kGlobal));
  EXPECT_FALSE(spec.uses_rotary(LayerRotary::kNone));
  spec.layer_kinds.resize(3);
  spec.layer_kinds[2] = {
      .windowed = false, .rotary = LayerRotary::kNone, .routed = false};
  EXPECT_EQ(spec.layer_window(2), 0);
  EXPECT_EQ(spec.layer_window(1), 8);
  EXPECT_FALSE(spec.has_experts(2));
  EXPECT_TRUE(spec.uses_rotary(LayerRotary::kNone));
  EXPECT_FALSE(spec.uses_rotary(LayerRotary::kLocal));
  spec.position = PositionKind::kAlibi;
  EXPECT_FALSE(spec.uses_rotary(LayerRotary::kGlobal));
}

TEST(CheckSpecTest, LargestValidSpecHasShapesThatDoNotOverflow) {
  ModelSpec spec = Valid();
  spec.vocab = 1 << 24;
  spec.width = 1 << 20;
  spec.ffn = 1 << 20;
  spec.heads = spec.kv_heads = 4096;
  spec.head_dim = 8192;
  spec.qkv_bias = spec.output_bias = spec.ffn_bias = true;
  ASSERT_OK(CheckSpec(spec));
  for (const TensorSlot& slot : TensorTable(spec)) {
    __int128 product = 1;
    for (const int64_t dimension : slot.shape) product *= dimension;
    EXPECT_LE(product, std::numeric_limits<int64_t>::max()) << slot.name;
  }
}

}  // namespace
}  // namespace ounce
