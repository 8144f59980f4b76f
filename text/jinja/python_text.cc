#include "text/jinja/python_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/unicode.h"

namespace ounce::jinja {
namespace {

// Strips while `drops(character)` holds.
template <typename Drops>
absl::string_view StripIf(absl::string_view text, Side side, Drops drops) {
  while (side != Side::kRight && !text.empty()) {
    const Utf8Char c = DecodeUtf8(text, 0);
    if (!drops(text.substr(0, c.num_bytes), c.value)) break;
    text.remove_prefix(c.num_bytes);
  }
  while (side != Side::kLeft && !text.empty()) {
    const Utf8Char c = DecodeUtf8Before(text, text.size());
    if (!drops(text.substr(text.size() - c.num_bytes), c.value)) break;
    text.remove_suffix(c.num_bytes);
  }
  return text;
}

absl::string_view StripSpace(absl::string_view text, Side side) {
  return StripIf(text, side, [](absl::string_view, char32_t value) {
    return IsPythonSpace(value);
  });
}

// The end of the word at `from`, or its start when `from_right`.
size_t SpaceAt(absl::string_view text, bool from_right) {
  size_t at = from_right ? text.size() : 0;
  while (from_right ? at > 0 : at < text.size()) {
    const Utf8Char c =
        from_right ? DecodeUtf8Before(text, at) : DecodeUtf8(text, at);
    if (IsPythonSpace(c.value)) return at;
    at = from_right ? at - c.num_bytes : at + c.num_bytes;
  }
  return at;
}

bool IsLineEnd(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 ||
         c == 0x2028 || c == 0x2029;
}

absl::Status AppendCase(char32_t value, bool upper, bool title,
                        std::string* out) {
  if (!upper && value != 0x3A3) {
    AppendLowercase(value, out);
    return absl::OkStatus();
  }
  if (upper && AppendUppercase(value, title, out)) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrFormat(
      "changing the case of U+%04X, which depends on its neighbours or makes "
      "several characters",
      static_cast<uint32_t>(value)));
}

bool IsUpperAt(TextCase to, bool first, bool after_cased) {
  switch (to) {
    case TextCase::kLower:
      return false;
    case TextCase::kUpper:
      return true;
    case TextCase::kTitle:
      return !after_cased;
    case TextCase::kCapitalize:
      return first;
  }
  return false;
}

void AppendHex(char32_t value, std::string* out) {
  const auto code = static_cast<uint32_t>(value);
  if (code <= 0xFF) {
    absl::StrAppendFormat(out, "\\x%02x", code);
  } else if (code <= 0xFFFF) {
    absl::StrAppendFormat(out, "\\u%04x", code);
  } else {
    absl::StrAppendFormat(out, "\\U%08x", code);
  }
}

void AppendJsonEscape(char32_t value, std::string* out) {
  const auto code = static_cast<uint32_t>(value);
  if (code < 0x10000) {
    absl::StrAppendFormat(out, "\\u%04x", code);
    return;
  }
  const uint32_t rest = code - 0x10000;
  absl::StrAppendFormat(out, "\\u%04x\\u%04x", 0xD800 + (rest >> 10),
                        0xDC00 + (rest & 0x3FF));
}

}  // namespace

bool IsPythonSpace(char32_t value) {
  return IsWhitespace(value) || (value >= 0x1C && value <= 0x1F);
}

absl::string_view StripLeft(absl::string_view text) {
  return StripSpace(text, Side::kLeft);
}

absl::string_view StripRight(absl::string_view text) {
  return StripSpace(text, Side::kRight);
}

absl::string_view Strip(absl::string_view text) {
  return StripSpace(text, Side::kBoth);
}

absl::string_view StripChars(absl::string_view text, absl::string_view chars,
                             Side side) {
  return StripIf(text, side, [chars](absl::string_view c, char32_t) {
    return absl::StrContains(chars, c);
  });
}

int64_t CountChars(absl::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (c & 0xC0) != 0x80; });
}

size_t CharOffset(absl::string_view text, int64_t index) {
  size_t at = 0;
  for (; index > 0 && at < text.size(); --index) {
    at += DecodeUtf8(text, at).num_bytes;
  }
  return at;
}

std::vector<absl::string_view> SplitChars(absl::string_view text) {
  std::vector<absl::string_view> chars;
  for (size_t at = 0; at < text.size(); at += chars.back().size()) {
    chars.push_back(text.substr(at, DecodeUtf8(text, at).num_bytes));
  }
  return chars;
}

std::vector<absl::string_view> SplitSpace(absl::string_view text,
                                          const SplitOptions& options) {
  const bool right = options.from_right;
  std::vector<absl::string_view> parts;
  text = StripSpace(text, right ? Side::kRight : Side::kLeft);
  for (int64_t left = options.max_splits; !text.empty(); --left) {
    // The rest keeps the whitespace at its far end.
    const size_t at =
        left == 0 ? (right ? 0 : text.size()) : SpaceAt(text, right);
    parts.push_back(right ? text.substr(at) : text.substr(0, at));
    text = right ? StripRight(text.substr(0, at)) : StripLeft(text.substr(at));
  }
  if (right) std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<absl::string_view> SplitOn(absl::string_view text,
                                       absl::string_view separator,
                                       const SplitOptions& options) {
  const bool right = options.from_right;
  std::vector<absl::string_view> parts;
  for (int64_t left = options.max_splits; left != 0; --left) {
    const size_t at = right ? text.rfind(separator) : text.find(separator);
    if (at == absl::string_view::npos) break;
    const size_t end = at + separator.size();
    parts.push_back(right ? text.substr(end) : text.substr(0, at));
    text = right ? text.substr(0, at) : text.substr(end);
  }
  parts.push_back(text);
  if (right) std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<absl::string_view> SplitLines(absl::string_view text,
                                          bool keep_ends) {
  std::vector<absl::string_view> lines;
  size_t start = 0;
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = DecodeUtf8(text, at);
    const size_t end = at;
    at += c.num_bytes;
    if (!IsLineEnd(c.value)) continue;
    if (c.value == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.push_back(text.substr(start, (keep_ends ? at : end) - start));
    start = at;
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return lines;
}

absl::StatusOr<std::string> Replace(absl::string_view text,
                                    const Replacement& replacement,
                                    Work* work) {
  OUNCE_RETURN_IF_ERROR(work->Spend(text.size()));
  // An empty string stands before every character and at the end.
  std::vector<absl::string_view> parts;
  if (replacement.old.empty()) {
    parts = SplitChars(text);
    parts.insert(parts.begin(), "");
    if (replacement.count >= 0 &&
        static_cast<uint64_t>(replacement.count) < parts.size()) {
      const auto kept = static_cast<size_t>(replacement.count);
      parts.resize(kept);
      parts.push_back(text.substr(CharOffset(text, replacement.count - 1)));
    } else {
      parts.push_back("");
    }
  } else {
    parts = SplitOn(text, replacement.old, {replacement.count, false});
  }
  const size_t joins = parts.size() - 1;
  OUNCE_RETURN_IF_ERROR(work->Spend(joins * (1 + replacement.by.size())));
  return absl::StrJoin(parts, replacement.by);
}

absl::StatusOr<std::string> ChangeCase(absl::string_view text, TextCase to) {
  std::string out;
  out.reserve(text.size());
  bool after_cased = false;
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = DecodeUtf8(text, at);
    const bool upper = IsUpperAt(to, at == 0, after_cased);
    const bool title = to == TextCase::kTitle || to == TextCase::kCapitalize;
    OUNCE_RETURN_IF_ERROR(AppendCase(c.value, upper, title, &out));
    after_cased = IsCased(c.value);
    at += c.num_bytes;
  }
  return out;
}

void AppendRepr(absl::string_view text, std::string* out) {
  const bool doubled =
      absl::StrContains(text, '\'') && !absl::StrContains(text, '"');
  const char quote = doubled ? '"' : '\'';
  out->push_back(quote);
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = DecodeUtf8(text, at);
    if (c.value == static_cast<char32_t>(quote) || c.value == '\\') {
      out->push_back('\\');
      out->push_back(text[at]);
    } else if (c.value == '\n') {
      out->append("\\n");
    } else if (c.value == '\r') {
      out->append("\\r");
    } else if (c.value == '\t') {
      out->append("\\t");
    } else if (IsPrintable(c.value)) {
      out->append(text.data() + at, c.num_bytes);
    } else {
      AppendHex(c.value, out);
    }
    at += c.num_bytes;
  }
  out->push_back(quote);
}

std::string FloatRepr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[32];
  const auto result = std::to_chars(std::begin(buffer), std::end(buffer), value,
                                    std::chars_format::scientific);
  const absl::string_view text(buffer,
                               static_cast<size_t>(result.ptr - buffer));
  const size_t e = text.find('e');
  int exponent = 0;
  const size_t sign = text[e + 1] == '+' ? 2 : 1;
  std::from_chars(text.data() + e + sign, text.data() + text.size(), exponent);
  if (exponent < -4 || exponent >= 16) return std::string(text);
  std::string digits;
  for (const char c : text.substr(0, e)) {
    if (c >= '0' && c <= '9') digits.push_back(c);
  }
  if (exponent < 0) {
    digits.insert(0, static_cast<size_t>(-exponent), '0');
    exponent = 0;
  }
  const size_t point = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= point) digits.append(point + 1 - digits.size(), '0');
  digits.insert(digits.begin() + static_cast<std::ptrdiff_t>(point), '.');
  return absl::StrCat(text[0] == '-' ? "-" : "", digits);
}

std::string EscapeHtml(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"},
                                    {"<", "&lt;"},
                                    {">", "&gt;"},
                                    {"'", "&#39;"},
                                    {"\"", "&#34;"}});
}

void AppendJsonString(absl::string_view text, bool ensure_ascii,
                      std::string* out) {
  constexpr absl::string_view kEscaped = "\"\\\n\r\t\b\f";
  constexpr absl::string_view kLetters = "\"\\nrtbf";
  out->push_back('"');
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = DecodeUtf8(text, at);
    const size_t escape =
        c.value < 0x80 ? kEscaped.find(text[at]) : absl::string_view::npos;
    if (escape != absl::string_view::npos) {
      out->push_back('\\');
      out->push_back(kLetters[escape]);
    } else if (c.value < 0x20 || (ensure_ascii && c.value > 0x7F)) {
      AppendJsonEscape(c.value, out);
    } else {
      out->append(text.data() + at, c.num_bytes);
    }
    at += c.num_bytes;
  }
  out->push_back('"');
}

}  // namespace ounce::jinja
