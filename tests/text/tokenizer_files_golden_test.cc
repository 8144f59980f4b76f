// Tokenizers without their tokenizer.json against the ids and decodings that
// the reference gives with it (tests/golden/make_tokenizers.py).
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/text/tokenizer_files_fixtures.h"

namespace ounce {
namespace {

std::string ReadGolden(absl::string_view tokenizer, absl::string_view name) {
  return ReadSource(
      absl::StrCat("tests/golden/tokenizers/", tokenizer, "/", name));
}

void ExpectGoldenRows(const TokenizerAsset& asset, absl::string_view name) {
  const auto tokenizer = Tokenizer::Create(asset);
  ASSERT_THAT(tokenizer, IsOk());
  const Json golden = ParseOrDie(ReadGolden(name, "golden.json"));
  ASSERT_EQ(golden.AsArray()->size(), 52u);
  for (const Json& row : *golden.AsArray()) {
    const std::string& text = *row.Find("text")->AsString();
    const std::vector<int32_t> ids = IdsOf(*row.Find("ids"));
    const std::vector<int32_t> plain = IdsOf(*row.Find("ids_plain"));
    EXPECT_EQ(*(*tokenizer)->Encode(text, true), ids) << text;
    EXPECT_EQ(*(*tokenizer)->Encode(text, false), plain) << text;
    EXPECT_EQ((*tokenizer)->Decode(plain, false),
              *row.Find("decoded")->AsString());
    EXPECT_EQ((*tokenizer)->Decode(ids, true),
              *row.Find("decoded_skip")->AsString());
  }
}

// The files that the model of a tokenizer.json would have come in.
NamedFiles BpeFilesOf(absl::string_view name) {
  const Json file = ParseOrDie(ReadGolden(name, "tokenizer.json"));
  const Json& model = *file.Find("model");
  std::string merges = "#version: 0.2\n";
  for (const Json& merge : *model.Find("merges")->AsArray()) {
    const std::vector<std::string> pair = StringsOf(merge);
    absl::StrAppend(&merges, pair[0], " ", pair[1], "\n");
  }
  return {{"vocab.json", model.Find("vocab")->Dump()}, {"merges.txt", merges}};
}

TEST(TokenizerFilesGoldenTest, Gpt2FromVocabularyAndMerges) {
  ExpectGoldenRows(
      AssetOf(TokenizerKind::kBpeFiles, BpeFilesOf("gpt2-bytelevel-bpe")),
      "gpt2-bytelevel-bpe");
}

TEST(TokenizerFilesGoldenTest, Qwen2FromVocabularyAndMerges) {
  NamedFiles files = BpeFilesOf("qwen2-bpe");
  files.push_back({"tokenizer_config.json",
                   R"({"tokenizer_class": "Qwen2Tokenizer",
                       "added_tokens_decoder": {
                         "1200": {"content": "<|endoftext|>", "special": true},
                         "1201": {"content": "<|im_start|>", "special": true},
                         "1202": {"content": "<|im_end|>", "special": true}}})"});
  ExpectGoldenRows(AssetOf(TokenizerKind::kBpeFiles, files), "qwen2-bpe");
}

TEST(TokenizerFilesGoldenTest, BertFromAWordList) {
  const Json file = ParseOrDie(ReadGolden("bert-wordpiece", "tokenizer.json"));
  const Json& vocab = *file.Find("model")->Find("vocab");
  std::vector<std::string> lines(vocab.AsObject()->size());
  for (const auto& [token, id] : vocab.AsObject()->members()) {
    lines[static_cast<size_t>(*id.AsInt())] = token;
  }
  std::string text;
  for (const std::string& line : lines) absl::StrAppend(&text, line, "\n");
  ExpectGoldenRows(AssetOf(TokenizerKind::kWordPieceFiles,
                           {{"vocab.txt", text},
                            {"config.json", R"({"model_type": "bert"})"}}),
                   "bert-wordpiece");
}

TEST(TokenizerFilesGoldenTest, Llama2FromItsSentencePieceModel) {
  const std::string model = ReadGolden("llama2-sp-bpe", "spiece.model");
  for (const char* name : {"tokenizer.model", "spiece.model"}) {
    ExpectGoldenRows(AssetOf(TokenizerKind::kSentencePiece, {{name, model}}),
                     "llama2-sp-bpe");
  }
}

TEST(TokenizerFilesGoldenTest, T5FromItsSentencePieceModel) {
  const std::string model = ReadGolden("t5-unigram", "spiece.model");
  const NamedFiles files = {{"spiece.model", model}};
  ExpectGoldenRows(AssetOf(TokenizerKind::kSentencePiece, files), "t5-unigram");
}

}  // namespace
}  // namespace ounce
