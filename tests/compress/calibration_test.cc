#include "compress/calibration.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/tiny_model.h"
#include "tests/verify/letter_tokenizer.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSubsetOf;

using Ids = std::vector<int32_t>;

CalibrationOptions Options(int64_t tokens, int64_t context, uint64_t seed = 0) {
  CalibrationOptions options;
  options.tokens = tokens;
  options.context = context;
  options.seed = seed;
  return options;
}

absl::StatusOr<Calibration> OnText(absl::string_view text,
                                   const CalibrationOptions& options,
                                   bool causal = true) {
  ModelSpec spec = TinySpec();
  spec.causal = causal;
  return CalibrateOnText(text, LetterTokenizer(), spec, options);
}

testing::Matcher<absl::Status> Invalid(const std::string& words) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words));
}

TEST(CalibrationContextTest, IsTheUsersOrTheModelsOr512) {
  ModelSpec spec = TinySpec();
  spec.max_context = 4096;
  EXPECT_THAT(CalibrationContext(Options(32768, 0), spec), IsOkAndHolds(512));
  EXPECT_THAT(CalibrationContext(Options(32768, 4096), spec),
              IsOkAndHolds(4096));
  EXPECT_THAT(CalibrationContext(Options(32768, 4097), spec).status(),
              Invalid("expected 1 to 4096"));
  EXPECT_THAT(CalibrationContext(Options(32768, -1), spec).status(),
              Invalid("a calibration context of -1"));
  spec.max_context = 64;
  EXPECT_THAT(CalibrationContext(Options(32768, 0), spec), IsOkAndHolds(64));
}

TEST(CalibrationContextTest, IsNoLongerThanAllTokens) {
  const ModelSpec spec = TinySpec();
  EXPECT_THAT(CalibrationContext(Options(7, 0), spec), IsOkAndHolds(7));
  EXPECT_THAT(CalibrationContext(Options(7, 20), spec), IsOkAndHolds(7));
  EXPECT_THAT(CalibrationContext(Options(0, 0), spec).status(),
              Invalid("give at least 1"));
}

// 'a' is 10; no token is put before the text.
TEST(CalibrateOnTextTest, CutsACausalModelsTextIntoWindows) {
  ASSERT_OK_AND_ASSIGN(const Calibration calibration,
                       OnText("abcdefgh", Options(32768, 3)));
  EXPECT_THAT(calibration.windows,
              ElementsAre(Ids{10, 11, 12}, Ids{13, 14, 15}, Ids{16, 17}));
  EXPECT_EQ(calibration.total_tokens(), 8);
  EXPECT_EQ(calibration.options.context, 3);
  EXPECT_FALSE(calibration.own_text);
}

// Of the bytes 0a 00 00 00 0b 00 00 00 0c 00 00 00, by sha256sum.
TEST(CalibrateOnTextTest, TellsTheHashOfItsIds) {
  ASSERT_OK_AND_ASSIGN(const Calibration calibration,
                       OnText("abc", Options(32768, 2)));
  EXPECT_EQ(calibration.sha256,
            "a56d6bbbe254a23749343fb727e7f348b719bc6314763d6a792843e2f7c466ee");
}

// 1 begins a text, and a blank is 2.  Empty lines are none.
TEST(CalibrateOnTextTest, TakesLineByLineForModelsThatSeeBothSides) {
  ASSERT_OK_AND_ASSIGN(
      const Calibration calibration,
      OnText("ab\n\n  \ncd e\r\n\r\nf", Options(32768, 4), false));
  EXPECT_THAT(calibration.windows,
              ElementsAre(Ids{1, 10, 11}, Ids{1, 12, 13, 2}, Ids{1, 15}));
}

TEST(CalibrateOnTextTest, NeedsAToken) {
  for (const bool causal : {true, false}) {
    EXPECT_THAT(OnText("", Options(100, 10), causal).status(),
                Invalid("the calibration text has no token"));
  }
  EXPECT_THAT(OnText("\n \n", Options(100, 10), false).status(),
              Invalid("has no token"));
  // What the tokenizer says is passed on.
  EXPECT_THAT(OnText("A", Options(100, 10)).status(), Invalid("no letter"));
  EXPECT_THAT(OnText("a", Options(100, 65)).status(), Invalid("1 to 64"));
}

// Windows "aaaaa", "bbbbb" ... "ttttt".
std::string TwentyWindows() {
  std::string text;
  for (char letter = 'a'; letter <= 't'; ++letter) {
    text += std::string(5, letter);
  }
  return text;
}

TEST(CalibrateOnTextTest, TheSeedPicksWindowsOfALongerText) {
  const std::string text = TwentyWindows();
  ASSERT_OK_AND_ASSIGN(const Calibration all, OnText(text, Options(100, 5)));
  EXPECT_EQ(all.windows.size(), 20u);
  std::set<std::string> hashes;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    ASSERT_OK_AND_ASSIGN(const Calibration some,
                         OnText(text, Options(29, 5, seed)));
    EXPECT_EQ(some.windows.size(), 5u);
    EXPECT_THAT(some.windows, IsSubsetOf(all.windows));
    // In the order of the text, none twice.
    for (size_t i = 1; i < 5; ++i) {
      EXPECT_LT(some.windows[i - 1], some.windows[i]);
    }
    ASSERT_OK_AND_ASSIGN(const Calibration again,
                         OnText(text, Options(29, 5, seed)));
    EXPECT_EQ(again.windows, some.windows);
    EXPECT_EQ(again.sha256, some.sha256);
    hashes.insert(some.sha256);
  }
  EXPECT_GE(hashes.size(), 9u);
}

// Each of 20 windows is among 5 drawn with probability 1/4: 500 of 2000 times,
// give or take five standard deviations of 19.4.
TEST(CalibrateOnTextTest, EveryWindowHasTheSameChance) {
  const std::string text = TwentyWindows();
  std::vector<int> drawn(20);
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    ASSERT_OK_AND_ASSIGN(const Calibration some,
                         OnText(text, Options(25, 5, seed)));
    for (const Ids& window : some.windows) {
      ++drawn[static_cast<size_t>(window[0] - 10)];
    }
  }
  for (const int count : drawn) EXPECT_NEAR(count, 500, 97);
}

TEST(CalibrateOnTextTest, NeverTakesMoreTokensThanAllowed) {
  const std::string lines = "a\nabc\nabcdefgh\nab\nabcdefghijklm\n";
  for (int64_t tokens = 1; tokens < 40; ++tokens) {
    for (uint64_t seed = 0; seed < 5; ++seed) {
      for (const bool causal : {true, false}) {
        const std::string text = causal ? TwentyWindows() : lines;
        ASSERT_OK_AND_ASSIGN(const Calibration calibration,
                             OnText(text, Options(tokens, 0, seed), causal));
        EXPECT_LE(calibration.total_tokens(), tokens);
        EXPECT_GE(calibration.total_tokens(), 1);
      }
    }
  }
}

class OwnTextTest : public ::testing::Test {
 protected:
  static absl::StatusOr<Calibration> Write(const TinyModel& model,
                                           const CalibrationOptions& options,
                                           int threads = 2) {
    ThreadPool pool(threads);
    KernelContext context(*ParseIsa("native"), &pool);
    return CalibrateOnOwnText(model.weights(), options, {}, &context);
  }
};

TEST_F(OwnTextTest, HasWindowsOfTheContextAndIdsOfTheVocabulary) {
  const TinyModel model(TinySpec());
  ASSERT_OK_AND_ASSIGN(const Calibration calibration,
                       Write(model, Options(45, 8)));
  EXPECT_TRUE(calibration.own_text);
  EXPECT_EQ(calibration.options.context, 8);
  ASSERT_EQ(calibration.windows.size(), 5u);
  for (const Ids& window : calibration.windows) {
    ASSERT_EQ(window.size(), 8u);
    EXPECT_GE(*std::min_element(window.begin(), window.end()), 0);
    EXPECT_LT(*std::max_element(window.begin(), window.end()), 50);
  }
  ASSERT_OK_AND_ASSIGN(const Calibration one, Write(model, Options(5, 8)));
  ASSERT_EQ(one.windows.size(), 1u);
  EXPECT_EQ(one.windows[0].size(), 5u);
}

TEST_F(OwnTextTest, FollowsFromTheSeedAlone) {
  const TinyModel model(TinySpec());
  ASSERT_OK_AND_ASSIGN(const Calibration first,
                       Write(model, Options(160, 8, 3), 1));
  ASSERT_OK_AND_ASSIGN(const Calibration same,
                       Write(model, Options(160, 8, 3), 3));
  ASSERT_OK_AND_ASSIGN(const Calibration other,
                       Write(model, Options(160, 8, 4), 1));
  EXPECT_EQ(first.windows.size(), 20u);
  EXPECT_EQ(first.windows, same.windows);
  EXPECT_EQ(first.sha256, same.sha256);
  EXPECT_NE(first.windows, other.windows);
  EXPECT_NE(first.sha256, other.sha256);
}

// A model that is certain of what follows: after i comes i + 1, around from 7
// to 0.  Its embedding of i is the i-th unit vector, its blocks add nothing,
// and row i + 1 of the head is far larger there than the others.
TEST_F(OwnTextTest, EachTokenIsSampledFromWhatTheModelSays) {
  ModelSpec spec = TinySpec();
  spec.vocab = spec.width = 8;
  TinyModel model(spec);
  for (const TensorSlot& slot : TensorTable(spec)) {
    auto* values =
        reinterpret_cast<float*>(model.source().MutableBytes(slot.name));
    const bool is_norm = slot.role == TensorRole::kVector;
    std::fill_n(values, CountParameters({slot}), is_norm ? 1.0f : 0.0f);
    for (int64_t i = 0; i < 8; ++i) {
      if (slot.name == kEmbeddingName) values[i * 8 + i] = 1.0f;
      if (slot.name == kHeadName) values[(i + 1) % 8 * 8 + i] = 100.0f;
    }
  }
  model.Bind();
  ASSERT_OK_AND_ASSIGN(const Calibration calibration,
                       Write(model, Options(50 * 12, 12)));
  ASSERT_EQ(calibration.windows.size(), 50u);
  std::set<int32_t> starts;
  for (const Ids& window : calibration.windows) {
    starts.insert(window[0]);
    for (size_t i = 1; i < window.size(); ++i) {
      EXPECT_EQ(window[i], (window[i - 1] + 1) % 8);
    }
  }
  // 50 draws miss one of 8 tokens once in 100 times; two are missed in hardly
  // any.
  EXPECT_GE(starts.size(), 7u);
}

TEST_F(OwnTextTest, ReportsItsProgress) {
  const TinyModel model(TinySpec());
  ThreadPool pool(1);
  KernelContext context(*ParseIsa("native"), &pool);
  std::vector<std::pair<int64_t, int64_t>> reports;
  ASSERT_OK(CalibrateOnOwnText(
                model.weights(), Options(40 * 2, 2),
                [&](int64_t done, int64_t total) {
                  reports.emplace_back(done, total);
                },
                &context)
                .status());
  EXPECT_EQ(reports.back(), std::make_pair(int64_t{40}, int64_t{40}));
  EXPECT_TRUE(std::is_sorted(reports.begin(), reports.end()));
}

TEST_F(OwnTextTest, NeedsAModelThatWrites) {
  ModelSpec spec = TinySpec();
  spec.causal = false;
  spec.head = HeadKind::kNone;
  const TinyModel model(spec);
  EXPECT_THAT(Write(model, Options(8, 8)).status(),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("give --calibrate FILE")));
}

TEST_F(OwnTextTest, IsRestoredFromItsWindows) {
  const TinyModel model(TinySpec());
  ASSERT_OK_AND_ASSIGN(const Calibration written,
                       Write(model, Options(40, 8, 5)));
  ASSERT_OK_AND_ASSIGN(
      const Calibration restored,
      RestoreOwnText(written.windows, model.spec(), Options(40, 8, 5)));
  EXPECT_EQ(restored.windows, written.windows);
  EXPECT_EQ(restored.sha256, written.sha256);
  EXPECT_EQ(restored.options.context, 8);
  EXPECT_TRUE(restored.own_text);
}

TEST_F(OwnTextTest, RestoringRefusesWindowsThatAreNotTheModels) {
  const ModelSpec spec = TinySpec();
  for (const Ids& bad : {Ids{}, Ids{3, -1}, Ids{50}, Ids{1, 2, 3, 4, 5}}) {
    EXPECT_THAT(RestoreOwnText({{1, 2}, bad}, spec, Options(40, 4)).status(),
                Invalid("is not the model's"));
  }
  EXPECT_OK(RestoreOwnText({{1, 2}, {0, 49}}, spec, Options(40, 4)));
  EXPECT_THAT(RestoreOwnText({}, spec, Options(40, 4)).status(),
              Invalid("is not the model's"));
}

}  // namespace
}  // namespace ounce
