// Text from a file, as an error message repeats it.
#ifndef OUNCE_TEXT_QUOTE_H_
#define OUNCE_TEXT_QUOTE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace ounce {

// `text` between double quotes, with control characters and quotes escaped and
// all behind the first 80 bytes as "...", so that no file makes a message long
// or moves a terminal's cursor.  REQUIRES: `text` is valid UTF-8.
std::string Quote(absl::string_view text);

}  // namespace ounce

#endif  // OUNCE_TEXT_QUOTE_H_
