#include "formats/gguf/gguf_sentencepiece.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "text/sentencepiece_model.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

GgufVocabulary Vocabulary() {
  GgufVocabulary vocabulary;
  vocabulary.tokens = {{"<unk>", 0, GgufTokenType::kUnknown},
                       {"<s>", 0, GgufTokenType::kControl},
                       {"\u2581a", -1.5f, GgufTokenType::kNormal},
                       {"<0x0A>", 0, GgufTokenType::kByte},
                       {"keep", 0, GgufTokenType::kUserDefined},
                       {"<pad>", 0, GgufTokenType::kUnknown}};
  vocabulary.ids[static_cast<size_t>(GgufRole::kUnk)] = 0;
  vocabulary.ids[static_cast<size_t>(GgufRole::kBos)] = 1;
  return vocabulary;
}

TEST(WriteGgufSentencePieceTest, IsReadBackByTheReaderOfSuchModels) {
  ASSERT_OK_AND_ASSIGN(const std::string bytes,
                       WriteGgufSentencePiece(Vocabulary()));
  ASSERT_OK_AND_ASSIGN(const SentencePieceModel model,
                       ReadSentencePieceModel(bytes));
  EXPECT_EQ(model.kind, SentencePieceKind::kBpe);
  EXPECT_TRUE(model.byte_fallback);
  EXPECT_FALSE(model.remove_extra_whitespaces);
  EXPECT_EQ(model.unk_id, 0);
  EXPECT_EQ(model.bos_id, 1);
  EXPECT_EQ(model.eos_id, -1);
  ASSERT_EQ(model.pieces.size(), 6u);
  EXPECT_EQ(model.pieces[2].text, "\u2581a");
  EXPECT_EQ(model.pieces[2].score, -1.5f);
  EXPECT_EQ(model.pieces[2].type, PieceType::kNormal);
  EXPECT_EQ(model.pieces[3].type, PieceType::kByte);
  EXPECT_EQ(model.pieces[4].type, PieceType::kUserDefined);
  // A model has one unknown piece, which the role says.
  EXPECT_EQ(model.pieces[5].type, PieceType::kControl);
}

TEST(WriteGgufSentencePieceTest, HasTheBytesOfTheWireFormat) {
  GgufVocabulary vocabulary;
  vocabulary.tokens = {{"x", 0.5f, GgufTokenType::kUnknown}};
  vocabulary.ids[static_cast<size_t>(GgufRole::kUnk)] = 0;
  ASSERT_OK_AND_ASSIGN(const std::string bytes,
                       WriteGgufSentencePiece(vocabulary));
  // Field 1 of 10 bytes: field 1 "x", field 2 0.5, field 3 of 2.
  EXPECT_EQ(bytes.substr(0, 12),
            std::string("\x0a\x0a\x0a\x01x\x15\x00\x00\x00\x3f\x18\x02", 12));
}

TEST(WriteGgufSentencePieceTest, RefusesAVocabularyWithoutAnUnknownToken) {
  GgufVocabulary vocabulary = Vocabulary();
  vocabulary.ids[static_cast<size_t>(GgufRole::kUnk)].reset();
  EXPECT_THAT(WriteGgufSentencePiece(vocabulary),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("unknown_token_id")));
}

}  // namespace
}  // namespace ounce
