#include "formats/huggingface/tokenizer_files.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TokenizerFilesTest : public ::testing::Test {
 protected:
  // The asset of a folder with files of these names, each its own content.
  TokenizerAsset Open(const std::vector<std::string>& names) {
    for (const std::string& name : names) folder_.Write(name, name);
    auto asset = OpenCheckpointTokenizer(folder_.path());
    EXPECT_THAT(asset, IsOk());
    return asset.ok() ? *std::move(asset) : TokenizerAsset();
  }

  const TempFolder folder_;
};

std::vector<std::string> NamesOf(const TokenizerAsset& asset) {
  std::vector<std::string> names;
  for (const auto& file : asset.files) names.push_back(file.name);
  return names;
}

TEST_F(TokenizerFilesTest, TokenizerJsonWinsAndTakesNoOtherVocabulary) {
  const TokenizerAsset asset = Open(
      {"config.json", "merges.txt", "special_tokens_map.json", "tokenizer.json",
       "tokenizer.model", "tokenizer_config.json", "vocab.json", "vocab.txt"});
  EXPECT_EQ(asset.kind, TokenizerKind::kTokenizerJson);
  EXPECT_THAT(NamesOf(asset),
              ElementsAre("tokenizer.json", "tokenizer_config.json",
                          "special_tokens_map.json"));
  EXPECT_EQ(*asset.Find("tokenizer.json"), "tokenizer.json");
}

TEST_F(TokenizerFilesTest, NeedsNeitherConfigNorWeights) {
  const TokenizerAsset asset = Open({"tokenizer.json"});
  EXPECT_EQ(asset.kind, TokenizerKind::kTokenizerJson);
  EXPECT_EQ(asset.files.size(), 1u);
}

TEST_F(TokenizerFilesTest, TakesASentencePieceModelWithWhatSaysHowItIsUsed) {
  const TokenizerAsset asset =
      Open({"added_tokens.json", "chat_template.jinja", "config.json",
            "special_tokens_map.json", "spiece.model", "tokenizer_config.json",
            "README.md"});
  EXPECT_EQ(asset.kind, TokenizerKind::kSentencePiece);
  EXPECT_THAT(NamesOf(asset),
              ElementsAre("spiece.model", "tokenizer_config.json",
                          "special_tokens_map.json", "chat_template.jinja",
                          "added_tokens.json", "config.json"));
}

TEST_F(TokenizerFilesTest, KnowsEveryNameOfASentencePieceModel) {
  for (const char* name :
       {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model",
        "spm.model", "sentencepiece.model"}) {
    const TempFolder folder;
    folder.Write(name, "");
    ASSERT_OK_AND_ASSIGN(const TokenizerAsset asset,
                         OpenCheckpointTokenizer(folder.path()));
    EXPECT_EQ(asset.kind, TokenizerKind::kSentencePiece) << name;
    EXPECT_THAT(NamesOf(asset), ElementsAre(name));
  }
}

TEST_F(TokenizerFilesTest, TakesMariansTwoModelsWithTheirVocabulary) {
  const TokenizerAsset asset = Open({"source.spm", "target.spm", "vocab.json"});
  EXPECT_EQ(asset.kind, TokenizerKind::kSentencePiece);
  EXPECT_THAT(NamesOf(asset),
              ElementsAre("source.spm", "vocab.json", "target.spm"));
}

TEST_F(TokenizerFilesTest, TakesVocabularyAndMergesTogether) {
  const TokenizerAsset asset = Open({"merges.txt", "vocab.json", "vocab.txt"});
  EXPECT_EQ(asset.kind, TokenizerKind::kBpeFiles);
  EXPECT_THAT(NamesOf(asset), ElementsAre("vocab.json", "merges.txt"));
}

TEST_F(TokenizerFilesTest, TakesAWordList) {
  const TokenizerAsset asset = Open({"vocab.txt", "vocab.json"});
  EXPECT_EQ(asset.kind, TokenizerKind::kWordPieceFiles);
  EXPECT_THAT(NamesOf(asset), ElementsAre("vocab.txt"));
}

TEST_F(TokenizerFilesTest, FindsNoTokenizerInSettingsAlone) {
  const TokenizerAsset asset =
      Open({"added_tokens.json", "special_tokens_map.json",
            "tokenizer_config.json"});
  EXPECT_EQ(asset.kind, TokenizerKind::kNone);
  EXPECT_THAT(asset.files, IsEmpty());
  EXPECT_EQ(asset.unusable, "");
}

TEST_F(TokenizerFilesTest, NamesATokenizerFileThatItCannotUse) {
  for (const char* name : {"tekken.json", "qwen.tiktoken", "vocab.json",
                           "merges.txt", "source.spm", "bpe.codes"}) {
    const TempFolder folder;
    folder.Write(name, "");
    ASSERT_OK_AND_ASSIGN(const TokenizerAsset asset,
                         OpenCheckpointTokenizer(folder.path()));
    EXPECT_EQ(asset.kind, TokenizerKind::kNone);
    EXPECT_EQ(asset.unusable, std::string("file ") + name);
  }
}

}  // namespace
}  // namespace ounce
