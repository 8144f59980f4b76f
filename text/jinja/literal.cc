#include "text/jinja/literal.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/jinja/python_text.h"
#include "text/quote.h"

namespace ounce::jinja {
namespace {

// Bytes of decimal digits at `from`, single underscores between them.
size_t DigitsEnd(absl::string_view text, size_t from) {
  size_t end = from;
  while (end < text.size()) {
    const bool joins = text[end] == '_' && end > from && end + 1 < text.size();
    const char c = joins ? text[end + 1] : text[end];
    if (!absl::ascii_isdigit(static_cast<uint8_t>(c))) break;
    end += joins ? 2 : 1;
  }
  return end;
}

int DigitValue(char c) {
  if (absl::ascii_isdigit(static_cast<uint8_t>(c))) return c - '0';
  if (absl::ascii_isalpha(static_cast<uint8_t>(c)))
    return absl::ascii_tolower(static_cast<uint8_t>(c)) - 'a' + 10;
  return std::numeric_limits<int>::max();
}

absl::Status BadEscape(absl::string_view escape, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("the escape ", Quote(escape), " in a string ", why));
}

// Appends the character of `digits` digits of `base` at `*position`; fewer do
// for octal.
absl::Status ReadCode(absl::string_view text, size_t digits, int base,
                      size_t* position, std::string* out) {
  const size_t start = *position;
  uint32_t code = 0;
  size_t read = 0;
  while (read < digits && start + read < text.size() &&
         DigitValue(text[start + read]) < base) {
    code = code * static_cast<uint32_t>(base) +
           static_cast<uint32_t>(DigitValue(text[start + read]));
    ++read;
  }
  const absl::string_view escape = text.substr(start, read);
  if (read < digits && base == 16) return BadEscape(escape, "is cut off");
  if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
    return BadEscape(escape, "names no character");
  }
  AppendUtf8(code, out);
  *position += read;
  return absl::OkStatus();
}

// The escape whose backslash stands before `*position`.
absl::Status ReadEscape(absl::string_view text, size_t* position,
                        std::string* out) {
  constexpr absl::string_view kLetters = "\\'\"abfnrtv";
  constexpr absl::string_view kValues = "\\'\"\a\b\f\n\r\t\v";
  const char c = text[*position];
  if (c == '\n') {  // A line that goes on.
    ++*position;
    return absl::OkStatus();
  }
  const size_t simple = kLetters.find(c);
  if (simple != absl::string_view::npos) {
    ++*position;
    out->push_back(kValues[simple]);
    return absl::OkStatus();
  }
  if (c >= '0' && c < '8') return ReadCode(text, 3, 8, position, out);
  if (c == 'x' || c == 'u' || c == 'U') {
    ++*position;
    return ReadCode(text, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16, position, out);
  }
  if (c == 'N') return BadEscape("\\N", "is not supported");
  if ((c & 0x80) != 0) {
    return BadEscape("\\", "stands before a character outside of ASCII");
  }
  out->push_back('\\');
  return absl::OkStatus();
}

// Removes the sign and a prefix such as 0x that `base` allows.
void RemoveIntPrefix(absl::string_view* text, int base) {
  const absl::string_view prefix = base == 16  ? "0x"
                                   : base == 8 ? "0o"
                                   : base == 2 ? "0b"
                                               : "";
  if (prefix.empty() || !absl::StartsWithIgnoreCase(*text, prefix)) return;
  text->remove_prefix(2);
  if (absl::StartsWith(*text, "_")) text->remove_prefix(1);
}

// Drops single underscores between digits; false when one stands elsewhere.
bool DropUnderscores(absl::string_view text, std::string* out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out->push_back(text[i]);
      continue;
    }
    if (i == 0 || i + 1 == text.size() ||
        !absl::ascii_isalnum(static_cast<uint8_t>(text[i - 1])) ||
        !absl::ascii_isalnum(static_cast<uint8_t>(text[i + 1]))) {
      return false;
    }
  }
  return true;
}

}  // namespace

NumberLiteral FindNumber(absl::string_view text, bool may_be_float) {
  const size_t whole = DigitsEnd(text, 0);
  if (whole == 1 && text[0] == '0' && text.size() > 2) {
    const char letter = absl::ascii_tolower(static_cast<uint8_t>(text[1]));
    const int base = letter == 'x' ? 16 : letter == 'o' ? 8 : 2;
    size_t end = 2;
    while (end < text.size() &&
           (DigitValue(text[end]) < base || text[end] == '_')) {
      ++end;
    }
    if (end > 2 && (letter == 'x' || letter == 'o' || letter == 'b')) {
      return {end, false};
    }
  }
  if (!may_be_float) return {whole, false};
  size_t end = whole;
  if (end + 1 < text.size() && text[end] == '.' &&
      absl::ascii_isdigit(static_cast<uint8_t>(text[end + 1]))) {
    end = DigitsEnd(text, end + 1);
  }
  if (end < text.size() &&
      absl::ascii_tolower(static_cast<uint8_t>(text[end])) == 'e') {
    size_t digits = end + 1;
    if (digits < text.size() && (text[digits] == '+' || text[digits] == '-')) {
      ++digits;
    }
    const size_t exponent = DigitsEnd(text, digits);
    if (exponent > digits) end = exponent;
  }
  return {end, end > whole};
}

absl::StatusOr<std::string> UnescapeString(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      out.push_back(text[i++]);
      continue;
    }
    ++i;
    if (i == text.size()) return BadEscape("\\", "is cut off");
    OUNCE_RETURN_IF_ERROR(ReadEscape(text, &i, &out));
  }
  return out;
}

absl::StatusOr<std::optional<int64_t>> ParsePythonInt(absl::string_view text,
                                                      int base) {
  text = Strip(text);
  const bool negative = absl::StartsWith(text, "-");
  if (negative || absl::StartsWith(text, "+")) text.remove_prefix(1);
  RemoveIntPrefix(&text, base);
  std::string digits;
  if (!DropUnderscores(text, &digits) || digits.empty()) return std::nullopt;
  const bool all = std::all_of(digits.begin(), digits.end(),
                               [base](char c) { return DigitValue(c) < base; });
  if (!all) return std::nullopt;
  if (negative) digits.insert(digits.begin(), '-');
  int64_t value = 0;
  const auto result = std::from_chars(
      digits.data(), digits.data() + digits.size(), value, base);
  if (result.ec != std::errc()) {
    return absl::OutOfRangeError(
        absl::StrCat("the integer ", Quote(text), " is beyond 64 bits"));
  }
  return value;
}

std::optional<double> ParsePythonFloat(absl::string_view text) {
  text = Strip(text);
  std::string digits;
  if (!DropUnderscores(text, &digits)) return std::nullopt;
  // Python has no hexadecimal here, and no payload of a NaN.
  if (digits.find_first_of("xXpP(") != std::string::npos) return std::nullopt;
  double value = 0;
  if (digits.empty() || !absl::SimpleAtod(digits, &value)) return std::nullopt;
  return value;
}

}  // namespace ounce::jinja
