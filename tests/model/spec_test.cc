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
      {"head_dim is 15; expected an even number",
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
