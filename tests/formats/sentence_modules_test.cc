#include "formats/huggingface/sentence_modules.h"

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Module(const std::string& type, const std::string& path) {
  return absl::StrCat(R"({"type": "sentence_transformers.models.)", type,
                      R"(", "path": ")", path, "\"}");
}

class SentenceModulesTest : public testing::Test {
 protected:
  SentenceModulesTest() {
    spec_.causal = false;
    spec_.head = HeadKind::kNone;
    spec_.max_context = 512;
    std::filesystem::create_directory(folder_.Path("1_Pooling"));
    WriteModules({Module("Transformer", ""), Module("Pooling", "1_Pooling")});
    folder_.Write("1_Pooling/config.json",
                  R"({"word_embedding_dimension": 384,
                      "pooling_mode_cls_token": false,
                      "pooling_mode_mean_tokens": true,
                      "pooling_mode_max_tokens": false})");
  }

  void WriteModules(const std::vector<std::string>& modules) {
    std::string list;
    for (const std::string& module : modules) {
      absl::StrAppend(&list, list.empty() ? "" : ", ", module);
    }
    folder_.Write("modules.json", "[" + list + "]");
  }
  absl::Status Read() {
    files_.clear();
    return ReadSentenceModules(folder_.path(), &spec_, &files_);
  }
  void ExpectRefused(absl::StatusCode code, const std::string& words) {
    EXPECT_THAT(Read(), StatusIs(code, HasSubstr(words)));
  }

  TempFolder folder_;
  ModelSpec spec_;
  std::vector<std::string> files_;
};

TEST_F(SentenceModulesTest, SaysWhichStatesStandForTheText) {
  spec_.pooling = Pooling::kFirst;
  ASSERT_OK(Read());
  EXPECT_EQ(spec_.pooling, Pooling::kMean);
  EXPECT_FALSE(spec_.unit_embedding);
  EXPECT_EQ(spec_.text_limit, 0);
  EXPECT_THAT(files_, ElementsAre("modules.json", "1_Pooling/config.json"));
  folder_.Write("1_Pooling/config.json", R"({"pooling_mode_cls_token": true})");
  ASSERT_OK(Read());
  EXPECT_EQ(spec_.pooling, Pooling::kFirst);
  // As newer versions write it.
  folder_.Write("1_Pooling/config.json", R"({"pooling_mode": "mean"})");
  ASSERT_OK(Read());
  EXPECT_EQ(spec_.pooling, Pooling::kMean);
}

TEST_F(SentenceModulesTest, NormalizeMakesVectorsUnitVectors) {
  WriteModules({Module("Transformer", ""), Module("Pooling", "1_Pooling"),
                Module("Normalize", "2_Normalize")});
  ASSERT_OK(Read());
  EXPECT_TRUE(spec_.unit_embedding);
}

TEST_F(SentenceModulesTest, TheLongestTextIsNoLongerThanTheModelTakes) {
  folder_.Write("sentence_bert_config.json", R"({"max_seq_length": 256})");
  ASSERT_OK(Read());
  EXPECT_EQ(spec_.text_limit, 256);
  EXPECT_THAT(files_, testing::Contains("sentence_bert_config.json"));
  folder_.Write("sentence_bert_config.json", R"({"max_seq_length": 9999})");
  ASSERT_OK(Read());
  EXPECT_EQ(spec_.text_limit, 512);
  folder_.Write("sentence_bert_config.json", R"({"max_seq_length": null})");
  ASSERT_OK(Read());
  EXPECT_EQ(spec_.text_limit, 0);
}

TEST_F(SentenceModulesTest, TheHeadOfPretrainingIsLeftOut) {
  spec_.head = HeadKind::kLanguageModel;
  spec_.transform.present = true;
  spec_.head_bias = true;
  ASSERT_OK(Read());
  EXPECT_EQ(spec_.head, HeadKind::kNone);
  EXPECT_FALSE(spec_.transform.present);
  EXPECT_FALSE(spec_.head_bias);
}

TEST_F(SentenceModulesTest, OtherModelsAndFoldersStayAsTheyAre) {
  folder_.Write("modules.json", "no JSON");
  spec_.causal = true;
  EXPECT_OK(Read());
  EXPECT_THAT(files_, IsEmpty());
  spec_.causal = false;
  spec_.head = HeadKind::kSequenceLabels;
  EXPECT_OK(Read());
  spec_.head = HeadKind::kNone;
  std::filesystem::remove(folder_.Path("modules.json"));
  EXPECT_OK(Read());
  EXPECT_THAT(files_, IsEmpty());
}

TEST_F(SentenceModulesTest, WhatWouldChangeTheVectorIsRefusedByName) {
  const auto code = absl::StatusCode::kUnimplemented;
  for (const char* mode : {"max_tokens", "lasttoken", "weightedmean_tokens",
                           "mean_sqrt_len_tokens"}) {
    folder_.Write("1_Pooling/config.json",
                  absl::StrCat("{\"pooling_mode_", mode, "\": true}"));
    ExpectRefused(code, std::string(mode).substr(0, 3));
  }
  folder_.Write("1_Pooling/config.json",
                R"({"pooling_mode_cls_token": true,
                    "pooling_mode_mean_tokens": true})");
  ExpectRefused(code, "cls mean");
  folder_.Write("1_Pooling/config.json", "{}");
  ExpectRefused(code, "none");
  WriteModules({Module("Transformer", ""), Module("Pooling", "1_Pooling"),
                Module("Dense", "2_Dense")});
  ExpectRefused(code, "Dense");
  WriteModules({Module("Transformer", "")});
  ExpectRefused(code, "a Pooling");
  WriteModules(
      {Module("Transformer", "0_Transformer"), Module("Pooling", "1_Pooling")});
  ExpectRefused(code, "0_Transformer");
}

TEST_F(SentenceModulesTest, LowerCaseByThisFileIsRefused) {
  folder_.Write("sentence_bert_config.json", R"({"do_lower_case": true})");
  ExpectRefused(absl::StatusCode::kUnimplemented, "do_lower_case");
}

TEST_F(SentenceModulesTest, NoPathLeadsOutOfTheFolder) {
  for (const char* path : {"../1_Pooling", "/etc", "..", ".", "a/b", "a\\\\b",
                           "1_Pooling/..", ".hidden"}) {
    WriteModules({Module("Transformer", ""), Module("Pooling", path)});
    ExpectRefused(absl::StatusCode::kInvalidArgument, "path");
  }
}

TEST_F(SentenceModulesTest, BrokenFilesAreNamed) {
  folder_.Write("1_Pooling/config.json", "{");
  ExpectRefused(absl::StatusCode::kInvalidArgument, "1_Pooling/config.json");
  folder_.Write("1_Pooling/config.json", "[]");
  ExpectRefused(absl::StatusCode::kInvalidArgument, "expected an object");
  folder_.Write("1_Pooling/config.json", R"({"pooling_mode_cls_token": 3})");
  ExpectRefused(absl::StatusCode::kInvalidArgument, "pooling_mode_cls_token");
  WriteModules({Module("Transformer", ""), Module("Pooling", "gone")});
  ExpectRefused(absl::StatusCode::kNotFound, "gone/config.json");
  folder_.Write("modules.json", "{}");
  ExpectRefused(absl::StatusCode::kInvalidArgument, "expected a list");
  folder_.Write("modules.json", "[3]");
  ExpectRefused(absl::StatusCode::kInvalidArgument, "modules.json");
  folder_.Write("modules.json", R"([{"path": "x"}])");
  ExpectRefused(absl::StatusCode::kInvalidArgument, "type");
}

}  // namespace
}  // namespace ounce
