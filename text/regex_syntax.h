// Rewrites a regular expression from Oniguruma's Ruby syntax, which the
// patterns of `tokenizer.json` are written in, to PCRE2's, keeping its meaning
// where the two read the same text differently:
//   [^(\s|[.,!?])]   a class inside a class adds its members; && intersects
//   \s \w \h \v      White_Space; Alphabetic, M, Nd, Pc; hex digit; U+000B
//   (?m)             lets the dot match a newline; ^ and $ always match at
//   lines \p{Han}          a script, not its extensions; \p{Letter} in full is
//   allowed x{1,3}+          repeats the whole, it does not make it possessive
//   \uHHHH, x{,n}    which PCRE2 does not know
// Source: Oniguruma 6.9, doc/RE; pcre2pattern(3).
#ifndef OUNCE_TEXT_REGEX_SYNTAX_H_
#define OUNCE_TEXT_REGEX_SYNTAX_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace ounce {

// kInvalidArgument: a class is not closed or nested too deeply, or the pattern
// ends within an escape.  Other errors are left for the compiler to find.
absl::StatusOr<std::string> TranslateOniguruma(absl::string_view pattern);

}  // namespace ounce

#endif  // OUNCE_TEXT_REGEX_SYNTAX_H_
