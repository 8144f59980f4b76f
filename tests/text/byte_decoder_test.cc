// The decoders of text/byte_decoder.cc.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"
#include "text/decoder.h"

namespace ounce {
namespace {

std::string ByteFallback(const std::vector<std::string>& tokens) {
  auto decoder = ParseByteFallback(Json());
  EXPECT_THAT(decoder, IsOk());
  return DecodeTokens(**decoder, tokens);
}

std::string ByteLevel(const std::vector<std::string>& tokens) {
  auto decoder = ParseByteLevelDecoder(Json());
  EXPECT_THAT(decoder, IsOk());
  return DecodeTokens(**decoder, tokens);
}

// The reference's own tests of ByteFallback.
TEST(ByteDecoderTest, RunsOfByteTokensBecomeText) {
  EXPECT_EQ(ByteFallback({"Hey", "friend!"}), "Heyfriend!");
  EXPECT_EQ(ByteFallback({"<0x61>"}), "a");
  EXPECT_EQ(ByteFallback({"<0xE5>"}), "\uFFFD");
  EXPECT_EQ(ByteFallback({"<0xE5>", "<0x8f>"}), "\uFFFD\uFFFD");
  EXPECT_EQ(ByteFallback({"<0xE5>", "<0x8f>", "<0xab>"}), "叫");
  EXPECT_EQ(ByteFallback({"<0xE5>", "<0x8f>", "<0xab>", "a"}), "叫a");
  EXPECT_EQ(ByteFallback({"<0xE5>", "<0x8f>", "a"}), "\uFFFD\uFFFDa");
}

TEST(ByteDecoderTest, OneBadByteSpoilsItsWholeRun) {
  EXPECT_EQ(ByteFallback({"<0x61>", "<0xFF>", "b", "<0x63>"}),
            "\uFFFD\uFFFDbc");
}

TEST(ByteDecoderTest, OnlySixCharactersMakeAByteToken) {
  for (const char* token : {"<0x6>", "<0x061>", "<0x6g>", "0x61>", "<0X61>"}) {
    EXPECT_EQ(ByteFallback({token}), token);
  }
}

TEST(ByteDecoderTest, CharactersMaySpanTokens) {
  // 😀 is F0 9F 98 80, in the alphabet ð Ł ĺ Ģ (U+00F0 U+0141 U+013A U+0122).
  EXPECT_EQ(ByteLevel({"ðŁ", "ĺ", "Ģ", "Ġx"}), "😀 x");
}

TEST(ByteDecoderTest, WhatIsNoUtf8BecomesReplacementCharacters) {
  EXPECT_EQ(ByteLevel({"ðŁ", "x"}), "\uFFFDx");
  EXPECT_EQ(ByteLevel({"ðŁĺ"}), "\uFFFD");
  EXPECT_EQ(ByteLevel({"Ģ", "Ģ"}), "\uFFFD\uFFFD");
}

TEST(ByteDecoderTest, ForeignTokensPassAsTheyAre) {
  EXPECT_EQ(ByteLevel({"中", "a b", "Ġ"}), "中a b ");
  EXPECT_EQ(ByteLevel({}), "");
}

}  // namespace
}  // namespace ounce
