#include "compress/statistics_pass.h"

#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "compress/calibrated_compress.h"
#include "compress/plan_parts.h"
#include "compress/statistics_file.h"
#include "core/hash.h"
#include "core/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/isa.h"
#include "runtime/executor.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"
#include "tests/util/tiny_model_file.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kGptq[] =
    "quantize: [{tensors: '*', codec: int4, method: gptq}]";

// Sums of inputs and their products, in double, by name of a matrix.  Where a
// product is added to the residual, products are of tokens over its size.
struct Sums {
  std::vector<double> products, values;
  int64_t tokens = 0;
};

class PlainSums : public ActivationObserver {
 public:
  explicit PlainSums(const BoundTensors& bound) {
    for (const BoundTensor& tensor : bound.tensors) {
      names_[tensor.matrix.data] = tensor.slot.name;
    }
  }
  bool Observe(absl::Span<const PackedMatrix* const> weights,
               MatrixView<const float> x) override {
    for (const PackedMatrix* weight : weights) {
      if (weight->data == nullptr) continue;
      Sums& sums = by_name[names_[weight->data]];
      sums.values.resize(static_cast<size_t>(x.cols));
      sums.products.resize(static_cast<size_t>(x.cols * x.cols));
      sums.tokens += x.rows;
      const std::string& name = names_[weight->data];
      const bool adds = absl::StrContains(name, "o_proj") ||
                        absl::StrContains(name, "down_proj");
      for (int64_t t = 0; t < x.rows; ++t) {
        const double mean_square =
            adds ? mean_squares_[static_cast<size_t>(t)] : 1.0;
        for (int64_t i = 0; i < x.cols; ++i) {
          sums.values[static_cast<size_t>(i)] += x.at(t, i);
          for (int64_t j = 0; j < x.cols; ++j) {
            sums.products[static_cast<size_t>(i * x.cols + j)] +=
                double{x.at(t, i)} * double{x.at(t, j)} / mean_square;
          }
        }
      }
    }
    return true;
  }
  // `residual` is about to go into a layer.
  void BeginLayer(const Matrix& residual) {
    mean_squares_.clear();
    for (int64_t t = 0; t < residual.rows(); ++t) {
      double square = 0;
      for (int64_t c = 0; c < residual.cols(); ++c) {
        square += double{residual.row(t)[c]} * double{residual.row(t)[c]};
      }
      mean_squares_.push_back(square / static_cast<double>(residual.cols()));
    }
  }
  std::map<std::string, Sums> by_name;

 private:
  std::vector<double> mean_squares_;
  std::map<const uint8_t*, std::string> names_;
};

class StatisticsPassTest : public ::testing::Test {
 protected:
  StatisticsPassTest() {
    Random random(7);
    calibration_.options = {96, 32, 7};
    calibration_.sha256 = Sha256Hex("of the ids");
    for (int w = 0; w < 3; ++w) {
      std::vector<int32_t>& window = calibration_.windows.emplace_back();
      for (int t = 0; t < 32 - w; ++t) {
        window.push_back(static_cast<int32_t>(random.NextBelow(50)));
      }
    }
    resources_.moment_bytes = int64_t{1} << 30;
    file_.folder = folder_.path();
    file_.files = {
        folder_.Write("config.json", "{}").substr(folder_.path().size() + 1)};
  }

  absl::Status Collect(const std::string& name,
                       const std::string& yaml = kGptq) {
    OUNCE_ASSIGN_OR_RETURN(const Recipe recipe, ParseRecipe(yaml));
    OUNCE_ASSIGN_OR_RETURN(const Plan plan, MakePlan(file_.bound, recipe));
    StatisticsOptions options;
    options.tool_version = "test";
    options.sources = {{"config.json", Sha256Hex("{}"), 2}};
    return CollectStatistics({file_, plan, calibration_, resources_},
                             folder_.Path(name), options, &context_);
  }
  // Nothing of the text is given.
  absl::StatusOr<CompressReport> Compress(const std::string& statistics,
                                          const std::string& output,
                                          const std::string& yaml = kGptq,
                                          const Journal* resume = nullptr) {
    OUNCE_ASSIGN_OR_RETURN(const Recipe recipe, ParseRecipe(yaml));
    OUNCE_ASSIGN_OR_RETURN(const Plan plan, MakePlan(file_.bound, recipe));
    OUNCE_ASSIGN_OR_RETURN(const auto stored,
                           StatisticsFile::Open(folder_.Path(statistics)));
    CalibratedOptions options;
    options.tool_version = "test";
    options.statistics = stored.get();
    options.resume = resume;
    return CompressCalibrated(file_, recipe, plan, {}, resources_,
                              folder_.Path(output), options, &context_);
  }
  static const TensorReport& Line(const CompressReport& report,
                                  const std::string& name) {
    for (const TensorReport& line : report.tensors) {
      if (line.name == name) return line;
    }
    ADD_FAILURE() << name;
    return report.tensors.front();
  }

  const TempFolder folder_;
  TinyModel model_{TinySpec()};
  ModelFile file_ = FileOf(&model_);
  Calibration calibration_;
  CalibrationPlan resources_;
  ThreadPool pool_{2};
  KernelContext context_{*ParseIsa("native"), &pool_};
};

TEST_F(StatisticsPassTest, MomentsAreThoseOfThePlainModel) {
  ASSERT_OK(Collect("s"));
  ASSERT_OK_AND_ASSIGN(const auto stored,
                       StatisticsFile::Open(folder_.Path("s")));
  PlainSums plain(file_.bound);
  Executor executor(model_.weights(), &context_, 32);
  Matrix residual;
  for (const std::vector<int32_t>& window : calibration_.windows) {
    ASSERT_OK(executor.EmbedText(window, &residual));
    for (size_t layer = 0; layer < model_.weights().layers.size(); ++layer) {
      plain.BeginLayer(residual);
      executor.RunLayer(model_.weights().layers[layer],
                        static_cast<int64_t>(layer), &plain, &residual);
    }
  }
  ASSERT_EQ(plain.by_name.size(), 14u);
  for (const auto& [name, sums] : plain.by_name) {
    const auto in = static_cast<int64_t>(sums.values.size());
    ASSERT_OK_AND_ASSIGN(const InputStatistics read,
                         stored->Read(name, in, true));
    EXPECT_EQ(read.tokens, 32 + 31 + 30);
    ASSERT_EQ(sums.tokens, read.tokens);
    const auto tokens = static_cast<double>(sums.tokens);
    for (size_t i = 0; i < sums.values.size(); ++i) {
      EXPECT_NEAR(read.mean[i], sums.values[i] / tokens, 1e-5) << name;
    }
    for (size_t i = 0; i < sums.products.size(); ++i) {
      const double expected = sums.products[i] / tokens;
      EXPECT_NEAR(read.second_moment.values()[i], expected,
                  1e-4 * (1.0 + std::abs(expected)))
          << name;
    }
  }
}

TEST_F(StatisticsPassTest, FileDoesNotDependOnTheRecipesOptionsOrMemory) {
  ASSERT_OK(Collect("a"));
  ASSERT_OK(Collect("b",
                    "quantize: [{tensors: '*', codec: int4-progressive, "
                    "group_size: 64, method: gptq, refine: 1}]"));
  resources_.moment_bytes = 1;
  resources_.spill = true;
  ASSERT_OK(Collect("c"));
  EXPECT_TRUE(folder_.Read("a") == folder_.Read("b"));
  EXPECT_TRUE(folder_.Read("a") == folder_.Read("c"));
  EXPECT_FALSE(folder_.Has("c.activations"));
}

TEST_F(StatisticsPassTest, SameStatisticsGiveTheSameArtifact) {
  ASSERT_OK(Collect("s"));
  ASSERT_OK_AND_ASSIGN(const CompressReport report, Compress("s", "a.oz"));
  for (const TensorReport& line : report.tensors) {
    // A table that is looked up has no input.
    if (line.name == "model.embed_tokens.weight") continue;
    EXPECT_EQ(line.fallback, "") << line.name;
  }
  const TensorReport& line =
      Line(report, "model.layers.1.mlp.down_proj.weight");
  EXPECT_THAT(line.method, HasSubstr("gptq"));
  EXPECT_LT(*line.error_after, *line.error_before);
  ASSERT_OK(Compress("s", "b.oz"));
  EXPECT_TRUE(folder_.Read("a.oz") == folder_.Read("b.oz"));
  ASSERT_OK_AND_ASSIGN(const ModelFile artifact,
                       OpenModel(folder_.Path("a.oz")));
  EXPECT_EQ(artifact.artifact->provenance().calibration,
            SourceOf(calibration_));
}

TEST_F(StatisticsPassTest, MatricesWithoutStatisticsFallBackByName) {
  ASSERT_OK(Collect("s",
                    "quantize: [{tensors: '*.layers.0.*', codec: int4, "
                    "method: gptq}]"));
  ASSERT_OK_AND_ASSIGN(const CompressReport report, Compress("s", "a.oz"));
  EXPECT_EQ(Line(report, "model.layers.0.self_attn.k_proj.weight").fallback,
            "");
  for (const char* name :
       {"model.layers.1.self_attn.k_proj.weight", "lm_head.weight"}) {
    EXPECT_THAT(Line(report, name).fallback,
                AllOf(HasSubstr("no statistics"), HasSubstr("--save-stats")));
  }
}

// k is not calibrated, but reads what q does.
TEST_F(StatisticsPassTest, AllReadersOfAnInputAreServed) {
  ASSERT_OK(Collect("s",
                    "quantize: [{tensors: '*q_proj*', codec: int4, "
                    "method: gptq}]"));
  ASSERT_OK_AND_ASSIGN(
      const CompressReport report,
      Compress("s", "a.oz",
               "quantize: [{tensors: '*k_proj*', codec: int4, method: gptq}]"));
  EXPECT_EQ(Line(report, "model.layers.1.self_attn.k_proj.weight").fallback,
            "");
}

TEST_F(StatisticsPassTest, RefusesOtherCheckpointsAndWhatNeedsActivations) {
  ASSERT_OK(Collect("s"));
  EXPECT_THAT(
      Compress("s", "a.oz", "channel_scales: [awq]\n" + std::string(kGptq)),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("channel_scales (awq)")));
  EXPECT_THAT(Compress("s", "a.oz",
                       "quantize: [{tensors: '*', codec: int4, method: gptq, "
                       "error_propagation: 0.25}]"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("error_propagation (0.25 of \"*\")")));
  // 0 is what a rule without the key says.
  EXPECT_OK(Compress("s", "b.oz",
                     "quantize: [{tensors: '*', codec: int4, method: gptq, "
                     "error_propagation: 0}]"));
  folder_.Write("config.json", "[]");
  EXPECT_THAT(Compress("s", "a.oz"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("'config.json' differs")));
  EXPECT_FALSE(folder_.Has("a.oz"));
}

TEST_F(StatisticsPassTest, ResumesWithTheSameStatisticsAlone) {
  ASSERT_OK(Collect("s"));
  ASSERT_OK(Compress("s", "whole.oz"));
  // A second layer that cannot be read stops the run behind the first.
  uint8_t* const bytes =
      model_.source().MutableBytes("model.layers.1.self_attn.q_proj.weight");
  float kept;
  const float nan = std::nanf("");
  std::memcpy(&kept, bytes, 4);
  std::memcpy(bytes, &nan, 4);
  EXPECT_FALSE(Compress("s", "a.oz").ok());
  std::memcpy(bytes, &kept, 4);
  ASSERT_OK_AND_ASSIGN(const Journal journal,
                       ReadJournal(folder_.Path("a.oz")));
  EXPECT_EQ(journal.layers, 1);
  calibration_.windows.pop_back();
  ASSERT_OK(Collect("other"));
  EXPECT_THAT(
      Compress("other", "a.oz", kGptq, &journal),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("statistics")));
  ASSERT_OK(Compress("s", "a.oz", kGptq, &journal));
  EXPECT_TRUE(folder_.Read("a.oz") == folder_.Read("whole.oz"));
}

TEST_F(StatisticsPassTest, PartsOfAPlanAreItsTensorsInOrder) {
  ASSERT_OK_AND_ASSIGN(const Recipe recipe, ParseRecipe(kGptq));
  ASSERT_OK_AND_ASSIGN(const Plan plan, MakePlan(file_.bound, recipe));
  const PlanParts parts = DividePlan(plan);
  ASSERT_EQ(parts.layers.size(), 2u);
  EXPECT_EQ(parts.before.data(), plan.tensors.data());
  EXPECT_EQ(parts.layers[0].data(), parts.before.data() + parts.before.size());
  EXPECT_EQ(
      parts.before.size() + 2 * parts.layers[1].size() + parts.after.size(),
      plan.tensors.size());
}

}  // namespace
}  // namespace ounce
