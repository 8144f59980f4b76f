// The bundled checkpoint with outliers, as large models have them: four
// channels of every norm 64 times as large, and what reads them as much
// smaller.  Powers of two, so that the float model is the same.
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "formats/model_file.h"
#include "formats/safetensors/safetensors_reader.h"
#include "formats/safetensors/safetensors_writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/kernel_context.h"
#include "runtime/weights.h"
#include "tests/util/program.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"
#include "text/tokenizer.h"
#include "verify/text_comparison.h"

namespace ounce {
namespace {

const char kDemo[] = OUNCE_SOURCE_DIR "/examples/demo/";
constexpr int64_t kChannels[] = {11, 70, 133, 250};

// Multiplies bf16 values by 2^`exponent`, exactly: by their exponent's bits.
void ScaleExactly(std::vector<uint8_t>& bytes, size_t index, int exponent) {
  uint16_t bits;
  std::memcpy(&bits, bytes.data() + 2 * index, 2);
  const int raised = ((bits >> 7) & 0xFF) + exponent;
  if ((bits & 0x7FFF) == 0) return;
  ASSERT_GT(raised, 0);
  ASSERT_LT(raised, 255);
  bits = static_cast<uint16_t>((bits & 0x807F) | (raised << 7));
  std::memcpy(bytes.data() + 2 * index, &bits, 2);
}

// The outliers of one tensor of the checkpoint.
void AddOutliers(const StoredTensor& tensor, std::vector<uint8_t>& bytes) {
  if (absl::EndsWith(tensor.name, "layernorm.weight")) {
    for (const int64_t channel : kChannels) {
      ScaleExactly(bytes, static_cast<size_t>(channel), 6);
    }
    return;
  }
  for (const char* reader :
       {"q_proj", "k_proj", "v_proj", "gate_proj", "up_proj"}) {
    if (!absl::StrContains(tensor.name, reader)) continue;
    for (int64_t row = 0; row < tensor.shape[0]; ++row) {
      for (const int64_t channel : kChannels) {
        ScaleExactly(bytes,
                     static_cast<size_t>(row * tensor.shape[1] + channel), -6);
      }
    }
  }
}

// The bundled checkpoint with outliers, in a new folder `folder`.
void WriteOutlierModel(const std::string& folder) {
  const std::string source = std::string(kDemo) + "model";
  std::filesystem::copy(source, folder);
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<TensorSource> original,
                       OpenSafetensors(source + "/model.safetensors"));
  std::vector<std::vector<uint8_t>> bytes;
  std::vector<OutputTensor> tensors;
  for (const StoredTensor& tensor : original->tensors()) {
    ASSERT_EQ(tensor.codec, Codec::kBF16) << tensor.name;
    bytes.emplace_back(tensor.bytes.begin(), tensor.bytes.end());
    AddOutliers(tensor, bytes.back());
    tensors.push_back({tensor.name, "BF16", tensor.shape, {}});
  }
  for (size_t i = 0; i < tensors.size(); ++i) tensors[i].bytes = bytes[i];
  std::filesystem::remove(folder + "/model.safetensors");
  ASSERT_OK(WriteSafetensors(folder + "/model.safetensors", tensors));
}

class OutlierModelTest : public testing::Test {
 protected:
  void SetUp() override {
    WriteOutlierModel(Outliers());
    float_ = Open(Original());
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Tokenizer> tokenizer,
                         Tokenizer::Create(float_.file->tokenizer));
    ASSERT_OK_AND_ASSIGN(
        ids_, tokenizer->Encode(
                  ReadWholeFile(std::string(kDemo) + "evaluation.txt"), false));
  }

  struct Model {
    std::unique_ptr<ModelFile> file;
    std::unique_ptr<ModelWeights> weights;
  };
  static Model Open(const std::string& path) {
    Model model;
    absl::StatusOr<ModelFile> file = OpenModel(path);
    EXPECT_OK(file);
    model.file = std::make_unique<ModelFile>(*std::move(file));
    model.weights = std::make_unique<ModelWeights>(
        ArrangeWeights(model.file->spec, model.file->bound));
    return model;
  }
  static std::string Original() { return std::string(kDemo) + "model"; }
  std::string Outliers() const { return temp_.Path("outliers"); }

  // The mean KL from the float original on the first windows of the evaluation
  // text.
  double KlOf(const std::string& path) {
    const Model model = Open(path);
    TextOptions options;
    options.max_windows = 60;
    const absl::StatusOr<PredictionLoss> loss = CompareOnText(
        *float_.weights, *model.weights, ids_, options, &context_);
    EXPECT_OK(loss);
    return loss.ok() ? loss->kl.value : 1e9;
  }
  double KlOf(const std::string& checkpoint, const std::string& recipe) {
    const std::string artifact = temp_.Path("a.oz");
    std::vector<std::string> args = {"compress", checkpoint, "-o",
                                     artifact,   "--recipe", recipe};
    if (recipe != "int8" && recipe != "int4") {
      args.insert(args.end(),
                  {"--calibrate", std::string(kDemo) + "calibration.txt",
                   "--calibration-tokens", "4096"});
    }
    const ProgramResult run = RunOunce(args);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    const double kl = KlOf(artifact);
    RecordProperty(
        absl::StrCat(recipe, checkpoint == Original() ? "" : "_outliers"),
        absl::StrCat(kl));
    return kl;
  }

  TempFolder temp_;
  ThreadPool pool_{PhysicalCores()};
  KernelContext context_{SupportedIsas().back(), &pool_};
  Model float_;
  std::vector<int32_t> ids_;
};

TEST_F(OutlierModelTest, TheFloatModelIsTheSame) {
  EXPECT_LT(KlOf(Outliers()), 1e-9);
}

TEST_F(OutlierModelTest, Int8SmoothLosesLittleWherePlainInt8Fails) {
  const double original = KlOf(Original(), "int8");
  const double plain = KlOf(Outliers(), "int8");
  const double smooth = KlOf(Outliers(), "int8-smooth");
  EXPECT_LE(smooth, 0.3 * plain);
  EXPECT_LE(smooth, 1.5 * original);
}

TEST_F(OutlierModelTest, Int4BestLosesHardlyMoreThanWithoutOutliers) {
  const double original = KlOf(Original(), "int4-best");
  const double outliers = KlOf(Outliers(), "int4-best");
  EXPECT_LE(outliers, 1.5 * original);
}

}  // namespace
}  // namespace ounce
