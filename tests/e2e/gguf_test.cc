// GGUF files through the program: those that llama.cpp's tools wrote against
// what transformers 5.12.1 gives on their dequantised weights
// (tests/golden/make_gguf.py), and the golden checkpoints of
// tests/golden/models/, arranged as llama.cpp's converter does.
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/hash.h"
#include "core/json.h"
#include "formats/safetensors/safetensors_reader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/bind.h"
#include "tests/util/gguf_checkpoint.h"
#include "tests/util/golden_checkpoint.h"
#include "tests/util/program.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

std::string GgufFile(const std::string& name) {
  return absl::StrCat(OUNCE_SOURCE_DIR "/tests/golden/gguf/", name);
}

template <typename T>
std::vector<T> Values(const std::string& path, const std::string& name) {
  const auto source = OpenSafetensors(path);
  EXPECT_THAT(source, IsOk());
  if (!source.ok()) return {};
  const StoredTensor* tensor = (*source)->Find(name);
  if (tensor == nullptr) return {};
  std::vector<T> values(tensor->bytes.size() / sizeof(T));
  std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
  return values;
}

class GgufTest : public testing::Test {
 protected:
  // What `ounce logits` writes for the ids of `golden`.
  std::string Logits(const std::string& model, const std::string& golden,
                     const std::string& name = "out.safetensors") {
    const ProgramResult run =
        RunOunce({"logits", model, "--input", golden, "--output",
                  temp_.Path(name), "--greedy", "16"});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_THAT(run.err, testing::Not(HasSubstr("warning")));
    return temp_.Path(name);
  }
  void ExpectNear(const std::string& actual_path,
                  const std::string& expected_path, float tolerance) {
    const auto actual = Values<float>(actual_path, "logits");
    const auto expected = Values<float>(expected_path, "logits");
    ASSERT_FALSE(expected.empty());
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(actual[i], expected[i], tolerance) << "logit " << i;
    }
  }

  const TempFolder temp_;
};

class GgufLogitsTest : public GgufTest,
                       public testing::WithParamInterface<const char*> {};

TEST_P(GgufLogitsTest, MatchTheReferenceOnTheStoredWeights) {
  const std::string stem = GgufFile(GetParam());
  const std::string golden = stem + ".golden.safetensors";
  // Both compute in f32 with sums in another order, logits near 5: 7e-6 was
  // seen.
  ExpectNear(Logits(stem + ".gguf", golden), golden, 1e-4f);
}

std::string TestName(const testing::TestParamInfo<const char*>& param) {
  std::string name = param.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(
    EveryType, GgufLogitsTest,
    testing::Values("gpt2-F16", "llama-BF16", "llama-F16", "llama-F32",
                    "llama-IQ4_NL", "llama-IQ4_XS", "llama-Q2_K", "llama-Q3_K",
                    "llama-Q4_0", "llama-Q4_1", "llama-Q4_K", "llama-Q5_0",
                    "llama-Q5_1", "llama-Q5_K", "llama-Q6_K", "llama-Q8_0",
                    "qwen2-F16"),
    TestName);

struct Converted {
  const char* folder;
  const char* architecture;
};

class ConvertedTest : public GgufTest,
                      public testing::WithParamInterface<Converted> {};

TEST_P(ConvertedTest, MatchesTheReferenceOnTheCheckpoint) {
  const GoldenCheckpoint checkpoint = ReadGoldenCheckpoint(GetParam().folder);
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       ParseModelConfig(checkpoint.config, nullptr));
  ASSERT_OK_AND_ASSIGN(const Architecture* const architecture,
                       FindArchitecture(spec.architecture));
  ASSERT_OK_AND_ASSIGN(const BoundTensors bound,
                       BindTensors(spec, architecture, checkpoint.source));
  CanonicalValues values;
  for (const BoundTensor& tensor : bound.tensors) {
    std::vector<float>& all = values[tensor.slot.name];
    all.resize(static_cast<size_t>(tensor.matrix.rows * tensor.matrix.cols));
    ReadRows(tensor, 0, tensor.matrix.rows, all.data());
  }
  GgufCheckpoint gguf(spec, GetParam().architecture);
  gguf.AddAll(values);
  WriteWholeFile(temp_.Path("model.gguf"), gguf.image().Build());
  const std::string golden =
      absl::StrCat(OUNCE_SOURCE_DIR "/tests/golden/models/", GetParam().folder,
                   "/golden.safetensors");
  const std::string ours = Logits(temp_.Path("model.gguf"), golden);
  // As of golden_logits_test.cc.
  ExpectNear(ours, golden, 1e-4f);
  EXPECT_EQ(Values<int64_t>(ours, "greedy"), Values<int64_t>(golden, "greedy"));
}

INSTANTIATE_TEST_SUITE_P(
    Architectures, ConvertedTest,
    testing::Values(Converted{"llama-gqa", "llama"},
                    Converted{"llama3-scaled-tied", "llama"},
                    Converted{"mixtral-moe", "llama"},
                    Converted{"qwen2", "qwen2"}, Converted{"qwen3", "qwen3"},
                    Converted{"phi3", "phi3"}, Converted{"gpt2", "gpt2"}),
    [](const testing::TestParamInfo<Converted>& param) {
      std::string name = param.param.folder;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

// Widened to f32 the weights are what they were.
TEST_F(GgufTest, AFloatArtifactGivesTheSameLogits) {
  const std::string golden = GgufFile("llama-Q4_K.golden.safetensors");
  const std::string artifact = temp_.Path("float.oz");
  const ProgramResult compress =
      RunOunce({"compress", GgufFile("llama-Q4_K.gguf"), "-o", artifact,
                "--recipe", "float"});
  ASSERT_EQ(compress.exit_code, 0) << compress.err;
  ExpectNear(Logits(artifact, golden), golden, 1e-4f);
  const ProgramResult diff =
      RunOunce({"diff", GgufFile("llama-Q4_K.gguf"), artifact, "--json"});
  ASSERT_EQ(diff.exit_code, 0) << diff.err;
  ASSERT_OK_AND_ASSIGN(const Json report, ParseJson(diff.out));
  for (const Json& tensor : *report.Find("tensors")->AsArray()) {
    EXPECT_EQ(tensor.Find("max_error")->AsDouble(), 0.0) << tensor.Dump();
  }
}

TEST_F(GgufTest, AnArtifactNamesTheFileItWasMadeFrom) {
  const std::string source = GgufFile("llama-Q8_0.gguf");
  for (const char* recipe : {"int8", "int4"}) {
    const std::string artifact = temp_.Path("small.oz");
    const ProgramResult compress =
        RunOunce({"compress", source, "-o", artifact, "--recipe", recipe});
    ASSERT_EQ(compress.exit_code, 0) << compress.err;
    const ProgramResult inspect =
        RunOunce({"inspect", artifact, "--check", "--json"});
    ASSERT_EQ(inspect.exit_code, 0) << inspect.err;
    EXPECT_THAT(inspect.out, HasSubstr("\"llama-Q8_0.gguf\""));
    EXPECT_THAT(inspect.out, HasSubstr(Sha256Hex(ReadWholeFile(source))));
  }
}

TEST_F(GgufTest, InspectShowsTheTypes) {
  const ProgramResult run =
      RunOunce({"inspect", GgufFile("llama-IQ4_XS.gguf"), "--check"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("gguf"));
  EXPECT_THAT(run.out, HasSubstr("iq4_xs"));
  EXPECT_THAT(run.out, HasSubstr("every weight is finite"));
}

// The block's scale is infinite.
TEST_F(GgufTest, DamagedScalesAreFoundBeforeAModelRuns) {
  std::string file = ReadWholeFile(GgufFile("llama-Q4_K.gguf"));
  file[file.size() - 144 * 8 + 1] = '\x7C';
  WriteWholeFile(temp_.Path("damaged.gguf"), file);
  const ProgramResult run =
      RunOunce({"inspect", temp_.Path("damaged.gguf"), "--check"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("holds NaN or an infinity at row"));
}

}  // namespace
}  // namespace ounce
