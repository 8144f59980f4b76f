// The tests of a template: `value is name(argument)`.
// Source: jinja2 3.1.
#ifndef OUNCE_TEXT_JINJA_TESTS_H_
#define OUNCE_TEXT_JINJA_TESTS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "text/jinja/callable.h"
#include "text/jinja/value.h"
#include "text/jinja/work.h"

namespace ounce::jinja {

// kInvalidArgument where Jinja raises; kUnimplemented for a test that we do not
// have, with the list of those we do.
absl::StatusOr<bool> ApplyTest(absl::string_view name, const Value& input,
                               const Arguments& arguments, Work* work);

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_TESTS_H_
