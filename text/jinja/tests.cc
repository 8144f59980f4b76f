#include "text/jinja/tests.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "core/status_macros.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"
#include "text/quote.h"

namespace ounce::jinja {
namespace {

using Result = absl::StatusOr<bool>;
using Plain = bool (*)(const Value&);

// What `is` asks of a value alone.
struct PlainRow {
  absl::string_view name;
  Plain holds;
};

bool IsTrue(const Value& value) {
  return value.AsBool() != nullptr && *value.AsBool();
}
bool IsFalse(const Value& value) {
  return value.AsBool() != nullptr && !*value.AsBool();
}
bool IsSequence(const Value& value) {
  return value.is_undefined() || value.AsText() != nullptr ||
         value.AsDict() != nullptr || value.AsRange() != nullptr ||
         value.AsSequence(SequenceKind::kList) != nullptr ||
         value.AsSequence(SequenceKind::kTuple) != nullptr;
}
bool IsIterable(const Value& value) {
  return IsSequence(value) || value.AsSequence() != nullptr ||
         value.AsIterator() != nullptr || value.AsLoop() != nullptr;
}

constexpr PlainRow kPlain[] = {
    {"boolean", [](const Value& v) { return v.AsBool() != nullptr; }},
    {"callable",
     [](const Value& v) {
       return v.AsCallable() != nullptr || v.AsLoop() != nullptr ||
              v.is_undefined();
     }},
    {"defined", [](const Value& v) { return !v.is_undefined(); }},
    {"escaped",
     [](const Value& v) {
       return v.AsText() != nullptr && v.AsText()->is_markup;
     }},
    {"false", IsFalse},
    {"float", [](const Value& v) { return v.AsFloat() != nullptr; }},
    {"integer", [](const Value& v) { return v.AsInt() != nullptr; }},
    {"iterable", IsIterable},
    {"mapping", [](const Value& v) { return v.AsDict() != nullptr; }},
    {"none", [](const Value& v) { return v.is_none(); }},
    {"number", [](const Value& v) { return v.AsNumber().has_value(); }},
    {"sequence", IsSequence},
    {"string", [](const Value& v) { return v.AsText() != nullptr; }},
    {"true", IsTrue},
    {"undefined", [](const Value& v) { return v.is_undefined(); }},
};

// Names of the comparisons.
struct ComparisonRow {
  absl::string_view name;
  absl::string_view symbol;
};

constexpr ComparisonRow kComparisons[] = {
    {"eq", "=="},      {"equalto", "=="}, {"ne", "!="}, {"lt", "<"},
    {"lessthan", "<"}, {"le", "<="},      {"gt", ">"},  {"greaterthan", ">"},
    {"ge", ">="},      {"in", "in"},      {"==", "=="}, {"!=", "!="},
    {"<", "<"},        {"<=", "<="},      {">", ">"},   {">=", ">="},
};

constexpr absl::string_view kOthers[] = {"divisibleby", "even",   "odd",
                                         "lower",       "sameas", "upper"};

Result IsCase(const Value& value, bool upper) {
  const Text* const text = value.AsText();
  if (text == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat("'is ", upper ? "upper" : "lower", "' of a value of type ",
                     value.type_name()));
  }
  OUNCE_ASSIGN_OR_RETURN(
      const std::string changed,
      ChangeCase(text->bytes, upper ? TextCase::kUpper : TextCase::kLower));
  bool cased = false;
  for (const char c : text->bytes) {
    if ((c & 0x80) != 0) {
      return absl::UnimplementedError(
          "'is upper' or 'is lower' of a string outside of ASCII");
    }
    cased = cased || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }
  return cased && changed == text->bytes;
}

Result IsDivisible(const Value& value, const Value& divisor, int64_t rest,
                   Work* work) {
  OUNCE_ASSIGN_OR_RETURN(const Value actual,
                         Calculate("%", value, divisor, work));
  return Equal(actual, Value(rest), work);
}

Result IsSameAs(const Value& value, const Value& other) {
  if (value.AsText() != nullptr && other.AsText() != nullptr) {
    return absl::UnimplementedError("'sameas' of two strings; use ==");
  }
  if (value.AsNumber().has_value() && other.AsNumber().has_value() &&
      value.AsBool() == nullptr && other.AsBool() == nullptr) {
    return absl::UnimplementedError("'sameas' of two numbers; use ==");
  }
  return value.IsSame(other);
}

absl::Status WrongCount(absl::string_view name, size_t expected, size_t count) {
  return absl::InvalidArgumentError(absl::StrCat(
      "the test '", name, "' takes ", expected, " arguments, not ", count));
}

Result ApplyOther(absl::string_view name, const Value& input,
                  const std::vector<Value>& arguments, Work* work) {
  const bool takes_one = name == "divisibleby" || name == "sameas";
  if (arguments.size() != (takes_one ? 1 : 0)) {
    return WrongCount(name, takes_one ? 1 : 0, arguments.size());
  }
  if (name == "divisibleby") return IsDivisible(input, arguments[0], 0, work);
  if (name == "sameas") return IsSameAs(input, arguments[0]);
  if (name == "even" || name == "odd") {
    return IsDivisible(input, Value(int64_t{2}), name == "odd" ? 1 : 0, work);
  }
  return IsCase(input, name == "upper");
}

template <typename Row>
const Row* FindRow(absl::Span<const Row> rows, absl::string_view name) {
  for (const Row& row : rows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

absl::Status CheckTestName(absl::string_view name) {
  std::vector<absl::string_view> names(std::begin(kOthers), std::end(kOthers));
  for (const PlainRow& row : kPlain) names.push_back(row.name);
  for (const ComparisonRow& row : kComparisons) names.push_back(row.name);
  if (std::find(names.begin(), names.end(), name) != names.end()) {
    return absl::OkStatus();
  }
  std::sort(names.begin(), names.end());
  return absl::UnimplementedError(absl::StrCat(
      "the test ", Quote(name), "; we have ", absl::StrJoin(names, ", ")));
}

}  // namespace

absl::StatusOr<bool> ApplyTest(absl::string_view name, const Value& input,
                               const Arguments& arguments, Work* work) {
  OUNCE_RETURN_IF_ERROR(CheckTestName(name));
  if (!arguments.named.empty()) {
    return absl::UnimplementedError(
        absl::StrCat("arguments with names for the test '", name, "'"));
  }
  const std::vector<Value>& values = arguments.positional;
  if (const PlainRow* row = FindRow<PlainRow>(kPlain, name)) {
    if (!values.empty()) return WrongCount(name, 0, values.size());
    return row->holds(input);
  }
  if (const ComparisonRow* row = FindRow<ComparisonRow>(kComparisons, name)) {
    if (values.size() != 1) return WrongCount(name, 1, values.size());
    return Compare(row->symbol, input, values[0], work);
  }
  return ApplyOther(name, input, values, work);
}

}  // namespace ounce::jinja
