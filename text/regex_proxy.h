// Makes texts with young characters fit for an older library of regular
// expressions.
//
// The reference's library knows the characters of Unicode 16, an installed
// PCRE2 perhaps only those of Unicode 14.  Each character that came between is
// replaced by an older one of the same category, script where there is one, and
// size in UTF-8, so that what matches stays where it was.
#ifndef OUNCE_TEXT_REGEX_PROXY_H_
#define OUNCE_TEXT_REGEX_PROXY_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace ounce {

// `text` with every young character replaced; nullopt when there is none.
// REQUIRES: `text` is valid UTF-8.
std::optional<std::string> WithProxies(absl::string_view text);

}  // namespace ounce

#endif  // OUNCE_TEXT_REGEX_PROXY_H_
