// UTF-8: validation, repair and iteration.
// Source: the Unicode Standard, chapter 3.9, "U+FFFD Substitution of Maximal
// Subparts", which is also what Rust's from_utf8_lossy does.
#ifndef OUNCE_CORE_UTF8_H_
#define OUNCE_CORE_UTF8_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace ounce {

struct Utf8Char {
  char32_t value = 0;
  size_t num_bytes = 0;
};

// The character that starts at `offset`.
// REQUIRES: `text` is valid UTF-8 and `offset` < size is a character boundary.
Utf8Char DecodeUtf8(absl::string_view text, size_t offset);

// The character that ends just before `offset`.
// REQUIRES: `text` is valid UTF-8 and `offset` > 0 is a character boundary.
Utf8Char DecodeUtf8Before(absl::string_view text, size_t offset);

// REQUIRES: `value` is a Unicode scalar value.
void AppendUtf8(char32_t value, std::string* out);

bool IsValidUtf8(absl::string_view bytes);

// The number of bytes of the well-formed character at `offset` < size; 0 when
// none starts there.
size_t Utf8CharSize(absl::string_view bytes, size_t offset);

// Appends `bytes` to `out` with every ill-formed sequence (maximal subpart) as
// one U+FFFD, and returns the number of bytes used.  Unless `is_final`, a
// sequence that is cut off at the end is left for a later call: at most the
// last 3 bytes are unused.
size_t AppendRepairedUtf8(absl::string_view bytes, bool is_final,
                          std::string* out);

}  // namespace ounce

#endif  // OUNCE_CORE_UTF8_H_
