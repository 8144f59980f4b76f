// The step that turns one word into token ids: BPE, WordPiece and their like.
// Source: `Model` of huggingface/tokenizers.
#ifndef OUNCE_TEXT_TOKEN_MODEL_H_
#define OUNCE_TEXT_TOKEN_MODEL_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "text/vocabulary.h"

namespace ounce {

// The scratch memory and word cache of one text.  Not thread-safe.
class WordEncoder {
 public:
  virtual ~WordEncoder() = default;
  // Appends the ids of `word`, whose bytes must stay valid and unchanged for as
  // long as this encoder is used.
  // REQUIRES: `word` is valid UTF-8 and not empty.
  // kInvalidArgument: the vocabulary cannot express `word`.
  virtual absl::Status Encode(absl::string_view word,
                              std::vector<int32_t>* ids) = 0;
};

// Immutable; thread-safe.
class TokenModel {
 public:
  virtual ~TokenModel() = default;
  virtual const Vocabulary& vocabulary() const = 0;
  // An encoder for one text; the model must outlive it.
  virtual std::unique_ptr<WordEncoder> NewEncoder() const = 0;
};

using TokenModelOr = absl::StatusOr<std::unique_ptr<TokenModel>>;

}  // namespace ounce

#endif  // OUNCE_TEXT_TOKEN_MODEL_H_
