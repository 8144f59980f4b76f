// The contract of the command line: exit codes, one line an error, and nothing
// under the final name unless all went well.
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "core/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/program.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const char kDemo[] = OUNCE_SOURCE_DIR "/examples/demo/";
const char kTiny[] = OUNCE_SOURCE_DIR "/tests/golden/models/llama-gqa";

class CommandLineTest : public testing::Test {
 protected:
  // A copy of the tiny checkpoint to damage.
  std::string CopyOfTiny() {
    const std::string copy = temp_.Path("checkpoint");
    std::filesystem::remove_all(copy);
    std::filesystem::create_directory(copy);
    for (const char* name : {"config.json", "model.safetensors"}) {
      std::filesystem::copy(std::string(kTiny) + "/" + name, copy);
    }
    return copy;
  }

  // Compressing `checkpoint` fails with one line that holds `words`, and leaves
  // no file behind.
  void ExpectRefused(const std::string& checkpoint, const std::string& words) {
    const std::string output = temp_.Path("refused.oz");
    const ProgramResult run =
        RunOunce({"compress", checkpoint, "-o", output, "--quiet"});
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_THAT(run.err, AllOf(StartsWith("ounce: "), HasSubstr(words)));
    EXPECT_EQ(run.err.find('\n'), run.err.size() - 1) << run.err;
    EXPECT_FALSE(std::filesystem::exists(output));
    EXPECT_FALSE(std::filesystem::exists(output + ".partial"));
  }

  TempFolder temp_;
};

void ReplaceIn(const std::string& path, const std::string& from,
               const std::string& to) {
  std::string text = ReadWholeFile(path);
  const size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  WriteWholeFile(path, text);
}

TEST_F(CommandLineTest, WrongUsageExitsWithTwo) {
  EXPECT_EQ(RunOunce({}).exit_code, 2);
  EXPECT_EQ(RunOunce({"frobnicate"}).exit_code, 2);
  EXPECT_EQ(RunOunce({"compress"}).exit_code, 2);
  EXPECT_EQ(RunOunce({"compress", kTiny}).exit_code, 2);
  EXPECT_EQ(RunOunce({"inspect", kTiny, "--threads", "0"}).exit_code, 2);
  EXPECT_EQ(RunOunce({"run", kTiny, "-p", "x", "--top-p", "7"}).exit_code, 2);
  const ProgramResult isa =
      RunOunce({"run", kTiny, "-p", "x", "--isa", "pdp11"});
  EXPECT_EQ(isa.exit_code, 2);
  EXPECT_THAT(isa.err, HasSubstr("avx2"));
  const ProgramResult recipe =
      RunOunce({"compress", kTiny, "-o", "x.oz", "--recipe", "int3"});
  EXPECT_EQ(recipe.exit_code, 2);
  EXPECT_THAT(recipe.err, HasSubstr("float, int8, int4"));
}

TEST_F(CommandLineTest, HelpAndVersionExitWithZero) {
  EXPECT_THAT(RunOunce({"--version"}).out, StartsWith("ounce "));
  for (const char* command :
       {"compress", "verify", "run", "inspect", "diff", "logits", "tokenize"}) {
    const ProgramResult help = RunOunce({command, "--help"});
    EXPECT_EQ(help.exit_code, 0) << command;
    EXPECT_THAT(help.out, HasSubstr("--threads")) << command;
  }
}

TEST_F(CommandLineTest, UntidyAndBrokenCheckpointsAreRefusedByName) {
  ExpectRefused(temp_.Path("nowhere"), "nowhere");
  std::string copy = CopyOfTiny();
  ReplaceIn(copy + "/config.json", "\"llama\"", "\"lhama\"");
  ExpectRefused(copy, "lhama");
  copy = CopyOfTiny();
  ReplaceIn(copy + "/config.json", "\"num_hidden_layers\": 3",
            "\"num_hidden_layers\": 4");
  ExpectRefused(copy, "model.layers.3.input_layernorm.weight");
  copy = CopyOfTiny();
  ReplaceIn(copy + "/config.json", "\"intermediate_size\": 160",
            "\"intermediate_size\": 128");
  ExpectRefused(copy, "[128, 64]");
  copy = CopyOfTiny();
  ReplaceIn(copy + "/config.json", "\"mlp_bias\": false",
            "\"quantization_config\": {\"bits\": 4}");
  ExpectRefused(copy, "quantization_config");
  copy = CopyOfTiny();
  std::filesystem::resize_file(copy + "/model.safetensors", 100000);
  ExpectRefused(copy, "model.safetensors");
}

TEST_F(CommandLineTest, NotANumberIsRefusedByTensor) {
  const std::string copy = CopyOfTiny();
  std::string bytes = ReadWholeFile(copy + "/model.safetensors");
  // The last tensor's last float becomes a NaN.
  bytes.replace(bytes.size() - 4, 4, std::string("\0\0\xC0\x7F", 4));
  WriteWholeFile(copy + "/model.safetensors", bytes);
  ExpectRefused(copy, "holds NaN");
  const ProgramResult logits = RunOunce(
      {"logits", copy, "--input", std::string(kTiny) + "/golden.safetensors",
       "--output", temp_.Path("x")});
  EXPECT_EQ(logits.exit_code, 1);
  EXPECT_THAT(logits.err, HasSubstr("holds NaN"));
}

TEST_F(CommandLineTest, WithoutTokenizerTextIsRefusedByName) {
  const std::string artifact = temp_.Path("tiny.oz");
  const ProgramResult compress = RunOunce({"compress", kTiny, "-o", artifact});
  EXPECT_EQ(compress.exit_code, 0);
  EXPECT_THAT(compress.err, HasSubstr("no tokenizer"));
  const ProgramResult logits =
      RunOunce({"logits", artifact, "--input",
                std::string(kTiny) + "/golden.safetensors", "--output",
                temp_.Path("x")});
  EXPECT_EQ(logits.exit_code, 0) << logits.err;
  const ProgramResult run = RunOunce({"run", artifact, "-p", "hello"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("tokenizer"));
}

TEST_F(CommandLineTest, MissedGateExitsWithThree) {
  const std::string demo = kDemo;
  const std::string artifact = temp_.Path("int4.oz");
  ASSERT_EQ(RunOunce({"compress", demo + "model", "-o", artifact}).exit_code,
            0);
  const std::vector<std::string> verify = {
      "verify",       artifact, "--against",
      demo + "model", "--text", demo + "evaluation.txt",
      "--context",    "32",     "--windows"};
  const auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> args = verify;
    args.insert(args.end(), more.begin(), more.end());
    return RunOunce(args).exit_code;
  };
  EXPECT_EQ(with({"30", "--max-kl", "10"}), 0);
  EXPECT_EQ(with({"30", "--max-kl", "1e-9"}), 3);
  EXPECT_EQ(with({"30", "--max-ppl-increase", "1"}), 0);
  EXPECT_EQ(with({"30", "--max-ppl-increase", "0"}), 3);
  EXPECT_EQ(with({"30", "--kv", "int8", "--max-kl", "10"}), 0);
  EXPECT_EQ(with({"30", "--kv", "f8"}), 2);
  // Fewer than 30 windows give no interval, and a gate without one is missed.
  EXPECT_EQ(with({"29", "--max-kl", "10"}), 3);
}

TEST_F(CommandLineTest, ContextLimitStopsAndSaysSo) {
  const std::string model = std::string(kDemo) + "model";
  const ProgramResult run =
      RunOunce({"run", model, "-p", "Once there was", "--context", "12", "-n",
                "100", "--ignore-eos"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.err, HasSubstr("context limit of 12"));
  const ProgramResult too_long =
      RunOunce({"run", model, "-p", "Once there was a child named Otto",
                "--context", "2"});
  EXPECT_EQ(too_long.exit_code, 1);
  EXPECT_THAT(too_long.err, HasSubstr("the context holds 2"));
}

TEST_F(CommandLineTest, PromptMayComeFromStdin) {
  const std::string model = std::string(kDemo) + "model";
  const std::string prompt = "Once there was a child named";
  const ProgramResult given = RunOunce({"run", model, "-p", prompt, "-n", "8"});
  const ProgramResult piped =
      RunOunce({"run", model, "-p", "-", "-n", "8"}, prompt);
  EXPECT_EQ(piped.exit_code, 0) << piped.err;
  EXPECT_EQ(piped.out, given.out);
}

// What it says of the weights agrees with the file: all matrices but the
// embedding are read for every token.
TEST_F(CommandLineTest, BenchMeasuresWhatItSays) {
  const ProgramResult run =
      RunOunce({"bench", kTiny, "-p", "8", "-n", "4", "-r", "2", "-t", "1,2",
                "--ops", "--json", "--kv", "f32"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const absl::StatusOr<Json> json = ParseJson(run.out);
  ASSERT_TRUE(json.ok()) << run.out;
  const Json& machine = *json->Find("machine");
  EXPECT_EQ(*machine.Find("threads")->AsInt(), 2);
  EXPECT_GT(*machine.Find("read_gb_s")->AsDouble(), 0.0);
  EXPECT_GT(*machine.Find("peak_gops")->AsDouble(), 0.0);
  // Prompt and generation with one thread, then with two.
  const Json::Array& results = *json->Find("results")->AsArray();
  ASSERT_EQ(results.size(), 4u);
  const Json& prompt = results[2];
  EXPECT_EQ(*prompt.Find("test")->AsString(), "prompt");
  EXPECT_EQ(*prompt.Find("tokens")->AsInt(), 8);
  EXPECT_EQ(*prompt.Find("threads")->AsInt(), 2);
  const Json& rate = *prompt.Find("tokens_per_s");
  EXPECT_GT(*rate.Find("low")->AsDouble(), 0.0);
  EXPECT_GE(*rate.Find("median")->AsDouble(), *rate.Find("low")->AsDouble());
  EXPECT_GE(*rate.Find("high")->AsDouble(), *rate.Find("median")->AsDouble());
  const Json& generation = results[3];
  EXPECT_EQ(*generation.Find("test")->AsString(), "generate");
  EXPECT_EQ(*generation.Find("batch")->AsInt(), 1);
  // 3 layers of 64 x 64, 32 x 64 twice, 64 x 64 and three of 160 x 64, and a
  // head of 320 x 64, in f32; 2 key heads of 16, three positions half way.
  const double weights =
      4.0 * (3 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 160 * 64) + 320 * 64);
  const double keys_and_values = 3 * 2 * 3 * 2 * 16 * 4;
  EXPECT_EQ(*generation.Find("bytes_per_token")->AsDouble(),
            weights + keys_and_values);
  // Shares are of the limits that stand beside them.
  EXPECT_NEAR(*generation.Find("gb_s")->AsDouble() /
                  *generation.Find("read_gb_s")->AsDouble(),
              *generation.Find("share_of_read")->AsDouble(), 1e-9);
  EXPECT_NEAR(
      *generation.Find("gops")->AsDouble() /
          *generation.Find("peak_gops_by_codec")->Find("f32")->AsDouble(),
      *generation.Find("share_of_peak")->AsDouble(), 1e-9);
}

TEST_F(CommandLineTest, BenchRefusesWhatItCannotMeasure) {
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"-p", "0", "-n", "0"},
        {"-t", "1,x"},
        {"-t", "0"},
        {"--kv", "f8"}}) {
    std::vector<std::string> line = {"bench", kTiny};
    line.insert(line.end(), args.begin(), args.end());
    EXPECT_EQ(RunOunce(line).exit_code, 2) << args[1];
  }
}

TEST_F(CommandLineTest, KilledCompressLeavesNothingUnderTheFinalName) {
  const std::string model = std::string(kDemo) + "model";
  const std::string output = temp_.Path("killed.oz");
  const ProgramResult whole = RunOunce({"compress", model, "-o", output});
  ASSERT_EQ(whole.exit_code, 0);
  const std::string complete = ReadWholeFile(output);
  // Killed at moments spread over a run: absent, or complete and the same.
  for (int delay_ms = 0; delay_ms < 60; delay_ms += 3) {
    std::filesystem::remove(output);
    Program program({"compress", model, "-o", output});
    std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
    program.Kill();
    program.Wait();
    if (std::filesystem::exists(output)) {
      EXPECT_EQ(ReadWholeFile(output), complete) << delay_ms;
    }
  }
  // A stale partial file does not stop the next run.
  EXPECT_EQ(RunOunce({"compress", model, "-o", output}).exit_code, 0);
  EXPECT_EQ(ReadWholeFile(output), complete);
}

TEST_F(CommandLineTest, TokenizeReadsAndWritesJsonLines) {
  const std::string tokenizer =
      OUNCE_SOURCE_DIR "/tests/golden/tokenizers/llama3-bpe";
  // From that tokenizer's golden.json.
  const ProgramResult run =
      RunOunce({"tokenize", tokenizer}, "\"hello world\"\n");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out,
            "{\"ids\":[1200,271,75,353,312,269,433],"
            "\"ids_plain\":[271,75,353,312,269,433],"
            "\"decoded\":\"hello world\",\"decoded_skip\":\"hello world\"}\n");
  const ProgramResult bad = RunOunce({"tokenize", tokenizer}, "hello\n");
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_THAT(bad.err, HasSubstr("line 1"));
}

TEST_F(CommandLineTest, AnArtifactKeepsATokenizerThatIsNoTokenizerJson) {
  const std::string copy = CopyOfTiny();
  std::filesystem::copy(OUNCE_SOURCE_DIR
                        "/tests/golden/tokenizers/llama2-sp-bpe/spiece.model",
                        copy + "/tokenizer.model");
  const std::string artifact = temp_.Path("sp.oz");
  const ProgramResult compress = RunOunce({"compress", copy, "-o", artifact});
  EXPECT_EQ(compress.exit_code, 0) << compress.err;
  for (const std::string& model : {copy, artifact}) {
    const ProgramResult run =
        RunOunce({"tokenize", model}, "\"hello world\"\n");
    EXPECT_EQ(run.exit_code, 0) << run.err;
    // From that tokenizer's golden.json.
    EXPECT_THAT(run.out,
                HasSubstr("\"ids\":[1,1300,612,350,314,271,1309,1313]"));
  }
}

TEST_F(CommandLineTest, NamesATokenizerFileThatItCannotUse) {
  const std::string copy = CopyOfTiny();
  WriteWholeFile(copy + "/tekken.json", "{}");
  const ProgramResult tokenize = RunOunce({"tokenize", copy}, "\"a\"\n");
  EXPECT_EQ(tokenize.exit_code, 1);
  EXPECT_THAT(tokenize.err, HasSubstr("the tokenizer file tekken.json is not "
                                      "supported; supported are"));
  const ProgramResult compress =
      RunOunce({"compress", copy, "-o", temp_.Path("t.oz")});
  EXPECT_EQ(compress.exit_code, 0);
  EXPECT_THAT(compress.err, HasSubstr("tekken.json is not supported"));
}

TEST_F(CommandLineTest, TokenizeTakesPairs) {
  const std::string tokenizer =
      OUNCE_SOURCE_DIR "/tests/golden/tokenizers/bert-wordpiece";
  const ProgramResult run = RunOunce(
      {"tokenize", tokenizer, "--truncate-and-pad"}, "[\"a\", \"b\"]\n");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  // [CLS] a [SEP] b [SEP]; that file says nothing about truncation or padding.
  EXPECT_THAT(run.out, HasSubstr("\"type_ids\":[0,0,0,1,1],"
                                 "\"type_ids_plain\":[0,1],"
                                 "\"attention_mask\":[1,1,1,1,1],"
                                 "\"overflow\":[],\"decoded\":\"a b\""));
  const ProgramResult bad = RunOunce({"tokenize", tokenizer}, "[\"a\", 1]\n");
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_THAT(bad.err, HasSubstr("an array of two"));
}

}  // namespace
}  // namespace ounce
