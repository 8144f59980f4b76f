// What Compress() of compress/compress.h stores, against each step done alone
// on whole tensors.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "compress/compress.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "quantize/round_to_nearest.h"
#include "tests/prune/prune_by_sorting.h"
#include "tests/quantize/restore.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"
#include "tests/util/tiny_model_file.h"

namespace ounce {
namespace {

// 45,000 rows of 24: the embedding and the head take two panels each.
ModelSpec LargeVocabulary() {
  ModelSpec spec = TinySpec();
  spec.vocab = 45000;
  return spec;
}

class CompressValuesTest : public ::testing::Test {
 protected:
  void Run(const std::string& yaml) {
    file_ = FileOf(&model_);
    recipe_ = *ParseRecipe(yaml);
    ASSERT_OK_AND_ASSIGN(plan_, MakePlan(file_.bound, recipe_));
    ThreadPool pool(2);
    ASSERT_OK_AND_ASSIGN(
        report_,
        Compress(file_, recipe_, plan_, folder_.Path("model.oz"), {}, &pool));
    ASSERT_OK_AND_ASSIGN(artifact_, OpenModel(folder_.Path("model.oz")));
    ASSERT_EQ(artifact_.bound.tensors.size(), file_.bound.tensors.size());
    ASSERT_EQ(report_.tensors.size(), file_.bound.tensors.size());
  }

  // Tensor `i` pruned whole, by sorting, unless its rule is global.
  std::vector<float> Pruned(size_t i) const {
    const TensorPlan& row = plan_.tensors[i];
    std::vector<float> values = Unpacked(row.tensor->matrix);
    if (row.prune != nullptr && !row.prune->global) {
      PruneBySorting(row.prune->sparsity, &values);
    }
    return values;
  }
  // `values` as the tensor's rule quantises them, whole.
  static std::vector<float> Quantized(const TensorPlan& row,
                                      std::vector<float> values) {
    if (row.quantize == nullptr) return values;
    const PackedMatrix& matrix = row.tensor->matrix;
    const Matrix weight(matrix.rows, matrix.cols, std::move(values));
    return Restore(
        QuantizeRoundToNearest(weight.view(), row.quantize->options)->weight);
  }

  // The report against sums over the original and the stored values.
  void ExpectReportIsTrue(size_t i) const {
    const std::vector<float> original = Unpacked(file_.bound.tensors[i].matrix);
    const std::vector<float> stored =
        Unpacked(artifact_.bound.tensors[i].matrix);
    double signal = 0, noise = 0;
    int64_t zeros = 0;
    for (size_t k = 0; k < original.size(); ++k) {
      const double error = double{original[k]} - double{stored[k]};
      signal += double{original[k]} * double{original[k]};
      noise += error * error;
      zeros += stored[k] == 0.0f ? 1 : 0;
    }
    const TensorReport& row = report_.tensors[i];
    EXPECT_EQ(row.name, file_.bound.tensors[i].slot.name);
    EXPECT_DOUBLE_EQ(row.sparsity, static_cast<double>(zeros) /
                                       static_cast<double>(stored.size()));
    if (noise == 0) {
      EXPECT_EQ(row.snr_db, std::numeric_limits<double>::infinity());
    } else {
      // Doubles summed in another order.
      EXPECT_NEAR(row.snr_db, 10 * std::log10(signal / noise), 1e-8)
          << row.name;
    }
    // The artifact says the same.
    const TensorRecord& record = artifact_.artifact->records()[i];
    EXPECT_EQ(record.snr_db, row.snr_db);
    EXPECT_EQ(record.sparsity, row.sparsity);
  }

  void ExpectAllAsExpected() const {
    for (size_t i = 0; i < plan_.tensors.size(); ++i) {
      const std::vector<float> pruned = Pruned(i);
      EXPECT_EQ(Unpacked(artifact_.bound.tensors[i].matrix),
                Quantized(plan_.tensors[i], pruned))
          << plan_.tensors[i].tensor->slot.name;
      EXPECT_DOUBLE_EQ(
          report_.tensors[i].pruned,
          static_cast<double>(std::count(pruned.begin(), pruned.end(), 0.0f)) /
              static_cast<double>(pruned.size()));
      ExpectReportIsTrue(i);
    }
  }

  const TempFolder folder_;
  TinyModel model_{LargeVocabulary(), Codec::kBF16};
  ModelFile file_;
  Recipe recipe_;
  Plan plan_;
  CompressReport report_;
  ModelFile artifact_;
};

TEST_F(CompressValuesTest, FloatRecipeCopiesEveryByte) {
  Run("{}");
  for (size_t i = 0; i < plan_.tensors.size(); ++i) {
    const PackedMatrix& a = file_.bound.tensors[i].matrix;
    const PackedMatrix& b = artifact_.bound.tensors[i].matrix;
    EXPECT_EQ(absl::MakeConstSpan(a.data, static_cast<size_t>(a.bytes)),
              absl::MakeConstSpan(b.data, static_cast<size_t>(b.bytes)));
    ExpectReportIsTrue(i);
  }
}

// Panel after panel, so that no more than one is held.
TEST_F(CompressValuesTest, GivesBackEachPanelOfTheSource) {
  Run("{}");
  auto part = model_.source().released().begin();
  for (const BoundTensor& tensor : file_.bound.tensors) {
    const uint8_t* next = tensor.matrix.data;
    while (next < tensor.matrix.data + tensor.matrix.bytes) {
      ASSERT_NE(part, model_.source().released().end());
      ASSERT_EQ(part->data(), next) << tensor.slot.name;
      EXPECT_LE(part->size(), size_t{2} << 20);  // 4 MiB as f32.
      next += part++->size();
    }
  }
  EXPECT_EQ(part, model_.source().released().end());
}

TEST_F(CompressValuesTest, QuantisesAsTheMethodDoesAlone) {
  for (const std::string codec :
       {"int8", "int4", "int4, group_size: 64, symmetric: false",
        "int4-progressive", "int4-progressive, group_size: 128"}) {
    Run("quantize: [{tensors: '*', codec: " + codec + "}]");
    ExpectAllAsExpected();
  }
}

TEST_F(CompressValuesTest, LeastSquaresTooIsTheMethodsOwn) {
  Run("quantize: [{tensors: '*.mlp.*', codec: int4, scale: least_squares}]");
  ExpectAllAsExpected();
}

TEST_F(CompressValuesTest, PrunesEachTensorAndKeepsItsFloatType) {
  Run("prune: [{tensors: '*', sparsity: 0.37}]");
  ExpectAllAsExpected();
}

TEST_F(CompressValuesTest, PrunesBeforeQuantising) {
  Run("{prune: [{tensors: '*', sparsity: 0.5}], "
      "quantize: [{tensors: '*mlp*', codec: int8}, "
      "{tensors: '*attn*', codec: int4, symmetric: false}, "
      "{tensors: '*', codec: int4}]}");
  ExpectAllAsExpected();
}

// One threshold over all blocks' matrices, in the order of the model.
TEST_F(CompressValuesTest, GlobalRulePrunesItsTensorsTogether) {
  for (const std::string quantize : {"",
                                     ", quantize: [{tensors: '*', codec: "
                                     "int4}]"}) {
    Run("{prune: [{tensors: '*layers*', sparsity: 0.6, scope: global}]" +
        quantize + "}");
    std::vector<float> all;
    for (const TensorPlan& row : plan_.tensors) {
      if (row.prune == nullptr) continue;
      const std::vector<float> values = Unpacked(row.tensor->matrix);
      all.insert(all.end(), values.begin(), values.end());
    }
    PruneBySorting(0.6, &all);
    auto next = all.begin();
    for (size_t i = 0; i < plan_.tensors.size(); ++i) {
      const TensorPlan& row = plan_.tensors[i];
      ExpectReportIsTrue(i);
      if (row.prune == nullptr) continue;
      const auto end = next + row.tensor->matrix.rows * row.tensor->matrix.cols;
      EXPECT_EQ(Unpacked(artifact_.bound.tensors[i].matrix),
                Quantized(row, std::vector<float>(next, end)));
      next = end;
    }
    EXPECT_EQ(next, all.end());
  }
}

}  // namespace
}  // namespace ounce
