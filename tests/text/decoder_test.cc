#include "text/decoder.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

std::string Decoded(DecoderOr (*parse)(const Json&), absl::string_view config,
                    const std::vector<std::string>& tokens) {
  auto decoder = parse(ParseOrDie(config));
  EXPECT_THAT(decoder, IsOk());
  return DecodeTokens(**decoder, tokens);
}

TEST(DecoderTest, BpeSuffixBecomesASpaceExceptAtTheEnd) {
  EXPECT_EQ(Decoded(&ParseBpeDecoder, "{}", {"lo</w>", "w", "er</w>"}),
            "lo wer");
  EXPECT_EQ(Decoded(&ParseBpeDecoder, "{}", {}), "");
}

TEST(DecoderTest, MetaspaceDropsMarksOfTheFirstTokenOnly) {
  const std::vector<std::string> tokens = {"_a_b", "_c"};
  EXPECT_EQ(Decoded(&ParseMetaspaceDecoder, R"({"replacement": "_"})", tokens),
            "ab c");
  EXPECT_EQ(
      Decoded(&ParseMetaspaceDecoder,
              R"({"replacement": "_", "prepend_scheme": "never"})", tokens),
      " a b c");
}

TEST(DecoderTest, ReplaceWorksWithinEachToken) {
  EXPECT_EQ(Decoded(&ParseReplaceDecoder,
                    R"({"pattern": {"String": "ab"}, "content": "x"})",
                    {"aab", "a", "b"}),
            "axab");
}

// From the reference's own tests of Strip.
TEST(DecoderTest, StripCutsUpToTheCountsFromEachToken) {
  EXPECT_EQ(
      Decoded(&ParseStripDecoder, R"({"content": "H", "start": 1, "stop": 0})",
              {"Hey", " friend!", "HHH"}),
      "ey friend!HH");
  EXPECT_EQ(
      Decoded(&ParseStripDecoder, R"({"content": "y", "start": 0, "stop": 1})",
              {"Hey", " friend!"}),
      "He friend!");
}

TEST(DecoderTest, StripSeesTokensThatComeInParts) {
  // Behind Fuse all is one token, which arrives piecemeal.
  const auto decode = [](absl::string_view strip,
                         const std::vector<std::string>& tokens) {
    std::vector<std::unique_ptr<Decoder>> parts;
    parts.push_back(*ParseFuse(Json()));
    parts.push_back(*ParseStripDecoder(ParseOrDie(strip)));
    return DecodeTokens(*MakeSequence(std::move(parts)), tokens);
  };
  const std::string start2 = R"({"content": "-", "start": 2, "stop": 0})";
  EXPECT_EQ(decode(start2, {"-", "", "--a", "-b"}), "-a-b");
  const std::string stop2 = R"({"content": "-", "start": 0, "stop": 2})";
  EXPECT_EQ(decode(stop2, {"a-", "-", "-", "b", "-", "--"}), "a---b-");
  EXPECT_EQ(decode(stop2, {"a", "-", "-", "-"}), "a-");
  EXPECT_EQ(decode(stop2, {}), "");
}

TEST(DecoderTest, SpaceJoinerPutsSpacesBetweenTokens) {
  EXPECT_EQ(DecodeTokens(*MakeSpaceJoiner(), {"a", "", "b"}), "a  b");
  EXPECT_EQ(DecodeTokens(*MakeSpaceJoiner(), {"a"}), "a");
  EXPECT_EQ(DecodeTokens(*MakeSpaceJoiner(), {}), "");
}

TEST(DecoderTest, EmptySequencePassesTokensOn) {
  EXPECT_EQ(DecodeTokens(*MakeSequence(std::vector<std::unique_ptr<Decoder>>()),
                         {"a", "b"}),
            "ab");
}

TEST(DecoderTest, ReplaceThatGivesUpKeepsTheToken) {
  const std::string token = std::string(64, 'a').append("b");
  EXPECT_EQ(
      Decoded(&ParseReplaceDecoder,
              R"({"pattern": {"Regex": "(a+)+$"}, "content": ""})", {token}),
      token);
}

TEST(DecoderTest, MalformedSettingsAreErrors) {
  const auto expect_error = [](DecoderOr decoder, absl::string_view message) {
    EXPECT_THAT(decoder, StatusIs(absl::StatusCode::kInvalidArgument,
                                  HasSubstr(std::string(message))));
  };
  expect_error(ParseBpeDecoder(ParseOrDie(R"({"suffix": ""})")),
               "\"suffix\" is empty");
  expect_error(ParseStripDecoder(ParseOrDie(R"({"content": "ab"})")),
               "expected one character");
  expect_error(
      ParseStripDecoder(ParseOrDie(R"({"content": "a", "start": -1})")),
      "\"start\" is -1");
  expect_error(ParseMetaspaceDecoder(Json()), "\"replacement\"");
  expect_error(ParseReplaceDecoder(Json()), "\"pattern\"");
}

}  // namespace
}  // namespace ounce
