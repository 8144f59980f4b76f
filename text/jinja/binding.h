// The arguments of a call, put in the order of a function's parameters.
#ifndef OUNCE_TEXT_JINJA_BINDING_H_
#define OUNCE_TEXT_JINJA_BINDING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "text/jinja/callable.h"
#include "text/jinja/value.h"

namespace ounce::jinja {

struct Signature {
  absl::string_view name;        // Of the function, for messages.
  absl::string_view parameters;  // Their names with spaces between.
  size_t required = 0;           // The first so many must be given.
};

class Bound {
 public:
  // kInvalidArgument: too many, too few, unknown or repeated arguments.
  static absl::StatusOr<Bound> Make(const Signature& signature,
                                    const Arguments& arguments);

  bool Has(size_t index) const { return values_[index].has_value(); }
  // REQUIRES: Has(index).
  const Value& operator[](size_t index) const { return *values_[index]; }
  // Given, and not None.
  bool IsSet(size_t index) const {
    return Has(index) && !values_[index]->is_none();
  }
  bool Truth(size_t index, bool fallback) const {
    return Has(index) ? values_[index]->truth() : fallback;
  }
  // kInvalidArgument: given, but of another type.
  absl::StatusOr<int64_t> Int(size_t index, int64_t fallback) const;
  absl::StatusOr<std::string> String(size_t index,
                                     absl::string_view fallback) const;

 private:
  explicit Bound(const Signature& signature) : signature_(signature) {}
  absl::Status WrongType(size_t index, absl::string_view expected) const;

  Signature signature_;
  std::vector<std::optional<Value>> values_;
};

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_BINDING_H_
