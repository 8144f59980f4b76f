// What Python's operators do to values.
// Source: the Python 3 language reference, chapter 6, "Expressions".  Integers
// have 64 bits here; where Python's would grow beyond, it is an error.
#ifndef OUNCE_TEXT_JINJA_OPERATORS_H_
#define OUNCE_TEXT_JINJA_OPERATORS_H_

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "text/jinja/value.h"
#include "text/jinja/work.h"

namespace ounce::jinja {

// All fail with kInvalidArgument where Python raises, and spend work for what
// they make or look at.

// `symbol`: + - * / // % or **.
absl::StatusOr<Value> Calculate(absl::string_view symbol, const Value& left,
                                const Value& right, Work* work);
absl::StatusOr<Value> Negate(const Value& value);

absl::StatusOr<bool> Equal(const Value& left, const Value& right, Work* work);
// left < right, of two numbers, strings, lists or tuples.
absl::StatusOr<bool> Less(const Value& left, const Value& right, Work* work);
// `symbol`: == != < <= > >= in or "not in".
absl::StatusOr<bool> Compare(absl::string_view symbol, const Value& left,
                             const Value& right, Work* work);
// item in container.
absl::StatusOr<bool> Contains(const Value& container, const Value& item,
                              Work* work);

// The elements a `for` goes over; an iterator is used up.
absl::StatusOr<std::vector<Value>> Elements(const Value& value, Work* work);
// len(value).
absl::StatusOr<int64_t> Length(const Value& value, Work* work);
// object[key] of a sequence, string or dict; nullopt where Python raises and
// Jinja goes on.
absl::StatusOr<std::optional<Value>> Item(const Value& object, const Value& key,
                                          Work* work);

// object[start:stop:step]; each may be None.
struct SliceBounds {
  Value start = None{};
  Value stop = None{};
  Value step = None{};
};
absl::StatusOr<Value> Slice(const Value& object, const SliceBounds& bounds,
                            Work* work);

// An error when `value` is undefined, with what is known of it.
absl::Status CheckDefined(const Value& value);

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_OPERATORS_H_
