// The bundled checkpoint, compressed and verified by the program, against
// examples/demo/reference.json: what transformers 5.12.1 gives on it, and what
// simulated quantisation loses (examples/demo/make_reference.py).
#include <cmath>
#include <string>
#include <vector>

#include "core/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/program.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

const char kDemo[] = OUNCE_SOURCE_DIR "/examples/demo/";

std::string Demo(const std::string& name) { return kDemo + name; }

Json MustParse(const std::string& text) {
  const absl::StatusOr<Json> json = ParseJson(text);
  EXPECT_THAT(json, IsOk());
  return json.ok() ? *json : Json();
}

// The member at a path of keys; null when a key is missing.
Json At(const Json& json, const std::vector<std::string>& path) {
  Json value = json;
  for (const std::string& key : path) {
    const Json* member = value.Find(key);
    value = member == nullptr ? Json() : Json(*member);
  }
  return value;
}

double Number(const Json& json, const std::vector<std::string>& path) {
  return At(json, path).AsDouble().value_or(std::nan(""));
}

class DemoTest : public testing::Test {
 protected:
  void SetUp() override {
    reference_ = MustParse(ReadWholeFile(Demo("reference.json")));
  }

  // Compresses with `recipe`, verifies, and returns the report.
  Json Verify(const std::string& recipe) {
    const std::string artifact = temp_.Path("verified.oz");
    const ProgramResult compress = RunOunce(
        {"compress", Demo("model"), "-o", artifact, "--recipe", recipe});
    EXPECT_EQ(compress.exit_code, 0) << compress.err;
    const ProgramResult verify =
        RunOunce({"verify", artifact, "--against", Demo("model"), "--text",
                  Demo("evaluation.txt"), "--tasks", Demo("tasks.jsonl"),
                  "--json", "--quiet"});
    EXPECT_EQ(verify.exit_code, 0) << verify.err;
    EXPECT_EQ(MustParse(ReadWholeFile(artifact + ".proof.json")).Dump(),
              MustParse(verify.out).Dump());
    return MustParse(verify.out);
  }

  void ExpectFloatSideMatches(const Json& report) {
    EXPECT_EQ(Number(report, {"windows"}), Number(reference_, {"windows"}));
    EXPECT_EQ(Number(report, {"tokens_scored"}),
              Number(reference_, {"tokens_scored"}));
    const double expected = Number(reference_, {"perplexity"});
    // Two f32 implementations: 1e-4 relative.
    EXPECT_NEAR(Number(report, {"ppl_float", "value"}), expected,
                1e-4 * expected);
    ExpectSameChoices(At(report, {"choices", "float"}));
  }

  void ExpectSameChoices(const Json& winners) {
    const Json expected = At(reference_, {"tasks", "winning_choice"});
    const Json margins = At(reference_, {"tasks", "margin_nats"});
    ASSERT_NE(winners.AsArray(), nullptr);
    ASSERT_EQ(winners.AsArray()->size(), expected.AsArray()->size());
    for (size_t i = 0; i < winners.AsArray()->size(); ++i) {
      // Below this margin rounding may decide either way.
      if (*(*margins.AsArray())[i].AsDouble() < 0.001) continue;
      EXPECT_EQ((*winners.AsArray())[i].AsInt(),
                (*expected.AsArray())[i].AsInt())
          << "item " << i;
    }
  }

  // Our kernels round where the simulation rounds, but sum in another order and
  // keep scales in another precision: within 30 %.
  void ExpectLossOf(const Json& report, const std::string& simulated) {
    const double expected = Number(reference_, {"simulated", simulated, "kl"});
    EXPECT_NEAR(Number(report, {"kl", "value"}), expected, 0.3 * expected);
  }

  TempFolder temp_;
  Json reference_;
};

TEST_F(DemoTest, Int8LosesWhatSimulationSaysAndKeepsItsAccuracy) {
  const Json report = Verify("int8");
  ExpectFloatSideMatches(report);
  ExpectLossOf(report, "int8");
  const Json tasks = At(report, {"tasks"});
  const Json all = tasks.AsArray()->back();
  EXPECT_EQ(*At(all, {"name"}).AsString(), "all");
  const double low = Number(all, {"accuracy_difference", "low"});
  const double high = Number(all, {"accuracy_difference", "high"});
  EXPECT_TRUE((low <= 0 && 0 <= high) || low > -0.01) << low << " " << high;
}

// An activation's error is a 127th of the largest beside it, so that groups can
// only lessen it; and a model may mix products of every kind over one input.
TEST_F(DemoTest, GroupsOfActivationsLoseLessThanHalfOfWhatInt8Does) {
  const std::string groups = temp_.Path("groups");
  temp_.Write("groups",
              "quantize:\n"
              "  - {tensors: '*', codec: int8, activation_group_size: 32}\n");
  const std::string mixed = temp_.Path("mixed");
  temp_.Write("mixed",
              "quantize:\n"
              "  - {tensors: ['*q_proj*', '*gate_proj*', '*.o_proj*'], "
              "codec: int8, activation_group_size: 32}\n"
              "  - {tensors: '*k_proj*', codec: float}\n"
              "  - {tensors: '*', codec: int8}\n");
  const double int8 = Number(reference_, {"simulated", "int8", "kl"});
  const Json report = Verify(groups);
  ExpectFloatSideMatches(report);
  EXPECT_LT(Number(report, {"kl", "value"}), 0.5 * int8);
  EXPECT_LT(Number(Verify(mixed), {"kl", "value"}), int8);
}

// The simulation has a scale of f16 per group.
TEST_F(DemoTest, Int4LosesWhatSimulationSays) {
  const std::string recipe = temp_.Path("f16_scales");
  temp_.Write("f16_scales",
              "quantize:\n"
              "  - {tensors: [model.embed_tokens.weight, lm_head.weight], "
              "codec: int8}\n"
              "  - {tensors: '*', codec: int4}\n");
  const Json report = Verify(recipe);
  ExpectFloatSideMatches(report);
  ExpectLossOf(report, "int4 g32");
}

// Integer group scales are the default as long as they lose hardly more.
TEST_F(DemoTest, DefaultInt4LosesNoMoreThanATenthMore) {
  const Json report = Verify("int4");
  const double simulated = Number(reference_, {"simulated", "int4 g32", "kl"});
  EXPECT_LE(Number(report, {"kl", "value"}), 1.1 * simulated);
}

TEST_F(DemoTest, FloatRecipeLosesNothing) {
  const std::string artifact = temp_.Path("float.oz");
  ASSERT_EQ(
      RunOunce({"compress", Demo("model"), "-o", artifact, "--recipe", "float"})
          .exit_code,
      0);
  const ProgramResult verify = RunOunce(
      {"verify", artifact, "--against", Demo("model"), "--text",
       Demo("evaluation.txt"), "--windows", "30", "--json", "--max-kl", "0"});
  ASSERT_EQ(verify.exit_code, 0) << verify.err;
  // The same bf16 weights through the same kernels: the same bits.
  EXPECT_EQ(Number(MustParse(verify.out), {"kl", "value"}), 0.0);
}

TEST_F(DemoTest, GreedyTextEqualsTheReference) {
  const std::string prompt = *At(reference_, {"greedy", "prompt"}).AsString();
  const ProgramResult run =
      RunOunce({"run", Demo("model"), "-p", prompt, "-n", "64", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json json = MustParse(run.out);
  EXPECT_EQ(At(json, {"ids"}).Dump(), At(reference_, {"greedy", "ids"}).Dump());
  EXPECT_EQ(*At(json, {"text"}).AsString(),
            *At(reference_, {"greedy", "text"}).AsString());
}

// Quantised products have the same bits everywhere; what else differs by some
// ulp must not show.
TEST_F(DemoTest, Int4GreedyTextIsThatOfTheReferenceKernels) {
  const std::string artifact = temp_.Path("int4.oz");
  ASSERT_EQ(
      RunOunce({"compress", Demo("model"), "-o", artifact, "--recipe", "int4"})
          .exit_code,
      0);
  const std::string prompt = *At(reference_, {"greedy", "prompt"}).AsString();
  std::string ids[2];
  for (const int i : {0, 1}) {
    const ProgramResult run =
        RunOunce({"run", artifact, "-p", prompt, "-n", "64", "--json", "--isa",
                  i == 0 ? "native" : "reference"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    ids[i] = At(MustParse(run.out), {"ids"}).Dump();
  }
  EXPECT_EQ(ids[0], ids[1]);
}

}  // namespace
}  // namespace ounce
