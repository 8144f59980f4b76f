// object.name and object[key], as Jinja looks them up.
// Source: jinja2 3.1, SandboxedEnvironment.getattr() and getitem().
#ifndef OUNCE_TEXT_JINJA_ATTRIBUTES_H_
#define OUNCE_TEXT_JINJA_ATTRIBUTES_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "text/jinja/value.h"
#include "text/jinja/work.h"

namespace ounce::jinja {

// A method of the object's type comes before a key of a dict.  Undefined when
// there is neither.  kInvalidArgument: `object` itself is undefined.
// kUnimplemented: Python has such a method and we do not, or the sandbox bars
// it because it changes its object.
absl::StatusOr<Value> GetAttribute(const Value& object, absl::string_view name);

// An element comes before a method.  Errors as GetAttribute().
absl::StatusOr<Value> GetItem(const Value& object, const Value& key,
                              Work* work);

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_ATTRIBUTES_H_
