// Character properties, case mapping and normalisation forms, as the reference
// tokenizers use them.  unicode.cc is the only file that sees utf8proc, whose
// tables are those of the installed version (2.8: Unicode 14).
// Source: Unicode Standard Annexes 15 (normalisation) and 44 (properties).
#ifndef OUNCE_TEXT_UNICODE_H_
#define OUNCE_TEXT_UNICODE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace ounce {

// The property White_Space: Rust's char::is_whitespace.
bool IsWhitespace(char32_t value);
// Categories Nd, Nl and No: Rust's char::is_numeric.
bool IsNumeric(char32_t value);
// ASCII punctuation (which counts $ + < = > ^ ` | ~ too) or a category P.
bool IsPunctuation(char32_t value);
// `\w` of the Rust regex crate: Alphabetic, M, Nd, Pc and the two joiners.
bool IsWordCharacter(char32_t value);

// Full lower case of one character, without context: a final sigma stays
// U+03C3.
void AppendLowercase(char32_t value, std::string* out);

// Upper case of one character, or its title case, as Python's str has it.
// False and nothing where that is several characters.
bool AppendUppercase(char32_t value, bool title, std::string* out);
// Has upper, lower or title case: Python's test at word starts in str.title().
bool IsCased(char32_t value);
// Python's str.isprintable(): no control, format, surrogate, private or
// unassigned character and no separator but the space.
bool IsPrintable(char32_t value);

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

// Linear in the size of `text` up to sorting combining marks (n log n).
// REQUIRES: `text` is valid UTF-8.
std::string NormalizeUnicode(absl::string_view text, NormalForm form);

}  // namespace ounce

#endif  // OUNCE_TEXT_UNICODE_H_
