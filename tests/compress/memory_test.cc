// That layers are streamed: the memory of `ounce compress` does not grow with
// their number.
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/json.h"
#include "core/random.h"
#include "formats/safetensors/safetensors_writer.h"
#include "gtest/gtest.h"
#include "model/tensor_table.h"
#include "tests/util/program.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

// 2.4 million parameters, 9.7 MB, a layer.
ModelSpec Spec(int64_t layers) {
  ModelSpec spec;
  spec.vocab = 1000;
  spec.width = 512;
  spec.layers = layers;
  spec.heads = spec.kv_heads = 8;
  spec.head_dim = 64;
  spec.ffn = 896;
  return spec;
}

// An f32 checkpoint with random weights; returns the bytes of its weights.
int64_t WriteCheckpoint(const TempFolder& folder, int64_t layers) {
  const ModelSpec spec = Spec(layers);
  folder.Write("config.json",
               absl::StrCat(R"({"model_type": "llama", "vocab_size": )",
                            spec.vocab, R"(, "hidden_size": )", spec.width,
                            R"(, "num_hidden_layers": )", layers,
                            R"(, "num_attention_heads": )", spec.heads,
                            R"(, "intermediate_size": )", spec.ffn, "}"));
  const std::vector<TensorSlot> table = TensorTable(spec);
  // Every tensor is the start of the same random numbers.
  Random random(1);
  std::vector<float> values(static_cast<size_t>(spec.vocab * spec.width));
  for (float& value : values) {
    value = static_cast<float>(random.NextDouble() - 0.5);
  }
  std::vector<OutputTensor> tensors;
  for (const TensorSlot& slot : table) {
    const auto bytes = static_cast<size_t>(4 * CountParameters({slot}));
    tensors.push_back(
        {slot.name,
         "F32",
         slot.shape,
         {reinterpret_cast<const uint8_t*>(values.data()), bytes}});
  }
  EXPECT_OK(WriteSafetensors(folder.Path("model.safetensors"), tensors));
  return 4 * CountParameters(table);
}

// Peak resident memory of compressing a model of `layers` layers.
int64_t PeakBytes(int64_t layers, const std::string& recipe) {
  const TempFolder folder;
  EXPECT_GT(WriteCheckpoint(folder, layers), layers * 9'600'000);
  folder.Write("recipe.yaml", recipe);
  const ProgramResult result = RunOunce(
      {"compress", folder.path(), "-o", folder.Path("model.oz"), "--recipe",
       folder.Path("recipe.yaml"), "--threads", "2", "--json", "--quiet"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const absl::StatusOr<Json> json = ParseJson(result.out);
  if (!json.ok()) return 0;
  return json->GetInt("peak_rss_bytes").value_or(0);
}

void ExpectMemoryDoesNotGrow(const std::string& recipe) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's own memory grows with the work";
#endif
  const int64_t eight = PeakBytes(8, recipe);
  const int64_t sixteen = PeakBytes(16, recipe);
  ASSERT_GT(eight, 0);
  // 78 MB more of weights come from 72 tensors more, whose names and numbers
  // take some 0.3 MB; 5 % are 1 MB.
  EXPECT_LT(static_cast<double>(sixteen), 1.05 * static_cast<double>(eight))
      << eight << " and " << sixteen << " bytes";
  // And the smaller model itself, of 82 MB, was held in no form: the program
  // and two panels of 4 MiB are about 20 MB.
  EXPECT_LT(eight, 40'000'000);
}

TEST(CompressMemoryTest, PeakDoesNotGrowWithTheLayers) {
  ExpectMemoryDoesNotGrow("quantize: [{tensors: '*', codec: int4}]");
}

TEST(CompressMemoryTest, PeakDoesNotGrowWithGlobalPruning) {
  ExpectMemoryDoesNotGrow(
      "prune: [{tensors: '*', sparsity: 0.5, scope: global}]");
}

}  // namespace
}  // namespace ounce
