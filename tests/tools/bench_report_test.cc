#include "tools/bench_report.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// One matrix op of 1e9 multiply-adds and 1e9 bytes.  A prompt of 4 tokens takes
// 0.5 s where 0.4 s are the least, generating 2 takes 1 s where 0.8 s are.
BenchResult Example() {
  BenchResult result;
  result.model = "m.oz";
  result.architecture = "llama";
  result.cpu = "Some CPU";
  result.isa = "avx2";
  result.kv = "f16";
  result.repetitions = 1;
  OpWork& work = result.work[static_cast<size_t>(Op::kGateUp)];
  work.products = 1'000'000'000;
  work.bytes = 1'000'000'000;
  work.codec = Codec::kInt8;
  result.first_token_ms = 12.0;
  result.peak_rss_bytes = 5000;
  for (const int64_t threads : {2, 1}) {
    ThreadResult row;
    row.limits.threads = threads;
    row.limits.read_bytes_per_s = 2.5e9;
    row.limits.peak_ops_per_s[Codec::kInt8] = 2e10;
    BenchTest prompt;
    prompt.tokens = 4;
    prompt.run = {4, {0.5}, {}};
    prompt.products = 4e9;
    prompt.bytes = 1e9;
    prompt.multiply_seconds = 0.4;
    prompt.read_seconds = 0.4 / 2.5;
    BenchTest generation;
    generation.generation = true;
    generation.tokens = 2;
    generation.run = {2, {1.0}, {}};
    generation.products = 2e9;
    generation.bytes = 2e9;
    generation.multiply_seconds = 0.2;
    generation.read_seconds = 0.8;
    row.tests = {prompt, generation};
    result.threads.push_back(row);
  }
  return result;
}

TEST(BenchJsonTest, HasTheDocumentedMembers) {
  const Json json = BenchJson(Example(), /*ops=*/false);
  const Json& machine = *json.Find("machine");
  EXPECT_EQ(*machine.Find("cpu")->AsString(), "Some CPU");
  EXPECT_EQ(*machine.Find("isa")->AsString(), "avx2");
  // The most threads, whatever their place in the list.
  EXPECT_EQ(*machine.Find("threads")->AsInt(), 2);
  EXPECT_DOUBLE_EQ(*machine.Find("read_gb_s")->AsDouble(), 2.5);
  EXPECT_DOUBLE_EQ(*machine.Find("peak_gops")->AsDouble(), 20.0);
  const Json::Array& results = *json.Find("results")->AsArray();
  ASSERT_EQ(results.size(), 4u);
  const Json& prompt = results[0];
  EXPECT_EQ(*prompt.Find("test")->AsString(), "prompt");
  EXPECT_EQ(*prompt.Find("tokens")->AsInt(), 4);
  EXPECT_EQ(*prompt.Find("batch")->AsInt(), 1);
  EXPECT_EQ(*prompt.Find("threads")->AsInt(), 2);
  for (const char* key : {"median", "low", "high"}) {
    EXPECT_DOUBLE_EQ(*prompt.Find("tokens_per_s")->Find(key)->AsDouble(), 8.0);
  }
  EXPECT_DOUBLE_EQ(*prompt.Find("gops")->AsDouble(), 16.0);
  EXPECT_DOUBLE_EQ(*prompt.Find("share_of_peak")->AsDouble(), 0.8);
  const Json& generation = results[1];
  EXPECT_EQ(*generation.Find("test")->AsString(), "generate");
  EXPECT_DOUBLE_EQ(*generation.Find("gb_s")->AsDouble(), 2.0);
  EXPECT_DOUBLE_EQ(*generation.Find("share_of_read")->AsDouble(), 0.8);
  EXPECT_DOUBLE_EQ(*json.Find("first_token_ms")->AsDouble(), 12.0);
  EXPECT_EQ(*json.Find("peak_rss_bytes")->AsInt(), 5000);
  EXPECT_EQ(prompt.Find("op_ms_per_token"), nullptr);
}

TEST(BenchTextTest, NamesTheLimitThatEachTestIsNear) {
  const std::string text = BenchText(Example(), /*ops=*/false);
  EXPECT_THAT(text, HasSubstr("m.oz: llama"));
  EXPECT_THAT(text, HasSubstr("Some CPU, avx2, kv f16"));
  EXPECT_THAT(text, HasSubstr("80 % of peak"));
  EXPECT_THAT(text, HasSubstr("80 % of read"));
  EXPECT_THAT(text, HasSubstr("1 thread: reads the weights at 2.5 GB/s"));
  EXPECT_THAT(text, HasSubstr("multiplies int8 at 20 GOPS"));
  EXPECT_THAT(text, Not(HasSubstr("share of time")));
}

TEST(BenchTextTest, ShowsDepthAndSequencesInTheTestsName) {
  BenchResult result = Example();
  result.depth = 4096;
  result.sequences = 4;
  EXPECT_THAT(BenchText(result, true), HasSubstr("tg2 @ 4096 x 4, 2 threads"));
}

TEST(BenchReportTest, AnEncoderHasNoFirstTokenAndKeepsNothing) {
  BenchResult result = Example();
  result.kv = "";
  result.first_token_ms.reset();
  for (ThreadResult& row : result.threads) row.tests.pop_back();
  const std::string text = BenchText(result, false);
  EXPECT_THAT(text, Not(HasSubstr("first token")));
  EXPECT_THAT(text, Not(HasSubstr("kv")));
  EXPECT_THAT(text, Not(HasSubstr("keys and values")));
  EXPECT_THAT(text, HasSubstr("peak memory 5000 bytes"));
  const Json json = BenchJson(result, false);
  EXPECT_TRUE(json.Find("kv")->is_null());
  EXPECT_TRUE(json.Find("first_token_ms")->is_null());
  EXPECT_EQ(json.Find("results")->AsArray()->size(), 2u);
}

// The source is the prompt; what is read for it is other work.
TEST(BenchReportTest, AnEncoderDecoderNamesTheSource) {
  BenchResult result = Example();
  result.depth = 7;
  result.source_work = ModelWork();
  (*result.source_work)[static_cast<size_t>(Op::kQkv)].products = 5;
  for (ThreadResult& row : result.threads) row.tests[1].source_tokens = 4;
  EXPECT_EQ(&result.WorkOf(result.threads[0].tests[0]), &*result.source_work);
  EXPECT_EQ(&result.WorkOf(result.threads[0].tests[1]), &result.work);
  const std::string text = BenchText(result, false);
  EXPECT_THAT(text, HasSubstr("tg2 @ 7 from 4"));
  EXPECT_THAT(text, Not(HasSubstr("pp4 @")));
  const Json json = BenchJson(result, false);
  const Json::Array& results = *json.Find("results")->AsArray();
  EXPECT_EQ(results[0].Find("source_tokens"), nullptr);
  EXPECT_EQ(*results[1].Find("source_tokens")->AsInt(), 4);
}

}  // namespace
}  // namespace ounce
