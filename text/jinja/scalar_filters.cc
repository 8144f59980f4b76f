// The filters that make a text or a number, a part of filters.h.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/jinja/literal.h"
#include "text/jinja/method_table.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"
#include "text/jinja/python_text.h"
#include "text/jinja/string_format.h"

namespace ounce::jinja {
namespace {

using Result = absl::StatusOr<Value>;

absl::StatusOr<std::string> InputText(const FunctionCall& call) {
  return ToText(call.input, call.work);
}

Result Abs(const FunctionCall& call) {
  OUNCE_RETURN_IF_ERROR(CheckDefined(call.input));
  if (const double* number = call.input.AsFloat()) {
    return Value(std::abs(*number));
  }
  const std::optional<int64_t> integer = call.input.AsIndex();
  if (!integer.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'abs' of a value of type ", call.input.type_name()));
  }
  return *integer < 0 ? Negate(call.input) : Value(*integer);
}

Result ToCase(const FunctionCall& call, TextCase to) {
  OUNCE_ASSIGN_OR_RETURN(const std::string text, InputText(call));
  OUNCE_ASSIGN_OR_RETURN(std::string changed, ChangeCase(text, to));
  return Value(std::move(changed));
}

Result Capitalize(const FunctionCall& call) {
  return ToCase(call, TextCase::kCapitalize);
}
Result Lower(const FunctionCall& call) {
  return ToCase(call, TextCase::kLower);
}
Result Upper(const FunctionCall& call) {
  return ToCase(call, TextCase::kUpper);
}

// Unlike str.title(), a word ends only at space, - and opening brackets.
Result Title(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(const std::string text, InputText(call));
  std::string out;
  bool starts = true;
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = DecodeUtf8(text, at);
    OUNCE_ASSIGN_OR_RETURN(
        const std::string changed,
        ChangeCase(absl::string_view(text).substr(at, c.num_bytes),
                   starts ? TextCase::kUpper : TextCase::kLower));
    out += changed;
    starts = IsPythonSpace(c.value) || absl::string_view("-({[<").find(
                                           text[at]) != absl::string_view::npos;
    at += c.num_bytes;
  }
  return Value(std::move(out));
}

Result Trim(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(const std::string text, InputText(call));
  if (!call.arguments.IsSet(0)) return Value(Strip(text));
  OUNCE_ASSIGN_OR_RETURN(const std::string chars, call.arguments.String(0, ""));
  OUNCE_RETURN_IF_ERROR(call.work->Spend(text.size() * chars.size() / 16));
  return Value(StripChars(text, chars, Side::kBoth));
}

Result ReplaceAll(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(const std::string text, InputText(call));
  OUNCE_ASSIGN_OR_RETURN(const std::string old,
                         ToText(call.arguments[0], call.work));
  OUNCE_ASSIGN_OR_RETURN(const std::string by,
                         ToText(call.arguments[1], call.work));
  OUNCE_ASSIGN_OR_RETURN(const int64_t count, call.arguments.Int(2, -1));
  OUNCE_ASSIGN_OR_RETURN(std::string out,
                         Replace(text, {old, by, count}, call.work));
  return Value(std::move(out));
}

// A number of spaces, or the text itself.
absl::StatusOr<std::string> IndentText(const FunctionCall& call, size_t index,
                                       int64_t fallback) {
  if (call.arguments.IsSet(index) &&
      call.arguments[index].AsText() != nullptr) {
    return call.arguments[index].AsText()->bytes;
  }
  OUNCE_ASSIGN_OR_RETURN(const int64_t width,
                         call.arguments.Int(index, fallback));
  const auto spaces = static_cast<size_t>(std::max<int64_t>(width, 0));
  OUNCE_RETURN_IF_ERROR(call.work->Spend(spaces));
  return std::string(spaces, ' ');
}

Result Indent(const FunctionCall& call) {
  const Text* const text = call.input.AsText();
  if (text == nullptr) {
    OUNCE_RETURN_IF_ERROR(CheckDefined(call.input));
    return absl::InvalidArgumentError(
        absl::StrCat("'indent' of a value of type ", call.input.type_name()));
  }
  OUNCE_ASSIGN_OR_RETURN(const std::string indent, IndentText(call, 0, 4));
  const bool blank = call.arguments.Truth(2, false);
  // The line end makes a last empty line count.
  const std::string ended = text->bytes + "\n";
  OUNCE_RETURN_IF_ERROR(call.work->Spend(ended.size()));
  const std::vector<absl::string_view> lines = SplitLines(ended, false);
  OUNCE_RETURN_IF_ERROR(call.work->Spend(lines.size() * (1 + indent.size())));
  std::string out = call.arguments.Truth(1, false) ? indent : "";
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) absl::StrAppend(&out, "\n");
    if (i > 0 && (blank || !lines[i].empty())) out += indent;
    absl::StrAppend(&out, lines[i]);
  }
  return Value(std::move(out));
}

Result Center(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(std::string text, InputText(call));
  OUNCE_ASSIGN_OR_RETURN(const int64_t width, call.arguments.Int(0, 80));
  Arguments arguments;
  arguments.positional.emplace_back(width);
  return CallFunction(*FindFunction(TextMethods(), "center"),
                      Value(std::move(text)), arguments, call.work);
}

Result ToStringFilter(const FunctionCall& call) {
  if (call.input.AsText() != nullptr) return call.input;
  OUNCE_ASSIGN_OR_RETURN(std::string text, InputText(call));
  return Value(std::move(text));
}

Result Safe(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(std::string text, InputText(call));
  return Value(Text{std::move(text), true});
}

Result Escape(const FunctionCall& call) {
  if (call.input.AsText() != nullptr && call.input.AsText()->is_markup) {
    return call.input;
  }
  OUNCE_ASSIGN_OR_RETURN(const std::string text, InputText(call));
  OUNCE_RETURN_IF_ERROR(call.work->Spend(5 * text.size()));
  return Value(Text{EscapeHtml(text), true});
}

Result Default(const FunctionCall& call) {
  const bool missing = call.input.is_undefined() ||
                       (call.arguments.Truth(1, false) && !call.input.truth());
  if (!missing) return call.input;
  return call.arguments.Has(0) ? call.arguments[0] : Value("");
}

// int(value), where a float is cut off; nullopt where Python raises a
// ValueError or TypeError.
absl::StatusOr<std::optional<Value>> CutToInt(double number) {
  if (std::isnan(number) || std::isinf(number)) return std::nullopt;
  if (std::abs(number) >= 0x1p63) {
    return absl::OutOfRangeError("'int' of a number beyond 64 bits");
  }
  return Value(static_cast<int64_t>(number));
}

absl::StatusOr<std::optional<Value>> TryInt(const Value& value, int64_t base) {
  if (const Text* text = value.AsText()) {
    if (base < 2 || base > 36) {
      return absl::UnimplementedError("'int' with a base outside of 2 to 36");
    }
    OUNCE_ASSIGN_OR_RETURN(const std::optional<int64_t> integer,
                           ParsePythonInt(text->bytes, static_cast<int>(base)));
    if (integer.has_value()) return Value(*integer);
    const std::optional<double> number = ParsePythonFloat(text->bytes);
    return number.has_value() ? CutToInt(*number) : std::nullopt;
  }
  if (const double* number = value.AsFloat()) return CutToInt(*number);
  const std::optional<int64_t> integer = value.AsIndex();
  return integer.has_value() ? std::optional<Value>(*integer) : std::nullopt;
}

Result ToInt(const FunctionCall& call) {
  OUNCE_RETURN_IF_ERROR(CheckDefined(call.input));
  OUNCE_ASSIGN_OR_RETURN(const int64_t base, call.arguments.Int(1, 10));
  OUNCE_ASSIGN_OR_RETURN(std::optional<Value> value, TryInt(call.input, base));
  if (value.has_value()) return *std::move(value);
  return call.arguments.Has(0) ? call.arguments[0] : Value(int64_t{0});
}

Result ToFloat(const FunctionCall& call) {
  OUNCE_RETURN_IF_ERROR(CheckDefined(call.input));
  std::optional<double> number = call.input.AsNumber();
  if (call.input.AsText() != nullptr) {
    number = ParsePythonFloat(call.input.AsText()->bytes);
  }
  if (number.has_value()) return Value(*number);
  return call.arguments.Has(0) ? call.arguments[0] : Value(0.0);
}

// Python's round(): to the decimal that is nearest to the exact value.
double RoundDecimals(double value, int decimals) {
  const std::string text = absl::StrFormat("%.*f", decimals, value);
  return ParsePythonFloat(text).value_or(value);
}

Result Round(const FunctionCall& call) {
  OUNCE_RETURN_IF_ERROR(CheckDefined(call.input));
  OUNCE_ASSIGN_OR_RETURN(const int64_t precision, call.arguments.Int(0, 0));
  OUNCE_ASSIGN_OR_RETURN(const std::string method,
                         call.arguments.String(1, "common"));
  if (precision < 0 || precision > 15) {
    return absl::UnimplementedError("'round' to other than 0 to 15 decimals");
  }
  const std::optional<double> number = call.input.AsNumber();
  if (!number.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'round' of a value of type ", call.input.type_name()));
  }
  if (method == "common") {
    if (call.input.AsIndex().has_value()) return Value(*call.input.AsIndex());
    return Value(RoundDecimals(*number, static_cast<int>(precision)));
  }
  if (method != "ceil" && method != "floor") {
    return absl::InvalidArgumentError(
        "'round' takes the methods common, ceil and floor");
  }
  const double unit = std::pow(10.0, static_cast<double>(precision));
  const double scaled = *number * unit;
  return Value((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) /
               unit);
}

Result Format(const FunctionCall& call) {
  if (!call.unbound.named.empty()) {
    return absl::UnimplementedError("'format' with names");
  }
  OUNCE_ASSIGN_OR_RETURN(const std::string text, InputText(call));
  OUNCE_ASSIGN_OR_RETURN(
      const Value values,
      MakeSequence(SequenceKind::kTuple, call.unbound.positional));
  return FormatPercent(text, values, call.work);
}

absl::Status ReadSeparators(const Value& value, JsonStyle* style) {
  const Sequence* const pair = value.AsSequence();
  if (pair == nullptr || pair->items.size() != 2 ||
      pair->items[0].AsText() == nullptr ||
      pair->items[1].AsText() == nullptr) {
    return absl::InvalidArgumentError(
        "'separators' of 'tojson' must be two strings");
  }
  style->item_separator = pair->items[0].AsText()->bytes;
  style->key_separator = pair->items[1].AsText()->bytes;
  return absl::OkStatus();
}

// transformers' own: nothing is escaped for HTML.
Result ToJsonFilter(const FunctionCall& call) {
  JsonStyle style;
  style.ensure_ascii = call.arguments.Truth(0, false);
  style.sort_keys = call.arguments.Truth(3, false);
  if (call.arguments.IsSet(1)) {
    OUNCE_ASSIGN_OR_RETURN(style.indent, IndentText(call, 1, 0));
    style.item_separator.resize(1);  // No space before a line end.
  }
  if (call.arguments.IsSet(2)) {
    OUNCE_RETURN_IF_ERROR(ReadSeparators(call.arguments[2], &style));
  }
  OUNCE_ASSIGN_OR_RETURN(std::string json,
                         ToJson(call.input, style, call.work));
  return Value(std::move(json));
}

Result WordCount(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(const std::string text, InputText(call));
  for (const char c : text) {
    if ((c & 0x80) != 0) {
      return absl::UnimplementedError("'wordcount' outside of ASCII");
    }
  }
  int64_t words = 0;
  bool inside = false;
  for (const char c : text) {
    const bool word = absl::ascii_isalnum(static_cast<uint8_t>(c)) || c == '_';
    words += word && !inside ? 1 : 0;
    inside = word;
  }
  return Value(words);
}

constexpr FunctionRow kScalarFilters[] = {
    {{"abs", "", 0}, Abs},
    {{"capitalize", "", 0}, Capitalize},
    {{"center", "width", 0}, Center},
    {{"d", "default_value boolean", 0}, Default},
    {{"default", "default_value boolean", 0}, Default},
    {{"e", "", 0}, Escape},
    {{"escape", "", 0}, Escape},
    {{"float", "default", 0}, ToFloat},
    {{"format", "", 0}, Format, true},
    {{"indent", "width first blank", 0}, Indent},
    {{"int", "default base", 0}, ToInt},
    {{"lower", "", 0}, Lower},
    {{"replace", "old new count", 2}, ReplaceAll},
    {{"round", "precision method", 0}, Round},
    {{"safe", "", 0}, Safe},
    {{"string", "", 0}, ToStringFilter},
    {{"title", "", 0}, Title},
    {{"tojson", "ensure_ascii indent separators sort_keys", 0}, ToJsonFilter},
    {{"trim", "chars", 0}, Trim},
    {{"upper", "", 0}, Upper},
    {{"wordcount", "", 0}, WordCount},
};

}  // namespace

absl::Span<const FunctionRow> ScalarFilters() { return kScalarFilters; }

}  // namespace ounce::jinja
