// That calibrated compression keeps --max-ram, whether its activations fit or
// go to a file, and that the file is the same.
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/json.h"
#include "core/random.h"
#include "formats/safetensors/safetensors_writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/tensor_table.h"
#include "tests/e2e/golden_text.h"
#include "tests/util/gaussian.h"
#include "tests/util/program.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Narrow, with many tokens: 67 MB of activations between two layers.
constexpr int64_t kTokens = 131'072;
constexpr int64_t kStreamBytes = kTokens * 128 * 4;

class CalibratedMemoryTest : public testing::Test {
 protected:
  void SetUp() override {
    ModelSpec spec;
    spec.vocab = kGoldenVocab;
    spec.width = 128;
    spec.layers = 4;
    spec.heads = spec.kv_heads = 4;
    spec.head_dim = 32;
    spec.ffn = 160;
    temp_.Write("config.json",
                absl::StrCat(R"({"model_type": "llama", "vocab_size": )",
                             spec.vocab, R"(, "hidden_size": )", spec.width,
                             R"(, "num_hidden_layers": )", spec.layers,
                             R"(, "num_attention_heads": )", spec.heads,
                             R"(, "intermediate_size": )", spec.ffn, "}"));
    temp_.Write("tokenizer.json", IdTokenizerJson({}));
    WriteWeights(spec);
    Random random(5);
    std::string text;
    for (int64_t i = 0; i < kTokens; ++i) {
      absl::StrAppend(&text, "t", 4 + random.NextBelow(kGoldenVocab - 4),
                      i % 16 == 15 ? "\n" : " ");
    }
    temp_.Write("text.txt", text);
  }
  void WriteWeights(const ModelSpec& spec) {
    const std::vector<TensorSlot> table = TensorTable(spec);
    Gaussian gaussian(2);
    std::vector<std::vector<float>> values;
    std::vector<OutputTensor> tensors;
    for (const TensorSlot& slot : table) {
      values.push_back(gaussian.Floats(CountParameters({slot}), 0.08));
      if (slot.role == TensorRole::kVector) {
        for (float& value : values.back()) value += 1.0f;
      }
      tensors.push_back(
          {slot.name,
           "F32",
           slot.shape,
           {reinterpret_cast<const uint8_t*>(values.back().data()),
            values.back().size() * 4}});
    }
    ASSERT_OK(WriteSafetensors(temp_.Path("model.safetensors"), tensors));
  }
  ProgramResult Compress(const std::string& name,
                         const std::vector<std::string>& more) {
    std::vector<std::string> args = {"compress",
                                     temp_.path(),
                                     "-o",
                                     temp_.Path(name),
                                     "--recipe",
                                     "int4-gptq",
                                     "--calibrate",
                                     temp_.Path("text.txt"),
                                     "--json",
                                     "--calibration-tokens",
                                     absl::StrCat(kTokens)};
    args.insert(args.end(), more.begin(), more.end());
    return RunOunce(args);
  }
  // Peak resident memory of a run with these arguments.
  int64_t PeakBytes(const std::string& name,
                    const std::vector<std::string>& more) {
    const ProgramResult run = Compress(name, more);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    const absl::StatusOr<Json> json = ParseJson(run.out);
    EXPECT_OK(json);
    remarks_ = run.err;
    return json.ok() ? json->GetInt("peak_rss_bytes").value_or(0) : 0;
  }

  TempFolder temp_;
  std::string remarks_;
};

TEST_F(CalibratedMemoryTest, KeepsTheLimitInMemoryAndSpilled) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's own memory grows with the work";
#endif
  const int64_t held =
      PeakBytes("held.oz", {"--max-ram", "240M", "--threads", "2"});
  EXPECT_THAT(remarks_, Not(HasSubstr("activations go to a file")));
  EXPECT_GT(held, kStreamBytes);
  EXPECT_LE(held, int64_t{240} << 20);
  const int64_t spilled =
      PeakBytes("spilled.oz", {"--max-ram", "130M", "--threads", "2"});
  EXPECT_THAT(remarks_, HasSubstr("activations go to a file"));
  EXPECT_GT(spilled, 0);
  EXPECT_LE(spilled, int64_t{130} << 20);
  EXPECT_LT(spilled, held - kStreamBytes / 2);
  const std::string expected = temp_.Read("held.oz");
  EXPECT_GT(expected.size(), 100'000u);
  EXPECT_TRUE(temp_.Read("spilled.oz") == expected);
  PeakBytes("one.oz", {"--max-ram", "130M", "--threads", "1"});
  EXPECT_TRUE(temp_.Read("one.oz") == expected);
}

TEST_F(CalibratedMemoryTest, TooLittleIsRefusedBeforeAnythingIsWritten) {
  const ProgramResult run = Compress("no.oz", {"--max-ram", "40M"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, AllOf(HasSubstr("calibrating needs"),
                             HasSubstr("--max-ram allows 41943040"),
                             HasSubstr("allow more")));
  for (const char* name : {"no.oz", "no.oz.partial", "no.oz.journal"}) {
    EXPECT_FALSE(temp_.Has(name)) << name;
  }
}

TEST_F(CalibratedMemoryTest, WrongSizesAreWrongUsage) {
  const ProgramResult run = Compress("no.oz", {"--max-ram", "2GB"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("--max-ram 2GB: expected a size"));
  const ProgramResult context =
      Compress("no.oz", {"--calibration-context", "100000000"});
  EXPECT_EQ(context.exit_code, 2);
  EXPECT_THAT(context.err, HasSubstr("calibration context"));
}

}  // namespace
}  // namespace ounce
