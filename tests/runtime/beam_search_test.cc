#include "runtime/beam_search.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/gaussian.h"
#include "tests/util/status_matchers.h"
#include "tests/util/tiny_model.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int32_t kStart = 0;
using Ids = std::vector<int32_t>;
// Log-probabilities of what follows some ids.
using Model = std::function<std::vector<float>(const Ids&)>;

BeamSearch Finished(const BeamOptions& options, const GenerationRules& rules,
                    const Model& model) {
  BeamSearch search(options, rules);
  while (!search.beams().empty()) {
    std::vector<float> values;
    for (const BeamSearch::Beam& beam : search.beams()) {
      const std::vector<float> next = model(beam.ids);
      values.insert(values.end(), next.begin(), next.end());
    }
    const auto rows = static_cast<int64_t>(search.beams().size());
    Matrix scores(rows, static_cast<int64_t>(values.size()) / rows, values);
    search.Step(scores.view());
  }
  return search;
}

std::vector<float> Logs(std::vector<float> probabilities) {
  for (float& p : probabilities) p = std::log(p);
  return probabilities;
}

// Ids: 0 starts, 1 stops, 2 is "a", 3 is "b".
// First step: stop 0.1, a 0.5, b 0.4.  After a: stop 0.2, a 0.4, b 0.4.  After
// b: stop 0.9, a 0.05, b 0.05.  After a b: stop 0.1, a 0.8, b 0.1.  After
// anything else: stop 0.5, a 0.3, b 0.2.
std::vector<float> HandModel(const Ids& ids) {
  if (ids == Ids{0}) return Logs({1e-9f, 0.1f, 0.5f, 0.4f});
  if (ids == Ids{0, 2}) return Logs({1e-9f, 0.2f, 0.4f, 0.4f});
  if (ids == Ids{0, 3}) return Logs({1e-9f, 0.9f, 0.05f, 0.05f});
  if (ids == Ids{0, 2, 3}) return Logs({1e-9f, 0.1f, 0.8f, 0.1f});
  return Logs({1e-9f, 0.5f, 0.3f, 0.2f});
}

GenerationRules HandRules(int64_t max_tokens) {
  GenerationRules rules;
  rules.start_id = kStart;
  rules.stop_ids = {1};
  rules.max_tokens = max_tokens;
  return rules;
}

// Two beams.  Step 1: a (0.5) and b (0.4) go on; the stop is third, not among
// the best two, and is dropped.  Step 2, by joint probability: b stop 0.36,
// a a 0.2, a b 0.2, a stop 0.1: "b" is done with log(0.36) / 2 = -0.511; a a
// and a b go on.  Step 3: a b a 0.16, a a stop 0.1, a a a 0.06: "a a" is done
// with log(0.1) / 3 = -0.768, and log(0.16) / 3 = -0.611 could still beat it.
// Step 4: a b a stop 0.08, a b a a 0.048, a b a b 0.032: "a b a" is done with
// log(0.08) / 4 = -0.631 and puts "a a" out; log(0.048) / 4 = -0.759 is worse.
TEST(BeamSearchTest, FollowsACaseWorkedByHand) {
  BeamOptions options;
  options.beams = 2;
  BeamSearch search(options, HandRules(10));
  ASSERT_THAT(search.beams(), SizeIs(1));
  Matrix first(1, 4, HandModel({kStart}));
  search.Step(first.view());
  ASSERT_THAT(search.beams(), SizeIs(2));
  EXPECT_THAT(search.beams()[0].ids, ElementsAre(0, 2));
  EXPECT_THAT(search.beams()[1].ids, ElementsAre(0, 3));
  EXPECT_NEAR(search.beams()[1].log_probability, std::log(0.4), 1e-6);
  EXPECT_THAT(search.done(), IsEmpty());

  std::vector<float> values = HandModel({kStart, 2});
  const std::vector<float> after_b = HandModel({kStart, 3});
  values.insert(values.end(), after_b.begin(), after_b.end());
  Matrix second(2, 4, values);
  search.Step(second.view());
  ASSERT_THAT(search.beams(), SizeIs(2));
  EXPECT_THAT(search.beams()[0].ids, ElementsAre(0, 2, 2));
  EXPECT_THAT(search.beams()[1].ids, ElementsAre(0, 2, 3));
  EXPECT_EQ(search.beams()[0].parent, 0);
  EXPECT_EQ(search.beams()[1].parent, 0);
  ASSERT_THAT(search.done(), SizeIs(1));
  EXPECT_THAT(search.done()[0].ids, ElementsAre(3));
  EXPECT_TRUE(search.done()[0].stopped);
  EXPECT_EQ(search.done()[0].tokens, 2);
  EXPECT_NEAR(search.done()[0].score, std::log(0.36) / 2, 1e-6);

  const BeamSearch whole = Finished(options, HandRules(10), HandModel);
  ASSERT_THAT(whole.done(), SizeIs(2));
  EXPECT_THAT(whole.done()[0].ids, ElementsAre(3));
  EXPECT_THAT(whole.done()[1].ids, ElementsAre(2, 3, 2));
  EXPECT_NEAR(whole.done()[1].score, std::log(0.08) / 4, 1e-6);
}

// The case above with a length penalty of 3: "b" has log(0.36) / 8 = -0.128,
// "a a" log(0.1) / 27 = -0.085, "a b a" log(0.08) / 64 = -0.039, and a b a a,
// which the limit of four tokens ends, log(0.048) / 64 = -0.047.
TEST(BeamSearchTest, ALengthPenaltyMayMakeTheLongestTextWin) {
  BeamOptions options;
  options.beams = 2;
  options.length_penalty = 3.0;
  const BeamSearch search = Finished(options, HandRules(4), HandModel);
  ASSERT_THAT(search.done(), SizeIs(2));
  EXPECT_THAT(search.done()[0].ids, ElementsAre(2, 3, 2));
  EXPECT_NEAR(search.done()[0].score, std::log(0.08) / 64, 1e-6);
  EXPECT_TRUE(search.done()[0].stopped);
  EXPECT_THAT(search.done()[1].ids, ElementsAre(2, 3, 2, 2));
  EXPECT_FALSE(search.done()[1].stopped);
}

TEST(BeamSearchTest, EarlyStoppingEndsWithAsManyTextsAsBeams) {
  BeamOptions options;
  options.beams = 2;
  options.length_penalty = 3.0;
  options.early_stopping = true;
  const BeamSearch search = Finished(options, HandRules(10), HandModel);
  // As above, but nothing after step 3, when two texts are done.
  EXPECT_THAT(search.done()[0].ids, ElementsAre(2, 2));
  EXPECT_NEAR(search.done()[0].score, std::log(0.1) / 27, 1e-6);
  EXPECT_THAT(search.done()[1].ids, ElementsAre(3));
}

TEST(BeamSearchTest, TheLengthLimitFinishesWhatIsLeft) {
  BeamOptions options;
  options.beams = 2;
  const BeamSearch search = Finished(options, HandRules(1), HandModel);
  ASSERT_THAT(search.done(), SizeIs(2));
  EXPECT_THAT(search.done()[0].ids, ElementsAre(2));
  EXPECT_FALSE(search.done()[0].stopped);
  EXPECT_THAT(search.done()[1].ids, ElementsAre(3));
  EXPECT_THAT(Finished(options, HandRules(0), HandModel).done(), IsEmpty());
}

TEST(BeamSearchTest, RulesHoldForEachBeam) {
  BeamOptions options;
  options.beams = 2;
  GenerationRules rules = HandRules(3);
  rules.forced_first_id = 2;
  rules.forced_last_id = 1;
  rules.no_repeat_ngram = 1;
  const BeamSearch search = Finished(options, rules, HandModel);
  // a; then b (0.4), for a is there already, or stop (0.2); then the stop,
  // which is certain: a b has log(0.4) / 3, a has log(0.2) / 2.
  EXPECT_THAT(search.done()[0].ids, ElementsAre(2, 3));
  EXPECT_NEAR(search.done()[0].score, std::log(0.4) / 3, 1e-6);
  EXPECT_THAT(search.done()[1].ids, ElementsAre(2));
  EXPECT_NEAR(search.done()[1].score, std::log(0.2) / 2, 1e-6);
}

TEST(BeamSearchTest, WhereNothingMayFollowTextsEndAsTheyAre) {
  BeamOptions options;
  options.beams = 2;
  GenerationRules rules = HandRules(10);
  rules.suppressed_ids = {0, 1};
  rules.no_repeat_ngram = 1;
  const BeamSearch search = Finished(options, rules, HandModel);
  ASSERT_THAT(search.done(), SizeIs(2));
  EXPECT_THAT(search.done()[0].ids, ElementsAre(2, 3));
  EXPECT_FALSE(search.done()[0].stopped);
}

// A distribution for each text, of `vocab` ids.
std::vector<float> RandomModel(const Ids& ids, int64_t vocab) {
  uint64_t seed = 17;
  for (const int32_t id : ids) {
    seed = seed * 31 + static_cast<uint64_t>(id) + 1;
  }
  Matrix logits(1, vocab, Gaussian(seed).Floats(vocab, 2.0));
  LogSoftmax(logits.view());
  return {logits.values().begin(), logits.values().end()};
}

// The best of all texts there are, found by writing them all down.
struct Exhaustive {
  const GenerationRules& rules;
  const Model& model;
  double length_penalty;
  BeamText best = {{}, -std::numeric_limits<double>::infinity()};

  void Search(const Ids& ids, double log_probability) {
    std::vector<float> scores = model(ids);
    const auto tokens = static_cast<double>(ids.size());
    for (size_t id = 0; id < scores.size(); ++id) {
      const double total = log_probability + double{scores[id]};
      Ids next = ids;
      next.push_back(static_cast<int32_t>(id));
      const bool stops = next.back() == rules.stop_ids[0];
      if (!stops && static_cast<int64_t>(ids.size()) < rules.max_tokens) {
        Search(next, total);
        continue;
      }
      const double score = total / std::pow(tokens, length_penalty);
      if (score <= best.score) continue;
      if (stops) next.pop_back();
      best = {{next.begin() + 1, next.end()}, score};
    }
  }
};

TEST(BeamSearchTest, WithABeamForEveryTextItFindsTheBestOfAll) {
  const int64_t vocab = 4;
  const Model model = [=](const Ids& ids) { return RandomModel(ids, vocab); };
  for (const double length_penalty : {-1.0, 0.0, 0.7, 1.0, 2.0}) {
    GenerationRules rules = HandRules(4);
    Exhaustive exhaustive = {rules, model, length_penalty};
    exhaustive.Search({kStart}, 0.0);
    BeamOptions options;
    options.beams = 256;  // 4^4 texts at most.
    options.length_penalty = length_penalty;
    const BeamSearch search = Finished(options, rules, model);
    EXPECT_THAT(search.done()[0].ids, exhaustive.best.ids) << length_penalty;
    EXPECT_NEAR(search.done()[0].score, exhaustive.best.score, 1e-9);
  }
}

TEST(BeamSearchTest, OneBeamIsGreedyAndStopsAtTheFirstStop) {
  const int64_t vocab = 9;
  const Model model = [=](const Ids& ids) { return RandomModel(ids, vocab); };
  BeamOptions options;
  options.beams = 1;
  const BeamSearch search = Finished(options, HandRules(12), model);
  Ids greedy = {kStart};
  while (greedy.size() < 13) {
    const std::vector<float> scores = model(greedy);
    const auto best = static_cast<int32_t>(
        std::max_element(scores.begin(), scores.end()) - scores.begin());
    if (best == 1) break;
    greedy.push_back(best);
  }
  EXPECT_EQ(search.done()[0].ids, Ids(greedy.begin() + 1, greedy.end()));
}

ModelSpec TinyTranslator() {
  ModelSpec spec = TinySpec();
  spec.architecture = "bart";
  spec.vocab = 12;
  spec.kv_heads = spec.heads;
  spec.encoder = {.layers = 1, .heads = 4, .head_dim = 8, .ffn = 40};
  spec.stop_ids = {1};
  spec.generation.start_id = 0;
  return spec;
}

// The search with all beams in one forward pass and sequences copied as beams
// come and go, against the same search where each text goes through the model
// anew and alone.
class SearchBeamsTest : public testing::TestWithParam<int> {
 protected:
  SearchBeamsTest()
      : model_(TinyTranslator(), Codec::kF32,
               static_cast<uint64_t>(GetParam())),
        source_(5, 24, Gaussian(3).Floats(5 * 24)) {}

  std::vector<float> Alone(const Ids& ids) {
    Executor decoder(model_.weights(), &context_, 16);
    EXPECT_OK(decoder.SetSource(source_.view(), {}));
    Matrix hidden;
    EXPECT_OK(decoder.Forward(ids, &hidden));
    Matrix logits(1, 12);
    decoder.Logits(hidden.view().Rows(hidden.rows() - 1, hidden.rows()),
                   logits.view());
    LogSoftmax(logits.view());
    return {logits.values().begin(), logits.values().end()};
  }

  ThreadPool pool_{2};
  KernelContext context_{*ParseIsa("native"), &pool_};
  TinyModel model_;
  Matrix source_;
};

TEST_P(SearchBeamsTest, BeamsThatRunTogetherAreWhatEachIsAlone) {
  for (const int64_t beams : {1, 2, 5}) {
    BeamOptions options;
    options.beams = beams;
    const GenerationRules rules = RulesOf(model_.spec(), 10);
    Executor decoder(model_.weights(), &context_, 10, {.sequences = beams});
    ASSERT_OK(decoder.SetSource(source_.view(), {}));
    ASSERT_OK_AND_ASSIGN(const BeamText found,
                         SearchBeams(options, rules, &decoder));
    const BeamSearch alone =
        Finished(options, rules, [this](const Ids& ids) { return Alone(ids); });
    EXPECT_EQ(found.ids, alone.done()[0].ids) << beams << " beams";
    // Float sums of another order.
    EXPECT_NEAR(found.score, alone.done()[0].score, 1e-5);
    EXPECT_EQ(found.stopped, alone.done()[0].stopped);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SearchBeamsTest, testing::Range(1, 9));

TEST(LogSoftmaxTest, IsTheLogarithmOfProbabilities) {
  Matrix x(2, 3, {0.0f, 0.0f, 0.0f, 100.0f, 101.0f, 99.0f});
  EXPECT_TRUE(LogSoftmax(x.view()));
  EXPECT_NEAR(x.view().at(0, 1), -std::log(3.0), 1e-6);
  // log(1 + e^-1 + e^-2) = 0.40760596.
  EXPECT_NEAR(x.view().at(1, 1), -0.40760596, 1e-5);
  EXPECT_NEAR(x.view().at(1, 2), -2.40760596, 1e-5);
}

TEST(LogSoftmaxTest, SaysWhenALogitIsNotFinite) {
  Matrix x(1, 2, {0.0f, std::numeric_limits<float>::infinity()});
  EXPECT_FALSE(LogSoftmax(x.view()));
}

}  // namespace
}  // namespace ounce
