// Character properties, case mapping and normalisation forms, as the reference
// tokenizers use them: each with the tables of the Unicode version that the
// library behind it has (text/unicode_tables.h).  unicode.cc is the only file
// that sees utf8proc.
// Source: Unicode Standard Annexes 15 (normalisation), 29 (text segmentation)
// and 44 (properties).
#ifndef OUNCE_TEXT_UNICODE_H_
#define OUNCE_TEXT_UNICODE_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace ounce {

// The property White_Space: Rust's char::is_whitespace.
bool IsWhitespace(char32_t value);
// Categories Nd, Nl and No: Rust's char::is_numeric.
bool IsNumeric(char32_t value);
// ASCII punctuation (which counts $ + < = > ^ ` | ~ too) or a category P, as
// of Unicode 8.
bool IsPunctuation(char32_t value);
// `\w` of the Rust regex crate: Alphabetic, M, Nd, Pc and the two joiners.
bool IsWordCharacter(char32_t value);
// Category Mn as of Unicode 8: BertNormalizer's accents.
bool IsNonspacingMark(char32_t value);
// Category M as of Unicode 9: StripAccents.
bool IsCombiningMark(char32_t value);
// Categories Cc (but for tab, line feed and carriage return), Cf and Co as of
// Unicode 8, and U+FFFD: what BertNormalizer cleans away.
bool IsCleanedControl(char32_t value);

// Full lower case of one character, without context: a final sigma stays
// U+03C3.
void AppendLowercase(char32_t value, std::string* out);

// Size of the first user-perceived character (extended grapheme cluster) of
// `text`: "e" and a combining accent are one.
// REQUIRES: `text` is valid UTF-8 and not empty.
size_t FirstGraphemeSize(absl::string_view text);

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
