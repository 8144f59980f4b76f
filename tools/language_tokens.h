// The tokens by which multilingual encoder-decoders name a language: fr_XX of
// mBART, fra_Latn of NLLB, __fr__ of M2M100.
#ifndef OUNCE_TOOLS_LANGUAGE_TOKENS_H_
#define OUNCE_TOOLS_LANGUAGE_TOKENS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "text/tokenizer.h"

namespace ounce {

bool IsLanguageToken(absl::string_view token);

// The id of the token `language`.  kInvalidArgument: it is none of the
// tokenizer's languages; the message lists these.
absl::StatusOr<int32_t> FindLanguage(const Tokenizer& tokenizer,
                                     const std::string& language);

}  // namespace ounce

#endif  // OUNCE_TOOLS_LANGUAGE_TOKENS_H_
