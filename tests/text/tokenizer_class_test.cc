#include "text/tokenizer_class.h"

#include "gtest/gtest.h"

namespace ounce {
namespace {

// Pairs of AutoTokenizer's table.
TEST(TokenizerClassTest, KnowsTheClassOfAFamily) {
  EXPECT_EQ(TokenizerClassOf("bert"), "BertTokenizer");
  EXPECT_EQ(TokenizerClassOf("gpt_neo"), "GPT2Tokenizer");
  EXPECT_EQ(TokenizerClassOf("llama"), "LlamaTokenizer");
  EXPECT_EQ(TokenizerClassOf("mistral"), "LlamaTokenizer");
  EXPECT_EQ(TokenizerClassOf("phi"), "CodeGenTokenizer");
  EXPECT_EQ(TokenizerClassOf("t5"), "T5Tokenizer");
  EXPECT_EQ(TokenizerClassOf("xlm-roberta"), "XLMRobertaTokenizer");
}

TEST(TokenizerClassTest, IsEmptyForWhatItDoesNotKnow) {
  EXPECT_EQ(TokenizerClassOf(""), "");
  EXPECT_EQ(TokenizerClassOf("gpt"), "");
}

}  // namespace
}  // namespace ounce
