#include "verify/encoder_pair.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/verify/tiny_encoders.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class EncoderPairTest : public ::testing::Test {
 protected:
  ThreadPool pool_{2};
  KernelContext context_{*ParseIsa("native"), &pool_};
  const LetterTokenizer tokenizer_;
  const LineOptions options_ = {.context = 64};
};

TEST_F(EncoderPairTest, GivesWhatEachEncoderGivesAlone) {
  const TinyModel a(TinyEncoderSpec(HeadKind::kNone));
  const TinyModel b(TinyEncoderSpec(HeadKind::kNone), Codec::kF32, 2);
  EncoderPair pair({a.weights(), b.weights()}, &context_, 10);
  for (const std::vector<int32_t>& ids :
       {std::vector<int32_t>{1, 10, 11}, std::vector<int32_t>{1, 30}}) {
    ASSERT_OK(pair.Read(Encoding(ids, 0)));
    EXPECT_THAT(
        Pool(pair.float_states(), Pooling::kMean),
        ::testing::ElementsAreArray(Pool(
            {HiddenOf(a.weights(), &context_, ids).view()}, Pooling::kMean)));
    EXPECT_THAT(
        Pool(pair.states(), Pooling::kMean),
        ::testing::ElementsAreArray(Pool(
            {HiddenOf(b.weights(), &context_, ids).view()}, Pooling::kMean)));
  }
}

// Of a model that tells two kinds apart the second text is of the other kind;
// one that knows a single kind is not asked for a second.
TEST_F(EncoderPairTest, PassesKindsOfTokensToModelsThatTellThemApart) {
  for (const int64_t kinds : {0, 1, 2}) {
    ModelSpec spec = TinyEncoderSpec(HeadKind::kNone);
    spec.token_types = kinds;
    const TinyModel model(spec);
    EncoderPair pair({model.weights(), model.weights()}, &context_, 10);
    Encoding text({1, 10}, 0);
    ASSERT_OK(pair.Read(text));
    const std::vector<float> plain = Pool(pair.states(), Pooling::kMean);
    text.type_ids = {0, 1};
    ASSERT_OK(pair.Read(text));
    EXPECT_EQ(Pool(pair.states(), Pooling::kMean) == plain, kinds < 2);
  }
}

TEST_F(EncoderPairTest, ReadsEachLineAndCountsThoseCut) {
  const TinyModel model(TinyEncoderSpec(HeadKind::kNone));
  const LineSubjects subjects = {
      {model.weights(), model.weights()}, tokenizer_, &context_};
  std::vector<int64_t> sizes;
  std::vector<int64_t> progress;
  LineOptions options = {.context = 4};
  options.progress = [&](int64_t done, int64_t total) {
    progress.push_back(10 * done + total);
  };
  ASSERT_OK_AND_ASSIGN(
      const int64_t cut,
      ReadEachLine(subjects, AsTextLines({"ab", "abcdef", "abc"}), options,
                   [&](const TextLine&, const Encoding& text, EncoderPair*) {
                     sizes.push_back(static_cast<int64_t>(text.size()));
                     return absl::OkStatus();
                   }));
  EXPECT_EQ(cut, 1);
  EXPECT_THAT(sizes, ElementsAre(3, 4, 4));
  EXPECT_THAT(progress, ElementsAre(13, 23, 33));
}

TEST_F(EncoderPairTest, ErrorsNameTheLine) {
  const TinyModel model(TinyEncoderSpec(HeadKind::kNone));
  const LineSubjects subjects = {
      {model.weights(), model.weights()}, tokenizer_, &context_};
  EXPECT_THAT(ReadEachLine(subjects, AsTextLines({"ab", "A"}), options_,
                           [](const TextLine&, const Encoding&, EncoderPair*) {
                             return absl::OkStatus();
                           }),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("line 2: no letter")));
  EXPECT_THAT(ReadEachLine(subjects, AsTextLines({"ab"}), options_,
                           [](const TextLine&, const Encoding&, EncoderPair*) {
                             return absl::DataLossError("bad");
                           }),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("line 1: bad")));
}

}  // namespace
}  // namespace ounce
