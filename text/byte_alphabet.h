// The 256 printable characters that stand for bytes in byte-level vocabularies:
// '!'..'~', U+00A1..U+00AC and U+00AE..U+00FF for themselves, and U+0100
// onwards for the other bytes in ascending order (a space is U+0120). Source:
// bytes_to_unicode() of openai/gpt-2, src/encoder.py.
#ifndef OUNCE_TEXT_BYTE_ALPHABET_H_
#define OUNCE_TEXT_BYTE_ALPHABET_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace ounce {

// Appends one character for every byte of `bytes`.
void AppendByteLevel(absl::string_view bytes, std::string* out);

// How many bytes AppendByteLevel() appends.
size_t ByteLevelSize(absl::string_view bytes);

// Appends one byte for every character of `token`, or `token` itself when it
// has a character outside the alphabet.  REQUIRES: `token` is valid UTF-8.
void AppendBytesOfToken(absl::string_view token, std::string* out);

}  // namespace ounce

#endif  // OUNCE_TEXT_BYTE_ALPHABET_H_
