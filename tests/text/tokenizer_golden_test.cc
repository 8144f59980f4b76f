// Whole tokenizers against ids and decodings of the reference
// (tests/golden/make_tokenizers.py).
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"
#include "text/streaming_decoder.h"

namespace ounce {
namespace {

class TokenizerGoldenTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::string Read(absl::string_view name) const {
    return ReadSource(
        absl::StrCat("tests/golden/tokenizers/", GetParam(), "/", name));
  }
};

std::string DecodeStreaming(const Tokenizer& tokenizer,
                            const std::vector<int32_t>& ids,
                            bool skip_special_tokens) {
  StreamingDecoder decoder(tokenizer, skip_special_tokens);
  std::string text;
  for (const int32_t id : ids) text += decoder.Push(id);
  return text + decoder.Finish();
}

TEST_P(TokenizerGoldenTest, EveryRowIsThatOfTheReference) {
  TokenizerAsset asset;
  asset.kind = TokenizerKind::kTokenizerJson;
  asset.files = {{"tokenizer.json", Read("tokenizer.json")}};
  auto tokenizer = Tokenizer::Create(asset);
  ASSERT_THAT(tokenizer, IsOk());
  const Json golden = ParseOrDie(Read("golden.json"));
  ASSERT_EQ(golden.AsArray()->size(), 52u);
  for (const Json& row : *golden.AsArray()) {
    const std::string& text = *row.Find("text")->AsString();
    const std::vector<int32_t> ids = IdsOf(*row.Find("ids"));
    const std::vector<int32_t> plain = IdsOf(*row.Find("ids_plain"));
    const std::string& decoded = *row.Find("decoded")->AsString();
    const std::string& skipped = *row.Find("decoded_skip")->AsString();
    EXPECT_EQ(*(*tokenizer)->Encode(text, true), ids) << text;
    EXPECT_EQ(*(*tokenizer)->Encode(text, false), plain) << text;
    EXPECT_EQ((*tokenizer)->Decode(plain, false), decoded);
    EXPECT_EQ((*tokenizer)->Decode(ids, true), skipped);
    EXPECT_EQ(DecodeStreaming(**tokenizer, plain, false), decoded);
    EXPECT_EQ(DecodeStreaming(**tokenizer, ids, true), skipped);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, TokenizerGoldenTest,
                         ::testing::Values("gpt2-bytelevel-bpe", "llama3-bpe",
                                           "qwen2-bpe", "llama2-sp-bpe",
                                           "bert-wordpiece", "t5-unigram",
                                           "whitespace-wordlevel"));

}  // namespace
}  // namespace ounce
