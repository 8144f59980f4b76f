// The bundled checkpoint as llama.cpp's llama-quantize made it smaller, against
// tests/golden/gguf/peer.json: what the reference implementation loses with the
// same dequantised weights (tests/golden/make_peer.py).
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/program.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

const char kDemo[] = OUNCE_SOURCE_DIR "/examples/demo/";
const char kGolden[] = OUNCE_SOURCE_DIR "/tests/golden/gguf/";

class GgufDemoTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(
        const Json peer,
        ParseJson(ReadWholeFile(absl::StrCat(kGolden, "peer.json"))));
    for (const Json& row : *peer.Find("rows")->AsArray()) {
      if (*row.Find("type")->AsString() == GetParam()) peer_ = row;
    }
    ASSERT_FALSE(peer_.is_null());
  }
  double Peer(const char* key) { return *peer_.Find(key)->AsDouble(); }
  std::string Model() const {
    return absl::StrCat(kGolden, "demo-", GetParam(), ".gguf");
  }

  double MeanKl(const std::string& score_from) {
    const ProgramResult run =
        RunOunce({"verify", Model(), "--against", absl::StrCat(kDemo, "model"),
                  "--text", absl::StrCat(kDemo, "evaluation.txt"), "--context",
                  "256", "--score-from", score_from, "--json", "--quiet"});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    const absl::StatusOr<Json> report = ParseJson(run.out);
    EXPECT_THAT(report, IsOk());
    if (!report.ok()) return std::nan("");
    return *report->Find("kl")->Find("value")->AsDouble();
  }

  Json peer_;
};

// Of the second half of each window, as llama.cpp's own tool scores them.  Ours
// has f32 sums in another order: of 6e-6 nats that is a thousandth.
TEST_P(GgufDemoTest, LosesWhatTheReferenceLosesWithTheseWeights) {
  const double expected = Peer("kl_weights_only_second_half");
  EXPECT_NEAR(MeanKl("129"), expected, 0.02 * expected);
}

TEST_P(GgufDemoTest, HasTheBitsPerWeightOfItsTensors) {
  const ProgramResult run = RunOunce({"inspect", Model(), "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  ASSERT_OK_AND_ASSIGN(const Json json, ParseJson(run.out));
  EXPECT_NEAR(*json.Find("bits_per_weight")->AsDouble(),
              Peer("bits_per_weight"), 5e-5);  // As rounded there.
}

TEST_P(GgufDemoTest, TokenizesAndContinuesAsTheCheckpointDoes) {
  const std::string line =
      "\"Once there was a child named Anna who loved the station.\"\n";
  const ProgramResult ours = RunOunce({"tokenize", Model()}, line);
  const ProgramResult checkpoint =
      RunOunce({"tokenize", absl::StrCat(kDemo, "model")}, line);
  ASSERT_EQ(ours.exit_code, 0) << ours.err;
  ASSERT_OK_AND_ASSIGN(const Json a, ParseJson(ours.out));
  ASSERT_OK_AND_ASSIGN(const Json b, ParseJson(checkpoint.out));
  EXPECT_EQ(a.Find("ids")->Dump(), b.Find("ids")->Dump());
  const ProgramResult run =
      RunOunce({"run", Model(), "-p", "Once there was a child named Anna", "-n",
                "8", "--temperature", "0", "--quiet"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr(" "));
}

INSTANTIATE_TEST_SUITE_P(Types, GgufDemoTest, testing::Values("Q8_0", "Q4_K_M"),
                         [](const testing::TestParamInfo<const char*>& param) {
                           return std::string(param.param);
                         });

}  // namespace
}  // namespace ounce
