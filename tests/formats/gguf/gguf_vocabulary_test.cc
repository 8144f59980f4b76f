#include "formats/gguf/gguf_vocabulary.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/formats/gguf/gguf_image.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

constexpr char kTokens[] = "tokenizer.ggml.tokens";

testing::Matcher<absl::Status> Invalid(const std::string& words) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words));
}

// The views in the result point into `file`.
absl::StatusOr<GgufVocabulary> Read(
    const std::string& file, const GgufVocabularyDefaults& defaults = {}) {
  const absl::StatusOr<GgufFile> gguf = ParseGguf(file);
  if (!gguf.ok()) return gguf.status();
  return ReadGgufVocabulary(*gguf, defaults);
}

GgufImage Image(const std::vector<std::string>& tokens) {
  GgufImage image;
  image.Value(kTokens, GgufStrings(tokens));
  return image;
}

TEST(ReadGgufVocabularyTest, ReadsTokensTypesScoresAndRoles) {
  const std::string file =
      Image({"a", "b", "c"})
          .Value("tokenizer.ggml.scores", GgufFloat32s({1, 2, -0.5f}))
          .Value("tokenizer.ggml.token_type", GgufInt32s({1, 3, 99}))
          .Value("tokenizer.ggml.eos_token_id", GgufUint32(1))
          .Value("tokenizer.ggml.bos_token_id", GgufUint32(7))
          .Value("tokenizer.ggml.add_eos_token", GgufBool(true))
          .Build();
  GgufVocabularyDefaults defaults;
  defaults.ids = {2, 0, 0, -1, 9, -1, -1};
  ASSERT_OK_AND_ASSIGN(const GgufVocabulary vocabulary, Read(file, defaults));
  ASSERT_EQ(vocabulary.tokens.size(), 3u);
  EXPECT_EQ(vocabulary.tokens[2].text, "c");
  EXPECT_EQ(vocabulary.tokens[2].score, -0.5f);
  EXPECT_EQ(vocabulary.tokens[1].type, GgufTokenType::kControl);
  EXPECT_EQ(vocabulary.tokens[2].type, GgufTokenType::kNormal);
  EXPECT_EQ(vocabulary.IdOf(GgufRole::kEos), 1u);
  // Stated beyond the vocabulary: the default.
  EXPECT_EQ(vocabulary.IdOf(GgufRole::kBos), 2u);
  EXPECT_EQ(vocabulary.IdOf(GgufRole::kUnk), 0u);
  EXPECT_EQ(vocabulary.IdOf(GgufRole::kPad), std::nullopt);
  EXPECT_TRUE(vocabulary.adds_eos);
  EXPECT_FALSE(vocabulary.adds_bos);
}

TEST(ReadGgufVocabularyTest, NamesEmptyTokensAndKnowsControlTexts) {
  const std::string file = Image({"", "<|im_end|>", "</s>", "x"}).Build();
  ASSERT_OK_AND_ASSIGN(const GgufVocabulary vocabulary, Read(file));
  EXPECT_EQ(vocabulary.tokens[0].text, "[EMPTY_0]");
  EXPECT_TRUE(vocabulary.IsAdded(1));
  EXPECT_TRUE(vocabulary.IsAdded(2));
  EXPECT_FALSE(vocabulary.IsAdded(3));
  const std::string gemma = Image({"</s>", "<|tool_response>"}).Build();
  ASSERT_OK_AND_ASSIGN(const GgufVocabulary other, Read(gemma));
  EXPECT_FALSE(other.IsAdded(0));
  EXPECT_TRUE(other.IsAdded(1));
}

TEST(ReadGgufVocabularyTest, Phi3sControlTokensTakeSpaceBehindThemAlong) {
  const std::string file = Image({"<s>", "<|end|>"})
                               .Value("general.name", GgufString("My PHI-3"))
                               .Build();
  ASSERT_OK_AND_ASSIGN(const GgufVocabulary vocabulary, Read(file));
  EXPECT_EQ(vocabulary.AddedToken(0).GetBoolOr("rstrip", true).value(), false);
  EXPECT_EQ(vocabulary.AddedToken(1).GetBoolOr("rstrip", false).value(), true);
  EXPECT_EQ(vocabulary.AddedToken(1).GetBoolOr("lstrip", true).value(), false);
}

TEST(ReadGgufVocabularyTest, RefusesListsThatDoNotFitOrAreWrong) {
  EXPECT_THAT(Read(GgufImage().Build()).status(),
              Invalid("key 'tokenizer.ggml.tokens' is missing"));
  EXPECT_THAT(Read(Image({}).Build()).status(), Invalid("has 0 tokens"));
  EXPECT_THAT(Read(Image({"a", "b", "a"}).Build()).status(),
              Invalid("tokens 0 and 2 are both 'a'"));
  EXPECT_THAT(Read(Image({"a", "\xff\xfe"}).Build()).status(),
              Invalid("token 1, '\\xff\\xfe', is no UTF-8"));
  EXPECT_THAT(Read(Image({"a"})
                       .Value("tokenizer.ggml.scores", GgufFloat32s({1, 2}))
                       .Build())
                  .status(),
              Invalid("'tokenizer.ggml.scores' has 2 elements for 1 tokens"));
  EXPECT_THAT(Read(Image({"a"})
                       .Value("tokenizer.ggml.token_type", GgufInt32s({}))
                       .Build())
                  .status(),
              Invalid("'tokenizer.ggml.token_type' has 0 elements"));
  EXPECT_THAT(
      Read(Image({"a"})
               .Value("tokenizer.ggml.scores",
                      GgufFloat32s({std::numeric_limits<float>::infinity()}))
               .Build())
          .status(),
      Invalid("the score of token 0 is inf"));
  EXPECT_THAT(Read(Image({"a"})
                       .Value("tokenizer.ggml.add_bos_token", GgufBool(true))
                       .Build())
                  .status(),
              Invalid("'tokenizer.ggml.add_bos_token' is true, but"));
}

}  // namespace
}  // namespace ounce
