#include "compress/head_pass.h"

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compress/damping_ladder.h"
#include "core/packing/codec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/compress/block_fixture.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kGptq[] =
    "quantize: [{tensors: '*', codec: int8, method: gptq, "
    "scale: least_squares}]";

class HeadPassTest : public ::testing::Test {
 protected:
  // The plan's line on `name`.
  const TensorPlan& Row(const TinyModel& model, const std::string& yaml,
                        const std::string& name) {
    recipe_ = *ParseRecipe(yaml);
    plan_ = *MakePlan(model.bound(), recipe_);
    for (const TensorPlan& row : plan_.tensors) {
      if (row.tensor->slot.name == name) return row;
    }
    ADD_FAILURE() << name;
    return plan_.tensors[0];
  }
  std::unique_ptr<ActivationStore> Stream(const std::vector<Matrix>& windows) {
    std::vector<int64_t> tokens;
    for (const Matrix& window : windows) tokens.push_back(window.rows());
    auto stream = *ActivationStore::Create(tokens, windows[0].cols(), "");
    for (size_t w = 0; w < windows.size(); ++w) {
      EXPECT_OK(stream->Write(static_cast<int64_t>(w), windows[w].view()));
    }
    return stream;
  }
  InputStatistics StatisticsOf(const Matrix& rows) {
    InputStatisticsCollector collector(/*second_moment=*/true);
    collector.Add(context_, rows.view());
    return collector.Finish(context_);
  }
  // The head's bytes as they were written.
  std::string Compress(const TensorPlan& row, const InputStatistics& statistics,
                       CompressReport* report) {
    const std::string path = folder_.Path("head.oz");
    auto writer = *ArtifactWriter::Create(path, row.bytes);
    status_ = CompressHead(row, statistics, &context_, writer.get(), report);
    if (!status_.ok()) return "";
    EXPECT_OK(writer->Checkpoint());
    const TensorRecord& record = writer->records().back();
    EXPECT_EQ(record.name, row.tensor->slot.name);
    return folder_.Read("head.oz.partial")
        .substr(static_cast<size_t>(record.offset),
                static_cast<size_t>(record.bytes));
  }

  TempFolder folder_;
  Recipe recipe_;
  Plan plan_;
  ThreadPool pool_{2};
  KernelContext context_{SupportedIsas().back(), &pool_};
  absl::Status status_;
};

TEST_F(HeadPassTest, ServesHeadsThatReadTheFinalStates) {
  const auto serves = [&](const ModelSpec& spec, const std::string& yaml,
                          const std::string& name) {
    const TinyModel model(spec);
    return IsCalibratedHead(spec, Row(model, yaml, name));
  };
  ModelSpec tied = BlockSpec();
  tied.tied_head = true;
  const std::string head = "lm_head.weight";
  const std::string embedding = "model.embed_tokens.weight";
  EXPECT_TRUE(serves(BlockSpec(), kGptq, head));
  EXPECT_FALSE(serves(BlockSpec(), kGptq, embedding));
  EXPECT_FALSE(serves(BlockSpec(), kGptq, "model.norm.weight"));
  EXPECT_FALSE(serves(BlockSpec(), kGptq, "model.layers.1.mlp.up_proj.weight"));
  EXPECT_TRUE(serves(tied, kGptq, embedding));
  EXPECT_FALSE(
      serves(BlockSpec(), "quantize: [{tensors: '*', codec: int8}]", head));
  EXPECT_FALSE(serves(BlockSpec(), "{}", head));
  ModelSpec projected = BlockSpec();
  projected.embedding_width = 32;
  EXPECT_FALSE(serves(projected, kGptq, head));
}

// RMS norm, and the mean of x x^T, in f64.
TEST_F(HeadPassTest, StatesAreWhatTheFinalNormGives) {
  const ModelSpec spec = BlockSpec();
  TinyModel model(spec);
  const std::vector<Matrix> windows = CorrelatedRows(3, 20, 64);
  const auto stream = Stream(windows);
  Executor executor(model.weights(), &context_, 64);
  ASSERT_OK_AND_ASSIGN(const InputStatistics statistics,
                       CollectFinalStates(*stream, &executor, &context_));
  EXPECT_EQ(statistics.tokens, 60);
  std::vector<double> moment(64 * 64), mean(64);
  for (const Matrix& window : windows) {
    for (int64_t t = 0; t < window.rows(); ++t) {
      double square = 0.0;
      std::vector<double> x(64);
      for (size_t c = 0; c < 64; ++c) {
        x[c] = window.row(t)[c];
        square += x[c] * x[c];
      }
      for (size_t c = 0; c < 64; ++c) {
        x[c] *= model.weights().final_norm.weight[c] /
                std::sqrt(square / 64 + spec.norm_epsilon);
      }
      for (size_t i = 0; i < 64; ++i) {
        mean[i] += x[i] / 60;
        for (size_t j = 0; j < 64; ++j) moment[64 * i + j] += x[i] * x[j] / 60;
      }
    }
  }
  for (size_t i = 0; i < 64; ++i) {
    EXPECT_NEAR(statistics.mean[i], mean[i], 1e-5);
    for (size_t j = 0; j < 64; ++j) {
      EXPECT_NEAR(statistics.second_moment.values()[64 * i + j],
                  moment[64 * i + j], 1e-4);
    }
  }
  // The states are left as they were.
  Matrix again;
  ASSERT_OK(stream->Read(1, &again));
  EXPECT_EQ(again.values(), windows[1].values());
}

TEST_F(HeadPassTest, GptqLosesLessThanRounding) {
  const TinyModel model(BlockSpec());
  CompressReport report;
  const std::string bytes =
      Compress(Row(model, kGptq, "lm_head.weight"),
               StatisticsOf(CorrelatedRows(1, 200, 64)[0]), &report);
  ASSERT_OK(status_);
  ASSERT_EQ(report.tensors.size(), 1u);
  const TensorReport& line = report.tensors[0];
  EXPECT_EQ(line.name, "lm_head.weight");
  EXPECT_EQ(line.method, "gptq");
  EXPECT_THAT(line.fallback, IsEmpty());
  EXPECT_LT(*line.error_after, 0.9 * *line.error_before);
  EXPECT_GT(line.snr_db, 30.0);
}

// More than one panel: the bytes of the whole matrix quantised at once.
TEST_F(HeadPassTest, PanelsGiveTheBytesOfTheWhole) {
  ModelSpec spec = TinySpec();
  spec.width = 256;
  spec.vocab = 16'384 + 40;
  const TinyModel model(spec);
  const TensorPlan& row = Row(model, kGptq, "lm_head.weight");
  const InputStatistics statistics =
      StatisticsOf(CorrelatedRows(1, 300, 256)[0]);
  CompressReport report;
  const std::string bytes = Compress(row, statistics, &report);
  ASSERT_OK(status_);
  const PackedMatrix& matrix = row.tensor->matrix;
  ASSERT_OK_AND_ASSIGN(
      const DampedQuantizer quantizer,
      ClimbDampingLadder(*row.quantize, statistics.second_moment.view(),
                         &context_));
  ASSERT_OK_AND_ASSIGN(const CalibratedResult whole,
                       quantizer.quantizer->Quantize(
                           {reinterpret_cast<const float*>(matrix.data),
                            matrix.rows, matrix.cols},
                           row.quantize->options));
  std::string expected(static_cast<size_t>(row.bytes), '\0');
  GetCodecInfo(row.codec).pack(whole.quantized.weight,
                               reinterpret_cast<uint8_t*>(expected.data()));
  EXPECT_TRUE(bytes == expected);
  EXPECT_NEAR(*report.tensors[0].error_after, whole.error_after,
              1e-6 * whole.error_after);
  EXPECT_NEAR(*report.tensors[0].error_before, whole.error_before,
              1e-6 * whole.error_before);
}

TEST_F(HeadPassTest, RoundsByNameWhatItCannotCalibrate) {
  const TinyModel model(BlockSpec());
  const TensorPlan& row = Row(model, kGptq, "lm_head.weight");
  TensorPass pass(&pool_);
  absl::Span<const uint8_t> plain;
  TensorStats stats;
  ASSERT_OK(pass.Run(row, 0, row.tensor->matrix.rows, nullptr, &plain, &stats));
  Matrix poisoned = CorrelatedRows(1, 20, 64)[0];
  poisoned.row(3)[9] = std::nanf("");
  Matrix huge = CorrelatedRows(1, 20, 64)[0];
  for (float& value : huge.values()) value *= 1e25f;
  for (const auto& [rows, reason] :
       {std::pair(poisoned, "NaN or infinite"), std::pair(huge, "finite")}) {
    CompressReport report;
    const std::string bytes = Compress(row, StatisticsOf(rows), &report);
    ASSERT_OK(status_);
    EXPECT_EQ(bytes, std::string(plain.begin(), plain.end()));
    EXPECT_EQ(report.tensors[0].method, "round_to_nearest");
    EXPECT_THAT(report.tensors[0].fallback, HasSubstr(reason));
    EXPECT_FALSE(report.tensors[0].error_after.has_value());
    EXPECT_NEAR(report.tensors[0].snr_db, stats.snr_db(), 1e-6);
  }
}

TEST_F(HeadPassTest, NamesAWeightThatIsNotFinite) {
  TinyModel model(BlockSpec());
  const float infinity = std::numeric_limits<float>::infinity();
  std::memcpy(model.source().MutableBytes("lm_head.weight") + 400, &infinity,
              4);
  CompressReport report;
  Compress(Row(model, kGptq, "lm_head.weight"),
           StatisticsOf(CorrelatedRows(1, 20, 64)[0]), &report);
  EXPECT_THAT(status_, StatusIs(absl::StatusCode::kInvalidArgument,
                                HasSubstr("lm_head.weight")));
  EXPECT_THAT(report.tensors, IsEmpty());
}

// Five copies of a panel of 16 MiB and four moments.
TEST_F(HeadPassTest, MemoryIsThatOfAPanel) {
  ModelSpec spec = TinySpec();
  spec.width = 256;
  const TinyModel model(spec);
  EXPECT_EQ(HeadMemoryBytes(Row(model, kGptq, "lm_head.weight")),
            5 * (16 << 20) + 4 * 256 * 256 * 4);
}

}  // namespace
}  // namespace ounce
