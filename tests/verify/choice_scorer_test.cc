#include "verify/choice_scorer.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/runtime/reference_transformer.h"
#include "tests/util/status_matchers.h"
#include "tests/util/tiny_model.h"
#include "tests/verify/letter_tokenizer.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

absl::StatusOr<TokenizedItem> Tokenize(const std::string& prompt,
                                       std::vector<std::string> choices,
                                       int64_t capacity = 64) {
  TaskItem item;
  item.prompt = prompt;
  item.choices = std::move(choices);
  return TokenizeItem(item, LetterTokenizer(), capacity);
}

TEST(TokenizeItemTest, ScoresWhatFollowsThePrompt) {
  ASSERT_OK_AND_ASSIGN(const TokenizedItem item, Tokenize("ab", {" c", " cd"}));
  ASSERT_EQ(item.choices.size(), 2u);
  EXPECT_THAT(item.choices[0].ids, ElementsAre(1, 10, 11, 2, 12));
  EXPECT_THAT(item.choices[1].ids, ElementsAre(1, 10, 11, 2, 12, 13));
  EXPECT_EQ(item.choices[0].scored_from, 3);
  EXPECT_EQ(item.choices[1].scored_from, 3);
  EXPECT_EQ(item.longest(), 6);
  // The last id of the prompt predicts the first that is scored.
  EXPECT_EQ(item.shared(), 2);
}

TEST(TokenizeItemTest, ScoresATokenThatJoinsPromptAndChoice) {
  // "ax" is [1, 10, 33], "axy" is [1, 10, 40]: the joint token counts.
  ASSERT_OK_AND_ASSIGN(const TokenizedItem item, Tokenize("ax", {"y", "b"}));
  EXPECT_THAT(item.choices[0].ids, ElementsAre(1, 10, 40));
  EXPECT_EQ(item.choices[0].scored_from, 2);
  EXPECT_EQ(item.choices[1].scored_from, 3);
  EXPECT_EQ(item.shared(), 1);
}

TEST(TokenizeItemTest, FirstIdOfATextIsNeverScored) {
  TaskItem item;
  item.choices = {"ab", "cd"};
  const LetterTokenizer tokenizer(/*has_beginning=*/false);
  ASSERT_OK_AND_ASSIGN(const TokenizedItem tokenized,
                       TokenizeItem(item, tokenizer, 64));
  EXPECT_THAT(tokenized.choices[0].ids, ElementsAre(10, 11));
  EXPECT_EQ(tokenized.choices[0].scored_from, 1);
  EXPECT_EQ(tokenized.shared(), 0);
  // Of one letter nothing is left to score.
  item.choices = {"ab", "c"};
  EXPECT_THAT(TokenizeItem(item, tokenizer, 64),
              StatusIs(kInvalid, HasSubstr("adds no token")));
}

TEST(TokenizeItemTest, RefusesAChoiceThatAddsNothing) {
  EXPECT_THAT(
      Tokenize("ab", {"c", ""}),
      StatusIs(kInvalid, HasSubstr("choice \"\" adds no token to its prompt")));
}

TEST(TokenizeItemTest, RefusesWhatDoesNotFitTheContext) {
  EXPECT_OK(Tokenize("abc", {"d", "e"}, /*capacity=*/5));
  EXPECT_THAT(Tokenize("abc", {"d", "ef"}, /*capacity=*/5),
              StatusIs(kInvalid, HasSubstr("prompt and choice have 6 tokens; "
                                           "the model's context is 5")));
}

class ChoiceScorerTest : public ::testing::Test {
 protected:
  // Of the prompt and choices, by the plain transformer.
  int64_t ExpectedWinner(const TokenizedItem& item) const {
    const ReferenceTransformer reference(model_.spec(), model_.bound());
    int64_t winner = 0;
    double best = -std::numeric_limits<double>::infinity();
    for (size_t c = 0; c < item.choices.size(); ++c) {
      const TokenizedItem::Choice& choice = item.choices[c];
      const auto rows = reference.Logits(choice.ids);
      double score = 0;
      for (auto i = static_cast<size_t>(choice.scored_from);
           i < choice.ids.size(); ++i) {
        double sum = 0;
        for (const double logit : rows[i - 1]) sum += std::exp(logit);
        score +=
            rows[i - 1][static_cast<size_t>(choice.ids[i])] - std::log(sum);
      }
      if (score <= best) continue;
      best = score;
      winner = static_cast<int64_t>(c);
    }
    return winner;
  }

  ThreadPool pool_{1};
  KernelContext context_{*ParseIsa("native"), &pool_};
  TinyModel model_{TinySpec()};
  ChoiceScorer scorer_{model_.weights(), 64, &context_};
};

TEST_F(ChoiceScorerTest, HighestSumOfLogProbabilitiesWins) {
  std::vector<int> wins(4);
  for (const std::string prompt : {"once upon a time", "b", "the miller gave",
                                   "xyx", "", "aaaa", "zebra", "q w e r t"}) {
    ASSERT_OK_AND_ASSIGN(const TokenizedItem item,
                         Tokenize(prompt, {"y", "k", "yes no", " maybe"}));
    ASSERT_OK_AND_ASSIGN(const int64_t winner, scorer_.Winner(item));
    EXPECT_EQ(winner, ExpectedWinner(item)) << prompt;
    ++wins[static_cast<size_t>(winner)];
  }
  // The comparison is worth something only if not always the same one wins.
  EXPECT_LT(*std::max_element(wins.begin(), wins.end()), 8);
}

TEST_F(ChoiceScorerTest, TiesGoToTheLowestIndex) {
  ASSERT_OK_AND_ASSIGN(const TokenizedItem pair, Tokenize("ab", {"c", "d"}));
  ASSERT_OK_AND_ASSIGN(const int64_t better, scorer_.Winner(pair));
  const std::string best = better == 0 ? "c" : "d";
  const std::string other = better == 0 ? "d" : "c";
  EXPECT_EQ(*scorer_.Winner(*Tokenize("ab", {other, best, other, best})), 1);
  EXPECT_EQ(*scorer_.Winner(*Tokenize("ab", {best, best})), 0);
}

TEST_F(ChoiceScorerTest, EarlierItemsLeaveNoTrace) {
  ASSERT_OK_AND_ASSIGN(const TokenizedItem item,
                       Tokenize("the miller", {" a", " b", " c", " d"}));
  ASSERT_OK_AND_ASSIGN(const int64_t fresh, scorer_.Winner(item));
  ASSERT_OK(scorer_.Winner(*Tokenize("something else", {"k", "l"})));
  EXPECT_EQ(*scorer_.Winner(item), fresh);
}

TEST_F(ChoiceScorerTest, ReportsLogitsThatAreNotFinite) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(model_.source().MutableBytes("model.norm.weight"), &nan, 4);
  model_.Bind();
  ChoiceScorer scorer(model_.weights(), 64, &context_);
  EXPECT_THAT(scorer.Winner(*Tokenize("ab", {"c", "d"})),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not finite")));
}

}  // namespace
}  // namespace ounce
