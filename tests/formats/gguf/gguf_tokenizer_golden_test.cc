// Vocabularies of published kinds in the form that GGUF's converters give them,
// against the ids and decodings that the reference gives with the
// tokenizer.json they come from (tests/golden/make_tokenizers.py).
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "formats/gguf/gguf_tokenizer.h"
#include "gtest/gtest.h"
#include "tests/formats/gguf/gguf_image.h"
#include "tests/text/text_fixtures.h"
#include "text/sentencepiece_model.h"

namespace ounce {
namespace {

constexpr int32_t kNormal = 1;
constexpr int32_t kControl = 3;

std::string ReadGolden(absl::string_view tokenizer, absl::string_view name) {
  return ReadSource(
      absl::StrCat("tests/golden/tokenizers/", tokenizer, "/", name));
}

// The vocabulary of a tokenizer.json by id.
struct Tokens {
  std::vector<std::string> texts;
  std::vector<int32_t> types;

  void Set(size_t id, const std::string& text, int32_t type) {
    texts.resize(std::max(texts.size(), id + 1));
    types.resize(texts.size());
    texts[id] = text;
    types[id] = type;
  }
};

Tokens TokensOf(const Json& file) {
  Tokens tokens;
  const Json& vocab = *file.Find("model")->Find("vocab");
  if (vocab.AsObject() != nullptr) {
    for (const auto& [text, id] : vocab.AsObject()->members()) {
      tokens.Set(static_cast<size_t>(*id.AsInt()), text, kNormal);
    }
  } else {
    for (const Json& entry : *vocab.AsArray()) {
      tokens.Set(tokens.texts.size(), *(*entry.AsArray())[0].AsString(),
                 kNormal);
    }
  }
  for (const Json& token : *file.Find("added_tokens")->AsArray()) {
    tokens.Set(static_cast<size_t>(*token.Find("id")->AsInt()),
               *token.Find("content")->AsString(), kControl);
  }
  return tokens;
}

void SetTokens(const Tokens& tokens, GgufImage& image) {
  image.Value("tokenizer.ggml.tokens", GgufStrings(tokens.texts))
      .Value("tokenizer.ggml.token_type", GgufInt32s(tokens.types));
}

GgufImage BytePairImage(absl::string_view name, absl::string_view pre) {
  const Json file = ParseOrDie(ReadGolden(name, "tokenizer.json"));
  std::vector<std::string> merges;
  for (const Json& merge : *file.Find("model")->Find("merges")->AsArray()) {
    merges.push_back(absl::StrJoin(StringsOf(merge), " "));
  }
  GgufImage image;
  image.Value("tokenizer.ggml.model", GgufString("gpt2"))
      .Value("tokenizer.ggml.pre", GgufString(pre))
      .Value("tokenizer.ggml.merges", GgufStrings(merges));
  SetTokens(TokensOf(file), image);
  return image;
}

void ExpectGoldenRows(const GgufImage& image, absl::string_view name) {
  const std::string file = image.Build();
  ASSERT_OK_AND_ASSIGN(const GgufFile gguf, ParseGguf(file));
  ASSERT_OK_AND_ASSIGN(const TokenizerAsset asset, GgufTokenizer(gguf));
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Create(asset));
  const Json golden = ParseOrDie(ReadGolden(name, "golden.json"));
  ASSERT_EQ(golden.AsArray()->size(), 52u);
  for (const Json& row : *golden.AsArray()) {
    const std::string& text = *row.Find("text")->AsString();
    const std::vector<int32_t> ids = IdsOf(*row.Find("ids"));
    const std::vector<int32_t> plain = IdsOf(*row.Find("ids_plain"));
    EXPECT_EQ(*tokenizer->Encode(text, true), ids) << text;
    EXPECT_EQ(*tokenizer->Encode(text, false), plain) << text;
    EXPECT_EQ(tokenizer->Decode(plain, false),
              *row.Find("decoded")->AsString());
    EXPECT_EQ(tokenizer->Decode(ids, true),
              *row.Find("decoded_skip")->AsString());
  }
}

TEST(GgufTokenizerGoldenTest, Gpt2) {
  ExpectGoldenRows(BytePairImage("gpt2-bytelevel-bpe", "gpt-2"),
                   "gpt2-bytelevel-bpe");
}

TEST(GgufTokenizerGoldenTest, Llama3AddsItsFirstTokenUnasked) {
  GgufImage image = BytePairImage("llama3-bpe", "llama-bpe");
  image.Value("tokenizer.ggml.bos_token_id", GgufUint32(1200));
  ExpectGoldenRows(image, "llama3-bpe");
}

TEST(GgufTokenizerGoldenTest, Qwen2) {
  GgufImage image = BytePairImage("qwen2-bpe", "qwen2");
  image.Value("tokenizer.ggml.normalizer.nfc", GgufBool(true))
      .Value("tokenizer.ggml.add_bos_token", GgufBool(false));
  ExpectGoldenRows(image, "qwen2-bpe");
}

TEST(GgufTokenizerGoldenTest, BertFromItsMarkedForm) {
  Tokens tokens =
      TokensOf(ParseOrDie(ReadGolden("bert-wordpiece", "tokenizer.json")));
  for (size_t id = 0; id < tokens.texts.size(); ++id) {
    std::string& text = tokens.texts[id];
    if (tokens.types[id] == kControl) continue;
    if (absl::StartsWith(text, "##")) {
      text = text.substr(2);
    } else {
      text.insert(0, "\u2581");
    }
  }
  GgufImage image;
  image.Value("tokenizer.ggml.model", GgufString("bert"))
      .Value("tokenizer.ggml.unknown_token_id", GgufUint32(1))
      .Value("tokenizer.ggml.cls_token_id", GgufUint32(2))
      .Value("tokenizer.ggml.seperator_token_id", GgufUint32(3))
      .Value("tokenizer.ggml.mask_token_id", GgufUint32(4));
  SetTokens(tokens, image);
  ExpectGoldenRows(image, "bert-wordpiece");
}

// The pieces of the SentencePiece model beside the tokenizer.json.
void SetPieces(const SentencePieceModel& model, GgufImage& image) {
  Tokens tokens;
  std::vector<float> scores;
  for (const SentencePieceModel::Piece& piece : model.pieces) {
    tokens.Set(scores.size(), std::string(piece.text),
               static_cast<int32_t>(piece.type));
    scores.push_back(piece.score);
  }
  SetTokens(tokens, image);
  image.Value("tokenizer.ggml.scores", GgufFloat32s(scores));
}

TEST(GgufTokenizerGoldenTest, Llama2) {
  const std::string bytes = ReadGolden("llama2-sp-bpe", "spiece.model");
  ASSERT_OK_AND_ASSIGN(const SentencePieceModel model,
                       ReadSentencePieceModel(bytes));
  GgufImage image;
  image.Value("tokenizer.ggml.model", GgufString("llama"))
      .Value("tokenizer.ggml.pre", GgufString("default"));
  SetPieces(model, image);
  ExpectGoldenRows(image, "llama2-sp-bpe");
}

TEST(GgufTokenizerGoldenTest, T5) {
  const std::string bytes = ReadGolden("t5-unigram", "spiece.model");
  ASSERT_OK_AND_ASSIGN(const SentencePieceModel model,
                       ReadSentencePieceModel(bytes));
  GgufImage image;
  image.Value("tokenizer.ggml.model", GgufString("t5"))
      .Value("tokenizer.ggml.remove_extra_whitespaces", GgufBool(true))
      .Value("tokenizer.ggml.precompiled_charsmap",
             GgufArray(0, model.charsmap.size(), model.charsmap));
  SetPieces(model, image);
  ExpectGoldenRows(image, "t5-unigram");
}

}  // namespace
}  // namespace ounce
