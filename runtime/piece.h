// Tokens of one sequence that go through the layers together.
#ifndef OUNCE_RUNTIME_PIECE_H_
#define OUNCE_RUNTIME_PIECE_H_

#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "runtime/kv_cache.h"

namespace ounce {

struct EncodedSource;

struct Piece {
  KvCache* cache;
  absl::Span<const int32_t> ids;
  // Of all positions of the sequence; null: none is hidden.
  const uint8_t* key_mask = nullptr;
  const int32_t* token_types = nullptr;  // [ids]; null: all 0.
  int64_t length = 0;    // Of its sequence, with what is still to come.
  bool is_last = false;  // Of its sequence.
  const EncodedSource* source = nullptr;  // Of an encoder-decoder.

  int64_t size() const { return static_cast<int64_t>(ids.size()); }
};
using Pieces = absl::InlinedVector<Piece, 8>;

// The tokens of all.
inline int64_t CountTokens(const Pieces& pieces) {
  int64_t tokens = 0;
  for (const Piece& piece : pieces) tokens += piece.size();
  return tokens;
}

}  // namespace ounce

#endif  // OUNCE_RUNTIME_PIECE_H_
