#include "text/word_piece_files.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/tokenizer_files_fixtures.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Ids are the lines' places.
constexpr char kVocab[] =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"
    "hi\n##ng\nhu\nHi\n\xC3\xA9t\xC3\xA9\nete\n";

std::vector<int32_t> Encode(NamedFiles files, absl::string_view text,
                            absl::string_view vocab = kVocab) {
  files.push_back({"vocab.txt", std::string(vocab)});
  const auto tokenizer =
      Tokenizer::Create(AssetOf(TokenizerKind::kWordPieceFiles, files));
  EXPECT_THAT(tokenizer, IsOk());
  if (!tokenizer.ok()) return {};
  const auto ids = (*tokenizer)->Encode(text, true);
  EXPECT_THAT(ids, IsOk());
  return ids.ok() ? *ids : std::vector<int32_t>();
}

NamedFiles Config(absl::string_view members) {
  return {{"tokenizer_config.json", absl::StrCat("{", members, "}")}};
}

TEST(WordPieceFilesTest, WithoutAClassItIsBertInLowerCase) {
  EXPECT_THAT(Encode({}, "Hi hung"), ElementsAre(2, 5, 7, 6, 3));
  EXPECT_THAT(Encode({}, "\xC3\x89T\xC3\x89"), ElementsAre(2, 10, 3));
  EXPECT_THAT(Encode({}, "x [MASK]"), ElementsAre(2, 1, 4, 3));
}

TEST(WordPieceFilesTest, KeepsCaseAndAccentsOnDemand) {
  EXPECT_THAT(Encode(Config(R"("do_lower_case": false)"), "Hi"),
              ElementsAre(2, 8, 3));
  EXPECT_THAT(Encode(Config(R"("do_lower_case": false)"), "\xC3\xA9t\xC3\xA9"),
              ElementsAre(2, 9, 3));
  EXPECT_THAT(Encode(Config(R"("strip_accents": false)"), "\xC3\x89t\xC3\xA9"),
              ElementsAre(2, 9, 3));
}

TEST(WordPieceFilesTest, OtherClassesHaveOtherSpecialTokens) {
  constexpr char kMpnet[] = "<s>\n<pad>\n</s>\n[UNK]\n<mask>\nhi\n";
  EXPECT_THAT(Encode(Config(R"("tokenizer_class": "MPNetTokenizer")"),
                     "hi <mask>", kMpnet),
              ElementsAre(0, 5, 4, 2));
}

TEST(WordPieceFilesTest, OfATokensLinesTheLastCounts) {
  const std::string twice = absl::StrCat(kVocab, "hi\n");
  EXPECT_THAT(Encode({}, "hi", twice), ElementsAre(2, 11, 3));
}

TEST(WordPieceFilesTest, LinesMayEndInAnyWay) {
  EXPECT_THAT(
      Encode({}, "a b", "[PAD]\r\n[UNK]\r[CLS]\n[SEP]\n[MASK]\n\na\r\nb"),
      ElementsAre(2, 6, 7, 3));
}

TEST(WordPieceFilesTest, SaysWhatIsWrong) {
  const auto load = [](const NamedFiles& files) {
    return Tokenizer::Create(AssetOf(TokenizerKind::kWordPieceFiles, files));
  };
  EXPECT_THAT(load({}), StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr("no file vocab.txt")));
  EXPECT_THAT(load({{"vocab.txt", "a\n\xFF\n"}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("vocab.txt: the file is no UTF-8")));
  NamedFiles files = Config(R"("tokenizer_class": "PhobertTokenizer")");
  files.push_back({"vocab.txt", kVocab});
  EXPECT_THAT(load(files), StatusIs(absl::StatusCode::kUnimplemented,
                                    HasSubstr("\"PhobertTokenizer\"")));
}

}  // namespace
}  // namespace ounce
