// Python's two old ways to fill values into a string.
#ifndef OUNCE_TEXT_JINJA_STRING_FORMAT_H_
#define OUNCE_TEXT_JINJA_STRING_FORMAT_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "text/jinja/callable.h"
#include "text/jinja/value.h"
#include "text/jinja/work.h"

namespace ounce::jinja {

// format % values: a tuple or one value.  We have %s, %r, %d, %i, %x, %f and %e
// with width, precision, `0` and `-`, and %%.  kUnimplemented: another.
absl::StatusOr<Value> FormatPercent(absl::string_view format,
                                    const Value& values, Work* work);

// format.format(...): {}, {0} and {name}, {{ and }}.  kUnimplemented: a
// conversion, a format specification, or an attribute within braces.
absl::StatusOr<Value> FormatBraces(absl::string_view format,
                                   const Arguments& arguments, Work* work);

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_STRING_FORMAT_H_
