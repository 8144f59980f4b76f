// The filters of a template: `value | name(arguments)`.
// Source: jinja2 3.1, and transformers for `tojson`.
#ifndef OUNCE_TEXT_JINJA_FILTERS_H_
#define OUNCE_TEXT_JINJA_FILTERS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "text/jinja/callable.h"
#include "text/jinja/value.h"
#include "text/jinja/work.h"

namespace ounce::jinja {

// kInvalidArgument where Jinja raises; kUnimplemented for a filter or option
// that we do not have, with the list of those we do.
absl::StatusOr<Value> ApplyFilter(absl::string_view name, const Value& input,
                                  const Arguments& arguments, Work* work);

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_FILTERS_H_
