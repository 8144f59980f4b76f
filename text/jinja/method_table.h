// How the tables of methods and filters describe a function.
#ifndef OUNCE_TEXT_JINJA_METHOD_TABLE_H_
#define OUNCE_TEXT_JINJA_METHOD_TABLE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "text/jinja/binding.h"
#include "text/jinja/callable.h"
#include "text/jinja/value.h"
#include "text/jinja/work.h"

namespace ounce::jinja {

// One call: of a method, whose receiver is `input`, or of a filter.
struct FunctionCall {
  const Value& input;
  const Bound& arguments;
  const Arguments& unbound;  // For functions that take any.
  Work* work;
};

struct FunctionRow {
  Signature signature;
  absl::StatusOr<Value> (*function)(const FunctionCall&);
  bool takes_any = false;  // It reads `unbound` alone.
};

const FunctionRow* FindFunction(absl::Span<const FunctionRow> rows,
                                absl::string_view name);
absl::StatusOr<Value> CallFunction(const FunctionRow& row, const Value& input,
                                   const Arguments& arguments, Work* work);

// The methods of str.
absl::Span<const FunctionRow> TextMethods();
// The filters that make texts or numbers, and those that go over elements.
absl::Span<const FunctionRow> ScalarFilters();
absl::Span<const FunctionRow> SequenceFilters();

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_METHOD_TABLE_H_
