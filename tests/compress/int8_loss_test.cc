// What int8 costs the golden checkpoints of every decoder family: the relative
// root-mean-square error of the logits.
//
// Their weights are random and their widths 64, so that rounding does what it
// does at its worst: nothing is redundant, and an activation's rounding error
// is a 127th of its row's largest value.  Where the error exceeds 3 % the test
// shows why: one tensor at a time is taken from the compressed model, the
// others from the float one.  The errors add up as independent ones do, so the
// root of the sum of their squares is what the model can hold, and the largest
// of them names the tensor to blame.
#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "compress/compress.h"
#include "compress/plan.h"
#include "compress/recipe.h"
#include "core/packing/codec.h"
#include "core/thread_pool.h"
#include "formats/model_file.h"
#include "formats/safetensors/safetensors_reader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/kernel_context.h"
#include "runtime/executor.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

constexpr double kLimit = 0.03;

struct Model {
  const char* folder;
  // The tensor whose rounding costs most; "" where int8 stays within kLimit.
  const char* cause = "";
};

// Of one golden checkpoint, float and int8.
class Int8LossTest : public ::testing::TestWithParam<Model> {
 protected:
  void SetUp() override {
    const std::string folder = std::string(OUNCE_SOURCE_DIR) +
                               "/tests/golden/models/" + GetParam().folder;
    ASSERT_OK_AND_ASSIGN(float_, OpenModel(folder));
    ASSERT_OK_AND_ASSIGN(const Recipe recipe, LoadRecipe("int8"));
    ASSERT_OK_AND_ASSIGN(const Plan plan, MakePlan(float_.bound, recipe));
    const std::string path = temp_.Path("int8.oz");
    ASSERT_OK(Compress(float_, recipe, plan, path, {}, &pool_).status());
    ASSERT_OK_AND_ASSIGN(int8_, OpenModel(path));
    ASSERT_OK_AND_ASSIGN(const auto golden,
                         OpenSafetensors(folder + "/golden.safetensors"));
    const StoredTensor* ids = golden->Find("input_ids");
    ids_.resize(ids->bytes.size() / sizeof(int64_t));
    std::memcpy(ids_.data(), ids->bytes.data(), ids->bytes.size());
    row_tokens_ = ids->shape[1];
    expected_ = Logits(float_.bound);
  }

  std::vector<float> Logits(const BoundTensors& bound) {
    const ModelWeights weights = ArrangeWeights(float_.spec, bound);
    Executor executor(weights, &context_, row_tokens_);
    std::vector<float> all;
    for (auto row = ids_.begin(); row != ids_.end(); row += row_tokens_) {
      executor.Reset();
      const std::vector<int32_t> ids(row, row + row_tokens_);
      Matrix hidden;
      EXPECT_OK(executor.Forward(ids, &hidden));
      Matrix logits(hidden.rows(), float_.spec.vocab);
      executor.Logits(hidden.view(), logits.view());
      all.insert(all.end(), logits.values().begin(), logits.values().end());
    }
    return all;
  }

  double ErrorOf(const BoundTensors& bound) {
    const std::vector<float> actual = Logits(bound);
    double noise = 0.0, signal = 0.0;
    for (size_t i = 0; i < actual.size(); ++i) {
      noise += std::pow(double{actual[i]} - double{expected_[i]}, 2);
      signal += std::pow(double{expected_[i]}, 2);
    }
    return std::sqrt(noise / signal);
  }

  // With the tensor `index` alone in int8.
  double ErrorOfOne(size_t index) {
    BoundTensors mixed = float_.bound;
    mixed.tensors[index] = int8_.bound.tensors[index];
    return ErrorOf(mixed);
  }

  const TempFolder temp_;
  ThreadPool pool_{1};
  KernelContext context_{*ParseIsa("native"), &pool_};
  ModelFile float_, int8_;
  std::vector<int64_t> ids_;
  int64_t row_tokens_ = 0;
  std::vector<float> expected_;
};

TEST_P(Int8LossTest, StaysWithinThreePercentOrWithinWhatItsTensorsAddUpTo) {
  const double error = ErrorOf(int8_.bound);
  RecordProperty("error", std::to_string(error));
  if (*GetParam().cause == '\0') {
    EXPECT_LE(error, kLimit);
    return;
  }
  double squares = 0.0, largest = 0.0;
  std::string cause;
  for (size_t i = 0; i < int8_.bound.tensors.size(); ++i) {
    const BoundTensor& tensor = int8_.bound.tensors[i];
    if (!GetCodecInfo(tensor.matrix.codec).quantized) continue;
    const double one = ErrorOfOne(i);
    squares += one * one;
    if (one > largest) {
      largest = one;
      cause = tensor.slot.name;
    }
  }
  EXPECT_GT(error, kLimit) << "holds it: name no cause";
  // Independent errors add up to the root of the sum of squares, give or take
  // what some thousand logits leave to chance.
  EXPECT_LE(error, 1.15 * std::sqrt(squares));
  EXPECT_EQ(cause, GetParam().cause) << largest;
}

INSTANTIATE_TEST_SUITE_P(
    Decoders, Int8LossTest,
    ::testing::Values(
        // Mostly the embedding: all that follows works on its rounded rows.
        Model{"llama-gqa", "model.layers.0.self_attn.v_proj.weight"},
        Model{"llama3-scaled-tied", "model.embed_tokens.weight"},
        Model{"mistral-window", "model.embed_tokens.weight"},
        Model{"llama-bf16-sharded", "model.embed_tokens.weight"},
        Model{"qwen2", "model.embed_tokens.weight"},
        Model{"qwen3", "model.embed_tokens.weight"},
        Model{"gemma2", "model.embed_tokens.weight"},
        Model{"phi3", "model.embed_tokens.weight"}, Model{"gpt2"},
        Model{"gpt-neox"}, Model{"opt"}, Model{"bloom-alibi"},
        // Its rounding makes a router pick another expert for some tokens.
        Model{"mixtral-moe", "model.embed_tokens.weight"}),
    [](const ::testing::TestParamInfo<Model>& param) {
      std::string name = param.param.folder;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

}  // namespace
}  // namespace ounce
