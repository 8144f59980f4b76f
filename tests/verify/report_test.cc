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
  report.text.units = 40;
  report.text.tokens_scored = 40 * 255;
  report.text.kl = {0.02, 0.015, 0.03};
  report.text.ppl_ratio = {1.01, 1.005, 1.02};
  report.text.kl_percentiles.p50 = 0.01;
  report.text.kl_percentiles.max = 2.5;
  report.tasks.push_back({"owner", 10, 0.9, 0.8, 1, {-0.1, {}, {}}});
  report.winners_float = {0, 1};
  report.winners = {0, 2};
  report.tensors.push_back({"w", "int4", 4.5, 20.25, 0.1});
  report.gates.push_back(MaxKlGate(report.text.kl, 0.05));
  return report;
}

// The names are a contract with users' scripts.
TEST(ReportJsonTest, HasTheNamesOfTheContract) {
  const Json json = ReportJson(FullReport());
  EXPECT_THAT(
      Keys(&json),
      ElementsAre("artifact", "kind", "checkpoint", "text", "context",
                  "score_from", "weights_only", "kv", "windows",
                  "tokens_scored", "kl", "same_top1", "ppl_float", "ppl",
                  "ppl_ratio", "tasks", "choices", "tensors", "gates"));
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

// What does not apply to a kind is not there at all.
TEST(ReportJsonTest, HasTheNamesOfEachKind) {
  VerifyReport report = FullReport();
  report.kind = LossKind::kSequenceToSequence;
  Json json = ReportJson(report);
  EXPECT_THAT(Keys(&json),
              ElementsAre("artifact", "kind", "checkpoint", "text", "context",
                          "weights_only", "kv", "lines", "lines_cut",
                          "lines_written", "tokens_scored", "kl", "same_top1",
                          "ppl_float", "ppl", "ppl_ratio", "tensors", "gates"));
  report.kind = LossKind::kMaskedLanguageModel;
  json = ReportJson(report);
  EXPECT_THAT(Keys(&json),
              ElementsAre("artifact", "kind", "checkpoint", "text", "context",
                          "weights_only", "lines", "lines_cut", "tokens_scored",
                          "kl", "same_top1", "tensors", "gates"));
  for (const LossKind kind :
       {LossKind::kSequenceLabels, LossKind::kTokenLabels}) {
    report.kind = kind;
    json = ReportJson(report);
    EXPECT_THAT(Keys(&json),
                ElementsAre("artifact", "kind", "checkpoint", "text", "context",
                            "weights_only", "lines", "lines_cut", "items", "kl",
                            "flips", "tensors", "gates"));
    EXPECT_THAT(Keys(json.Find("flips")),
                ElementsAre("value", "low", "high", "count"));
  }
  report.kind = LossKind::kEmbedding;
  json = ReportJson(report);
  EXPECT_THAT(
      Keys(&json),
      ElementsAre("artifact", "kind", "checkpoint", "text", "context",
                  "weights_only", "lines", "lines_cut", "cosine_distance",
                  "similarity_change", "tensors", "gates"));
  EXPECT_THAT(Keys(json.Find("cosine_distance")),
              ElementsAre("value", "low", "high", "percentiles"));
  EXPECT_THAT(Keys(json.Find("cosine_distance")->Find("percentiles")),
              ElementsAre("p50", "p90", "p99", "max"));
}

TEST(ReportJsonTest, ClassificationCarriesTheValues) {
  VerifyReport report = FullReport();
  report.kind = LossKind::kSequenceLabels;
  report.lines_cut = 3;
  report.classification.lines = 20;
  report.classification.items = 20;
  report.classification.num_flips = 2;
  report.classification.flips = {0.1, 0.05, 0.2};
  report.classification.accuracy_float = Estimate{0.9, 0.8, 1.0};
  report.classification.accuracy = Estimate{0.85, 0.7, 0.95};
  report.classification.accuracy_difference = Estimate{-0.05, -0.1, 0.0};
  const Json json = ReportJson(report);
  EXPECT_EQ(*json.Find("kind")->AsString(), "sequence_labels");
  EXPECT_EQ(json.Find("lines")->AsInt(), 20);
  EXPECT_EQ(json.Find("lines_cut")->AsInt(), 3);
  EXPECT_EQ(json.Find("flips")->Find("count")->AsInt(), 2);
  EXPECT_EQ(json.Find("flips")->Find("high")->AsDouble(), 0.2);
  EXPECT_EQ(json.Find("accuracy_float")->Find("value")->AsDouble(), 0.9);
  EXPECT_EQ(json.Find("accuracy")->Find("low")->AsDouble(), 0.7);
  EXPECT_EQ(json.Find("accuracy_difference")->Find("value")->AsDouble(), -0.05);
}

TEST(ReportJsonTest, EmbeddingCarriesTheValues) {
  VerifyReport report = FullReport();
  report.kind = LossKind::kEmbedding;
  report.embedding.lines = 7;
  report.embedding.cosine_distance = {0.01, {}, {}};
  report.embedding.distance_percentiles.p99 = 0.02;
  report.embedding.similarity_change = {0.003, {}, {}};
  const Json json = ReportJson(report);
  EXPECT_EQ(json.Find("lines")->AsInt(), 7);
  const Json& distance = *json.Find("cosine_distance");
  EXPECT_EQ(distance.Find("value")->AsDouble(), 0.01);
  EXPECT_TRUE(distance.Find("high")->is_null());
  EXPECT_EQ(distance.Find("percentiles")->Find("p99")->AsDouble(), 0.02);
  EXPECT_EQ(json.Find("similarity_change")->Find("value")->AsDouble(), 0.003);
}

TEST(GateTest, FlipsAndCosineDistanceAreComparedAsTheyAre) {
  EXPECT_EQ(MaxFlipsGate({0.01, 0.0, 0.02}, 0.02).name, "max_flips");
  EXPECT_TRUE(MaxFlipsGate({0.01, 0.0, 0.02}, 0.02).passed);
  EXPECT_FALSE(MaxFlipsGate({0.01, 0.0, 0.02}, 0.01).passed);
  const Gate distance = MaxCosineDistanceGate({0.01, 0.0, 0.02}, 0.02);
  EXPECT_EQ(distance.name, "max_cosine_distance");
  EXPECT_TRUE(distance.passed);
  EXPECT_FALSE(MaxCosineDistanceGate({0.01, {}, {}}, 1.0).passed);
}

TEST(GateTest, ComparesTheUpperEndOfTheInterval) {
  PredictionLoss text;
  text.kl = {0.01, 0.005, 0.02};
  EXPECT_TRUE(MaxKlGate(text.kl, 0.02).passed);
  EXPECT_FALSE(MaxKlGate(text.kl, 0.0199).passed);
  EXPECT_EQ(MaxKlGate(text.kl, 0.5).name, "max_kl");
  EXPECT_EQ(MaxKlGate(text.kl, 0.5).limit, 0.5);
  EXPECT_EQ(*MaxKlGate(text.kl, 0.5).value, 0.02);
}

TEST(GateTest, PerplexityIncreaseIsTheRatioLessOne) {
  PredictionLoss text;
  text.ppl_ratio = {1.0, 0.75, 1.25};
  EXPECT_EQ(MaxPplIncreaseGate(text.ppl_ratio, 0.3).name, "max_ppl_increase");
  EXPECT_EQ(*MaxPplIncreaseGate(text.ppl_ratio, 0.3).value, 0.25);
  EXPECT_TRUE(MaxPplIncreaseGate(text.ppl_ratio, 0.25).passed);
  EXPECT_FALSE(MaxPplIncreaseGate(text.ppl_ratio, 0.2).passed);
}

TEST(GateTest, MissingIntervalCountsAsMissed) {
  PredictionLoss text;
  text.kl.value = 0.0;
  text.ppl_ratio.value = 1.0;
  for (const Gate& gate :
       {MaxKlGate(text.kl, 100.0), MaxPplIncreaseGate(text.ppl_ratio, 100.0)}) {
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
