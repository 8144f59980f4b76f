#include "verify/text_lines.h"

#include <string>

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

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(ParseTextLinesTest, ReadsATextOrTwoALine) {
  ASSERT_OK_AND_ASSIGN(
      const std::vector<TextLine> lines,
      ParseTextLines("one text\n\n  \t \na question\tits passage\r\n"
                     "last, without an end",
                     false));
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].number, 1);
  EXPECT_EQ(lines[0].first, "one text");
  EXPECT_FALSE(lines[0].second.has_value());
  EXPECT_FALSE(lines[0].label.has_value());
  EXPECT_EQ(lines[1].number, 4);  // Those between are white space.
  EXPECT_EQ(lines[1].first, "a question");
  EXPECT_EQ(*lines[1].second, "its passage");
  EXPECT_EQ(lines[2].first, "last, without an end");
}

TEST(ParseTextLinesTest, TheLabelIsTheLastField) {
  ASSERT_OK_AND_ASSIGN(const std::vector<TextLine> lines,
                       ParseTextLines("a\tyes\nb\tc\tno\nd\t", true));
  EXPECT_EQ(lines[0].first, "a");
  EXPECT_FALSE(lines[0].second.has_value());
  EXPECT_EQ(*lines[0].label, "yes");
  EXPECT_EQ(*lines[1].second, "c");
  EXPECT_EQ(*lines[1].label, "no");
  EXPECT_EQ(*lines[2].label, "");  // None of several labels.
}

TEST(ParseTextLinesTest, RefusesOtherFieldsNamingTheLine) {
  EXPECT_THAT(ParseTextLines("a\nb\tc\td\n", false),
              StatusIs(kInvalid, HasSubstr("line 2: 3 texts")));
  EXPECT_THAT(ParseTextLines("a\tb\tc\td\n", true),
              StatusIs(kInvalid, HasSubstr("line 1: 3 texts with tabs between; "
                                           "expected one or two before the "
                                           "label")));
  EXPECT_THAT(ParseTextLines("a\n", true),
              StatusIs(kInvalid, HasSubstr("line 1: no tab")));
  EXPECT_THAT(ParseTextLines("\n \n", false),
              StatusIs(kInvalid, HasSubstr("no lines")));
  EXPECT_THAT(ParseTextLines("", false), StatusIs(kInvalid, HasSubstr("no")));
}

TEST(EncodeCutTest, CutsToTheContextAndCounts) {
  const LetterTokenizer tokenizer;
  int64_t cut = 0;
  ASSERT_OK_AND_ASSIGN(const Encoding whole,
                       EncodeCut({"abc", {}}, tokenizer, 4, &cut));
  EXPECT_THAT(whole.ids, ElementsAre(1, 10, 11, 12));
  EXPECT_EQ(cut, 0);
  ASSERT_OK_AND_ASSIGN(const Encoding shorter,
                       EncodeCut({"abcd", {}}, tokenizer, 4, &cut));
  EXPECT_THAT(shorter.ids, ElementsAre(1, 10, 11, 12));
  EXPECT_EQ(cut, 1);
  // Of a pair the longer text is cut, then both: 1 a b c | 1 z.
  ASSERT_OK_AND_ASSIGN(const Encoding pair,
                       EncodeCut({"abcdefg", "z"}, tokenizer, 6, &cut));
  EXPECT_THAT(pair.ids, ElementsAre(1, 10, 11, 12, 1, 35));
  EXPECT_THAT(pair.type_ids, ElementsAre(0, 0, 0, 0, 1, 1));
  EXPECT_EQ(cut, 2);
}

TEST(EncodeCutTest, RefusesATextWithoutTokens) {
  const LetterTokenizer bare(/*has_beginning=*/false);
  int64_t cut = 0;
  EXPECT_THAT(EncodeCut({"", {}}, bare, 4, &cut),
              StatusIs(kInvalid, HasSubstr("no token")));
}

TEST(CheckLineSubjectsTest, BoundsTheContext) {
  ThreadPool pool(1);
  KernelContext context(*ParseIsa("native"), &pool);
  const TinyModel model(TinySpec());
  const LetterTokenizer tokenizer;
  const LineSubjects subjects = {
      {model.weights(), model.weights()}, tokenizer, &context};
  EXPECT_OK(CheckLineSubjects(subjects, {.context = 64}));
  EXPECT_THAT(CheckLineSubjects(subjects, {.context = 65}),
              StatusIs(kInvalid, HasSubstr("context 65; expected 1 to 64")));
  EXPECT_THAT(CheckLineSubjects(subjects, {.context = 0}),
              StatusIs(kInvalid, HasSubstr("context 0")));
}

}  // namespace
}  // namespace ounce
