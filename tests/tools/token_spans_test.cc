#include "tools/token_spans.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;

// "0-5 Anna" for each token, "-" for one that is not found.
std::vector<std::string> Spans(const std::string& text,
                               const std::vector<std::string>& tokens) {
  std::vector<std::string> shown;
  for (const auto& span : FindTokenSpans(text, tokens)) {
    shown.push_back(span.has_value() ? absl::StrCat(span->begin, "-", span->end,
                                                    " ", span->text)
                                     : "-");
  }
  return shown;
}

TEST(TokenSpansTest, CaseSpacesAndPiecesOfWordsDoNotMatter) {
  EXPECT_THAT(Spans("Anna  lives in  Oslo.",
                    {"anna", "live", "##s", "in", "os", "##lo", "."}),
              ElementsAre("0-4 Anna", "6-10 live", "10-11 s", "12-14 in",
                          "16-18 Os", "18-20 lo", "20-21 ."));
  // As byte-level and SentencePiece vocabularies decode.
  EXPECT_THAT(Spans("Anna lives", {"Anna", " lives"}),
              ElementsAre("0-4 Anna", "5-10 lives"));
}

TEST(TokenSpansTest, CharactersAreCountedNotBytes) {
  EXPECT_THAT(Spans("Zoë aß é", {"zoe", "aß", "e"}),
              ElementsAre("0-3 Zoë", "4-6 aß", "7-8 é"));
  EXPECT_THAT(Spans("東京に", {"東", "京", "に"}),
              ElementsAre("0-1 東", "1-2 京", "2-3 に"));
}

TEST(TokenSpansTest, ARepeatedWordIsFoundInTurn) {
  EXPECT_THAT(Spans("no no no", {"no", "no", "no"}),
              ElementsAre("0-2 no", "3-5 no", "6-8 no"));
}

TEST(TokenSpansTest, WhatIsNotLookedForIsPassedOver) {
  EXPECT_THAT(Spans("Anna ☃ sings", {"anna", "sings"}),
              ElementsAre("0-4 Anna", "7-12 sings"));
}

TEST(TokenSpansTest, WhatIsNotThereHasNoSpan) {
  EXPECT_THAT(Spans("Anna sings", {"anna", "x", "", "sings", "sings"}),
              ElementsAre("0-4 Anna", "-", "-", "5-10 sings", "-"));
  EXPECT_THAT(Spans("", {"a"}), ElementsAre("-"));
}

TEST(TokenSpansTest, AnyBytesWillDo) {
  EXPECT_THAT(Spans("a\xff z", {"a", "z"}), ElementsAre("0-1 a", "3-4 z"));
}

}  // namespace
}  // namespace ounce
