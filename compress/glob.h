// Name patterns as shells have them.
#ifndef OUNCE_COMPRESS_GLOB_H_
#define OUNCE_COMPRESS_GLOB_H_

#include "absl/strings/string_view.h"

namespace ounce {

// True when `pattern` matches all of `text`: `*` stands for any text, also
// none,
// `?` for one character.  Time: pattern * text at worst.
bool GlobMatches(absl::string_view pattern, absl::string_view text);

}  // namespace ounce

#endif  // OUNCE_COMPRESS_GLOB_H_
