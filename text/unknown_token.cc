#include "text/unknown_token.h"

#include "absl/strings/str_cat.h"
#include "text/quote.h"

namespace ounce {

absl::Status UnknownToken::Append(absl::string_view text,
                                  std::vector<int32_t>* ids) const {
  if (!id_.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the vocabulary has no token for ", Quote(text),
                     " and lacks the unknown token ", Quote(token_),
                     "; remove it from the text"));
  }
  ids->push_back(*id_);
  return absl::OkStatus();
}

}  // namespace ounce
