#include "verify/loss_kind.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/verify/tiny_encoders.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

TEST(LossKindTest, FollowsFromWhatAModelGives) {
  EXPECT_EQ(LossKindOf(TinySpec()), LossKind::kDecoder);
  EXPECT_EQ(LossKindOf(TinyEncoderDecoderSpec()),
            LossKind::kSequenceToSequence);
  EXPECT_EQ(LossKindOf(TinyEncoderSpec(HeadKind::kLanguageModel)),
            LossKind::kMaskedLanguageModel);
  EXPECT_EQ(LossKindOf(TinyEncoderSpec(HeadKind::kSequenceLabels, 2)),
            LossKind::kSequenceLabels);
  EXPECT_EQ(LossKindOf(TinyEncoderSpec(HeadKind::kTokenLabels, 2)),
            LossKind::kTokenLabels);
  EXPECT_EQ(LossKindOf(TinyEncoderSpec(HeadKind::kNone)), LossKind::kEmbedding);
}

TEST(LossKindTest, NamesDiffer) {
  std::set<std::string> names;
  for (const LossKind kind :
       {LossKind::kDecoder, LossKind::kSequenceToSequence,
        LossKind::kMaskedLanguageModel, LossKind::kSequenceLabels,
        LossKind::kTokenLabels, LossKind::kEmbedding}) {
    names.insert(std::string(LossKindName(kind)));
  }
  EXPECT_EQ(names.size(), 6u);
}

TEST(CheckComparableTest, RefusesModelsThatDiffer) {
  const TinyModel decoder(TinySpec());
  const TinyModel labels(TinyEncoderSpec(HeadKind::kSequenceLabels, 2));
  const TinyModel more(TinyEncoderSpec(HeadKind::kSequenceLabels, 3));
  EXPECT_OK(CheckComparable({labels.weights(), labels.weights()}));
  EXPECT_THAT(
      CheckComparable({decoder.weights(), labels.weights()}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("of kind decoder and the compressed one of kind "
                         "sequence_labels")));
  EXPECT_THAT(CheckComparable({labels.weights(), more.weights()}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("a number of labels of 2 and the compressed "
                                 "one 3")));
  ModelSpec spec = TinySpec();
  spec.vocab = 51;
  const TinyModel larger(spec);
  EXPECT_THAT(CheckComparable({decoder.weights(), larger.weights()}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("vocabulary of size 50")));
}

}  // namespace
}  // namespace ounce
