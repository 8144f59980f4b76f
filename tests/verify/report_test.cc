#include "verify/report.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Keys(const Json* object) {
  std::vector<std::string> keys;
  if (object == nullptr || object->AsObject() == nullptr) return keys;
  for (const Json::Member& member : object->AsObject()->members()) {
    keys.push_back(member.first);
  }
  return keys;
}

VerifyReport FullReport() {
  VerifyReport report;
  report.artifact_id = "00ff";
  report.checkpoint = "models/x";
  report.text_sha256 = "abc";
  report.context = 256;
  report.score_from = 1;
  report.kv = KvType::kInt8;
  report.text.windows = 40;
  report.text.tokens_scored = 40 * 255;
  report.text.kl = {0.02, 0.015, 0.03};
  report.text.ppl_ratio = {1.01, 1.005, 1.02};
  report.text.kl_p50 = 0.01;
  report.text.kl_max = 2.5;
  report.tasks.push_back({"owner", 10, 0.9, 0.8, 1, {-0.1, {}, {}}});
  report.winners_float = {0, 1};
  report.winners = {0, 2};
  report.tensors.push_back({"w", "int4", 4.5, 20.25, 0.1});
  report.gates.push_back(MaxKlGate(report.text, 0.05));
  return report;
}

// The names are a contract with users' scripts.
TEST(ReportJsonTest, HasTheNamesOfTheContract) {
  const Json json = ReportJson(FullReport());
  EXPECT_THAT(Keys(&json),
              ElementsAre("artifact", "checkpoint", "text", "context",
                          "score_from", "kv", "windows", "tokens_scored", "kl",
                          "same_top1", "ppl_float", "ppl", "ppl_ratio", "tasks",
                          "choices", "tensors", "gates"));
  EXPECT_THAT(Keys(json.Find("artifact")), ElementsAre("id"));
  EXPECT_THAT(Keys(json.Find("text")), ElementsAre("sha256"));
  EXPECT_THAT(Keys(json.Find("kl")),
              ElementsAre("value", "low", "high", "percentiles"));
  EXPECT_THAT(Keys(json.Find("kl")->Find("percentiles")),
              ElementsAre("p50", "p90", "p99", "p999", "max"));
  for (const char* name : {"same_top1", "ppl_float", "ppl", "ppl_ratio"}) {
    EXPECT_THAT(Keys(json.Find(name)), ElementsAre("value", "low", "high"));
  }
  const Json& task = json.Find("tasks")->AsArray()->at(0);
  EXPECT_THAT(Keys(&task),
              ElementsAre("name", "items", "accuracy_float", "accuracy",
                          "flips", "accuracy_difference"));
  EXPECT_THAT(Keys(task.Find("accuracy_difference")),
              ElementsAre("value", "low", "high"));
  EXPECT_THAT(Keys(json.Find("choices")), ElementsAre("float", "compressed"));
  EXPECT_THAT(Keys(&json.Find("tensors")->AsArray()->at(0)),
              ElementsAre("name", "codec", "bits", "snr_db"));
  EXPECT_THAT(Keys(&json.Find("gates")->AsArray()->at(0)),
              ElementsAre("name", "limit", "value", "passed"));
}

TEST(ReportJsonTest, CarriesTheValues) {
  const Json json = ReportJson(FullReport());
  EXPECT_EQ(*json.Find("artifact")->Find("id")->AsString(), "00ff");
  EXPECT_EQ(*json.Find("checkpoint")->AsString(), "models/x");
  EXPECT_EQ(*json.Find("text")->Find("sha256")->AsString(), "abc");
  EXPECT_EQ(json.Find("windows")->AsInt(), 40);
  EXPECT_EQ(json.Find("tokens_scored")->AsInt(), 40 * 255);
  EXPECT_EQ(json.Find("kl")->Find("value")->AsDouble(), 0.02);
  EXPECT_EQ(json.Find("kl")->Find("low")->AsDouble(), 0.015);
  EXPECT_EQ(json.Find("kl")->Find("high")->AsDouble(), 0.03);
  EXPECT_EQ(json.Find("kl")->Find("percentiles")->Find("max")->AsDouble(), 2.5);
  const Json& task = json.Find("tasks")->AsArray()->at(0);
  EXPECT_EQ(task.Find("flips")->AsInt(), 1);
  EXPECT_EQ(task.Find("accuracy_difference")->Find("value")->AsDouble(), -0.1);
  EXPECT_EQ(json.Find("choices")->Find("compressed")->Dump(), "[0,2]");
  EXPECT_EQ(json.Find("tensors")->AsArray()->at(0).Find("snr_db")->AsDouble(),
            20.25);
}

TEST(ReportJsonTest, WhatIsUnknownIsNull) {
  const Json json = ReportJson(VerifyReport());
  EXPECT_TRUE(json.Find("artifact")->Find("id")->is_null());
  EXPECT_TRUE(json.Find("kl")->Find("low")->is_null());
  EXPECT_TRUE(json.Find("kl")->Find("high")->is_null());
  EXPECT_THAT(*json.Find("tasks")->AsArray(), IsEmpty());
}

TEST(GateTest, ComparesTheUpperEndOfTheInterval) {
  TextComparison text;
  text.kl = {0.01, 0.005, 0.02};
  EXPECT_TRUE(MaxKlGate(text, 0.02).passed);
  EXPECT_FALSE(MaxKlGate(text, 0.0199).passed);
  EXPECT_EQ(MaxKlGate(text, 0.5).name, "max_kl");
  EXPECT_EQ(MaxKlGate(text, 0.5).limit, 0.5);
  EXPECT_EQ(*MaxKlGate(text, 0.5).value, 0.02);
}

TEST(GateTest, PerplexityIncreaseIsTheRatioLessOne) {
  TextComparison text;
  text.ppl_ratio = {1.0, 0.75, 1.25};
  EXPECT_EQ(MaxPplIncreaseGate(text, 0.3).name, "max_ppl_increase");
  EXPECT_EQ(*MaxPplIncreaseGate(text, 0.3).value, 0.25);
  EXPECT_TRUE(MaxPplIncreaseGate(text, 0.25).passed);
  EXPECT_FALSE(MaxPplIncreaseGate(text, 0.2).passed);
}

TEST(GateTest, MissingIntervalCountsAsMissed) {
  TextComparison text;
  text.kl.value = 0.0;
  text.ppl_ratio.value = 1.0;
  for (const Gate& gate :
       {MaxKlGate(text, 100.0), MaxPplIncreaseGate(text, 100.0)}) {
    EXPECT_FALSE(gate.passed);
    EXPECT_FALSE(gate.value.has_value());
  }
}

TEST(VerifyReportTest, PassesOnlyIfEveryGateDoes) {
  VerifyReport report;
  EXPECT_TRUE(report.passed());
  report.gates.push_back({"max_kl", 1.0, 0.5, true});
  EXPECT_TRUE(report.passed());
  report.gates.push_back({"max_ppl_increase", 1.0, 2.0, false});
  EXPECT_FALSE(report.passed());
}

}  // namespace
}  // namespace ounce
