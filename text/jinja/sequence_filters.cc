// The filters that go over elements, a part of filters.h.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/status_macros.h"
#include "text/jinja/attributes.h"
#include "text/jinja/filters.h"
#include "text/jinja/method_table.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"
#include "text/jinja/python_text.h"
#include "text/jinja/tests.h"

namespace ounce::jinja {
namespace {

using Result = absl::StatusOr<Value>;

absl::StatusOr<std::vector<Value>> InputElements(const FunctionCall& call) {
  return Elements(call.input, call.work);
}

// The value at a path such as "function.name" or "0.name" of an element; an
// undefined step becomes `fallback`, if there is one.
Result AtPath(const Value& element, const Value& path,
              const std::optional<Value>& fallback, Work* work) {
  OUNCE_RETURN_IF_ERROR(work->Spend(kUnitsPerNode));
  if (path.AsText() == nullptr) {
    if (path.is_none()) return element;
    return GetItem(element, path, work);
  }
  Value value = element;
  for (const absl::string_view part :
       absl::StrSplit(path.AsText()->bytes, '.')) {
    int64_t index = 0;
    const bool digits =
        !part.empty() && std::all_of(part.begin(), part.end(), [](char c) {
          return c >= '0' && c <= '9';
        });
    const Value key =
        digits && absl::SimpleAtoi(part, &index) ? Value(index) : Value(part);
    OUNCE_ASSIGN_OR_RETURN(value, GetItem(value, key, work));
    if (value.is_undefined() && fallback.has_value()) value = *fallback;
  }
  return value;
}

// Strings in lower case, all else as it is.
Result IgnoreCase(const Value& value) {
  if (value.AsText() == nullptr) return value;
  OUNCE_ASSIGN_OR_RETURN(std::string lower,
                         ChangeCase(value.AsText()->bytes, TextCase::kLower));
  return Value(std::move(lower));
}

// What an element is sorted or compared by.
Result SortKey(const Value& element, const Value& attribute,
               bool case_sensitive, Work* work) {
  OUNCE_ASSIGN_OR_RETURN(Value key,
                         AtPath(element, attribute, std::nullopt, work));
  if (case_sensitive) return key;
  return IgnoreCase(key);
}

Value AttributeOf(const FunctionCall& call, size_t index) {
  return call.arguments.Has(index) ? call.arguments[index] : Value(None{});
}

Result First(const FunctionCall& call) {
  const Iterator* const iterator = call.input.AsIterator();
  const bool fresh =
      iterator != nullptr && iterator->state == Iterator::State::kFresh;
  OUNCE_ASSIGN_OR_RETURN(const std::vector<Value> elements,
                         InputElements(call));
  if (fresh && !elements.empty()) {
    call.input.AsIterator()->state = Iterator::State::kPartlyRead;
  }
  if (!elements.empty()) return elements.front();
  return MakeUndefined("'first' of nothing");
}

Result Last(const FunctionCall& call) {
  if (call.input.AsIterator() != nullptr) {
    return absl::InvalidArgumentError("'last' of an iterator; use `|list`");
  }
  OUNCE_ASSIGN_OR_RETURN(const std::vector<Value> elements,
                         InputElements(call));
  if (!elements.empty()) return elements.back();
  return MakeUndefined("'last' of nothing");
}

Result LengthFilter(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(const int64_t length, Length(call.input, call.work));
  return Value(length);
}

Result List(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(std::vector<Value> elements, InputElements(call));
  return MakeSequence(SequenceKind::kList, std::move(elements));
}

Result Join(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(const std::vector<Value> elements,
                         InputElements(call));
  const Value attribute = AttributeOf(call, 1);
  std::string separator;
  if (call.arguments.Has(0)) {
    OUNCE_ASSIGN_OR_RETURN(separator, ToText(call.arguments[0], call.work));
  }
  std::string out;
  bool first = true;
  for (const Value& element : elements) {
    OUNCE_ASSIGN_OR_RETURN(const Value value,
                           AtPath(element, attribute, std::nullopt, call.work));
    OUNCE_ASSIGN_OR_RETURN(const std::string text, ToText(value, call.work));
    OUNCE_RETURN_IF_ERROR(call.work->Spend(separator.size()));
    absl::StrAppend(&out, std::exchange(first, false) ? "" : separator, text);
  }
  return Value(std::move(out));
}

Result Items(const FunctionCall& call) {
  if (call.input.is_undefined()) return MakeIterator({});
  const Dict* const dict = call.input.AsDict();
  if (dict == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("'items' of a value of type ", call.input.type_name()));
  }
  std::vector<Value> items;
  OUNCE_RETURN_IF_ERROR(
      call.work->Spend(kUnitsPerNode * dict->entries().size()));
  for (const auto& [key, value] : dict->entries()) {
    OUNCE_ASSIGN_OR_RETURN(items.emplace_back(),
                           MakeSequence(SequenceKind::kTuple, {key, value}));
  }
  return MakeIterator(std::move(items));
}

// Sorts `keyed` by key, stably.  The keys are compared beforehand, so that the
// order cannot fail: all numbers or all strings.
absl::Status SortByKey(bool reverse, std::vector<Dict::Entry>* keyed,
                       Work* work) {
  for (const auto& [key, value] : *keyed) {
    const Value& first = keyed->front().first;
    const bool same =
        (key.AsText() != nullptr && first.AsText() != nullptr) ||
        (key.AsNumber().has_value() && first.AsNumber().has_value());
    if (!same && keyed->size() > 1) {
      OUNCE_RETURN_IF_ERROR(CheckDefined(key));
      return absl::UnimplementedError(
          absl::StrCat("sorting values of types ", first.type_name(), " and ",
                       key.type_name(), "; we sort numbers or strings"));
    }
  }
  size_t levels = 1;
  while ((size_t{1} << levels) < keyed->size()) ++levels;
  OUNCE_RETURN_IF_ERROR(work->Spend(kUnitsPerNode * keyed->size() * levels));
  // After an error nothing is less, which ends the sorting safely.
  absl::Status status;
  const auto less = [&status, work](const Dict::Entry& a,
                                    const Dict::Entry& b) {
    if (!status.ok()) return false;
    const absl::StatusOr<bool> result = Less(a.first, b.first, work);
    status = result.status();
    return result.ok() && *result;
  };
  if (reverse) std::reverse(keyed->begin(), keyed->end());
  std::stable_sort(keyed->begin(), keyed->end(), less);
  if (reverse) std::reverse(keyed->begin(), keyed->end());
  return status;
}

Result ValuesOf(std::vector<Dict::Entry> keyed) {
  std::vector<Value> values;
  for (Dict::Entry& entry : keyed) values.push_back(std::move(entry.second));
  return MakeSequence(SequenceKind::kList, std::move(values));
}

Result Sort(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(std::vector<Value> elements, InputElements(call));
  const Value attribute = AttributeOf(call, 2);
  if (attribute.AsText() != nullptr &&
      attribute.AsText()->bytes.find(',') != std::string::npos) {
    return absl::UnimplementedError("'sort' by several attributes");
  }
  std::vector<Dict::Entry> keyed;
  for (Value& element : elements) {
    OUNCE_ASSIGN_OR_RETURN(
        Value key,
        SortKey(element, attribute, call.arguments.Truth(1, false), call.work));
    keyed.emplace_back(std::move(key), std::move(element));
  }
  OUNCE_RETURN_IF_ERROR(
      SortByKey(call.arguments.Truth(0, false), &keyed, call.work));
  return ValuesOf(std::move(keyed));
}

Result DictSort(const FunctionCall& call) {
  const Dict* const dict = call.input.AsDict();
  if (dict == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("'dictsort' of a value of type ", call.input.type_name()));
  }
  OUNCE_ASSIGN_OR_RETURN(const std::string by, call.arguments.String(1, "key"));
  if (by != "key" && by != "value") {
    return absl::InvalidArgumentError("'dictsort' goes by key or value");
  }
  std::vector<Dict::Entry> keyed;
  for (const auto& [key, value] : dict->entries()) {
    OUNCE_ASSIGN_OR_RETURN(Value sort_key,
                           SortKey(by == "key" ? key : value, None{},
                                   call.arguments.Truth(0, false), call.work));
    OUNCE_ASSIGN_OR_RETURN(Value pair,
                           MakeSequence(SequenceKind::kTuple, {key, value}));
    keyed.emplace_back(std::move(sort_key), std::move(pair));
  }
  OUNCE_RETURN_IF_ERROR(
      SortByKey(call.arguments.Truth(2, false), &keyed, call.work));
  return ValuesOf(std::move(keyed));
}

Result Extreme(const FunctionCall& call, bool largest) {
  OUNCE_ASSIGN_OR_RETURN(const std::vector<Value> elements,
                         InputElements(call));
  if (elements.empty()) return MakeUndefined("'min' or 'max' of nothing");
  const Value attribute = AttributeOf(call, 1);
  std::optional<Value> best, best_key;
  for (const Value& element : elements) {
    OUNCE_ASSIGN_OR_RETURN(
        Value key,
        SortKey(element, attribute, call.arguments.Truth(0, false), call.work));
    bool better = !best.has_value();
    if (!better) {
      OUNCE_ASSIGN_OR_RETURN(better, largest ? Less(*best_key, key, call.work)
                                             : Less(key, *best_key, call.work));
    }
    if (!better) continue;
    best = element;
    best_key = std::move(key);
  }
  return *best;
}

Result Max(const FunctionCall& call) { return Extreme(call, true); }
Result Min(const FunctionCall& call) { return Extreme(call, false); }

Result Unique(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(const std::vector<Value> elements,
                         InputElements(call));
  const Value attribute = AttributeOf(call, 1);
  absl::flat_hash_set<std::string> seen;
  std::vector<Value> out;
  for (const Value& element : elements) {
    OUNCE_ASSIGN_OR_RETURN(
        const Value key,
        SortKey(element, attribute, call.arguments.Truth(0, false), call.work));
    OUNCE_ASSIGN_OR_RETURN(std::string hash, HashKey(key));
    if (seen.insert(std::move(hash)).second) out.push_back(element);
  }
  return MakeIterator(std::move(out));
}

Result Reverse(const FunctionCall& call) {
  if (call.input.AsText() != nullptr) {
    SliceBounds bounds;
    bounds.step = int64_t{-1};
    return Slice(call.input, bounds, call.work);
  }
  OUNCE_RETURN_IF_ERROR(CheckDefined(call.input));
  OUNCE_ASSIGN_OR_RETURN(std::vector<Value> elements, InputElements(call));
  std::reverse(elements.begin(), elements.end());
  return MakeIterator(std::move(elements));
}

Result Sum(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(const std::vector<Value> elements,
                         InputElements(call));
  Value sum = call.arguments.Has(1) ? call.arguments[1] : Value(int64_t{0});
  for (const Value& element : elements) {
    OUNCE_ASSIGN_OR_RETURN(
        const Value value,
        AtPath(element, AttributeOf(call, 0), std::nullopt, call.work));
    OUNCE_ASSIGN_OR_RETURN(sum, Calculate("+", sum, value, call.work));
  }
  return sum;
}

// The name of a filter or test, given as the argument `index`.
absl::StatusOr<std::string> FunctionName(const FunctionCall& call,
                                         size_t index) {
  const std::vector<Value>& given = call.unbound.positional;
  if (index >= given.size() || given[index].AsText() == nullptr) {
    return absl::InvalidArgumentError(
        "expected the name of a filter or test as an argument");
  }
  return given[index].AsText()->bytes;
}

// The arguments behind the first `count`.
Arguments Behind(const Arguments& arguments, size_t count) {
  Arguments rest = arguments;
  rest.positional.erase(
      rest.positional.begin(),
      rest.positional.begin() + static_cast<std::ptrdiff_t>(count));
  return rest;
}

Result MapAttribute(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(
      const Bound bound,
      Bound::Make({"map", "attribute default", 1}, call.unbound));
  std::optional<Value> fallback;
  if (bound.IsSet(1)) fallback = bound[1];
  OUNCE_ASSIGN_OR_RETURN(std::vector<Value> elements, InputElements(call));
  for (Value& element : elements) {
    OUNCE_ASSIGN_OR_RETURN(element,
                           AtPath(element, bound[0], fallback, call.work));
  }
  return MakeIterator(std::move(elements));
}

Result Map(const FunctionCall& call) {
  // Nothing, None too, has no elements here.
  if (!call.input.truth()) return MakeIterator({});
  if (call.unbound.positional.empty()) return MapAttribute(call);
  OUNCE_ASSIGN_OR_RETURN(const std::string name, FunctionName(call, 0));
  const Arguments arguments = Behind(call.unbound, 1);
  OUNCE_ASSIGN_OR_RETURN(std::vector<Value> elements, InputElements(call));
  for (Value& element : elements) {
    OUNCE_RETURN_IF_ERROR(call.work->Spend(kUnitsPerNode));
    OUNCE_ASSIGN_OR_RETURN(element,
                           ApplyFilter(name, element, arguments, call.work));
  }
  return MakeIterator(std::move(elements));
}

// The elements that meet a test, or do not; the test asks the element itself or
// its attribute.  Without a test the value's truth decides.
Result Choose(const FunctionCall& call, bool keeps, bool by_attribute) {
  if (!call.input.truth()) return MakeIterator({});  // None too.
  const std::vector<Value>& given = call.unbound.positional;
  const size_t offset = by_attribute ? 1 : 0;
  if (given.size() < offset) {
    return absl::InvalidArgumentError("expected the name of an attribute");
  }
  const bool tests = given.size() > offset;
  std::string name;
  Arguments arguments;
  if (tests) {
    OUNCE_ASSIGN_OR_RETURN(name, FunctionName(call, offset));
    arguments = Behind(call.unbound, offset + 1);
  }
  OUNCE_ASSIGN_OR_RETURN(const std::vector<Value> elements,
                         InputElements(call));
  std::vector<Value> out;
  for (const Value& element : elements) {
    OUNCE_ASSIGN_OR_RETURN(
        const Value value,
        AtPath(element, by_attribute ? given[0] : Value(None{}), std::nullopt,
               call.work));
    bool holds = value.truth();
    if (tests) {
      OUNCE_ASSIGN_OR_RETURN(holds,
                             ApplyTest(name, value, arguments, call.work));
    }
    if (holds == keeps) out.push_back(element);
  }
  return MakeIterator(std::move(out));
}

Result Select(const FunctionCall& call) { return Choose(call, true, false); }
Result Reject(const FunctionCall& call) { return Choose(call, false, false); }
Result SelectAttr(const FunctionCall& call) { return Choose(call, true, true); }
Result RejectAttr(const FunctionCall& call) {
  return Choose(call, false, true);
}

Result Attr(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(const std::string name, call.arguments.String(0, ""));
  // Unlike value.name it sees no keys of a dict.
  if (call.input.AsDict() != nullptr) {
    return absl::UnimplementedError("'attr' of a dict; use value.name");
  }
  return GetAttribute(call.input, name);
}

constexpr FunctionRow kSequenceFilters[] = {
    {{"attr", "name", 1}, Attr},
    {{"count", "", 0}, LengthFilter},
    {{"dictsort", "case_sensitive by reverse", 0}, DictSort},
    {{"first", "", 0}, First},
    {{"items", "", 0}, Items},
    {{"join", "d attribute", 0}, Join},
    {{"last", "", 0}, Last},
    {{"length", "", 0}, LengthFilter},
    {{"list", "", 0}, List},
    {{"map", "", 0}, Map, true},
    {{"max", "case_sensitive attribute", 0}, Max},
    {{"min", "case_sensitive attribute", 0}, Min},
    {{"reject", "", 0}, Reject, true},
    {{"rejectattr", "", 0}, RejectAttr, true},
    {{"reverse", "", 0}, Reverse},
    {{"select", "", 0}, Select, true},
    {{"selectattr", "", 0}, SelectAttr, true},
    {{"sort", "reverse case_sensitive attribute", 0}, Sort},
    {{"sum", "attribute start", 0}, Sum},
    {{"unique", "case_sensitive attribute", 0}, Unique},
};

}  // namespace

absl::Span<const FunctionRow> SequenceFilters() { return kSequenceFilters; }

}  // namespace ounce::jinja
