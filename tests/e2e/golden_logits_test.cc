// `ounce logits` against what transformers 5.12.1 gives on the same checkpoints
// (tests/golden/make_models.py wrote both).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "formats/safetensors/safetensors_reader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/program.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

template <typename T>
std::vector<T> Values(const TensorSource& source, const std::string& name) {
  const StoredTensor* tensor = source.Find(name);
  if (tensor == nullptr) return {};
  std::vector<T> values(tensor->bytes.size() / sizeof(T));
  std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
  return values;
}

class GoldenLogitsTest : public testing::TestWithParam<const char*> {};

TEST_P(GoldenLogitsTest, MatchesTheReferenceImplementation) {
  const std::string folder =
      std::string(OUNCE_SOURCE_DIR "/tests/golden/models/") + GetParam();
  const std::string golden_path = folder + "/golden.safetensors";
  const TempFolder temp;
  const std::string output = temp.Path("out.safetensors");
  const ProgramResult run = RunOunce({"logits", folder, "--input", golden_path,
                                      "--output", output, "--greedy", "16"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  ASSERT_OK_AND_ASSIGN(const auto golden, OpenSafetensors(golden_path));
  ASSERT_OK_AND_ASSIGN(const auto ours, OpenSafetensors(output));

  const auto expected = Values<float>(*golden, "logits");
  const auto actual = Values<float>(*ours, "logits");
  ASSERT_FALSE(expected.empty());
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    // Both compute in f32 with sums in another order: 1e-4 of logits near 1.
    ASSERT_NEAR(actual[i], expected[i], 1e-4) << "logit " << i;
  }
  EXPECT_EQ(Values<int64_t>(*ours, "greedy"),
            Values<int64_t>(*golden, "greedy"));
}

INSTANTIATE_TEST_SUITE_P(Llama, GoldenLogitsTest,
                         testing::Values("llama-gqa", "llama3-scaled-tied",
                                         "mistral-window",
                                         "llama-bf16-sharded"),
                         [](const testing::TestParamInfo<const char*>& param) {
                           std::string name = param.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace ounce
