#include "compress/panel_pipeline.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"
#include "tests/util/tiny_model_file.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

class PanelPipelineTest : public ::testing::Test {
 protected:
  void Plan_(const std::string& yaml) {
    model_.Bind();
    file_ = FileOf(&model_);
    recipe_ = *ParseRecipe(yaml);
    plan_ = *MakePlan(file_.bound, recipe_);
    writer_ = *ArtifactWriter::Create(folder_.Path("a.oz"), plan_.bytes);
  }
  PanelPipeline Pipeline(PanelPipeline::Hooks hooks = {}) {
    return PanelPipeline(file_, plan_, std::move(hooks), &pool_, writer_.get());
  }
  // The bytes that were written of record `index`.
  std::string Written(size_t index) {
    EXPECT_OK(writer_->Checkpoint());
    const TensorRecord& record = writer_->records()[index];
    return folder_.Read("a.oz.partial")
        .substr(static_cast<size_t>(record.offset),
                static_cast<size_t>(record.bytes));
  }
  std::string Expected(const TensorPlan& row, Pruner* pruner = nullptr) {
    TensorPass pass(&pool_);
    absl::Span<const uint8_t> packed;
    TensorStats stats;
    EXPECT_OK(
        pass.Run(row, 0, row.tensor->matrix.rows, pruner, &packed, &stats));
    return {packed.begin(), packed.end()};
  }

  // 70,000 rows of 24: two panels of the embedding.
  static ModelSpec Spec() {
    ModelSpec spec = TinySpec();
    spec.vocab = 70'000;
    spec.tied_head = true;
    return spec;
  }

  TempFolder folder_;
  TinyModel model_{Spec()};
  ModelFile file_;
  Recipe recipe_;
  Plan plan_;
  ThreadPool pool_{2};
  std::unique_ptr<ArtifactWriter> writer_;
};

TEST_F(PanelPipelineTest, WritesWhatThePassGivesTensorByTensor) {
  Plan_("quantize: [{tensors: '*', codec: int4}]");
  PanelPipeline pipeline = Pipeline();
  CompressReport report;
  ASSERT_OK(pipeline.Run(plan_.tensors, &report));
  ASSERT_EQ(report.tensors.size(), plan_.tensors.size());
  ASSERT_EQ(writer_->records().size(), plan_.tensors.size());
  for (size_t i = 0; i < plan_.tensors.size(); ++i) {
    SCOPED_TRACE(plan_.tensors[i].tensor->slot.name);
    EXPECT_EQ(report.tensors[i].name, plan_.tensors[i].tensor->slot.name);
    EXPECT_EQ(writer_->records()[i].name, report.tensors[i].name);
    EXPECT_EQ(writer_->records()[i].snr_db, report.tensors[i].snr_db);
    EXPECT_TRUE(Written(i) == Expected(plan_.tensors[i]));
  }
}

// What Run() was given is written when it returns: others may write next.
TEST_F(PanelPipelineTest, RunsOverSomeTensorsAtATime) {
  Plan_("quantize: [{tensors: '*', codec: int8}]");
  PanelPipeline pipeline = Pipeline();
  CompressReport report;
  const absl::Span<const TensorPlan> all = plan_.tensors;
  for (size_t i = 0; i < all.size(); ++i) {
    ASSERT_OK(pipeline.Run(all.subspan(i, 1), &report));
    ASSERT_EQ(writer_->records().size(), i + 1);
    EXPECT_TRUE(Written(i) == Expected(all[i]));
  }
  ASSERT_OK(pipeline.Run({}, &report));
  EXPECT_EQ(report.tensors.size(), all.size());
}

TEST_F(PanelPipelineTest, HooksCountEveryByteOfTheSourceOnce) {
  Plan_("quantize: [{tensors: '*', codec: int4}]");
  int64_t progress = 0, beside = 0;
  PanelPipeline::Hooks hooks;
  hooks.progress = [&](int64_t bytes) { progress += bytes; };
  hooks.beside = [&](int64_t bytes) { beside += bytes; };
  PanelPipeline pipeline = Pipeline(hooks);
  CompressReport report;
  ASSERT_OK(pipeline.Run(plan_.tensors, &report));
  EXPECT_EQ(progress, plan_.source_bytes);
  EXPECT_EQ(beside, plan_.source_bytes);
  EXPECT_EQ(model_.source().released_bytes(), plan_.source_bytes);
}

TEST_F(PanelPipelineTest, ErrorsNameTheTensor) {
  const std::string name = "model.layers.1.self_attn.k_proj.weight";
  const float bad = std::nanf("");
  std::memcpy(model_.source().MutableBytes(name) + 40, &bad, 4);
  Plan_("quantize: [{tensors: '*', codec: int4}]");
  PanelPipeline pipeline = Pipeline();
  CompressReport report;
  EXPECT_THAT(pipeline.Run(plan_.tensors, &report),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(name)));
}

TEST_F(PanelPipelineTest, TensorsThatNoRulePrunesHaveNoPruner) {
  Plan_("prune: [{tensors: '*.mlp.*', sparsity: 0.5}]");
  PanelPipeline pipeline = Pipeline();
  for (const TensorPlan& row : plan_.tensors) {
    ASSERT_OK_AND_ASSIGN(Pruner* const pruner, pipeline.PrunerOf(row));
    EXPECT_EQ(pruner != nullptr, row.prune != nullptr);
  }
}

// Half of all together are below the one threshold, whatever each tensor has.
TEST_F(PanelPipelineTest, AGlobalRuleHasOnePrunerOverAllItsTensors) {
  Plan_("prune: [{tensors: '*.mlp.*', sparsity: 0.5, scope: global}]");
  PanelPipeline pipeline = Pipeline();
  Pruner* shared = nullptr;
  int64_t pruned = 0, weights = 0;
  for (const TensorPlan& row : plan_.tensors) {
    if (row.prune == nullptr) continue;
    ASSERT_OK_AND_ASSIGN(Pruner* const pruner, pipeline.PrunerOf(row));
    if (shared == nullptr) shared = pruner;
    EXPECT_EQ(pruner, shared);
    const PackedMatrix& matrix = row.tensor->matrix;
    std::vector<float> values = Unpacked(matrix);
    pruner->Apply({values.data(), matrix.rows, matrix.cols});
    weights += static_cast<int64_t>(values.size());
    for (const float value : values) pruned += value == 0.0f;
  }
  EXPECT_NEAR(static_cast<double>(pruned), 0.5 * static_cast<double>(weights),
              1.0);
}

}  // namespace
}  // namespace ounce
