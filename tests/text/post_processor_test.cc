#include "text/post_processor.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kBosAndEos[] = R"({
  "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
             {"Sequence": {"id": "A", "type_id": 0}},
             {"SpecialToken": {"id": "</s>", "type_id": 0}}],
  "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]},
                     "</s>": {"id": "</s>", "ids": [2, 3],
                              "tokens": ["</s>", "x"]}}})";

TEST(PostProcessorTest, TemplateSurroundsTheText) {
  auto processor = ParseTemplateProcessing(ParseOrDie(kBosAndEos));
  ASSERT_THAT(processor, IsOk());
  EXPECT_THAT((*processor)->Apply({7, 8}, true), ElementsAre(1, 7, 8, 2, 3));
  EXPECT_THAT((*processor)->Apply({7, 8}, false), ElementsAre(7, 8));
  EXPECT_THAT((*processor)->Apply({}, true), ElementsAre(1, 2, 3));
}

TEST(PostProcessorTest, ByteLevelChangesNoIds) {
  auto processor = ParseByteLevelPostProcessor(Json());
  ASSERT_THAT(processor, IsOk());
  EXPECT_THAT((*processor)->Apply({4, 5}, true), ElementsAre(4, 5));
}

TEST(PostProcessorTest, ClsAndSepSurroundTheText) {
  auto processor = ParseClsSepProcessing(
      ParseOrDie(R"({"sep": ["</s>", 2], "cls": ["<s>", 0]})"));
  ASSERT_THAT(processor, IsOk());
  EXPECT_THAT((*processor)->Apply({9}, true), ElementsAre(0, 9, 2));
  EXPECT_THAT((*processor)->Apply({9}, false), ElementsAre(9));
}

TEST(PostProcessorTest, SequenceAppliesInOrder) {
  std::vector<std::unique_ptr<PostProcessor>> parts;
  for (int i = 0; i < 2; ++i) {
    auto part = ParseTemplateProcessing(ParseOrDie(kBosAndEos));
    ASSERT_THAT(part, IsOk());
    parts.push_back(*std::move(part));
  }
  EXPECT_THAT(MakeSequence(std::move(parts))->Apply({7}, true),
              ElementsAre(1, 1, 7, 2, 3, 2, 3));
}

TEST(PostProcessorTest, MalformedTemplatesAreErrors) {
  const std::pair<const char*, const char*> kBad[] = {
      {"{}", "\"single\" is missing"},
      {R"({"single": "$A"})", "\"single\" is missing or no array"},
      {R"({"single": ["$A"]})", "neither a SpecialToken nor the Sequence A"},
      {R"({"single": [{"Sequence": {"id": "B"}}]})", "nor the Sequence A"},
      {R"({"single": [{"SpecialToken": {"id": "x"}}]})",
       "no \"ids\" for \"x\""},
      {R"({"single": [{"SpecialToken": {}}]})", "\"id\" is missing"},
      {R"({"single": [{"SpecialToken": {"id": "x"}}],
           "special_tokens": {"x": {"ids": [-4]}}})",
       "\"x\": the id is -4"},
  };
  for (const auto& [config, message] : kBad) {
    EXPECT_THAT(
        ParseTemplateProcessing(ParseOrDie(config)),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)))
        << config;
  }
  EXPECT_THAT(
      ParseClsSepProcessing(ParseOrDie(R"({"cls": ["<s>"]})")),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"cls\"")));
}

}  // namespace
}  // namespace ounce
