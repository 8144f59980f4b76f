// Tokens written in the text as such ("<|endoftext|>"): they are found before
// anything else cuts the text, and special ones can be left out of a decoding.
// Source: huggingface/tokenizers 0.23, src/tokenizer/added_vocabulary.rs.
#ifndef OUNCE_TEXT_ADDED_TOKENS_H_
#define OUNCE_TEXT_ADDED_TOKENS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/json.h"
#include "text/byte_trie.h"
#include "text/normalizer.h"
#include "text/text_pieces.h"
#include "text/vocabulary.h"

namespace ounce {

struct AddedToken {
  std::string content;
  bool single_word = false;  // Only between characters that are no \w.
  bool lstrip = false;       // Takes the white space before it along.
  bool rstrip = false;       // Takes the white space after it along.
  bool normalized = false;   // Looked for, normalised, in normalised text.
  bool special = false;
};

// {"content", and optionally the other members of AddedToken, and "id"}.
// "normalized" is true where it is missing and "special" is not set.
// kInvalidArgument: a member has a wrong type, or the id is out of range.
absl::StatusOr<AddedToken> ParseAddedToken(const Json& json);

// Immutable; thread-safe.
class AddedTokens {
 public:
  // From the array "added_tokens".  A token that `vocabulary` has keeps its id;
  // the others are numbered on from the vocabulary's size in the order of the
  // file, whatever ids it states, as the reference does.  `normalizer` may be
  // null.
  // kInvalidArgument: a field has a wrong type, or an id is out of range.
  static absl::StatusOr<AddedTokens> Parse(const Json* array,
                                           const Vocabulary& vocabulary,
                                           const Normalizer* normalizer);

  // Cuts out the tokens that are matched against the text as given, or those
  // matched against normalised text: the leftmost and of these the longest.
  absl::Status ExtractRaw(TextPieces* pieces) const {
    return raw_.Extract(tokens_, pieces);
  }
  absl::Status ExtractNormalized(TextPieces* pieces) const {
    return normalized_.Extract(tokens_, pieces);
  }

  std::optional<int32_t> Find(absl::string_view content) const;
  // What a decoder sees for `id`: the content, normalised where it was matched
  // so; nullptr when `id` is no added token.
  const std::string* TextOf(int32_t id) const;
  // Whether `id` was declared special.
  bool IsSpecial(int32_t id) const;
  // Whether `text` is the content of a special token.
  bool IsSpecialText(absl::string_view text) const {
    return special_texts_.contains(text);
  }
  // One more than the largest id; 0 when there is none.
  int32_t id_limit() const { return id_limit_; }

 private:
  struct Entry {
    AddedToken token;
    std::string text;  // See TextOf().
  };
  using Entries = absl::flat_hash_map<int32_t, Entry>;

  // The tokens of one of the two kinds.
  struct Matcher {
    absl::Status Extract(const Entries& tokens, TextPieces* pieces) const;
    void Cut(const Entries& tokens, const TextPiece& piece,
             std::vector<TextPiece>* out) const;

    ByteTrie trie;
  };

  AddedTokens() = default;
  absl::Status Add(AddedToken token, const Vocabulary& vocabulary,
                   const Normalizer* normalizer);
  int32_t IdFor(absl::string_view content, const Vocabulary& vocabulary);
  void BuildMatchers();

  Entries tokens_;
  absl::flat_hash_map<std::string, int32_t> ids_;
  absl::flat_hash_set<std::string> special_texts_;
  Matcher raw_;
  Matcher normalized_;
  int32_t next_id_ = 0;
  int32_t id_limit_ = 0;
};

}  // namespace ounce

#endif  // OUNCE_TEXT_ADDED_TOKENS_H_
