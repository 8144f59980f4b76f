// Values as text: Python's str() and repr(), and json.dumps().
#ifndef OUNCE_TEXT_JINJA_PRINT_H_
#define OUNCE_TEXT_JINJA_PRINT_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "text/jinja/value.h"
#include "text/jinja/work.h"

namespace ounce::jinja {

// str(value).  Spends the bytes.  kUnimplemented: a function, a loop or an
// iterator, whose text holds an address.
absl::StatusOr<std::string> ToText(const Value& value, Work* work);

struct JsonStyle {
  bool ensure_ascii = false;
  std::optional<std::string> indent;  // Of one level; else all on one line.
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool sort_keys = false;
};

// json.dumps(value).  Spends the bytes.  kInvalidArgument: a value that JSON
// has no form for, as undefined.
absl::StatusOr<std::string> ToJson(const Value& value, const JsonStyle& style,
                                   Work* work);

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_PRINT_H_
