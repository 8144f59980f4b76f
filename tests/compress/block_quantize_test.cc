#include "compress/block_quantize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/packing/codec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/compress/block_fixture.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr int64_t kPlenty = int64_t{1} << 30;

std::string Int4(const std::string& method, const std::string& more = "") {
  return absl::StrCat("quantize: [{tensors: '*', codec: int4, scale: ",
                      "least_squares, method: ", method, more, "}]");
}

// Every tensor's bytes, one after the other.
std::vector<uint8_t> BytesOf(Block& block) {
  std::vector<uint8_t> bytes;
  for (const BlockTensor& tensor : block.tensors()) {
    EXPECT_EQ(static_cast<int64_t>(tensor.packed.size()), tensor.plan->bytes);
    bytes.insert(bytes.end(), tensor.packed.begin(), tensor.packed.end());
  }
  return bytes;
}

double ErrorOf(BlockSetup& setup, int64_t moment_bytes = kPlenty) {
  absl::StatusOr<Block> block = setup.Load();
  EXPECT_OK(block);
  EXPECT_OK(QuantizeBlock(setup.run(), moment_bytes, &*block));
  return setup.OutputError(*block);
}

TEST(QuantizeBlockTest, WithoutCalibrationGivesTheBytesOfThePlainPipeline) {
  for (const std::string& yaml :
       {Int4("round_to_nearest"), Int4("hqq"),
        std::string("quantize: [{tensors: '*.mlp.*', codec: int8}]")}) {
    for (const ModelSpec& spec : {BlockSpec(), ExpertsSpec()}) {
      BlockSetup setup(spec, yaml);
      ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
      ASSERT_OK(QuantizeBlock(setup.run(), kPlenty, &block));
      for (const BlockTensor& tensor : block.tensors()) {
        EXPECT_THAT(tensor.packed,
                    ElementsAreArray(setup.PlainBytes(*tensor.plan)))
            << tensor.plan->tensor->slot.name;
        EXPECT_THAT(tensor.report.fallback, IsEmpty());
        EXPECT_FALSE(tensor.report.error_after.has_value());
      }
    }
  }
}

TEST(QuantizeBlockTest, GptqMovesTheOutputLessThanRounding) {
  for (const ModelSpec& spec : {BlockSpec(), ExpertsSpec()}) {
    BlockSetup rounded(spec, Int4("round_to_nearest"));
    BlockSetup gptq(spec, Int4("gptq"));
    BlockSetup refined(spec, Int4("gptq", ", refine: 3"));
    const double plain = ErrorOf(rounded);
    EXPECT_LT(ErrorOf(gptq), 0.8 * plain);
    EXPECT_LT(ErrorOf(refined), 0.7 * plain);
  }
}

TEST(QuantizeBlockTest, ReportsWhatMadeEachTensorAndWhatItGained) {
  BlockSetup setup(BlockSpec(), Int4("gptq"));
  ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
  ASSERT_OK(QuantizeBlock(setup.run(), kPlenty, &block));
  for (const BlockTensor& tensor : block.tensors()) {
    SCOPED_TRACE(tensor.report.name);
    EXPECT_EQ(tensor.report.name, tensor.plan->tensor->slot.name);
    EXPECT_EQ(tensor.values.rows(), 0) << "the floats are still held";
    if (tensor.plan->quantize == nullptr) {
      EXPECT_EQ(tensor.report.method, "float");
      EXPECT_EQ(tensor.report.snr_db, std::numeric_limits<double>::infinity());
      continue;
    }
    EXPECT_EQ(tensor.report.method, "gptq");
    EXPECT_THAT(tensor.report.fallback, IsEmpty());
    ASSERT_TRUE(tensor.report.error_after.has_value());
    EXPECT_LT(*tensor.report.error_after, *tensor.report.error_before);
    EXPECT_GT(tensor.report.snr_db, 10.0);
  }
}

TEST(QuantizeBlockTest, BytesDoNotDependOnThreads) {
  std::vector<uint8_t> expected;
  for (const int threads : {1, 2, 3}) {
    BlockSetup setup(BlockSpec(), Int4("gptq", ", refine: 1"), threads);
    ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
    ASSERT_OK(QuantizeBlock(setup.run(), kPlenty, &block));
    if (threads == 1) expected = BytesOf(block);
    EXPECT_EQ(BytesOf(block), expected) << threads;
  }
}

// Experts one by one, or all of them from one pass over the inputs.
TEST(QuantizeBlockTest, BytesDoNotDependOnTheMemoryForMoments) {
  std::vector<uint8_t> expected;
  // A moment of the experts' input takes 64 * 64 * 4 bytes.
  for (const int64_t moment_bytes : {kPlenty, int64_t{0}, int64_t{40'000}}) {
    BlockSetup setup(ExpertsSpec(), Int4("gptq"));
    ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
    ASSERT_OK(QuantizeBlock(setup.run(), moment_bytes, &block));
    if (moment_bytes == kPlenty) expected = BytesOf(block);
    EXPECT_EQ(BytesOf(block), expected) << moment_bytes;
  }
}

// The router gives v.x, -v.x, -|..| never more than these, and 0: the first or
// the second is above 0.
void StarveTheFourthExpert(BlockSetup& setup) {
  const absl::Span<float> router =
      setup.Values("model.layers.0.mlp.router.weight");
  for (size_t c = 0; c < 64; ++c) {
    router[64 + c] = -router[c];
    router[192 + c] = 0.0f;
  }
}

TEST(QuantizeBlockTest, AnExpertThatNoTokenReachesFallsBackByName) {
  BlockSetup setup(ExpertsSpec(), Int4("gptq"));
  StarveTheFourthExpert(setup);
  ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
  ASSERT_OK(QuantizeBlock(setup.run(), kPlenty, &block));
  int starved = 0;
  for (const BlockTensor& tensor : block.tensors()) {
    SCOPED_TRACE(tensor.report.name);
    if (tensor.plan->quantize == nullptr) continue;
    if (!absl::StrContains(tensor.report.name, "experts.3.")) {
      EXPECT_THAT(tensor.report.method, StartsWith("gptq"));
      EXPECT_THAT(tensor.report.fallback, IsEmpty());
      continue;
    }
    ++starved;
    EXPECT_EQ(tensor.report.method, "round_to_nearest");
    EXPECT_THAT(tensor.report.fallback,
                HasSubstr("no calibration token reached it"));
    EXPECT_FALSE(tensor.report.error_after.has_value());
    EXPECT_THAT(tensor.packed,
                ElementsAreArray(setup.PlainBytes(*tensor.plan)));
  }
  EXPECT_EQ(starved, 3);
}

TEST(QuantizeBlockTest, InputsThatAreNotFiniteFallBackByName) {
  for (const float value :
       {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    BlockSetup setup(BlockSpec(), Int4("gptq"));
    std::vector<Matrix> inputs = CorrelatedRows(3, 16, 64);
    inputs[1].row(7)[3] = value;
    setup.SetInputs(inputs);
    ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
    ASSERT_OK(QuantizeBlock(setup.run(), kPlenty, &block));
    // What quantised products make of such a token may be finite: the other two
    // read that.
    for (const char* suffix :
         {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
          "mlp.gate_proj", "mlp.up_proj"}) {
      const BlockTensor& tensor =
          *block.Find(setup.LayerName(absl::StrCat(suffix, ".weight")));
      SCOPED_TRACE(tensor.report.name);
      EXPECT_EQ(tensor.report.method, "round_to_nearest");
      EXPECT_THAT(tensor.report.fallback, HasSubstr("NaN or infinite"));
      EXPECT_THAT(tensor.packed,
                  ElementsAreArray(setup.PlainBytes(*tensor.plan)));
    }
    EXPECT_THAT(BytesOf(block), Not(IsEmpty())) << "not all is packed";
  }
}

// Finite numbers whose squares are not.
TEST(QuantizeBlockTest, SecondMomentsThatOverflowFallBackByName) {
  BlockSetup setup(BlockSpec(), Int4("gptq"));
  for (float& value : setup.Values("model.layers.0.input_layernorm.weight")) {
    value *= 1e22f;
  }
  ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
  ASSERT_OK(QuantizeBlock(setup.run(), kPlenty, &block));
  const BlockTensor& query =
      *block.Find("model.layers.0.self_attn.q_proj.weight");
  EXPECT_EQ(query.report.method, "round_to_nearest");
  EXPECT_THAT(query.report.fallback, HasSubstr("finite"));
}

// Eight tokens of 64 channels: moments of rank 8.
TEST(QuantizeBlockTest, SingularMomentsAreDamped) {
  BlockSetup rounded(BlockSpec(), Int4("round_to_nearest"));
  BlockSetup gptq(BlockSpec(), Int4("gptq"));
  BlockSetup undamped(BlockSpec(), Int4("gptq", ", damping: 0"));
  for (BlockSetup* setup : {&rounded, &gptq, &undamped}) {
    setup->SetInputs(CorrelatedRows(1, 8, 64));
  }
  const double plain = ErrorOf(rounded);
  EXPECT_LT(ErrorOf(gptq), 0.5 * plain);
  EXPECT_LT(ErrorOf(undamped), 0.5 * plain);
  ASSERT_OK_AND_ASSIGN(Block block, undamped.Load());
  ASSERT_OK(QuantizeBlock(undamped.run(), kPlenty, &block));
  EXPECT_THAT(
      block.Find("model.layers.0.self_attn.q_proj.weight")->report.method,
      StartsWith("gptq with damping 0.0"));
}

// Nothing comes through: every input but the first is 0.
TEST(QuantizeBlockTest, ADeadLayerIsQuantised) {
  BlockSetup setup(BlockSpec(), Int4("gptq"));
  for (const char* suffix :
       {"input_layernorm.weight", "post_attention_layernorm.weight"}) {
    for (float& value : setup.Values(setup.LayerName(suffix))) value = 0.0f;
  }
  ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
  ASSERT_OK(QuantizeBlock(setup.run(), kPlenty, &block));
  for (const BlockTensor& tensor : block.tensors()) {
    SCOPED_TRACE(tensor.report.name);
    EXPECT_EQ(static_cast<int64_t>(tensor.packed.size()), tensor.plan->bytes);
    if (tensor.plan->quantize == nullptr) continue;
    EXPECT_TRUE(absl::StartsWith(tensor.report.method, "gptq") ||
                !tensor.report.fallback.empty())
        << tensor.report.method;
  }
  EXPECT_EQ(setup.OutputError(block), 0.0);
}

TEST(QuantizeBlockTest, NamesTheTensorWhoseScaleItsCodecCannotHold) {
  for (const std::string method : {"gptq", "round_to_nearest"}) {
    BlockSetup setup(BlockSpec(), Int4(method));
    const std::string name = "model.layers.0.mlp.gate_proj.weight";
    setup.Values(name)[7] = 1e9f;
    ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
    EXPECT_THAT(QuantizeBlock(setup.run(), kPlenty, &block),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(name)));
  }
}

ModelSpec BiasSpec() {
  ModelSpec spec = BlockSpec();
  spec.qkv_bias = spec.output_bias = spec.ffn_bias = true;
  return spec;
}

// The norm's output for the inputs of `setup`, averaged over tokens.
std::vector<double> MeanOfNormed(BlockSetup& setup) {
  const absl::Span<float> weight =
      setup.Values("model.layers.0.input_layernorm.weight");
  std::vector<double> mean(64);
  Matrix rows;
  for (int64_t w = 0; w < setup.inputs().windows(); ++w) {
    EXPECT_OK(setup.inputs().Read(w, &rows));
    for (int64_t t = 0; t < rows.rows(); ++t) {
      double square = 0.0;
      for (int64_t c = 0; c < 64; ++c) {
        square += double{rows.row(t)[c]} * double{rows.row(t)[c]};
      }
      const double scale = 1.0 / std::sqrt(square / 64.0 + 1e-6);
      for (int64_t c = 0; c < 64; ++c) {
        mean[static_cast<size_t>(c)] +=
            rows.row(t)[c] * scale * weight[static_cast<size_t>(c)];
      }
    }
  }
  for (double& value : mean) {
    value /= static_cast<double>(setup.inputs().total_tokens());
  }
  return mean;
}

// W mean(x) + bias, in f64.
std::vector<double> MeanOutput(const std::vector<float>& weight,
                               const std::vector<double>& mean,
                               absl::Span<const float> bias) {
  std::vector<double> output;
  for (size_t r = 0; r < bias.size(); ++r) {
    double sum = bias[r];
    for (size_t c = 0; c < mean.size(); ++c) {
      sum += double{weight[r * mean.size() + c]} * mean[c];
    }
    output.push_back(sum);
  }
  return output;
}

TEST(QuantizeBlockTest, BiasCorrectionKeepsTheMeanOfTheOutput) {
  for (const std::string method : {"round_to_nearest", "gptq"}) {
    BlockSetup setup(BiasSpec(), Int4(method, ", bias_correction: true"));
    setup.SetInputs(CorrelatedRows(4, 32, 64, /*mean=*/1.0f));
    ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
    const std::string name = "model.layers.0.self_attn.k_proj.";
    const absl::Span<float> weight = setup.Values(name + "weight");
    const absl::Span<float> bias = setup.Values(name + "bias");
    ASSERT_OK(QuantizeBlock(setup.run(), kPlenty, &block));
    const std::vector<double> mean = MeanOfNormed(setup);
    const std::vector<double> expected =
        MeanOutput({weight.begin(), weight.end()}, mean, bias);
    const auto unpacked = [&](const std::string& suffix) {
      const PackedMatrix matrix = block.Find(name + suffix)->matrix();
      std::vector<float> values(static_cast<size_t>(matrix.rows * matrix.cols));
      GetCodecInfo(matrix.codec)
          .unpack_rows(matrix, 0, matrix.rows, values.data());
      return values;
    };
    const std::vector<double> corrected =
        MeanOutput(unpacked("weight"), mean, unpacked("bias"));
    const std::vector<double> uncorrected =
        MeanOutput(unpacked("weight"), mean, bias);
    double largest = 0.0;
    for (size_t r = 0; r < expected.size(); ++r) {
      // Sums of 64 products of f32.
      EXPECT_NEAR(corrected[r], expected[r], 1e-4);
      largest = std::max(largest, std::abs(uncorrected[r] - expected[r]));
    }
    EXPECT_GT(largest, 0.01);
  }
}

// The length of the mean difference of a block's output.
double MeanShift(const std::string& yaml) {
  BlockSetup setup(BiasSpec(), yaml);
  setup.SetInputs(CorrelatedRows(4, 32, 64, /*mean=*/1.0f));
  absl::StatusOr<Block> block = setup.Load();
  EXPECT_OK(block);
  EXPECT_OK(QuantizeBlock(setup.run(), kPlenty, &*block));
  const std::vector<Matrix> expected =
      setup.Outputs(setup.model().weights().layers[0]);
  const std::vector<Matrix> outputs = setup.Outputs(block->Arrange());
  double square = 0.0;
  for (int64_t c = 0; c < 64; ++c) {
    double sum = 0.0;
    for (size_t w = 0; w < outputs.size(); ++w) {
      for (int64_t t = 0; t < outputs[w].rows(); ++t) {
        sum += double{outputs[w].row(t)[c]} - double{expected[w].row(t)[c]};
      }
    }
    square += sum * sum;
  }
  return std::sqrt(square);
}

// What is not linear between the matrices leaves a part.
TEST(QuantizeBlockTest, BiasCorrectionReducesTheShiftOfTheBlock) {
  EXPECT_LT(MeanShift(Int4("round_to_nearest", ", bias_correction: true")),
            0.5 * MeanShift(Int4("round_to_nearest")));
}

TEST(QuantizeBlockTest, BiasCorrectionLeavesMatricesWithoutABiasAlone) {
  BlockSetup setup(BlockSpec(),
                   Int4("round_to_nearest", ", bias_correction: true"));
  ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
  ASSERT_OK(QuantizeBlock(setup.run(), kPlenty, &block));
  for (const BlockTensor& tensor : block.tensors()) {
    EXPECT_THAT(tensor.packed,
                ElementsAreArray(setup.PlainBytes(*tensor.plan)));
  }
}

}  // namespace
}  // namespace ounce
