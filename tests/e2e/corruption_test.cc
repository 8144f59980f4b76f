// A damaged artifact is refused or runs; it never crashes the program.
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "compress/compress.h"
#include "compress/plan.h"
#include "compress/recipe.h"
#include "core/hash.h"
#include "formats/model_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/kernel_context.h"
#include "runtime/executor.h"
#include "runtime/weights.h"
#include "tests/util/program.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"
#include "text/tokenizer.h"

namespace ounce {
namespace {

constexpr int kCorruptions = 500;

class CorruptionTest : public testing::TestWithParam<const char*> {
 protected:
  CorruptionTest() : pool_(2), context_(SupportedIsas().back(), &pool_) {}

  // A small artifact with a tokenizer, as bytes.
  std::string MakeArtifact() {
    const std::string source =
        OUNCE_SOURCE_DIR "/tests/golden/models/llama3-scaled-tied";
    absl::StatusOr<ModelFile> model = OpenModel(source);
    EXPECT_OK(model);
    model->tokenizer.kind = TokenizerKind::kTokenizerJson;
    model->tokenizer.files.push_back(
        {"tokenizer.json",
         ReadWholeFile(OUNCE_SOURCE_DIR "/tests/golden/tokenizers/"
                                        "llama3-bpe/tokenizer.json")});
    const absl::StatusOr<Recipe> recipe = LoadRecipe(GetParam());
    EXPECT_OK(recipe);
    const absl::StatusOr<Plan> plan = MakePlan(model->bound, *recipe);
    EXPECT_OK(plan);
    CompressOptions options;
    options.tool_version = "test";
    EXPECT_OK(Compress(*model, *recipe, *plan, temp_.Path("whole.oz"), options,
                       &pool_));
    return ReadWholeFile(temp_.Path("whole.oz"));
  }

  // Does everything a user could do with the file; statuses are welcome.
  void Use(const std::string& path) {
    const absl::StatusOr<ModelFile> model = OpenModel(path);
    if (!model.ok()) {
      ++refused_;
      return;
    }
    ++opened_;
    (void)model->artifact->CheckHashes(nullptr);
    const auto tokenizer = Tokenizer::Create(model->tokenizer);
    if (tokenizer.ok()) {
      (void)(*tokenizer)->Encode("Hello, world!", true);
    }
    const ModelWeights weights = ArrangeWeights(model->spec, model->bound);
    Executor executor(weights, &context_, 8);
    Matrix hidden;
    if (!executor.Forward({1, 2, 3, 4, 5}, &hidden).ok()) return;
    Matrix logits(5, model->spec.vocab);
    executor.Logits(hidden.view(), logits.view());
  }

  TempFolder temp_;
  ThreadPool pool_;
  KernelContext context_;
  int refused_ = 0;
  int opened_ = 0;
};

TEST_P(CorruptionTest, RandomDamageIsRefusedOrRuns) {
  const std::string whole = MakeArtifact();
  ASSERT_FALSE(whole.empty());
  std::mt19937 random(7);
  const std::string path = temp_.Path("damaged.oz");
  for (int i = 0; i < kCorruptions; ++i) {
    std::string damaged = whole;
    const int changes = 1 + static_cast<int>(random() % 4);
    for (int change = 0; change < changes; ++change) {
      // Every other time near an end, where header and metadata are.
      const size_t span = i % 2 == 0 ? damaged.size() : size_t{2000};
      const size_t offset = random() % std::min(span, damaged.size());
      const size_t at = i % 4 == 1 ? damaged.size() - 1 - offset : offset;
      damaged[at] = static_cast<char>(random());
    }
    if (i % 10 == 9) damaged.resize(random() % damaged.size());
    WriteWholeFile(path, damaged);
    SCOPED_TRACE(i);
    Use(path);
  }
  // Damage to weights opens (hashes are checked on demand), damage to header or
  // metadata does not: both must have been tried.
  EXPECT_GT(refused_, 50);
  EXPECT_GT(opened_, 50);
}

INSTANTIATE_TEST_SUITE_P(Recipes, CorruptionTest,
                         testing::Values("float", "int8", "int4"),
                         [](const auto& param) {
                           return std::string(param.param);
                         });

}  // namespace
}  // namespace ounce
