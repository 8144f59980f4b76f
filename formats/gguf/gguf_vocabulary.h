// The vocabulary of a GGUF file, checked: its tokens with their types and
// scores, which of them have a role, and what stands around a text.
// Source: ggml, docs/gguf.md, "Tokenizer"; defaults and exceptions are those of
// llama.cpp, src/llama-vocab.cpp.
#ifndef OUNCE_FORMATS_GGUF_GGUF_VOCABULARY_H_
#define OUNCE_FORMATS_GGUF_GGUF_VOCABULARY_H_

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/json.h"
#include "formats/gguf/gguf_file.h"

namespace ounce {

// The numbers are those in the file, and SentencePiece's.
enum class GgufTokenType {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

// Tokens that have a name.
enum class GgufRole { kBos, kEos, kUnk, kSep, kPad, kCls, kMask };
inline constexpr size_t kNumGgufRoles = 7;
// "bos_token", as tokenizer_config.json calls it.
absl::string_view GgufRoleName(GgufRole role);

// What holds for a kind of tokenizer where the file says nothing.
struct GgufVocabularyDefaults {
  // Ids by role; -1: no such token.
  std::array<int64_t, kNumGgufRoles> ids = {-1, -1, -1, -1, -1, -1, -1};
  bool adds_bos = false;
  bool adds_eos = false;
};

struct GgufVocabulary {
  struct Token {
    absl::string_view text;  // Valid UTF-8, not empty, of no other token.
    float score = 0;         // Finite.
    GgufTokenType type = GgufTokenType::kNormal;
  };

  std::vector<Token> tokens;  // By id.  Views of the file or of `owned`.
  std::deque<std::string> owned;
  std::array<std::optional<size_t>, kNumGgufRoles> ids;  // By role.
  bool adds_bos = false;  // Then there is such a token.
  bool adds_eos = false;
  // White space that tokens take along where a text has them, by id; empty:
  // none does.
  std::vector<bool> strips_left;
  std::vector<bool> strips_right;

  std::optional<size_t> IdOf(GgufRole role) const {
    return ids[static_cast<size_t>(role)];
  }
  // Whether a text is searched for this token before the model sees it.
  bool IsAdded(size_t id) const;
  // As a tokenizer.json lists an added token.
  Json AddedToken(size_t id) const;
};

// An empty token becomes "[EMPTY_id]"; a token that a chat ends or fills in
// with ("<|im_end|>") is a control token whatever the file calls it; a role's
// id beyond the vocabulary counts for nothing.
// kInvalidArgument: no tokens, too many, one that is no UTF-8 or there twice,
// lists of unequal length, a token to be added that has no id.
absl::StatusOr<GgufVocabulary> ReadGgufVocabulary(
    const GgufFile& file, const GgufVocabularyDefaults& defaults);

}  // namespace ounce

#endif  // OUNCE_FORMATS_GGUF_GGUF_VOCABULARY_H_
