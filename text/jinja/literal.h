// Python's literals: numbers and strings as source code and int() write them.
// Source: the Python language reference, chapter 2.4 and 2.5.
#ifndef OUNCE_TEXT_JINJA_LITERAL_H_
#define OUNCE_TEXT_JINJA_LITERAL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace ounce::jinja {

struct NumberLiteral {
  size_t size = 0;  // Bytes.
  bool is_float = false;
};

// The longest number at the start of `text`.  Without `may_be_float`, as behind
// a dot, it ends at a dot.  REQUIRES: `text` starts with a digit.
NumberLiteral FindNumber(absl::string_view text, bool may_be_float);

// What stands between the quotes of a string literal, its escapes replaced; an
// unknown escape keeps its backslash.  kInvalidArgument: an escape is cut off
// or names no character.
absl::StatusOr<std::string> UnescapeString(absl::string_view text);

// Python's int(text, base) and float(text), surrounding whitespace allowed;
// nullopt where Python raises.  kOutOfRange: an integer beyond 64 bits.
absl::StatusOr<std::optional<int64_t>> ParsePythonInt(absl::string_view text,
                                                      int base);
std::optional<double> ParsePythonFloat(absl::string_view text);

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_LITERAL_H_
