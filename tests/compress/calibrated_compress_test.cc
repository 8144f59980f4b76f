#include "compress/calibrated_compress.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "core/hash.h"
#include "core/random.h"
#include "formats/model_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/compress/block_fixture.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"
#include "tests/util/tiny_model_file.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Everything that a recipe can do.
constexpr char kAll[] = R"(
channel_scales: [smooth, awq]
quantize:
  - {tensors: [model.embed_tokens.weight, lm_head.weight], codec: int8,
     method: gptq}
  - {tensors: '*', codec: int4-progressive, method: gptq, refine: 1,
     scale: least_squares, bias_correction: true}
)";

struct RunOptions {
  int threads = 2;
  bool spill = false;
  int64_t moment_bytes = int64_t{1} << 30;
  std::string version = "test";
};

class CalibratedCompressTest : public ::testing::Test {
 protected:
  CalibratedCompressTest() { UseSpec(BlockSpec()); }

  void UseSpec(const ModelSpec& spec) {
    model_ = std::make_unique<TinyModel>(spec);
    SetText(3);
  }
  void SetText(uint64_t seed) {
    Random random(seed);
    calibration_ = Calibration();
    calibration_.options = {128, 32, seed};
    for (int w = 0; w < 4; ++w) {
      std::vector<int32_t>& window = calibration_.windows.emplace_back();
      for (int t = 0; t < 32 - w; ++t) {
        window.push_back(static_cast<int32_t>(
            random.NextBelow(static_cast<uint64_t>(model_->spec().vocab))));
      }
    }
    calibration_.sha256 = Sha256Hex(absl::StrCat("text ", seed));
  }

  absl::StatusOr<CompressReport> Run(const std::string& name,
                                     const std::string& yaml = kAll,
                                     const RunOptions& options = {},
                                     const Journal* resume = nullptr) {
    model_->Bind();
    const ModelFile file = FileOf(model_.get());
    OUNCE_ASSIGN_OR_RETURN(const Recipe recipe, ParseRecipe(yaml));
    OUNCE_ASSIGN_OR_RETURN(const Plan plan, MakePlan(file.bound, recipe));
    ThreadPool pool(options.threads);
    KernelContext context(SupportedIsas().back(), &pool);
    CalibrationPlan resources;
    resources.spill = options.spill;
    resources.moment_bytes = options.moment_bytes;
    CalibratedOptions calibrated;
    calibrated.tool_version = options.version;
    calibrated.resume = resume;
    calibrated.progress = progress_;
    return CompressCalibrated(file, recipe, plan, calibration_, resources,
                              folder_.Path(name), calibrated, &context);
  }

  // The unfinished file and its journal after each layer of a run to `name`.
  using Unfinished = std::pair<std::string, std::string>;
  std::vector<Unfinished> RunAndKeep(const std::string& name,
                                     const std::string& yaml = kAll) {
    std::vector<Unfinished> kept;
    progress_ = [&](int64_t, int64_t) {
      kept.push_back(
          {folder_.Read(name + ".partial"), folder_.Read(name + ".journal")});
    };
    EXPECT_OK(Run(name, yaml));
    progress_ = nullptr;
    return kept;
  }
  void Restore(const std::string& name, const Unfinished& unfinished) {
    folder_.Write(name + ".partial", unfinished.first);
    folder_.Write(name + ".journal", unfinished.second);
  }
  absl::StatusOr<CompressReport> Resume(const std::string& name,
                                        const std::string& yaml = kAll,
                                        const RunOptions& options = {}) {
    OUNCE_ASSIGN_OR_RETURN(const Journal journal,
                           ReadJournal(folder_.Path(name)));
    return Run(name, yaml, options, &journal);
  }

  const TempFolder folder_;
  std::unique_ptr<TinyModel> model_;
  Calibration calibration_;
  ProgressCallback progress_;
};

TEST_F(CalibratedCompressTest, WritesAnArtifactThatOpensAndRuns) {
  for (const bool tied : {false, true}) {
    ModelSpec spec = BlockSpec();
    spec.tied_head = tied;
    spec.qkv_bias = true;
    UseSpec(spec);
    ASSERT_OK_AND_ASSIGN(const CompressReport report, Run("a.oz"));
    EXPECT_THAT(folder_.Names(), ElementsAre("a.oz"));
    ASSERT_OK_AND_ASSIGN(const ModelFile file, OpenModel(folder_.Path("a.oz")));
    EXPECT_OK(file.artifact->CheckHashes(nullptr));
    EXPECT_EQ(file.bound.tensors.size(), report.tensors.size());
    for (size_t i = 0; i < report.tensors.size(); ++i) {
      EXPECT_EQ(report.tensors[i].name, file.bound.tensors[i].slot.name);
      EXPECT_THAT(report.tensors[i].method, Not(IsEmpty()));
    }
    // Two rules at four places of two layers.
    EXPECT_EQ(report.channel_scales.size(), 16u);
    EXPECT_EQ(report.resumed_layers, 0);
    const ModelWeights weights = ArrangeWeights(file.spec, file.bound);
    ThreadPool pool(2);
    KernelContext context(SupportedIsas().back(), &pool);
    Executor executor(weights, &context, 32);
    Matrix hidden;
    ASSERT_OK(executor.Forward({1, 2, 3, 4, 5}, &hidden));
    for (const float value : hidden.values()) {
      ASSERT_TRUE(std::isfinite(value));
    }
  }
}

// An untied embedding is read by no product.
TEST_F(CalibratedCompressTest, WhatCalibrationDoesNotSeeFallsBackByName) {
  ASSERT_OK_AND_ASSIGN(const CompressReport report, Run("a.oz"));
  std::map<std::string, TensorReport> lines;
  for (const TensorReport& line : report.tensors) lines[line.name] = line;
  EXPECT_EQ(lines["model.embed_tokens.weight"].method, "round_to_nearest");
  EXPECT_THAT(lines["model.embed_tokens.weight"].fallback,
              HasSubstr("calibration does not see its input"));
  EXPECT_EQ(lines["lm_head.weight"].method, "gptq");
  EXPECT_THAT(report.warnings,
              Contains(AllOf(HasSubstr("model.embed_tokens.weight"),
                             HasSubstr("fell back to round_to_nearest"))));
}

TEST_F(CalibratedCompressTest, BytesDependNeitherOnThreadsNorOnMemory) {
  for (const ModelSpec& spec : {BlockSpec(), ExpertsSpec()}) {
    UseSpec(spec);
    ASSERT_OK(Run("a.oz", kAll, {.threads = 1}));
    const std::string expected = folder_.Read("a.oz");
    for (const RunOptions& options :
         {RunOptions{.threads = 2}, RunOptions{.threads = 3, .spill = true},
          RunOptions{.moment_bytes = 0}}) {
      ASSERT_OK(Run("b.oz", kAll, options));
      EXPECT_TRUE(folder_.Read("b.oz") == expected)
          << options.threads << options.spill << options.moment_bytes;
    }
    EXPECT_THAT(folder_.Names(), UnorderedElementsAre("a.oz", "b.oz"));
  }
}

// Interrupted after any layer, on other threads and with other memory.
TEST_F(CalibratedCompressTest, ResumedItGivesTheSameFile) {
  ModelSpec tied = BlockSpec();
  tied.tied_head = true;
  tied.layers = 3;
  for (const ModelSpec& spec : {BlockSpec(), tied, ExpertsSpec()}) {
    UseSpec(spec);
    const std::vector<Unfinished> kept = RunAndKeep("a.oz");
    ASSERT_EQ(static_cast<int64_t>(kept.size()), spec.layers);
    const std::string expected = folder_.Read("a.oz");
    for (size_t layers = 1; layers <= kept.size(); ++layers) {
      Restore("b.oz", kept[layers - 1]);
      ASSERT_OK_AND_ASSIGN(const CompressReport report,
                           Resume("b.oz", kAll, {.threads = 1, .spill = true}));
      EXPECT_EQ(report.resumed_layers, static_cast<int64_t>(layers));
      EXPECT_TRUE(folder_.Read("b.oz") == expected) << layers;
    }
    EXPECT_THAT(folder_.Names(), UnorderedElementsAre("a.oz", "b.oz"));
  }
}

// The report of a resumed run is that of one that was not.
TEST_F(CalibratedCompressTest, ResumedItReportsTheSame) {
  const std::vector<Unfinished> kept = RunAndKeep("a.oz");
  ASSERT_OK_AND_ASSIGN(const CompressReport whole, Run("a.oz"));
  Restore("b.oz", kept[0]);
  ASSERT_OK_AND_ASSIGN(const CompressReport resumed, Resume("b.oz"));
  EXPECT_EQ(resumed.artifact_id.Hex(), whole.artifact_id.Hex());
  EXPECT_EQ(resumed.warnings, whole.warnings);
  ASSERT_EQ(resumed.tensors.size(), whole.tensors.size());
  for (size_t i = 0; i < whole.tensors.size(); ++i) {
    EXPECT_EQ(resumed.tensors[i].name, whole.tensors[i].name);
    EXPECT_EQ(resumed.tensors[i].snr_db, whole.tensors[i].snr_db);
    EXPECT_EQ(resumed.tensors[i].error_after, whole.tensors[i].error_after);
  }
  ASSERT_EQ(resumed.channel_scales.size(), whole.channel_scales.size());
  for (size_t i = 0; i < whole.channel_scales.size(); ++i) {
    EXPECT_EQ(resumed.channel_scales[i].alpha, whole.channel_scales[i].alpha);
  }
}

// More bytes than the last checkpoint knows of, as a kill within a layer
// leaves them.
TEST_F(CalibratedCompressTest, BytesAfterTheCheckpointAreDropped) {
  const std::vector<Unfinished> kept = RunAndKeep("a.oz");
  Restore("b.oz", {kept[0].first + std::string(100'000, 'x'), kept[0].second});
  ASSERT_OK(Resume("b.oz"));
  EXPECT_TRUE(folder_.Read("b.oz") == folder_.Read("a.oz"));
}

TEST_F(CalibratedCompressTest, AnotherRunIsNotResumed) {
  const std::vector<Unfinished> kept = RunAndKeep("a.oz");
  const auto expect_refused = [&](const absl::StatusOr<CompressReport>& run) {
    EXPECT_THAT(run, StatusIs(absl::StatusCode::kFailedPrecondition,
                              AllOf(HasSubstr("b.oz.journal"),
                                    HasSubstr("without --resume"))));
    // What was there can still be resumed by the right run.
    EXPECT_TRUE(folder_.Read("b.oz.partial") == kept[0].first);
    EXPECT_TRUE(folder_.Read("b.oz.journal") == kept[0].second);
  };
  Restore("b.oz", kept[0]);
  expect_refused(Resume("b.oz", "channel_scales: [smooth]"));
  expect_refused(Resume("b.oz", kAll, {.version = "next"}));
  calibration_.sha256 = Sha256Hex("another text");
  expect_refused(Resume("b.oz"));
  SetText(3);
  calibration_.options.seed = 4;
  expect_refused(Resume("b.oz"));
  SetText(3);
  calibration_.options.tokens = 129;
  expect_refused(Resume("b.oz"));
  SetText(3);
  EXPECT_OK(Resume("b.oz"));
}

TEST_F(CalibratedCompressTest, ADamagedPartialFileIsRefusedByName) {
  const std::vector<Unfinished> kept = RunAndKeep("a.oz");
  const auto expect_refused = [&](const std::string& partial) {
    Restore("b.oz", {partial, kept[0].second});
    EXPECT_THAT(Resume("b.oz"),
                StatusIs(absl::StatusCode::kDataLoss,
                         AllOf(HasSubstr("b.oz.partial"),
                               HasSubstr("start anew without --resume"))));
    EXPECT_FALSE(folder_.Has("b.oz"));
  };
  std::string flipped = kept[0].first;
  flipped[flipped.size() - 70] ^= 1;
  expect_refused(flipped);
  expect_refused(kept[0].first.substr(0, kept[0].first.size() - 1));
  expect_refused("");
}

// Without `resume` what another run left is replaced.
TEST_F(CalibratedCompressTest, AFreshRunReplacesWhatAnotherLeft) {
  const std::vector<Unfinished> kept = RunAndKeep("a.oz");
  Restore("b.oz", kept[0]);
  folder_.Write("b.oz.journal", "no journal at all");
  ASSERT_OK(Run("b.oz"));
  EXPECT_TRUE(folder_.Read("b.oz") == folder_.Read("a.oz"));
  EXPECT_THAT(folder_.Names(), UnorderedElementsAre("a.oz", "b.oz"));
}

// After an error within layer 1, layer 0 is kept; with the cause gone, it is
// resumed.
TEST_F(CalibratedCompressTest, AnErrorLeavesWhatIsDoneToBeResumed) {
  ASSERT_OK(Run("a.oz"));
  const std::string name = "model.layers.1.mlp.up_proj.weight";
  uint8_t* const bytes = model_->source().MutableBytes(name);
  float kept;
  std::memcpy(&kept, bytes + 80, 4);
  const float bad = std::numeric_limits<float>::infinity();
  std::memcpy(bytes + 80, &bad, 4);
  EXPECT_THAT(Run("b.oz"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(name)));
  EXPECT_FALSE(folder_.Has("b.oz"));
  std::memcpy(bytes + 80, &kept, 4);
  ASSERT_OK_AND_ASSIGN(const CompressReport report, Resume("b.oz"));
  EXPECT_EQ(report.resumed_layers, 1);
  EXPECT_TRUE(folder_.Read("b.oz") == folder_.Read("a.oz"));
}

TEST_F(CalibratedCompressTest, PrunesBeforeItScalesAndRounds) {
  ASSERT_OK_AND_ASSIGN(const CompressReport report,
                       Run("a.oz",
                           "{prune: [{tensors: '*', sparsity: 0.5}], "
                           "channel_scales: [awq], "
                           "quantize: [{tensors: '*', codec: int4}]}"));
  for (const TensorReport& line : report.tensors) {
    if (line.method != "round_to_nearest") continue;
    EXPECT_NEAR(line.pruned, 0.5, 0.01) << line.name;
    EXPECT_GE(line.sparsity, 0.49) << line.name;
  }
}

}  // namespace
}  // namespace ounce
