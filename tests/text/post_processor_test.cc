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

// What `processor` makes of texts, which have type ids 0 and 1, joined.
absl::StatusOr<Encoding> Apply(const PostProcessorOr& processor,
                               std::vector<std::vector<int32_t>> texts,
                               bool add_special_tokens) {
  OUNCE_RETURN_IF_ERROR(processor.status());
  Parts parts;
  for (std::vector<int32_t>& ids : texts) {
    const auto type_id = static_cast<int32_t>(parts.size());
    parts.push_back({Encoding(std::move(ids), type_id)});
  }
  OUNCE_ASSIGN_OR_RETURN(
      parts, (*processor)->Apply(std::move(parts), add_special_tokens));
  OUNCE_ASSIGN_OR_RETURN(Windows windows, JoinParts(std::move(parts)));
  return windows.front();
}

std::vector<int32_t> IdsAfter(const PostProcessorOr& processor,
                              std::vector<int32_t> ids,
                              bool add_special_tokens) {
  auto encoding = Apply(processor, {std::move(ids)}, add_special_tokens);
  EXPECT_THAT(encoding, IsOk());
  return encoding.ok() ? encoding->ids : std::vector<int32_t>();
}

TEST(PostProcessorTest, TemplateSurroundsTheText) {
  auto processor = ParseTemplateProcessing(ParseOrDie(kBosAndEos));
  ASSERT_THAT(processor, IsOk());
  EXPECT_THAT(IdsAfter(processor, {7, 8}, true), ElementsAre(1, 7, 8, 2, 3));
  EXPECT_THAT(IdsAfter(processor, {7, 8}, false), ElementsAre(7, 8));
  EXPECT_THAT(IdsAfter(processor, {}, true), ElementsAre(1, 2, 3));
}

TEST(PostProcessorTest, ByteLevelChangesNoIds) {
  auto processor = ParseByteLevelPostProcessor(Json());
  ASSERT_THAT(processor, IsOk());
  EXPECT_THAT(IdsAfter(processor, {4, 5}, true), ElementsAre(4, 5));
}

TEST(PostProcessorTest, ClsAndSepSurroundTheText) {
  for (const auto parse : {&ParseBertProcessing, &ParseRobertaProcessing}) {
    auto processor =
        parse(ParseOrDie(R"({"sep": ["</s>", 2], "cls": ["<s>", 0]})"));
    EXPECT_THAT(IdsAfter(processor, {9}, true), ElementsAre(0, 9, 2));
    EXPECT_THAT(IdsAfter(processor, {9}, false), ElementsAre(9));
    EXPECT_EQ((*processor)->NumAdded(/*is_pair=*/false), 2);
  }
}

TEST(PostProcessorTest, BertAndRobertaSeparatePairsInTheirOwnWays) {
  const Json config = ParseOrDie(R"({"sep": ["</s>", 2], "cls": ["<s>", 0]})");
  auto bert = ParseBertProcessing(config);
  ASSERT_OK_AND_ASSIGN(Encoding encoding, Apply(bert, {{7, 8}, {9}}, true));
  EXPECT_THAT(encoding.ids, ElementsAre(0, 7, 8, 2, 9, 2));
  EXPECT_THAT(encoding.type_ids, ElementsAre(0, 0, 0, 0, 1, 1));
  EXPECT_EQ((*bert)->NumAdded(/*is_pair=*/true), 3);
  auto roberta = ParseRobertaProcessing(config);
  ASSERT_OK_AND_ASSIGN(encoding, Apply(roberta, {{7, 8}, {9}}, true));
  EXPECT_THAT(encoding.ids, ElementsAre(0, 7, 8, 2, 2, 9, 2));
  EXPECT_THAT(encoding.type_ids, ElementsAre(0, 0, 0, 0, 0, 0, 0));
  EXPECT_EQ((*roberta)->NumAdded(/*is_pair=*/true), 4);
}

constexpr char kPair[] = R"({
  "single": [{"Sequence": {"id": "A", "type_id": 2}}],
  "pair": [{"Sequence": {"id": "B", "type_id": 3}},
           {"SpecialToken": {"id": "|", "type_id": 4}},
           {"Sequence": {"id": "A", "type_id": 0}}],
  "special_tokens": {"|": {"id": "|", "ids": [1, 6], "tokens": ["|", "|"]}}})";

TEST(PostProcessorTest, TemplateOrdersAPairAndStatesTypeIds) {
  auto processor = ParseTemplateProcessing(ParseOrDie(kPair));
  ASSERT_OK_AND_ASSIGN(Encoding encoding,
                       Apply(processor, {{7, 8}, {9}}, true));
  EXPECT_THAT(encoding.ids, ElementsAre(9, 1, 6, 7, 8));
  EXPECT_THAT(encoding.type_ids, ElementsAre(3, 4, 4, 0, 0));
  EXPECT_THAT(encoding.attention_mask, ElementsAre(1, 1, 1, 1, 1));
  ASSERT_OK_AND_ASSIGN(encoding, Apply(processor, {{7, 8}, {9}}, false));
  EXPECT_THAT(encoding.ids, ElementsAre(9, 7, 8));
  ASSERT_OK_AND_ASSIGN(encoding, Apply(processor, {{7, 8}}, true));
  EXPECT_THAT(encoding.type_ids, ElementsAre(2, 2));
  EXPECT_EQ((*processor)->NumAdded(/*is_pair=*/true), 2);
  EXPECT_EQ((*processor)->NumAdded(/*is_pair=*/false), 0);
}

TEST(PostProcessorTest, ABadPairTemplateIsAnErrorOfPairsOnly) {
  auto processor = ParseTemplateProcessing(ParseOrDie(kBosAndEos));
  EXPECT_THAT(IdsAfter(processor, {7}, false), ElementsAre(7));
  EXPECT_THAT(Apply(processor, {{7}, {8}}, true),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("\"pair\" is missing or no array")));
}

TEST(PostProcessorTest, SequenceHandsOnParts) {
  // The first makes cls, text and sep one part; the second sees one text.
  std::vector<std::unique_ptr<PostProcessor>> steps;
  for (const auto parse : {&ParseBertProcessing, &ParseRobertaProcessing}) {
    auto step = parse(ParseOrDie(R"({"sep": ["s", 2], "cls": ["c", 3]})"));
    ASSERT_THAT(step, IsOk());
    steps.push_back(*std::move(step));
  }
  const PostProcessorOr sequence = MakeSequence(std::move(steps));
  EXPECT_THAT(IdsAfter(sequence, {7}, true), ElementsAre(3, 3, 7, 2, 2));
  EXPECT_EQ((*sequence)->NumAdded(/*is_pair=*/true), 7);
}

TEST(PostProcessorTest, ATemplateBehindATemplateIsAnError) {
  // The reference counts the parts of the first, three here, as texts.
  std::vector<std::unique_ptr<PostProcessor>> steps;
  for (int i = 0; i < 2; ++i) {
    auto step = ParseTemplateProcessing(ParseOrDie(kBosAndEos));
    ASSERT_THAT(step, IsOk());
    steps.push_back(*std::move(step));
  }
  EXPECT_THAT(
      Apply(PostProcessorOr(MakeSequence(std::move(steps))), {{7}}, true),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("3 parts; expected 1 or 2")));
}

TEST(PostProcessorTest, EveryWindowOfOneTextGoesWithEveryOneOfTheOther) {
  // Encoding::merge_with of the reference, in its order.
  const auto one = [](int32_t id) { return Encoding({id}, 0); };
  ASSERT_OK_AND_ASSIGN(
      const Windows windows,
      JoinParts({{one(1), one(2), one(3)}, {one(9)}, {one(5), one(6)}}));
  std::vector<std::vector<int32_t>> ids;
  for (const Encoding& window : windows) ids.push_back(window.ids);
  EXPECT_THAT(ids, ElementsAre(ElementsAre(1, 9, 5), ElementsAre(2, 9, 5),
                               ElementsAre(2, 9, 6), ElementsAre(3, 9, 5),
                               ElementsAre(3, 9, 6), ElementsAre(1, 9, 6)));
}

TEST(PostProcessorTest, TooManyWindowsAreAnErrorBeforeTheyTakeMemory) {
  const Windows many(20000, Encoding({1}, 0));
  EXPECT_THAT(
      JoinParts({many, many}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("are too many")));
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
      ParseBertProcessing(ParseOrDie(R"({"cls": ["<s>"]})")),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"cls\"")));
}

}  // namespace
}  // namespace ounce
