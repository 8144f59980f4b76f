#include "text/sentencepiece_model.h"

#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/tokenizer_files_fixtures.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

const SentencePieceModel::Piece kUnk = {"<unk>", 0, PieceType::kUnknown};

auto Refuses(absl::string_view words) {
  return StatusIs(absl::StatusCode::kInvalidArgument,
                  HasSubstr(std::string(words)));
}

TEST(SentencePieceModelTest, ReadsTheFileAnOutsideTrainerWrote) {
  const std::string bytes =
      ReadSource("tests/golden/tokenizers/t5-unigram/spiece.model");
  ASSERT_OK_AND_ASSIGN(const SentencePieceModel model,
                       ReadSentencePieceModel(bytes));
  // As the trainer was told (tests/golden/make_tokenizers.py).
  EXPECT_EQ(model.kind, SentencePieceKind::kUnigram);
  ASSERT_EQ(model.pieces.size(), 1400u);
  EXPECT_EQ(model.pieces[0].text, "<pad>");
  EXPECT_EQ(model.pieces[1].text, "</s>");
  EXPECT_EQ(model.pieces[1].type, PieceType::kControl);
  EXPECT_EQ(model.unk_id, 2);
  EXPECT_EQ(model.eos_id, 1);
  EXPECT_EQ(model.bos_id, -1);
  EXPECT_EQ(model.pad_id, 0);
  EXPECT_FALSE(model.byte_fallback);
  EXPECT_TRUE(model.add_dummy_prefix);
  EXPECT_TRUE(model.remove_extra_whitespaces);
  EXPECT_GT(model.charsmap.size(), 100000u);
}

TEST(SentencePieceModelTest, ReadsABpeModelOfAnOutsideTrainer) {
  const std::string bytes =
      ReadSource("tests/golden/tokenizers/llama2-sp-bpe/spiece.model");
  ASSERT_OK_AND_ASSIGN(const SentencePieceModel model,
                       ReadSentencePieceModel(bytes));
  EXPECT_EQ(model.kind, SentencePieceKind::kBpe);
  EXPECT_EQ(model.pieces.size(), 1400u);
  EXPECT_EQ(model.pieces[3].text, "<0x00>");
  EXPECT_EQ(model.pieces[3].type, PieceType::kByte);
  EXPECT_TRUE(model.byte_fallback);
  EXPECT_FALSE(model.remove_extra_whitespaces);
  EXPECT_EQ(model.charsmap, "");
}

TEST(SentencePieceModelTest, TakesTheFormatsDefaultsAndSkipsOtherFields) {
  const std::string bytes = absl::StrCat(
      // A piece without a type is a normal one, without a score has 0.
      BytesField(1, BytesField(1, "a")),
      PieceField("<unk>", 0, PieceType::kUnknown), NumberField(9, 1u << 30),
      FloatField(200, 1.5f), BytesField(4, "self test"));
  ASSERT_OK_AND_ASSIGN(const SentencePieceModel model,
                       ReadSentencePieceModel(bytes));
  EXPECT_EQ(model.pieces[0].type, PieceType::kNormal);
  EXPECT_EQ(model.pieces[0].score, 0.0f);
  EXPECT_EQ(model.kind, SentencePieceKind::kUnigram);
  EXPECT_EQ(model.unk_id, 1);
  EXPECT_EQ(model.bos_id, 1);
  EXPECT_EQ(model.pad_id, -1);
  EXPECT_TRUE(model.escape_whitespaces);
}

TEST(SentencePieceModelTest, ReadsNegativeNumbersAndFlags) {
  const std::string bytes = ModelFileOf(
      {kUnk},
      {.kind = SentencePieceKind::kBpe,
       .trainer = absl::StrCat(NumberField(41, ~uint64_t{0}),
                               NumberField(35, 1), NumberField(24, 1)),
       .normalizer = absl::StrCat(NumberField(3, 0), NumberField(4, 0),
                                  NumberField(5, 0), BytesField(2, "map"))});
  ASSERT_OK_AND_ASSIGN(const SentencePieceModel model,
                       ReadSentencePieceModel(bytes));
  EXPECT_EQ(model.bos_id, -1);
  EXPECT_TRUE(model.byte_fallback);
  EXPECT_TRUE(model.whitespace_is_suffix);
  EXPECT_FALSE(model.add_dummy_prefix);
  EXPECT_FALSE(model.remove_extra_whitespaces);
  EXPECT_FALSE(model.escape_whitespaces);
  EXPECT_EQ(model.charsmap, "map");
}

TEST(SentencePieceModelTest, RefusesAFileCutOffAnywhere) {
  const std::string whole = ModelFileOf({kUnk, {"ab", -1}});
  // Between two top-level fields a shorter file is one, too.
  const size_t first = ModelFileOf({kUnk}).size() - 6;
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto model = ReadSentencePieceModel(whole.substr(0, size));
    if (model.ok()) {
      EXPECT_GE(size, first);
    }
  }
  EXPECT_THAT(ReadSentencePieceModel(whole.substr(0, 3)),
              Refuses("a field of 14 bytes at byte 2 where 1 are left; "
                      "expected a SentencePiece model"));
  EXPECT_THAT(ReadSentencePieceModel("\x0A"),
              Refuses("the number at byte 1 is cut off"));
}

TEST(SentencePieceModelTest, RefusesWhatIsNoModel) {
  EXPECT_THAT(ReadSentencePieceModel(""), Refuses("no piece is the unknown"));
  EXPECT_THAT(ReadSentencePieceModel("IQ== 0\nIg== 1\n"),
              Refuses("expected a SentencePiece model"));
  EXPECT_THAT(ReadSentencePieceModel(std::string("\0\0", 2)),
              Refuses("byte 0 begins no field"));
  EXPECT_THAT(ReadSentencePieceModel("\x0B"),
              Refuses("byte 0 has wire type 3"));
  EXPECT_THAT(ReadSentencePieceModel("\x08" + std::string(11, '\xFF')),
              Refuses("the number at byte 1 is too long"));
  EXPECT_THAT(ReadSentencePieceModel(NumberField(1, 5)),
              Refuses("the field pieces has wire type 0 instead of 2"));
}

TEST(SentencePieceModelTest, RefusesPiecesThatNoModelHas) {
  const auto with = [](absl::string_view text, float score) {
    return ReadSentencePieceModel(ModelFileOf({kUnk, {text, score}}));
  };
  EXPECT_THAT(with("", 0), Refuses("piece 1 is empty"));
  EXPECT_THAT(with("\xC3", 0), Refuses("piece 1 is no UTF-8"));
  EXPECT_THAT(with("a", std::numeric_limits<float>::infinity()),
              Refuses("piece 1, \"a\", has a score that is no number"));
  EXPECT_THAT(with("a", std::numeric_limits<float>::quiet_NaN()),
              Refuses("has a score that is no number"));
  EXPECT_THAT(with(std::string(1025, 'a'), 0),
              Refuses("piece 1 has 1025 bytes"));
  EXPECT_THAT(ReadSentencePieceModel(ModelFileOf({kUnk, kUnk})),
              Refuses("pieces 0 and 1 are both the unknown piece"));
  EXPECT_THAT(ReadSentencePieceModel(ModelFileOf({{"a", 0}})),
              Refuses("no piece is the unknown piece"));
  EXPECT_THAT(ReadSentencePieceModel(
                  ModelFileOf({{"a", 0, static_cast<PieceType>(7)}})),
              Refuses("the field type is 7"));
}

TEST(SentencePieceModelTest, RefusesNumbersOutOfRange) {
  const auto with = [](const std::string& trainer) {
    return ReadSentencePieceModel(ModelFileOf({kUnk}, {.trainer = trainer}));
  };
  EXPECT_THAT(with(NumberField(3, 5)), Refuses("the field model_type is 5"));
  EXPECT_THAT(with(NumberField(42, uint64_t{1} << 40)),
              Refuses("the field eos_id is 1099511627776"));
  EXPECT_THAT(with(NumberField(42, ~uint64_t{1})),
              Refuses("the field eos_id is -2"));
  EXPECT_THAT(with(BytesField(42, "x")),
              Refuses("the field eos_id has wire type 2 instead of 0"));
}

}  // namespace
}  // namespace ounce
