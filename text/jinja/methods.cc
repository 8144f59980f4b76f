#include "text/jinja/methods.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/status_macros.h"
#include "text/jinja/loop.h"
#include "text/jinja/method_table.h"
#include "text/jinja/operators.h"

namespace ounce::jinja {
namespace {

using Result = absl::StatusOr<Value>;

// What Python's types have besides.  `barred` change their object, which the
// sandbox does not allow.
struct Missing {
  absl::string_view methods;
  absl::string_view barred;
};
constexpr Missing kTextMissing = {
    "casefold encode expandtabs format_map isidentifier isprintable "
    "maketrans swapcase translate",
    ""};
constexpr Missing kListMissing = {
    "copy", "append clear extend insert pop remove reverse sort"};
constexpr Missing kTupleMissing = {"", ""};
constexpr Missing kDictMissing = {"copy fromkeys",
                                  "clear pop popitem setdefault update"};
constexpr Missing kNumberMissing = {
    "as_integer_ratio bit_count bit_length conjugate denominator fromhex "
    "from_bytes hex imag is_integer numerator real to_bytes",
    ""};
constexpr Missing kRangeMissing = {"count index start step stop", ""};
constexpr Missing kIteratorMissing = {
    "close gi_code gi_frame gi_running gi_suspended gi_yieldfrom send throw",
    ""};
constexpr Missing kFunctionMissing = {
    "arguments catch_kwargs catch_varargs caller explicit_caller name", ""};
constexpr Missing kViewMissing = {"isdisjoint mapping", ""};

Result DictGet(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(const Value* const found,
                         call.input.AsDict()->Find(call.arguments[0]));
  if (found != nullptr) return *found;
  return call.arguments.Has(1) ? call.arguments[1] : Value(None{});
}

absl::StatusOr<Value> View(const FunctionCall& call, SequenceKind kind) {
  const std::vector<Dict::Entry>& entries = call.input.AsDict()->entries();
  OUNCE_RETURN_IF_ERROR(call.work->Spend(kUnitsPerNode * entries.size()));
  std::vector<Value> items;
  for (const auto& [key, value] : entries) {
    if (kind == SequenceKind::kItems) {
      OUNCE_ASSIGN_OR_RETURN(items.emplace_back(),
                             MakeSequence(SequenceKind::kTuple, {key, value}));
    } else {
      items.push_back(kind == SequenceKind::kKeys ? key : value);
    }
  }
  return MakeSequence(kind, std::move(items));
}

Result DictItems(const FunctionCall& call) {
  return View(call, SequenceKind::kItems);
}
Result DictKeys(const FunctionCall& call) {
  return View(call, SequenceKind::kKeys);
}
Result DictValues(const FunctionCall& call) {
  return View(call, SequenceKind::kValues);
}

Result SequenceCount(const FunctionCall& call) {
  int64_t count = 0;
  for (const Value& item : call.input.AsSequence()->items) {
    OUNCE_ASSIGN_OR_RETURN(const bool equal,
                           Equal(item, call.arguments[0], call.work));
    count += equal ? 1 : 0;
  }
  return Value(count);
}

Result SequenceIndex(const FunctionCall& call) {
  int64_t index = 0;
  for (const Value& item : call.input.AsSequence()->items) {
    OUNCE_ASSIGN_OR_RETURN(const bool equal,
                           Equal(item, call.arguments[0], call.work));
    if (equal) return Value(index);
    ++index;
  }
  return absl::InvalidArgumentError("index(): the value is not there");
}

constexpr FunctionRow kDictMethods[] = {
    {{"get", "key default", 1}, DictGet},
    {{"items", "", 0}, DictItems},
    {{"keys", "", 0}, DictKeys},
    {{"values", "", 0}, DictValues},
};

constexpr FunctionRow kSequenceMethods[] = {
    {{"count", "value", 1}, SequenceCount},
    {{"index", "value", 1}, SequenceIndex},
};

// The methods of a value's type that we have and that we lack.
struct MethodSet {
  absl::Span<const FunctionRow> rows;
  Missing missing;
};

MethodSet MethodsOf(const Value& object) {
  if (object.AsText() != nullptr) return {TextMethods(), kTextMissing};
  if (object.AsDict() != nullptr) return {kDictMethods, kDictMissing};
  if (const Sequence* sequence = object.AsSequence()) {
    if (sequence->kind == SequenceKind::kList) {
      return {kSequenceMethods, kListMissing};
    }
    if (sequence->kind == SequenceKind::kTuple) {
      return {kSequenceMethods, kTupleMissing};
    }
    return {{}, kViewMissing};
  }
  if (object.AsNumber().has_value()) return {{}, kNumberMissing};
  if (object.AsRange() != nullptr) return {{}, kRangeMissing};
  if (object.AsIterator() != nullptr) return {{}, kIteratorMissing};
  if (object.AsCallable() != nullptr) return {{}, kFunctionMissing};
  return {{}, {}};
}

bool Lists(absl::string_view names, absl::string_view name) {
  for (const absl::string_view listed : absl::StrSplit(names, ' ')) {
    if (listed == name) return true;
  }
  return false;
}

std::string NamesOf(absl::Span<const FunctionRow> rows) {
  std::string names;
  for (const FunctionRow& row : rows) {
    absl::StrAppend(&names, names.empty() ? "; we have " : ", ",
                    row.signature.name);
  }
  return names;
}

// The element of the arguments whose turn it is.
Result Cycle(const Value& loop, const Arguments& arguments) {
  const std::vector<Value>& values = arguments.positional;
  if (values.empty()) {
    return absl::InvalidArgumentError("loop.cycle() without values");
  }
  OUNCE_ASSIGN_OR_RETURN(const std::optional<Value> index,
                         loop.AsLoop()->Attribute("index0"));
  const int64_t turn = index.value_or(Value(int64_t{0})).AsIndex().value_or(0);
  return values[static_cast<size_t>(turn) % values.size()];
}

}  // namespace

const FunctionRow* FindFunction(absl::Span<const FunctionRow> rows,
                                absl::string_view name) {
  for (const FunctionRow& row : rows) {
    if (row.signature.name == name) return &row;
  }
  return nullptr;
}

absl::StatusOr<Value> CallFunction(const FunctionRow& row, const Value& input,
                                   const Arguments& arguments, Work* work) {
  OUNCE_ASSIGN_OR_RETURN(
      const Bound bound,
      Bound::Make(row.signature, row.takes_any ? Arguments() : arguments));
  return row.function({input, bound, arguments, work});
}

absl::StatusOr<bool> HasMethod(const Value& object, absl::string_view name) {
  const MethodSet methods = MethodsOf(object);
  if (FindFunction(methods.rows, name) != nullptr) return true;
  if (!name.empty() && Lists(methods.missing.barred, name)) {
    return absl::UnimplementedError(absl::StrCat(
        object.type_name(), ".", name,
        ", which changes its object: the sandbox of chat templates bars it"));
  }
  if (name.empty() || !Lists(methods.missing.methods, name)) return false;
  return absl::UnimplementedError(
      absl::StrCat(object.type_name(), ".", name, NamesOf(methods.rows)));
}

absl::StatusOr<Value> CallMethod(const Callable& method,
                                 const Arguments& arguments, Work* work) {
  const Value& object = method.receiver;
  if (object.AsLoop() != nullptr) return Cycle(object, arguments);
  if (object.AsText() != nullptr && object.AsText()->is_markup) {
    return absl::UnimplementedError(absl::StrCat(
        "the method ", method.name, " of a string from `safe` or `escape`"));
  }
  const FunctionRow* const row =
      FindFunction(MethodsOf(object).rows, method.name);
  if (row == nullptr) {
    return absl::InternalError(absl::StrCat("no method ", method.name));
  }
  return CallFunction(*row, object, arguments, work);
}

}  // namespace ounce::jinja
