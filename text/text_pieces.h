// A text on its way to token ids: the pieces it has been cut into so far, some
// of them already recognised as added tokens.
// Source: `PreTokenizedString` of huggingface/tokenizers.
#ifndef OUNCE_TEXT_TEXT_PIECES_H_
#define OUNCE_TEXT_TEXT_PIECES_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace ounce {

constexpr int32_t kNoToken = -1;

struct TextPiece {
  absl::string_view text;       // Valid UTF-8.
  int32_t token_id = kNoToken;  // Set: this piece is that token, whole.
  bool is_first = false;        // Whether the text starts with this piece.
};

// Views in pieces stay valid as long as this object, which owns what Own() was
// given, and the text it was made from.
class TextPieces {
 public:
  using Rewriter = absl::FunctionRef<absl::Status(const TextPiece&,
                                                  std::vector<TextPiece>*)>;

  explicit TextPieces(absl::string_view text) {
    if (!text.empty()) pieces_.push_back({text, kNoToken, /*is_first=*/true});
  }
  TextPieces(const TextPieces&) = delete;
  TextPieces& operator=(const TextPieces&) = delete;

  const std::vector<TextPiece>& pieces() const { return pieces_; }

  absl::string_view Own(std::string text) {
    return owned_.emplace_back(std::move(text));
  }

  // Replaces every piece that is no token yet by those that `rewrite` appends.
  // Empty ones are left out, even tokens, as the reference does.
  absl::Status Rewrite(Rewriter rewrite);

 private:
  std::vector<TextPiece> pieces_;
  std::deque<std::string> owned_;  // Its elements never move.
};

}  // namespace ounce

#endif  // OUNCE_TEXT_TEXT_PIECES_H_
