// The methods of str, a part of methods.h.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/jinja/method_table.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"
#include "text/jinja/string_format.h"

namespace ounce::jinja {
namespace {

using Result = absl::StatusOr<Value>;

absl::string_view TextOf(const FunctionCall& call) {
  return call.input.AsText()->bytes;
}

absl::Status SpendText(const FunctionCall& call) {
  return call.work->Spend(call.input.AsText()->bytes.size());
}

Result ListOf(const FunctionCall& call,
              const std::vector<absl::string_view>& parts) {
  OUNCE_RETURN_IF_ERROR(call.work->Spend(kUnitsPerNode * parts.size()));
  std::vector<Value> items(parts.begin(), parts.end());
  return MakeSequence(SequenceKind::kList, std::move(items));
}

Result StripSide(const FunctionCall& call, Side side) {
  OUNCE_RETURN_IF_ERROR(SpendText(call));
  const absl::string_view text = TextOf(call);
  if (!call.arguments.IsSet(0)) {
    return side == Side::kLeft    ? StripLeft(text)
           : side == Side::kRight ? StripRight(text)
                                  : Strip(text);
  }
  OUNCE_ASSIGN_OR_RETURN(const std::string chars, call.arguments.String(0, ""));
  OUNCE_RETURN_IF_ERROR(call.work->Spend(text.size() * chars.size() / 16));
  return StripChars(text, chars, side);
}

Result CallStrip(const FunctionCall& call) {
  return StripSide(call, Side::kBoth);
}
Result CallLeftStrip(const FunctionCall& call) {
  return StripSide(call, Side::kLeft);
}
Result CallRightStrip(const FunctionCall& call) {
  return StripSide(call, Side::kRight);
}

Result SplitFrom(const FunctionCall& call, bool from_right) {
  OUNCE_RETURN_IF_ERROR(SpendText(call));
  SplitOptions options;
  options.from_right = from_right;
  OUNCE_ASSIGN_OR_RETURN(options.max_splits, call.arguments.Int(1, -1));
  if (!call.arguments.IsSet(0)) {
    return ListOf(call, SplitSpace(TextOf(call), options));
  }
  OUNCE_ASSIGN_OR_RETURN(const std::string separator,
                         call.arguments.String(0, ""));
  if (separator.empty()) {
    return absl::InvalidArgumentError("split() by an empty separator");
  }
  return ListOf(call, SplitOn(TextOf(call), separator, options));
}

Result CallSplit(const FunctionCall& call) { return SplitFrom(call, false); }
Result CallRightSplit(const FunctionCall& call) {
  return SplitFrom(call, true);
}

Result CallSplitLines(const FunctionCall& call) {
  OUNCE_RETURN_IF_ERROR(SpendText(call));
  return ListOf(call, SplitLines(TextOf(call), call.arguments.Truth(0, false)));
}

Result PartitionFrom(const FunctionCall& call, bool from_right) {
  OUNCE_RETURN_IF_ERROR(SpendText(call));
  OUNCE_ASSIGN_OR_RETURN(const std::string separator,
                         call.arguments.String(0, ""));
  if (separator.empty()) {
    return absl::InvalidArgumentError("partition() by an empty separator");
  }
  const absl::string_view text = TextOf(call);
  const size_t at = from_right ? text.rfind(separator) : text.find(separator);
  std::vector<Value> parts = {text, "", ""};
  if (at != absl::string_view::npos) {
    parts = {text.substr(0, at), separator, text.substr(at + separator.size())};
  } else if (from_right) {
    std::swap(parts[0], parts[2]);
  }
  return MakeSequence(SequenceKind::kTuple, std::move(parts));
}

Result CallPartition(const FunctionCall& call) {
  return PartitionFrom(call, false);
}
Result CallRightPartition(const FunctionCall& call) {
  return PartitionFrom(call, true);
}

// Whether the text starts (or ends) with the argument, or with one of a tuple.
Result Meets(const FunctionCall& call,
             bool (*meets)(absl::string_view, absl::string_view)) {
  if (call.arguments.Has(1)) {
    return absl::UnimplementedError(
        "startswith() and endswith() with a position; use a slice");
  }
  const Sequence* const tuple =
      call.arguments[0].AsSequence(SequenceKind::kTuple);
  const std::vector<Value> choices =
      tuple == nullptr ? std::vector<Value>{call.arguments[0]} : tuple->items;
  for (const Value& choice : choices) {
    if (choice.AsText() == nullptr) {
      OUNCE_RETURN_IF_ERROR(CheckDefined(choice));
      return absl::InvalidArgumentError(
          absl::StrCat("startswith() or endswith() of a value of type ",
                       choice.type_name()));
    }
    OUNCE_RETURN_IF_ERROR(call.work->Spend(1 + choice.AsText()->bytes.size()));
    if (meets(TextOf(call), choice.AsText()->bytes)) return Value(true);
  }
  return Value(false);
}

Result CallStartsWith(const FunctionCall& call) {
  return Meets(call, [](absl::string_view text, absl::string_view part) {
    return absl::StartsWith(text, part);
  });
}
Result CallEndsWith(const FunctionCall& call) {
  return Meets(call, [](absl::string_view text, absl::string_view part) {
    return absl::EndsWith(text, part);
  });
}

Result ToCase(const FunctionCall& call, TextCase to) {
  OUNCE_RETURN_IF_ERROR(SpendText(call));
  OUNCE_ASSIGN_OR_RETURN(std::string text, ChangeCase(TextOf(call), to));
  return Value(std::move(text));
}

Result CallUpper(const FunctionCall& call) {
  return ToCase(call, TextCase::kUpper);
}
Result CallLower(const FunctionCall& call) {
  return ToCase(call, TextCase::kLower);
}
Result CallTitle(const FunctionCall& call) {
  return ToCase(call, TextCase::kTitle);
}
Result CallCapitalize(const FunctionCall& call) {
  return ToCase(call, TextCase::kCapitalize);
}

// Where the argument stands, in characters; -1 when nowhere.
absl::StatusOr<int64_t> Position(const FunctionCall& call, bool from_right) {
  OUNCE_RETURN_IF_ERROR(SpendText(call));
  OUNCE_ASSIGN_OR_RETURN(const std::string part, call.arguments.String(0, ""));
  if (call.arguments.IsSet(1)) {
    return absl::UnimplementedError("find() with a position; use a slice");
  }
  const absl::string_view text = TextOf(call);
  const size_t at = from_right ? text.rfind(part) : text.find(part);
  if (at == absl::string_view::npos) return -1;
  return CountChars(text.substr(0, at));
}

Result Find(const FunctionCall& call, bool from_right, bool must) {
  OUNCE_ASSIGN_OR_RETURN(const int64_t position, Position(call, from_right));
  if (must && position < 0) {
    return absl::InvalidArgumentError("index(): the substring is not there");
  }
  return Value(position);
}

Result CallFind(const FunctionCall& call) { return Find(call, false, false); }
Result CallRightFind(const FunctionCall& call) {
  return Find(call, true, false);
}
Result CallIndex(const FunctionCall& call) { return Find(call, false, true); }
Result CallRightIndex(const FunctionCall& call) {
  return Find(call, true, true);
}

Result CallCount(const FunctionCall& call) {
  OUNCE_RETURN_IF_ERROR(SpendText(call));
  OUNCE_ASSIGN_OR_RETURN(const std::string part, call.arguments.String(0, ""));
  if (call.arguments.IsSet(1)) {
    return absl::UnimplementedError("count() with a position; use a slice");
  }
  if (part.empty()) return Value(CountChars(TextOf(call)) + 1);
  return Value(static_cast<int64_t>(SplitOn(TextOf(call), part, {}).size()) -
               1);
}

Result CallRemovePrefix(const FunctionCall& call) {
  OUNCE_RETURN_IF_ERROR(SpendText(call));
  OUNCE_ASSIGN_OR_RETURN(const std::string part, call.arguments.String(0, ""));
  absl::string_view text = TextOf(call);
  if (absl::StartsWith(text, part)) text.remove_prefix(part.size());
  return Value(text);
}
Result CallRemoveSuffix(const FunctionCall& call) {
  OUNCE_RETURN_IF_ERROR(SpendText(call));
  OUNCE_ASSIGN_OR_RETURN(const std::string part, call.arguments.String(0, ""));
  absl::string_view text = TextOf(call);
  if (absl::EndsWith(text, part)) text.remove_suffix(part.size());
  return Value(text);
}

Result CallJoin(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(const std::vector<Value> elements,
                         Elements(call.arguments[0], call.work));
  std::string out;
  for (size_t i = 0; i < elements.size(); ++i) {
    const Text* const text = elements[i].AsText();
    if (text == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("join() of a list with an element of type ",
                       elements[i].type_name(), "; expected str"));
    }
    OUNCE_RETURN_IF_ERROR(
        call.work->Spend(text->bytes.size() + TextOf(call).size()));
    absl::StrAppend(&out, i == 0 ? "" : TextOf(call), text->bytes);
  }
  return Value(std::move(out));
}

Result CallFormat(const FunctionCall& call) {
  return FormatBraces(TextOf(call), call.unbound, call.work);
}

Result CallReplace(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(const std::string old, call.arguments.String(0, ""));
  OUNCE_ASSIGN_OR_RETURN(const std::string by, call.arguments.String(1, ""));
  OUNCE_ASSIGN_OR_RETURN(const int64_t count, call.arguments.Int(2, -1));
  OUNCE_ASSIGN_OR_RETURN(std::string text,
                         Replace(TextOf(call), {old, by, count}, call.work));
  return Value(std::move(text));
}

// Pads to a width in characters.
absl::StatusOr<std::pair<std::string, int64_t>> Padding(
    const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(const int64_t width, call.arguments.Int(0, 0));
  OUNCE_ASSIGN_OR_RETURN(std::string fill, call.arguments.String(1, " "));
  if (CountChars(fill) != 1) {
    return absl::InvalidArgumentError("padding must be one character");
  }
  OUNCE_RETURN_IF_ERROR(SpendText(call));
  const int64_t missing =
      std::max<int64_t>(width - CountChars(TextOf(call)), 0);
  OUNCE_RETURN_IF_ERROR(call.work->Spend(static_cast<size_t>(missing)));
  OUNCE_RETURN_IF_ERROR(
      call.work->Spend(fill.size() * static_cast<size_t>(missing)));
  return std::make_pair(std::move(fill), missing);
}

std::string Times(absl::string_view text, int64_t count) {
  std::string out;
  for (; count > 0; --count) absl::StrAppend(&out, text);
  return out;
}

Result CallLeftJustify(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(const auto padding, Padding(call));
  return Value(
      absl::StrCat(TextOf(call), Times(padding.first, padding.second)));
}
Result CallRightJustify(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(const auto padding, Padding(call));
  return Value(
      absl::StrCat(Times(padding.first, padding.second), TextOf(call)));
}
Result CallCenter(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(const auto padding, Padding(call));
  OUNCE_ASSIGN_OR_RETURN(const int64_t width, call.arguments.Int(0, 0));
  // CPython's choice of the side that gets the odd one.
  const int64_t left = padding.second / 2 + (padding.second & width & 1);
  return Value(absl::StrCat(Times(padding.first, left), TextOf(call),
                            Times(padding.first, padding.second - left)));
}
Result CallZeroFill(const FunctionCall& call) {
  OUNCE_ASSIGN_OR_RETURN(const int64_t width, call.arguments.Int(0, 0));
  OUNCE_RETURN_IF_ERROR(SpendText(call));
  std::string text(TextOf(call));
  const int64_t missing = width - CountChars(text);
  if (missing <= 0) return Value(std::move(text));
  OUNCE_RETURN_IF_ERROR(call.work->Spend(static_cast<size_t>(missing)));
  const bool sign = absl::StartsWith(text, "-") || absl::StartsWith(text, "+");
  text.insert(sign ? 1 : 0, static_cast<size_t>(missing), '0');
  return Value(std::move(text));
}

// Whether there are characters and all have a property, which we know of ASCII
// alone.
Result AllAscii(const FunctionCall& call, bool (*holds)(char)) {
  OUNCE_RETURN_IF_ERROR(SpendText(call));
  const absl::string_view text = TextOf(call);
  for (const char c : text) {
    if ((c & 0x80) != 0) {
      return absl::UnimplementedError(
          "str.isdigit(), isalpha() and the like outside of ASCII");
    }
  }
  return Value(!text.empty() && std::all_of(text.begin(), text.end(), holds));
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsAlpha(char c) { return IsLower(c) || IsUpper(c); }
bool IsAlnum(char c) { return IsAlpha(c) || IsDigit(c); }

Result CallIsDigit(const FunctionCall& call) { return AllAscii(call, IsDigit); }
Result CallIsAlpha(const FunctionCall& call) { return AllAscii(call, IsAlpha); }
Result CallIsAlnum(const FunctionCall& call) { return AllAscii(call, IsAlnum); }
Result CallIsAscii(const FunctionCall& call) {
  OUNCE_RETURN_IF_ERROR(SpendText(call));
  const absl::string_view text = TextOf(call);
  return Value(std::all_of(text.begin(), text.end(),
                           [](char c) { return (c & 0x80) == 0; }));
}
Result CallIsSpace(const FunctionCall& call) {
  OUNCE_RETURN_IF_ERROR(SpendText(call));
  return Value(!TextOf(call).empty() && Strip(TextOf(call)).empty());
}
// Some letters, and none of the other case.
Result HasCase(const FunctionCall& call, bool (*mine)(char),
               bool (*other)(char)) {
  OUNCE_RETURN_IF_ERROR(AllAscii(call, [](char) { return true; }).status());
  const absl::string_view text = TextOf(call);
  return Value(std::any_of(text.begin(), text.end(), mine) &&
               std::none_of(text.begin(), text.end(), other));
}
Result CallIsLower(const FunctionCall& call) {
  return HasCase(call, IsLower, IsUpper);
}
Result CallIsUpper(const FunctionCall& call) {
  return HasCase(call, IsUpper, IsLower);
}
// Every word of one upper case letter and then lower case ones.
Result CallIsTitle(const FunctionCall& call) {
  OUNCE_RETURN_IF_ERROR(AllAscii(call, [](char) { return true; }).status());
  bool cased = false;
  bool inside = false;
  for (const char c : TextOf(call)) {
    if (IsUpper(c) && inside) return Value(false);
    if (IsLower(c) && !inside) return Value(false);
    inside = IsAlpha(c);
    cased = cased || inside;
  }
  return Value(cased);
}

constexpr FunctionRow kTextMethods[] = {
    {{"capitalize", "", 0}, CallCapitalize},
    {{"center", "width fillchar", 1}, CallCenter},
    {{"count", "sub start end", 1}, CallCount},
    {{"endswith", "suffix start end", 1}, CallEndsWith},
    {{"find", "sub start end", 1}, CallFind},
    {{"format", "", 0}, CallFormat, true},
    {{"index", "sub start end", 1}, CallIndex},
    {{"isalnum", "", 0}, CallIsAlnum},
    {{"isalpha", "", 0}, CallIsAlpha},
    {{"isascii", "", 0}, CallIsAscii},
    {{"isdecimal", "", 0}, CallIsDigit},
    {{"isdigit", "", 0}, CallIsDigit},
    {{"islower", "", 0}, CallIsLower},
    {{"isnumeric", "", 0}, CallIsDigit},
    {{"isspace", "", 0}, CallIsSpace},
    {{"istitle", "", 0}, CallIsTitle},
    {{"isupper", "", 0}, CallIsUpper},
    {{"join", "iterable", 1}, CallJoin},
    {{"ljust", "width fillchar", 1}, CallLeftJustify},
    {{"lower", "", 0}, CallLower},
    {{"lstrip", "chars", 0}, CallLeftStrip},
    {{"partition", "sep", 1}, CallPartition},
    {{"removeprefix", "prefix", 1}, CallRemovePrefix},
    {{"removesuffix", "suffix", 1}, CallRemoveSuffix},
    {{"replace", "old new count", 2}, CallReplace},
    {{"rfind", "sub start end", 1}, CallRightFind},
    {{"rindex", "sub start end", 1}, CallRightIndex},
    {{"rjust", "width fillchar", 1}, CallRightJustify},
    {{"rpartition", "sep", 1}, CallRightPartition},
    {{"rsplit", "sep maxsplit", 0}, CallRightSplit},
    {{"rstrip", "chars", 0}, CallRightStrip},
    {{"split", "sep maxsplit", 0}, CallSplit},
    {{"splitlines", "keepends", 0}, CallSplitLines},
    {{"startswith", "prefix start end", 1}, CallStartsWith},
    {{"strip", "chars", 0}, CallStrip},
    {{"title", "", 0}, CallTitle},
    {{"upper", "", 0}, CallUpper},
    {{"zfill", "width", 1}, CallZeroFill},
};

}  // namespace

absl::Span<const FunctionRow> TextMethods() { return kTextMethods; }

}  // namespace ounce::jinja
