// The methods of Python's types that templates may call: those that change
// nothing.
// Source: the Python 3 library reference, "Built-in Types".
#ifndef OUNCE_TEXT_JINJA_METHODS_H_
#define OUNCE_TEXT_JINJA_METHODS_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "text/jinja/callable.h"
#include "text/jinja/value.h"
#include "text/jinja/work.h"

namespace ounce::jinja {

// Whether values of the type of `object` have a method `name`.
// kUnimplemented: Python's have and ours do not, or the sandbox bars it.
absl::StatusOr<bool> HasMethod(const Value& object, absl::string_view name);

// object.name(arguments).  kInvalidArgument where Python raises.
// REQUIRES: HasMethod(), or a loop's `cycle`.
absl::StatusOr<Value> CallMethod(const Callable& method,
                                 const Arguments& arguments, Work* work);

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_METHODS_H_
