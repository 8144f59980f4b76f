#include "text/text_pieces.h"

#include <algorithm>
#include <utility>

#include "core/status_macros.h"

namespace ounce {

absl::Status TextPieces::Rewrite(Rewriter rewrite) {
  std::vector<TextPiece> rewritten;
  rewritten.reserve(pieces_.size());
  for (const TextPiece& piece : pieces_) {
    if (piece.token_id != kNoToken) {
      rewritten.push_back(piece);
      continue;
    }
    const size_t begin = rewritten.size();
    OUNCE_RETURN_IF_ERROR(rewrite(piece, &rewritten));
    const auto first = rewritten.begin() + static_cast<std::ptrdiff_t>(begin);
    rewritten.erase(
        std::remove_if(first, rewritten.end(),
                       [](const TextPiece& part) { return part.text.empty(); }),
        rewritten.end());
  }
  pieces_ = std::move(rewritten);
  return absl::OkStatus();
}

}  // namespace ounce
