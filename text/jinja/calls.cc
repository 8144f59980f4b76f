// The calls of interpreter.h.
#include <array>
#include <ctime>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/jinja/binding.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"
#include "text/jinja/python_text.h"
#include "text/quote.h"

namespace ounce::jinja {
namespace {

constexpr absl::string_view kGlobals[] = {
    "dict", "namespace", "raise_exception", "range", "strftime_now"};
constexpr absl::string_view kMissingGlobals[] = {"cycler", "joiner", "lipsum"};
// The sandbox's bound.
constexpr int64_t kMaxRange = 100000;
// Of strftime_now(), and of its result.
constexpr size_t kMaxTimeBytes = 1024;

absl::StatusOr<Value> MakeRange(const Arguments& arguments) {
  OUNCE_ASSIGN_OR_RETURN(
      const Bound bound,
      Bound::Make({"range", "start stop step", 1}, arguments));
  for (size_t i = 0; i < 3; ++i) {
    if (bound.Has(i)) OUNCE_RETURN_IF_ERROR(CheckDefined(bound[i]));
    if (bound.Has(i) && bound[i].is_none()) {
      return absl::InvalidArgumentError("'range' of None");
    }
  }
  Range range;
  OUNCE_ASSIGN_OR_RETURN(range.start, bound.Int(0, 0));
  OUNCE_ASSIGN_OR_RETURN(range.stop, bound.Int(1, range.start));
  OUNCE_ASSIGN_OR_RETURN(range.step, bound.Int(2, 1));
  if (!bound.Has(1)) range.start = 0;
  if (range.step == 0) {
    return absl::InvalidArgumentError("'range' with a step of 0");
  }
  const bool up = range.step > 0;
  const auto low = static_cast<uint64_t>(up ? range.start : range.stop);
  const auto high = static_cast<uint64_t>(up ? range.stop : range.start);
  if (up ? range.start < range.stop : range.stop < range.start) {
    const uint64_t step = up ? static_cast<uint64_t>(range.step)
                             : 0 - static_cast<uint64_t>(range.step);
    const uint64_t size = (high - low - 1) / step + 1;
    if (size > kMaxRange) {
      return absl::ResourceExhaustedError(
          absl::StrCat("a range of more than ", kMaxRange, " numbers"));
    }
    range.size = static_cast<int64_t>(size);
  }
  return Value(range);
}

absl::StatusOr<Value> MakeDictOf(const Arguments& arguments) {
  Dict dict;
  if (arguments.positional.size() > 1) {
    return absl::InvalidArgumentError("'dict' takes one dict and names");
  }
  if (!arguments.positional.empty()) {
    const Dict* const other = arguments.positional[0].AsDict();
    if (other == nullptr) {
      return absl::UnimplementedError(
          "'dict' of anything but a dict and names");
    }
    dict = *other;
  }
  for (const auto& [name, value] : arguments.named) {
    OUNCE_RETURN_IF_ERROR(dict.Set(Value(name), value));
  }
  return MakeDict(std::move(dict));
}

absl::StatusOr<Value> Raise(const Arguments& arguments, Work* work) {
  OUNCE_ASSIGN_OR_RETURN(
      const Bound bound,
      Bound::Make({"raise_exception", "message", 1}, arguments));
  OUNCE_ASSIGN_OR_RETURN(const std::string message, ToText(bound[0], work));
  return absl::InvalidArgumentError(
      absl::StrCat("the template refuses the conversation: ", message));
}

// Drops the time zone, which Python's time without one prints as nothing.
absl::StatusOr<std::string> WithoutZone(absl::string_view format) {
  std::string out;
  for (size_t i = 0; i < format.size(); ++i) {
    const char next =
        format[i] == '%' && i + 1 < format.size() ? format[i + 1] : '\0';
    if (next == 'f' || (next >= '0' && next <= '9')) {
      return absl::UnimplementedError(
          absl::StrCat("strftime_now() with ", Quote(format)));
    }
    if (next == 'z' || next == 'Z') {
      ++i;
      continue;
    }
    out.push_back(format[i]);
    if (next != '\0') out.push_back(format[++i]);
  }
  return out;
}

}  // namespace

absl::StatusOr<Value> FindGlobal(absl::string_view name) {
  for (const absl::string_view missing : kMissingGlobals) {
    if (name == missing) {
      return absl::UnimplementedError(
          absl::StrCat("the function '", name,
                       "'; we have dict, namespace, raise_exception, range "
                       "and strftime_now"));
    }
  }
  for (const absl::string_view global : kGlobals) {
    if (name != global) continue;
    auto function = std::make_shared<Callable>();
    function->name = std::string(name);
    return Value(std::shared_ptr<const Callable>(std::move(function)));
  }
  return MakeUndefined(absl::StrCat("'", name, "' is undefined"));
}

absl::StatusOr<Value> Interpreter::Call(const Value& callee,
                                        const Arguments& arguments) {
  OUNCE_RETURN_IF_ERROR(CheckDefined(callee));
  const Callable* const callable = callee.AsCallable();
  if (callable == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a value of type ", callee.type_name(), " cannot be called"));
  }
  switch (callable->kind) {
    case Callable::Kind::kFunction:
      return CallGlobal(callable->name, arguments);
    case Callable::Kind::kMethod:
      return CallMethod(*callable, arguments, &work_);
    case Callable::Kind::kMacro:
      return CallMacro(*callable, arguments);
  }
  return absl::InternalError("a function of no known kind");
}

absl::StatusOr<Value> Interpreter::CallGlobal(absl::string_view name,
                                              const Arguments& arguments) {
  if (name == "namespace") return MakeNamespace(arguments);
  if (name == "raise_exception") return Raise(arguments, &work_);
  if (name == "range") return MakeRange(arguments);
  if (name == "dict") return MakeDictOf(arguments);
  return FormatNow(arguments);
}

absl::StatusOr<Value> Interpreter::MakeNamespace(const Arguments& arguments) {
  auto space = std::make_shared<Namespace>();
  for (const Value& value : arguments.positional) {
    const Dict* const dict = value.AsDict();
    if (dict == nullptr) {
      return absl::UnimplementedError(
          "'namespace' of anything but dicts and names");
    }
    for (const auto& [key, member] : dict->entries()) {
      if (key.AsText() == nullptr) {
        return absl::InvalidArgumentError(
            "'namespace' of a dict with a key that is no string");
      }
      space->Set(key.AsText()->bytes, member);
    }
  }
  for (const auto& [name, value] : arguments.named) space->Set(name, value);
  namespaces_.push_back(space);
  return Value(space);
}

absl::StatusOr<Value> Interpreter::FormatNow(const Arguments& arguments) const {
  OUNCE_ASSIGN_OR_RETURN(const Bound bound,
                         Bound::Make({"strftime_now", "format", 1}, arguments));
  OUNCE_ASSIGN_OR_RETURN(const std::string given, bound.String(0, ""));
  OUNCE_ASSIGN_OR_RETURN(const std::string format, WithoutZone(given));
  if (format.empty()) return Value("");
  std::array<char, kMaxTimeBytes> buffer;
  const size_t size =
      format.size() > kMaxTimeBytes || format.find('\0') != std::string::npos
          ? 0
          : std::strftime(buffer.data(), buffer.size(), format.c_str(), &now_);
  const absl::string_view text(buffer.data(), size);
  if (size == 0 || !IsValidUtf8(text)) {
    return absl::InvalidArgumentError(
        absl::StrCat("strftime_now() with the format ", Quote(given)));
  }
  return Value(text);
}

absl::StatusOr<Value> Interpreter::CallMacro(const Callable& macro,
                                             const Arguments& arguments) {
  const ScopePtr scope = macro.scope.lock();
  if (scope == nullptr) {
    return absl::UnimplementedError(absl::StrCat(
        "calling the macro '", macro.name,
        "' outside of the block that defines it; define it at the top"));
  }
  const auto inner = std::make_shared<Scope>(scope);
  const Statement& statement = *macro.macro;
  OUNCE_RETURN_IF_ERROR(BindParameters(statement, arguments, inner));
  std::string text;
  OUNCE_RETURN_IF_ERROR(Capture(statement.body, inner, &text).status());
  return Value(std::move(text));
}

absl::Status Interpreter::BindParameters(const Statement& macro,
                                         const Arguments& arguments,
                                         const ScopePtr& inner) {
  const std::vector<Parameter>& parameters = macro.parameters;
  if (arguments.positional.size() > parameters.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the macro '", macro.text, "' takes ", parameters.size(),
                     " arguments, not ", arguments.positional.size()));
  }
  size_t known = 0;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    const Value* const named = arguments.FindNamed(parameter.name);
    if (named != nullptr) ++known;
    Value value = MakeUndefined(
        absl::StrCat("parameter '", parameter.name, "' was not provided"));
    if (i < arguments.positional.size()) {
      if (named != nullptr) {
        return absl::InvalidArgumentError(
            absl::StrCat("the macro '", macro.text, "' is given '",
                         parameter.name, "' twice"));
      }
      value = arguments.positional[i];
    } else if (named != nullptr) {
      value = *named;
    } else if (parameter.fallback != nullptr) {
      OUNCE_ASSIGN_OR_RETURN(value, Evaluate(*parameter.fallback, inner));
    }
    inner->Set(parameter.name, std::move(value));
  }
  const Value* const caller = arguments.FindNamed("caller");
  if (caller != nullptr) {
    inner->Set("caller", *caller);
    ++known;
  }
  if (known == arguments.named.size()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "the macro '", macro.text, "' is given an argument it does not take"));
}

}  // namespace ounce::jinja
