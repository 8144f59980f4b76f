#include "model/arch/encoder_config.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<ModelSpec> Of(const std::string& architectures,
                             const std::string& members = "") {
  return FamilySpec("bert", absl::StrCat("\"architectures\": ", architectures,
                                         members.empty() ? "" : ", ", members));
}

TEST(ReadHeadTest, ByTheSuffixOfTheFirstArchitecture) {
  EXPECT_EQ(Of(R"(["BertModel"])")->head, HeadKind::kNone);
  EXPECT_EQ(Of(R"(["BertForMaskedLM"])")->head, HeadKind::kLanguageModel);
  EXPECT_EQ(Of(R"(["BertForPreTraining"])")->head, HeadKind::kLanguageModel);
  EXPECT_EQ(Of(R"(["BertForSequenceClassification"])")->head,
            HeadKind::kSequenceLabels);
  EXPECT_EQ(Of(R"(["BertForTokenClassification"])")->head,
            HeadKind::kTokenLabels);
  EXPECT_EQ(Of(R"(["MyOwnForMaskedLM", "BertModel"])")->head,
            HeadKind::kLanguageModel);
  // A config that says nothing is the base model's.
  for (const std::string none : {"null", "[]"}) {
    EXPECT_EQ(Of(none)->head, HeadKind::kNone);
  }
}

TEST(ReadHeadTest, OtherArchitecturesAreNamed) {
  for (const std::string other :
       {"BertForQuestionAnswering", "BertForNextSentencePrediction",
        "BertForMultipleChoice", "BertLMHeadModel", ""}) {
    EXPECT_THAT(Of("[\"" + other + "\"]"),
                StatusIs(absl::StatusCode::kUnimplemented,
                         HasSubstr("\"architectures\"")))
        << other;
  }
  for (const std::string wrong : {R"("BertModel")", "[1]", "{}", "7"}) {
    EXPECT_THAT(Of(wrong), StatusIs(absl::StatusCode::kInvalidArgument,
                                    HasSubstr("\"architectures\"")))
        << wrong;
  }
}

absl::StatusOr<ModelSpec> Labelled(const std::string& members) {
  return Of(R"(["BertForSequenceClassification"])", members);
}

TEST(LabelsTest, InTheOrderOfTheirNumbers) {
  EXPECT_THAT(
      Labelled(R"("id2label": {"1": "no", "0": "yes", "2": ""})")->labels,
      ElementsAre("yes", "no", ""));
  EXPECT_THAT(Labelled("\"num_labels\": 3")->labels,
              ElementsAre("LABEL_0", "LABEL_1", "LABEL_2"));
  EXPECT_EQ(Labelled("\"id2label\": null")->labels.size(), 2u);
  EXPECT_TRUE(
      Labelled(R"("problem_type": "multi_label_classification")")->multi_label);
  EXPECT_FALSE(Labelled(R"("problem_type": "regression")")->multi_label);
  // Of a model without labels nobody reads them.
  EXPECT_TRUE(Of(R"(["BertModel"])", R"("id2label": 7)")->labels.empty());
}

TEST(LabelsTest, ListsThatAreNoneAreNamed) {
  for (const std::string bad :
       {R"({"0": "a", "2": "b"})", R"({"1": "a"})", R"({"0": 7})",
        R"({"0": null})", R"({"zero": "a"})", R"({"-1": "a"})",
        R"({"0": "a", "99999999999999999999": "b"})", R"(["a", "b"])", "7",
        R"({"0": "a", "00": "b"})"}) {
    EXPECT_THAT(
        Labelled("\"id2label\": " + bad),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"id2label\"")))
        << bad;
  }
  EXPECT_THAT(Labelled("\"id2label\": {}"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("number of labels is 0")));
}

TEST(LabelsTest, TooManyAreNamed) {
  std::string map;
  for (int i = 0; i < 1000000; ++i) {
    absl::StrAppend(&map, i == 0 ? "" : ",", "\"", i, "\":\"\"");
  }
  EXPECT_THAT(Labelled(absl::StrCat("\"id2label\": {", map, "}")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("number of labels is 1000000")));
  for (const std::string count :
       {"0", "-1", "65537", "1000000000000", "-9223372036854775808"}) {
    EXPECT_THAT(Labelled("\"num_labels\": " + count),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("\"num_labels\" is " + count)));
  }
  EXPECT_OK(Labelled("\"num_labels\": 65536"));
  EXPECT_THAT(Labelled(absl::StrCat(R"("id2label": {"0": ")",
                                    std::string(1025, 'x'), "\"}")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("bytes of a label")));
}

TEST(FinishEncoderTest, RefusesWhatMakesItAnotherModel) {
  for (const std::string member :
       {R"("is_decoder": true)", R"("add_cross_attention": true)",
        R"("position_embedding_type": "relative_key")",
        R"("pruned_heads": {"1": [2]})"}) {
    const std::string key = member.substr(0, member.find(':'));
    EXPECT_THAT(FamilySpec("bert", member),
                StatusIs(absl::StatusCode::kUnimplemented, HasSubstr(key)));
  }
}

TEST(FinishEncoderDecoderTest, OnlyGenerationIsRead) {
  for (const std::string family : {"t5", "mt5", "bart", "mbart", "marian"}) {
    for (const std::string other :
         {"ForSequenceClassification", "ForQuestionAnswering", "EncoderModel",
          "ForCausalLM", "ForTokenClassification"}) {
      EXPECT_THAT(FamilySpec(family, "\"architectures\": [\"X" + other + "\"]"),
                  StatusIs(absl::StatusCode::kUnimplemented, HasSubstr(other)));
    }
    EXPECT_OK(FamilySpec(family,
                         R"("architectures": ["XForConditionalGeneration"])"));
  }
}

absl::StatusOr<GenerationSpec> Generation(const std::string& config,
                                          const std::string& generation) {
  const Json first = *ParseJson(config);
  const Json second = *ParseJson(generation);
  return ParseGeneration(first, generation == "null" ? nullptr : &second);
}

TEST(ParseGenerationTest, GenerationConfigBeforeConfig) {
  ASSERT_OK_AND_ASSIGN(
      const GenerationSpec spec,
      Generation(R"({"num_beams": 9, "decoder_start_token_id": 1})",
                 R"({"decoder_start_token_id": 2, "forced_bos_token_id": 3,
                     "forced_eos_token_id": 4, "num_beams": 5,
                     "length_penalty": 0.5, "early_stopping": true,
                     "no_repeat_ngram_size": 6, "max_length": 7,
                     "min_length": 8, "bad_words_ids": [[9], [10, 11], [12]]})"));
  EXPECT_EQ(spec.start_id, 2);
  EXPECT_EQ(spec.forced_first_id, 3);
  EXPECT_EQ(spec.forced_last_id, 4);
  EXPECT_EQ(spec.beams, 5);
  EXPECT_EQ(spec.length_penalty, 0.5);
  EXPECT_TRUE(spec.early_stopping);
  EXPECT_EQ(spec.no_repeat_ngram, 6);
  EXPECT_EQ(spec.max_tokens, 7);
  EXPECT_EQ(spec.min_tokens, 8);
  // Sequences of several ids are not the kind that is never given.
  EXPECT_THAT(spec.suppressed_ids, ElementsAre(9, 12));
}

TEST(ParseGenerationTest, StartsWithTheConfigsIdOrItsFirst) {
  EXPECT_EQ(Generation(R"({"decoder_start_token_id": 3})", "{}")->start_id, 3);
  EXPECT_EQ(Generation(R"({"bos_token_id": 4})", "{}")->start_id, 4);
  EXPECT_EQ(Generation("{}", "{}")->start_id, -1);
  EXPECT_EQ(Generation(R"({"decoder_start_token_id": 3})", "null")->start_id,
            3);
  EXPECT_FALSE(
      Generation("{}", R"({"early_stopping": "never"})")->early_stopping);
}

TEST(ParseGenerationTest, WrongValuesAreNamed) {
  for (const std::string bad :
       {R"("decoder_start_token_id": -2)", R"("forced_bos_token_id": "x")",
        R"("forced_eos_token_id": 2147483648)", R"("num_beams": 1.5)",
        R"("length_penalty": "long")", R"("max_length": [])"}) {
    const std::string key = bad.substr(1, bad.find('"', 1) - 1);
    const auto spec = Generation("{}", "{" + bad + "}");
    EXPECT_FALSE(spec.ok()) << bad;
    EXPECT_THAT(spec.status().message(), HasSubstr(key));
  }
}

}  // namespace
}  // namespace ounce
