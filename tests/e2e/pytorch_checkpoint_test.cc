// Every command on a checkpoint in PyTorch's own format: as on the same tensors
// in safetensors.  Its logits are in golden_logits_test.cc.
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/json.h"
#include "formats/huggingface/weight_files.h"
#include "formats/safetensors/safetensors_writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/program.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const char kModel[] = OUNCE_SOURCE_DIR "/tests/golden/models/gpt2-f16-bin";
const char kTestData[] = OUNCE_SOURCE_DIR "/tests/formats/pytorch/testdata/";
// sha256sum pytorch_model.bin
const char kSha256[] =
    "d43f3c849ba8b5035c5422aa8a1694fa1183e3244c4b59663dfc6ebff1e192d8";

class PytorchCheckpointTest : public testing::Test {
 protected:
  // The checkpoint with its tensors in model.safetensors.
  std::string WriteSafetensorsTwin() {
    const std::string folder = temp_.Path("twin");
    std::filesystem::create_directory(folder);
    std::filesystem::copy(std::string(kModel) + "/config.json", folder);
    const absl::StatusOr<WeightFiles> found = OpenWeightFiles(kModel);
    EXPECT_OK(found.status());
    if (!found.ok()) return folder;
    std::vector<OutputTensor> tensors;
    for (const StoredTensor& tensor : found->source->tensors()) {
      tensors.push_back(
          {tensor.name, tensor.dtype, tensor.shape, tensor.bytes});
    }
    EXPECT_OK(WriteSafetensors(folder + "/model.safetensors", tensors));
    return folder;
  }

  std::string Compress(const std::string& checkpoint,
                       const std::string& recipe) {
    const std::string output = absl::StrCat(temp_.Path("model"), ++outputs_);
    const ProgramResult run = RunOunce(
        {"compress", checkpoint, "-o", output, "--recipe", recipe, "--quiet"});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return output;
  }

  void ExpectEqualTensors(const std::string& a, const std::string& b) {
    const ProgramResult run = RunOunce({"diff", a, b, "--json"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    ASSERT_OK_AND_ASSIGN(const Json diff, ParseJson(run.out));
    const Json::Array* tensors = diff.Find("tensors")->AsArray();
    ASSERT_NE(tensors, nullptr);
    // Two blocks of 16 tensors less the fused ones' parts, embeddings, norm.
    EXPECT_GT(tensors->size(), 30u);
    for (const Json& tensor : *tensors) {
      EXPECT_EQ(*tensor.Find("max_error")->AsDouble(), 0.0) << tensor.Dump();
    }
  }

  TempFolder temp_;
  int outputs_ = 0;
};

TEST_F(PytorchCheckpointTest, CompressesAsItsTwinInSafetensors) {
  const std::string twin = WriteSafetensorsTwin();
  ExpectEqualTensors(kModel, twin);
  for (const char* recipe : {"int8", "int4"}) {
    const std::string ours = Compress(kModel, recipe);
    ExpectEqualTensors(ours, Compress(twin, recipe));
    EXPECT_EQ(RunOunce({"inspect", ours, "--check"}).exit_code, 0);
  }
}

TEST_F(PytorchCheckpointTest, NamesItsFormatAndItsFiles) {
  EXPECT_THAT(RunOunce({"inspect", kModel}).out, HasSubstr("pytorch"));
  const std::string artifact = Compress(kModel, "int8");
  EXPECT_THAT(RunOunce({"inspect", artifact}).out,
              HasSubstr(absl::StrCat("pytorch_model.bin, sha256 ", kSha256)));
}

TEST_F(PytorchCheckpointTest, RefusesOtherFilesInOneLine) {
  const std::string folder = temp_.Path("other");
  std::filesystem::create_directory(folder);
  std::filesystem::copy(std::string(kModel) + "/config.json", folder);
  const std::string weights = folder + "/pytorch_model.bin";
  for (const auto& [file, words] :
       std::vector<std::pair<std::string, std::string>>{
           {"legacy.bin", "the format before PyTorch 1.6"},
           {"script.bin", "a TorchScript program"},
           {"module.bin", "global 'torch.nn.modules.linear.Linear'"},
           {"deflated.zip", "is compressed (method 8, deflate)"},
           {"protocol2.bin", "tensor 'transformer.wte.weight'"}}) {
    std::filesystem::copy(kTestData + file, weights,
                          std::filesystem::copy_options::overwrite_existing);
    const ProgramResult run = RunOunce({"inspect", folder});
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_THAT(run.err, AllOf(StartsWith("ounce: "), HasSubstr(folder),
                               HasSubstr(words)));
    EXPECT_EQ(run.err.find('\n'), run.err.size() - 1) << run.err;
  }
  const ProgramResult run = RunOunce({"inspect", weights});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err,
              HasSubstr(absl::StrCat("the folder they are in, '", folder)));
}

}  // namespace
}  // namespace ounce
