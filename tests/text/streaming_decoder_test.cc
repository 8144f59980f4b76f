#include "text/streaming_decoder.h"

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/utf8.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Parts(const Tokenizer& tokenizer,
                               const std::vector<int32_t>& ids) {
  StreamingDecoder decoder(tokenizer, /*skip_special_tokens=*/false);
  std::vector<std::string> parts;
  for (const int32_t id : ids) parts.push_back(decoder.Push(id));
  parts.push_back(decoder.Finish());
  return parts;
}

std::unique_ptr<Tokenizer> Load(absl::string_view vocab,
                                absl::string_view decoder) {
  auto tokenizer = LoadWith(
      absl::StrCat(R"("model": {"type": "BPE", "merges": [], "vocab": )", vocab,
                   R"(}, "decoder": )", decoder));
  EXPECT_THAT(tokenizer, IsOk());
  return tokenizer.ok() ? *std::move(tokenizer) : nullptr;
}

// As Llama 2 decodes: the space before the first word is not part of the text.
constexpr char kLlama[] = R"({"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "_"}, "content": " "},
    {"type": "ByteFallback"}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})";

TEST(StreamingDecoderTest, HoldsBackHalfACharacter) {
  // 😀 is F0 9F 98 80: ð Ł ĺ Ģ.
  const auto tokenizer =
      Load(R"({"ðŁ": 0, "ĺ": 1, "Ģ": 2, "a": 3})", R"({"type": "ByteLevel"})");
  EXPECT_THAT(Parts(*tokenizer, {3, 0, 1, 2, 3}),
              ElementsAre("a", "", "", "😀", "a", ""));
}

TEST(StreamingDecoderTest, FinishShowsABrokenCharacter) {
  const auto tokenizer =
      Load(R"({"ðŁ": 0, "a": 1})", R"({"type": "ByteLevel"})");
  EXPECT_THAT(Parts(*tokenizer, {1, 0}), ElementsAre("a", "", "\uFFFD"));
}

TEST(StreamingDecoderTest, GenuineReplacementCharactersAreNotHeldBack) {
  // U+FFFD itself is EF BF BD: ï ¿ ½.
  const auto tokenizer = Load(R"({"ï¿½": 0})", R"({"type": "ByteLevel"})");
  EXPECT_THAT(Parts(*tokenizer, {0, 0}), ElementsAre("\uFFFD", "\uFFFD", ""));
}

TEST(StreamingDecoderTest, StripsTheFirstSpaceOnly) {
  const auto tokenizer = Load(R"({"_a": 0, "_": 1})", kLlama);
  EXPECT_THAT(Parts(*tokenizer, {0, 0, 1, 0}),
              ElementsAre("a", " a", " ", " a", ""));
}

TEST(StreamingDecoderTest, RunsOfByteTokensWaitForTheirEnd) {
  // é is C3 A9; a byte that follows could still spoil the run.
  const auto tokenizer = Load(R"({"<0xC3>": 0, "<0xA9>": 1, "x": 2})", kLlama);
  EXPECT_THAT(Parts(*tokenizer, {0, 1, 2}), ElementsAre("", "", "éx", ""));
  EXPECT_THAT(Parts(*tokenizer, {0, 1, 0}),
              ElementsAre("", "", "", "\uFFFD\uFFFD\uFFFD"));
}

TEST(StreamingDecoderTest, SpecialTokensAreSkippedOnRequest) {
  auto tokenizer = LoadWith(
      R"("model": {"type": "BPE", "vocab": {"a": 0}, "merges": []},
         "added_tokens": [{"content": "</s>", "special": true}])");
  ASSERT_THAT(tokenizer, IsOk());
  StreamingDecoder decoder(**tokenizer, /*skip_special_tokens=*/true);
  EXPECT_EQ(decoder.Push(1), "");
  EXPECT_EQ(decoder.Push(0), "a");
  EXPECT_EQ(decoder.Finish(), "");
}

TEST(StreamingDecoderTest, StartsAnewAfterFinish) {
  const auto tokenizer = Load(R"({"_a": 0})", kLlama);
  StreamingDecoder decoder(*tokenizer, false);
  EXPECT_EQ(decoder.Push(0), "a");
  EXPECT_EQ(decoder.Finish(), "");
  EXPECT_EQ(decoder.Push(0), "a");
}

class StreamingGoldenTest : public ::testing::TestWithParam<const char*> {};

TEST_P(StreamingGoldenTest, AnyIdsGiveTheDecodingOfTheWhole) {
  auto tokenizer = ParseTokenizerJson(ReadSource(
      absl::StrCat("tests/golden/tokenizers/", GetParam(), "/tokenizer.json")));
  ASSERT_THAT(tokenizer, IsOk());
  std::mt19937 random(11);
  const auto limit = static_cast<uint32_t>((*tokenizer)->vocab_size()) + 3;
  for (int round = 0; round < 500; ++round) {
    // Low ids are single bytes in these vocabularies: broken characters.
    const uint32_t bound = round % 2 == 0 ? limit : 260;
    std::vector<int32_t> ids(random() % 40);
    for (int32_t& id : ids) id = static_cast<int32_t>(random() % bound);
    std::string joined;
    for (const std::string& part : Parts(**tokenizer, ids)) {
      EXPECT_TRUE(IsValidUtf8(part));
      joined += part;
    }
    ASSERT_EQ(joined, (*tokenizer)->Decode(ids, false));
  }
}

INSTANTIATE_TEST_SUITE_P(Families, StreamingGoldenTest,
                         ::testing::Values("gpt2-bytelevel-bpe", "llama3-bpe",
                                           "qwen2-bpe", "llama2-sp-bpe"));

// A tokenizer that knows nothing of streams.
class Reversing : public Tokenizer {
 public:
  absl::StatusOr<std::vector<int32_t>> Encode(absl::string_view,
                                              bool) const override {
    return std::vector<int32_t>();
  }
  std::string Decode(absl::Span<const int32_t> ids, bool) const override {
    std::string text;
    for (const int32_t id : ids)
      text.insert(text.begin(), static_cast<char>(id));
    return text;
  }
  int64_t vocab_size() const override { return 128; }
  std::optional<int32_t> TokenToId(absl::string_view) const override {
    return std::nullopt;
  }
  bool IsSpecial(int32_t) const override { return false; }
};

TEST(StreamingDecoderTest, OtherTokenizersDecodeEverythingAtTheEnd) {
  EXPECT_THAT(Parts(Reversing(), {'a', 'b'}), ElementsAre("", "", "ba"));
}

}  // namespace
}  // namespace ounce
