#include "text/text_pieces.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

TEST(TextPiecesTest, StartsAsOnePieceAndEmptyTextAsNone) {
  const TextPieces text("ab");
  ASSERT_EQ(text.pieces().size(), 1u);
  EXPECT_TRUE(text.pieces()[0].is_first);
  EXPECT_EQ(text.pieces()[0].token_id, kNoToken);
  EXPECT_TRUE(TextPieces("").pieces().empty());
}

TEST(TextPiecesTest, RewriteSkipsTokensAndDropsEmptyPieces) {
  TextPieces text("ab");
  ASSERT_OK(
      text.Rewrite([](const TextPiece& piece, std::vector<TextPiece>* out) {
        out->push_back({piece.text.substr(0, 1), 5, true});
        out->push_back({"", kNoToken, false});
        out->push_back({piece.text.substr(1), kNoToken, false});
        out->push_back({"", 6, false});
        return absl::OkStatus();
      }));
  ASSERT_EQ(text.pieces().size(), 2u);
  int calls = 0;
  ASSERT_OK(
      text.Rewrite([&](const TextPiece& piece, std::vector<TextPiece>* out) {
        ++calls;
        EXPECT_EQ(piece.text, "b");
        out->push_back(piece);
        return absl::OkStatus();
      }));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(text.pieces()[0].token_id, 5);
}

TEST(TextPiecesTest, OwnedTextsNeverMove) {
  TextPieces text("x");
  const absl::string_view first = text.Own("short");
  for (int i = 0; i < 10000; ++i) text.Own("y");
  EXPECT_EQ(first, "short");
}

TEST(TextPiecesTest, ErrorOfTheRewriterIsPassedOn) {
  TextPieces text("x");
  EXPECT_THAT(text.Rewrite([](const TextPiece&, std::vector<TextPiece>*) {
    return absl::InvalidArgumentError("no");
  }),
              StatusIs(absl::StatusCode::kInvalidArgument, "no"));
}

}  // namespace
}  // namespace ounce
