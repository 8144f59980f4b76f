#include "compress/compress.h"

#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"
#include "tests/util/tiny_model_file.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

class CompressTest : public ::testing::Test {
 protected:
  // Compresses to `name` in the folder.
  absl::StatusOr<CompressReport> Run(const std::string& yaml,
                                     const std::string& name, int threads = 1) {
    const ModelFile file = File();
    OUNCE_ASSIGN_OR_RETURN(const Recipe recipe, ParseRecipe(yaml));
    OUNCE_ASSIGN_OR_RETURN(const Plan plan, MakePlan(file.bound, recipe));
    ThreadPool pool(threads);
    return Compress(file, recipe, plan, folder_.Path(name), options_, &pool);
  }
  ModelFile File() {
    ModelFile file = FileOf(&model_);
    file.path = file.folder = folder_.path();
    file.files = files_;
    return file;
  }
  // Overwrites element `index` of an f32 tensor.
  void Set(const std::string& name, int64_t index, float value) {
    uint8_t* bytes = model_.source().MutableBytes(name);
    ASSERT_NE(bytes, nullptr);
    std::memcpy(bytes + 4 * index, &value, 4);
  }

  const TempFolder folder_;
  TinyModel model_{TinySpec()};
  std::vector<std::string> files_;
  CompressOptions options_;
};

TEST_F(CompressTest, FileIsTheSameForAnyNumberOfThreads) {
  for (const std::string yaml :
       {"quantize: [{tensors: '*', codec: int4}]",
        "quantize: [{tensors: '*', codec: int8, scale: least_squares}]",
        "{prune: [{tensors: '*', sparsity: 0.5, scope: global}], quantize: "
        "[{tensors: '*', codec: int4, symmetric: false}]}",
        "prune: [{tensors: '*', sparsity: 0.3}]"}) {
    ASSERT_OK(Run(yaml, "one.oz", 1));
    const std::string one = folder_.Read("one.oz");
    EXPECT_GT(one.size(), 4096u);
    for (const int threads : {1, 2, 3}) {
      ASSERT_OK(Run(yaml, "many.oz", threads));
      EXPECT_EQ(folder_.Read("many.oz") == one, true) << yaml << threads;
    }
  }
}

TEST_F(CompressTest, ReportNamesTheFileThatWasWritten) {
  ASSERT_OK_AND_ASSIGN(const CompressReport report,
                       Run("quantize: [{tensors: '*', codec: int8}]", "a.oz"));
  EXPECT_THAT(folder_.Names(), ElementsAre("a.oz"));
  ASSERT_OK_AND_ASSIGN(const ModelFile artifact,
                       OpenModel(folder_.Path("a.oz")));
  EXPECT_EQ(report.artifact_id, artifact.artifact->id());
  EXPECT_EQ(report.file_bytes,
            static_cast<int64_t>(folder_.Read("a.oz").size()));
  EXPECT_THAT(report.warnings, IsEmpty());
  EXPECT_EQ(artifact.spec.vocab, 50);
  EXPECT_OK(artifact.artifact->CheckHashes(nullptr));
}

TEST_F(CompressTest, ProvenanceHasSourcesRecipeAndVersion) {
  folder_.Write("config.json", "abc");
  folder_.Write("w.bin", "");
  files_ = {"config.json", "w.bin"};
  options_.tool_version = "1.2.3";
  const std::string yaml = "quantize: [{tensors: '*', codec: int8}]";
  ASSERT_OK(Run(yaml, "a.oz"));
  ASSERT_OK_AND_ASSIGN(const ModelFile artifact,
                       OpenModel(folder_.Path("a.oz")));
  const Provenance& provenance = artifact.artifact->provenance();
  EXPECT_EQ(provenance.tool_version, "1.2.3");
  EXPECT_EQ(provenance.recipe, RecipeYaml(*ParseRecipe(yaml)));
  ASSERT_EQ(provenance.sources.size(), 2u);
  EXPECT_EQ(provenance.sources[0].name, "config.json");
  // FIPS 180-4's value of "abc".
  EXPECT_EQ(provenance.sources[0].sha256,
            "ba7816bf8f01cfea414140de5dae2223"
            "b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(provenance.sources[1].bytes, 0);
  // No folder of this machine gets into the file.
  EXPECT_EQ(folder_.Read("a.oz").find(folder_.path()), std::string::npos);
}

TEST_F(CompressTest, RefusesNanByNameAndLeavesNothing) {
  // The last tensor: all others are written by then.
  Set("lm_head.weight", 31 * 24 + 5, std::numeric_limits<float>::quiet_NaN());
  for (const std::string yaml :
       {"{}", "quantize: [{tensors: '*', codec: int4}]",
        "prune: [{tensors: '*', sparsity: 0.5, scope: global}]"}) {
    EXPECT_THAT(Run(yaml, "a.oz", 2),
                StatusIs(kInvalid, AllOf(HasSubstr("tensor 'lm_head.weight'"),
                                         HasSubstr("row 31, column 5"))));
    EXPECT_THAT(folder_.Names(), IsEmpty());
  }
}

TEST_F(CompressTest, RefusesInfinityInAVector) {
  Set("model.norm.weight", 3, -std::numeric_limits<float>::infinity());
  EXPECT_THAT(Run("{}", "a.oz"),
              StatusIs(kInvalid, AllOf(HasSubstr("'model.norm.weight'"),
                                       HasSubstr("column 3"))));
}

TEST_F(CompressTest, FailureKeepsWhatWasThereBefore) {
  folder_.Write("a.oz", "older");
  Set("model.norm.weight", 0, std::numeric_limits<float>::infinity());
  EXPECT_FALSE(Run("{}", "a.oz").ok());
  EXPECT_EQ(folder_.Read("a.oz"), "older");
}

TEST_F(CompressTest, RefusesAScaleThatF16CannotHold) {
  Set("lm_head.weight", 20 * 24 + 2, 1e6f);
  EXPECT_THAT(Run("quantize: [{tensors: '*', codec: int4}]", "a.oz"),
              StatusIs(kInvalid, AllOf(HasSubstr("tensor 'lm_head.weight'"),
                                       HasSubstr("row block at 16"),
                                       HasSubstr("row 4, columns from 0"),
                                       HasSubstr("65504"))));
  EXPECT_THAT(folder_.Names(), IsEmpty());
  EXPECT_OK(Run("quantize: [{tensors: '*', codec: int8}]", "a.oz"));
}

TEST_F(CompressTest, WarnsOfGroupsTooSmallForTheirScales) {
  for (int64_t i = 0; i < 2 * 24; ++i) Set("lm_head.weight", i, 1e-9f);
  ASSERT_OK_AND_ASSIGN(const CompressReport report,
                       Run("quantize: [{tensors: '*', codec: int4}]", "a.oz"));
  ASSERT_EQ(report.warnings.size(), 1u);
  EXPECT_THAT(
      report.warnings[0],
      AllOf(HasSubstr("tensor 'lm_head.weight': 2 groups are too small"),
            HasSubstr("int8 or float")));
}

TEST_F(CompressTest, GivesSourceMemoryBackAfterEveryPass) {
  const int64_t bytes = MakePlan(File().bound, Recipe())->source_bytes;
  ASSERT_OK(Run("quantize: [{tensors: '*', codec: int4}]", "a.oz"));
  EXPECT_EQ(model_.source().released_bytes(), bytes);
}

TEST_F(CompressTest, ProgressGrowsToTheSourcesBytes) {
  std::vector<std::pair<int64_t, int64_t>> seen;
  options_.progress = [&](int64_t done, int64_t total) {
    seen.emplace_back(done, total);
  };
  ASSERT_OK(Run("quantize: [{tensors: '*', codec: int4}]", "a.oz"));
  const int64_t bytes = MakePlan(File().bound, Recipe())->source_bytes;
  ASSERT_FALSE(seen.empty());
  for (size_t i = 1; i < seen.size(); ++i) {
    EXPECT_GT(seen[i].first, seen[i - 1].first);
    EXPECT_EQ(seen[i].second, bytes);
  }
  EXPECT_EQ(seen.back().first, bytes);
}

TEST_F(CompressTest, NamesAFolderThatCannotBeWritten) {
  EXPECT_THAT(Run("{}", "missing/a.oz"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("missing/a.oz")));
}

}  // namespace
}  // namespace ounce
