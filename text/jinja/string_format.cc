#include "text/jinja/string_format.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/status_macros.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"
#include "text/jinja/python_text.h"
#include "text/quote.h"

namespace ounce::jinja {
namespace {

// Of a width or a precision.
constexpr int kMaxDigits = 3;

// One % with what follows it.
struct Conversion {
  bool left = false;
  bool zeros = false;
  int width = 0;
  int precision = -1;
  char letter = '\0';
};

absl::StatusOr<int> ReadNumber(absl::string_view format, size_t* at) {
  const size_t start = *at;
  while (*at < format.size() &&
         absl::ascii_isdigit(static_cast<uint8_t>(format[*at])))
    ++*at;
  int value = 0;
  if (*at - start > kMaxDigits) {
    return absl::UnimplementedError("a width or precision above 999");
  }
  (void)absl::SimpleAtoi(format.substr(start, *at - start), &value);
  return value;
}

absl::StatusOr<Conversion> ReadConversion(absl::string_view format,
                                          size_t* at) {
  Conversion out;
  for (; *at < format.size(); ++*at) {
    if (format[*at] == '-') {
      out.left = true;
    } else if (format[*at] == '0') {
      out.zeros = true;
    } else {
      break;
    }
  }
  OUNCE_ASSIGN_OR_RETURN(out.width, ReadNumber(format, at));
  if (*at < format.size() && format[*at] == '.') {
    ++*at;
    OUNCE_ASSIGN_OR_RETURN(out.precision, ReadNumber(format, at));
  }
  if (*at == format.size()) {
    return absl::InvalidArgumentError("a format ends within a %");
  }
  out.letter = format[(*at)++];
  return out;
}

absl::StatusOr<std::string> ConvertInteger(const Conversion& conversion,
                                           const Value& value) {
  std::optional<int64_t> integer = value.AsIndex();
  const double* const number = value.AsFloat();
  if (number != nullptr && std::abs(*number) < 0x1p63 &&
      conversion.letter != 'x') {
    integer = static_cast<int64_t>(*number);
  }
  if (!integer.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("%", std::string(1, conversion.letter),
                     " of a value of type ", value.type_name()));
  }
  if (conversion.precision >= 0) {
    return absl::UnimplementedError("%d with a precision");
  }
  const auto magnitude = *integer < 0 ? 0 - static_cast<uint64_t>(*integer)
                                      : static_cast<uint64_t>(*integer);
  return absl::StrCat(*integer < 0 ? "-" : "",
                      conversion.letter == 'x'
                          ? absl::StrFormat("%x", magnitude)
                          : absl::StrCat(magnitude));
}

absl::StatusOr<std::string> ConvertFloat(const Conversion& conversion,
                                         const Value& value) {
  const std::optional<double> number = value.AsNumber();
  if (!number.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("%", std::string(1, conversion.letter),
                     " of a value of type ", value.type_name()));
  }
  const int precision = conversion.precision < 0 ? 6 : conversion.precision;
  return conversion.letter == 'f' ? absl::StrFormat("%.*f", precision, *number)
                                  : absl::StrFormat("%.*e", precision, *number);
}

absl::StatusOr<std::string> ConvertText(const Conversion& conversion,
                                        const Value& value, Work* work) {
  std::string text;
  if (conversion.letter == 'r' && value.AsText() != nullptr) {
    AppendRepr(value.AsText()->bytes, &text);
  } else {
    OUNCE_ASSIGN_OR_RETURN(text, ToText(value, work));
  }
  if (conversion.precision >= 0) {
    text.resize(CharOffset(text, conversion.precision));
  }
  return text;
}

absl::StatusOr<std::string> Convert(const Conversion& conversion,
                                    const Value& value, Work* work) {
  const char letter = conversion.letter;
  std::string text;
  if (letter == 's' || letter == 'r') {
    OUNCE_ASSIGN_OR_RETURN(text, ConvertText(conversion, value, work));
  } else if (letter == 'd' || letter == 'i' || letter == 'x') {
    OUNCE_RETURN_IF_ERROR(CheckDefined(value));
    OUNCE_ASSIGN_OR_RETURN(text, ConvertInteger(conversion, value));
  } else if (letter == 'f' || letter == 'e') {
    OUNCE_RETURN_IF_ERROR(CheckDefined(value));
    OUNCE_ASSIGN_OR_RETURN(text, ConvertFloat(conversion, value));
  } else {
    return absl::UnimplementedError(
        absl::StrCat("%", std::string(1, letter),
                     " in a format; we have s, r, d, i, x, f and e"));
  }
  const int64_t fill = conversion.width - CountChars(text);
  if (fill <= 0) return text;
  const auto count = static_cast<size_t>(fill);
  if (conversion.left) return absl::StrCat(text, std::string(count, ' '));
  const bool zeros = conversion.zeros && letter != 's' && letter != 'r';
  const size_t sign = zeros && text[0] == '-' ? 1 : 0;
  return text.insert(sign, count, zeros ? '0' : ' ');
}

// One replacement field; `*next` counts those without a name.
absl::StatusOr<Value> Field(absl::string_view name, const Arguments& arguments,
                            size_t* next) {
  if (name.find_first_of("!:.[") != absl::string_view::npos) {
    return absl::UnimplementedError(
        absl::StrCat("the field {", name,
                     "} of str.format(); we have {}, {0} "
                     "and {name}"));
  }
  size_t index = 0;
  if (name.empty() || absl::SimpleAtoi(name, &index)) {
    if (name.empty()) index = (*next)++;
    if (index < arguments.positional.size()) return arguments.positional[index];
  } else if (const Value* value = arguments.FindNamed(name)) {
    return *value;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("str.format() has no value for {", name, "}"));
}

}  // namespace

absl::StatusOr<Value> FormatPercent(absl::string_view format,
                                    const Value& values, Work* work) {
  const Sequence* const tuple = values.AsSequence(SequenceKind::kTuple);
  size_t used = 0;
  std::string out;
  for (size_t at = 0; at < format.size();) {
    if (format[at] != '%') {
      out.push_back(format[at++]);
      continue;
    }
    ++at;
    OUNCE_ASSIGN_OR_RETURN(const Conversion conversion,
                           ReadConversion(format, &at));
    if (conversion.letter == '%') {
      out.push_back('%');
      continue;
    }
    if (used >= (tuple == nullptr ? 1 : tuple->items.size())) {
      return absl::InvalidArgumentError("not enough values for a format");
    }
    const Value& value = tuple == nullptr ? values : tuple->items[used];
    ++used;
    OUNCE_ASSIGN_OR_RETURN(const std::string text,
                           Convert(conversion, value, work));
    OUNCE_RETURN_IF_ERROR(work->Spend(text.size()));
    out += text;
  }
  const bool all = tuple == nullptr
                       ? used == 1 || values.AsDict() != nullptr ||
                             values.AsSequence(SequenceKind::kList) != nullptr
                       : used == tuple->items.size();
  if (!all) return absl::InvalidArgumentError("too many values for a format");
  OUNCE_RETURN_IF_ERROR(work->Spend(format.size()));
  return Value(std::move(out));
}

absl::StatusOr<Value> FormatBraces(absl::string_view format,
                                   const Arguments& arguments, Work* work) {
  size_t next = 0;
  std::string out;
  OUNCE_RETURN_IF_ERROR(work->Spend(format.size()));
  for (size_t at = 0; at < format.size(); ++at) {
    const char c = format[at];
    if (c != '{' && c != '}') {
      out.push_back(c);
      continue;
    }
    if (at + 1 < format.size() && format[at + 1] == c) {
      out.push_back(c);
      ++at;
      continue;
    }
    const size_t end = format.find('}', at);
    if (c == '}' || end == absl::string_view::npos) {
      return absl::InvalidArgumentError("a single brace in a str.format()");
    }
    OUNCE_ASSIGN_OR_RETURN(
        const Value value,
        Field(format.substr(at + 1, end - at - 1), arguments, &next));
    OUNCE_ASSIGN_OR_RETURN(const std::string text, ToText(value, work));
    out += text;
    at = end;
  }
  return Value(std::move(out));
}

}  // namespace ounce::jinja
