#include "tools/run_arguments.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

ModelSpec Encoder(HeadKind head) {
  ModelSpec spec;
  spec.architecture = "bert";
  spec.causal = false;
  spec.head = head;
  spec.max_context = 512;
  return spec;
}

RunArguments Given(std::vector<std::string> options) {
  RunArguments arguments;
  arguments.model = "folder";
  arguments.prompt = "text";
  arguments.given = std::move(options);
  arguments.given.push_back("--prompt");
  return arguments;
}

TEST(RunArgumentsTest, AModelsHeadSaysWhatItIsRunFor) {
  EXPECT_EQ(KindOf(ModelSpec(), {}), RunKind::kContinue);
  EXPECT_EQ(KindOf(Encoder(HeadKind::kSequenceLabels), {}), RunKind::kClassify);
  EXPECT_EQ(KindOf(Encoder(HeadKind::kTokenLabels), {}), RunKind::kTag);
  EXPECT_EQ(KindOf(Encoder(HeadKind::kNone), {}), RunKind::kEmbed);
  const ModelSpec masked = Encoder(HeadKind::kLanguageModel);
  EXPECT_EQ(KindOf(masked, {}), RunKind::kFillMask);
  EXPECT_EQ(KindOf(masked, Given({"--pooling"})), RunKind::kEmbed);
  ModelSpec translator;
  translator.encoder.layers = 2;
  EXPECT_EQ(KindOf(translator, {}), RunKind::kTranslate);
}

TEST(RunArgumentsTest, AnOptionOfAnotherKindIsNamedWithThoseThereAre) {
  EXPECT_THAT(
      CheckRunOptions(Given({"--seed"}), Encoder(HeadKind::kNone)),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("--seed is no option"), HasSubstr("--pooling"),
                     HasSubstr("'bert'"), Not(HasSubstr("--beams")))));
  EXPECT_THAT(CheckRunOptions(Given({"--pair"}), ModelSpec()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("--pair is no option for a decoder")));
  EXPECT_OK(CheckRunOptions(Given({"--file", "--batch", "--truncate"}),
                            Encoder(HeadKind::kTokenLabels)));
  EXPECT_OK(CheckRunOptions(Given({"--seed", "--stop", "--kv"}), ModelSpec()));
}

TEST(RunArgumentsTest, TextsMustComeFromSomewhereAndOnlyOnce) {
  EXPECT_THAT(
      CheckRunArguments({}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("give -p TEXT")));
  RunArguments both = Given({});
  both.file = "x";
  EXPECT_THAT(
      CheckRunArguments(both),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("one of them")));
  EXPECT_OK(CheckRunArguments(Given({})));
}

TEST(RunArgumentsTest, ALengthPenaltyIsANumber) {
  RunArguments arguments = Given({});
  arguments.length_penalty = std::numeric_limits<double>::infinity();
  EXPECT_THAT(CheckRunArguments(arguments),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("--length-penalty")));
}

TEST(RunArgumentsTest, TheContextIsTheModelsUnlessTheUserWantsLess) {
  ModelSpec spec = Encoder(HeadKind::kNone);
  RunArguments arguments;
  EXPECT_EQ(*ContextLimit(arguments, spec), 512);
  spec.text_limit = 128;
  EXPECT_EQ(*ContextLimit(arguments, spec), 128);
  arguments.context = 300;
  EXPECT_EQ(*ContextLimit(arguments, spec), 300);
  arguments.context = 513;
  EXPECT_THAT(
      ContextLimit(arguments, spec),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("limit is 512")));
  // Distances have no end.
  spec.position = PositionKind::kRelative;
  EXPECT_EQ(*ContextLimit(arguments, spec), 513);
}

}  // namespace
}  // namespace ounce
