// `ounce run` of an encoder-decoder against what transformers 5.12.1 gives on
// the same ids (tests/golden/make_models.py wrote it).
#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/golden_text.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class RunTranslationTest : public testing::Test {
 protected:
  RunTranslationTest()
      : model_(temp_.Path("t5")),
        golden_(
            *OpenSafetensors(GoldenPath("t5-gated") + "/golden.safetensors")) {
    WriteGoldenModel("t5-gated", {{{0, "<pad>"}, {1, "</s>"}, {7, "fr_XX"}}},
                     model_);
    source_ = TextOfRow(*golden_, 0).first;
  }

  ProgramResult Run(const std::vector<std::string>& more,
                    const std::string& input = "") {
    std::vector<std::string> args = {"run", model_};
    args.insert(args.end(), more.begin(), more.end());
    return RunOunce(args, input);
  }
  std::vector<double> IdsOf(const std::vector<std::string>& more) {
    std::vector<std::string> args = {"-p", source_, "--json"};
    args.insert(args.end(), more.begin(), more.end());
    const ProgramResult run = Run(args);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    const Json json = JsonOf(run.out);
    return json.Find("ids") == nullptr ? std::vector<double>()
                                       : NumbersOf(*json.Find("ids"));
  }
  void ExpectUsage(const std::vector<std::string>& more,
                   const std::string& words) {
    std::vector<std::string> args = {"-p", source_};
    args.insert(args.end(), more.begin(), more.end());
    const ProgramResult run = Run(args);
    EXPECT_EQ(run.exit_code, 2) << run.err;
    EXPECT_THAT(run.err, AllOf(StartsWith("ounce: "), HasSubstr(words)));
  }

  TempFolder temp_;
  std::string model_;
  std::unique_ptr<TensorSource> golden_;
  std::string source_;
};

TEST_F(RunTranslationTest, GivesTheReferencesGreedyIds) {
  std::vector<double> expected;
  for (const int64_t id : TensorValues<int64_t>(*golden_, "greedy")) {
    expected.push_back(static_cast<double>(id));
  }
  ASSERT_THAT(expected, SizeIs(12));
  EXPECT_EQ(IdsOf({"-n", "12"}), expected);
  EXPECT_EQ(IdsOf({"-n", "12", "--beams", "1"}), expected);
  std::string text;
  for (const double id : expected) absl::StrAppend(&text, " t", id);
  const ProgramResult run = Run({"-p", source_, "-n", "12"});
  EXPECT_EQ(run.out, text.substr(1) + "\n");
  EXPECT_THAT(run.err, HasSubstr("prompt: 20 tokens"));
}

TEST_F(RunTranslationTest, BeamsFindNothingWorseThanGreedy) {
  const auto score = [&](const char* beams) {
    const ProgramResult run = Run(
        {"-p", source_, "-n", "6", "--ignore-eos", "--beams", beams, "--json"});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return *JsonOf(run.out).GetDouble("score");
  };
  // More beams may lose what fewer find, but not on this source.
  EXPECT_GE(score("4"), score("2"));
  EXPECT_GT(score("2"), -6.0);
}

TEST_F(RunTranslationTest, RulesHoldGreedilyAndWithBeams) {
  for (const char* beams : {"1", "3"}) {
    const std::vector<double> ids = IdsOf({"-n", "20", "--no-repeat-ngram", "1",
                                           "--ignore-eos", "--beams", beams});
    std::vector<double> unique = ids;
    std::sort(unique.begin(), unique.end());
    unique.erase(std::unique(unique.begin(), unique.end()), unique.end());
    EXPECT_THAT(ids, SizeIs(20));
    EXPECT_EQ(unique.size(), ids.size()) << beams;
    const std::vector<double> french =
        IdsOf({"-n", "5", "--target-language", "fr_XX", "--beams", beams});
    ASSERT_FALSE(french.empty());
    EXPECT_EQ(french[0], 7);
  }
  ExpectUsage({"--target-language", "de_DE"}, "fr_XX");
  ExpectUsage({"--target-language", "t9"}, "fr_XX");
}

TEST_F(RunTranslationTest, AModelsOwnSettingsAreTheDefaults) {
  ReplaceInFile(model_ + "/generation_config.json", "\"pad_token_id\"",
                "\"num_beams\": 3, \"max_length\": 9, \"min_length\": 9, "
                "\"no_repeat_ngram_size\": 2, \"forced_bos_token_id\": 33, "
                "\"length_penalty\": 2.0, \"pad_token_id\"");
  const std::vector<double> ids = IdsOf({});
  ASSERT_THAT(ids, SizeIs(8));  // max_length counts the start.
  EXPECT_EQ(ids[0], 33);
  EXPECT_EQ(ids, IdsOf({"--beams", "3", "-n", "8", "--no-repeat-ngram", "2",
                        "--length-penalty", "2"}));
  ExpectUsage({"--temperature", "0.5"}, "--beams 1");
  EXPECT_THAT(IdsOf({"--temperature", "0.5", "--beams", "1"}), SizeIs(8));
}

TEST_F(RunTranslationTest, LinesStayLines) {
  const ProgramResult run =
      Run({"-p", "-", "-n", "4"}, source_ + "\n\n" + "t9 t8\n");
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const std::string first = Run({"-p", source_, "-n", "4"}).out;
  const std::string last = Run({"-p", "t9 t8", "-n", "4"}).out;
  EXPECT_EQ(run.out, first + "\n" + last);
  EXPECT_THAT(JsonLines(Run({"-p", "-", "-n", "4", "--json"}, "t9\n\nt8").out),
              SizeIs(3));
}

TEST_F(RunTranslationTest, SamplingDependsOnTheSeedAlone) {
  const auto sampled = [&](const char* seed) {
    return IdsOf({"-n", "12", "--temperature", "1.5", "--seed", seed});
  };
  EXPECT_EQ(sampled("1"), sampled("1"));
  EXPECT_NE(sampled("1"), sampled("2"));
}

TEST_F(RunTranslationTest, OptionsThatDoNothingAreRefused) {
  ExpectUsage({"--length-penalty", "2"}, "--beams");
  ExpectUsage({"--beams", "2", "--top-k", "5"}, "--beams 1");
  ExpectUsage({"--beams", "2", "--stop", "x"}, "--beams 1");
  ExpectUsage({"--top", "5"}, "an encoder-decoder");
  ExpectUsage({"--pair", "t5"}, "an encoder-decoder");
  ExpectUsage({"--chat"}, "an encoder-decoder");
}

TEST_F(RunTranslationTest, LongSourcesAreRefusedOrCutAloud) {
  const ProgramResult refused = Run({"-p", source_, "--context", "8"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("20 tokens"), HasSubstr("--context"),
                                 HasSubstr("--truncate")));
  const ProgramResult cut =
      Run({"-p", source_, "--context", "8", "--truncate", "-n", "4"});
  EXPECT_EQ(cut.exit_code, 0);
  EXPECT_THAT(cut.err, HasSubstr("cut to 8"));
}

TEST_F(RunTranslationTest, AnArtifactTranslatesToo) {
  const std::string artifact = temp_.Path("float.oz");
  ASSERT_EQ(RunOunce({"compress", model_, "-o", artifact, "--recipe", "float",
                      "--quiet"})
                .exit_code,
            0);
  const std::vector<std::string> more = {"-p", source_, "-n", "12"};
  const ProgramResult folder = Run(more);
  std::vector<std::string> args = {"run", artifact};
  args.insert(args.end(), more.begin(), more.end());
  EXPECT_EQ(RunOunce(args).out, folder.out);
}

}  // namespace
}  // namespace ounce
