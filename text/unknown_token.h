// The token of a word that a vocabulary cannot express.
#ifndef OUNCE_TEXT_UNKNOWN_TOKEN_H_
#define OUNCE_TEXT_UNKNOWN_TOKEN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "text/vocabulary.h"

namespace ounce {

// Immutable; thread-safe.
class UnknownToken {
 public:
  // The vocabulary may lack `token`.  Keeps no reference to it.
  UnknownToken(const Vocabulary& vocabulary, std::string token)
      : id_(vocabulary.Find(token)), token_(std::move(token)) {}

  // Appends it.  kInvalidArgument, with `text`: the vocabulary lacks it.
  absl::Status Append(absl::string_view text, std::vector<int32_t>* ids) const;

 private:
  const std::optional<int32_t> id_;
  const std::string token_;
};

}  // namespace ounce

#endif  // OUNCE_TEXT_UNKNOWN_TOKEN_H_
