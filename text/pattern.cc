#include "text/pattern.h"

#include <utility>

#include "core/annotate.h"
#include "core/status_macros.h"
#include "core/utf8.h"

namespace ounce {
namespace {

void FindLiteral(absl::string_view text, absl::string_view literal,
                 std::vector<TextRange>* matches) {
  size_t at = text.find(literal);
  while (at != absl::string_view::npos) {
    matches->push_back({at, at + literal.size()});
    at = text.find(literal, at + literal.size());
  }
}

void FindBoundaries(absl::string_view text, std::vector<TextRange>* matches) {
  for (size_t i = 0; i < text.size(); i += DecodeUtf8(text, i).num_bytes) {
    matches->push_back({i, i});
  }
  matches->push_back({text.size(), text.size()});
}

void FindCharacters(absl::string_view text, Pattern::CharacterTest test,
                    std::vector<TextRange>* matches) {
  for (size_t i = 0; i < text.size();) {
    const Utf8Char c = DecodeUtf8(text, i);
    if (test(c.value)) matches->push_back({i, i + c.num_bytes});
    i += c.num_bytes;
  }
}

}  // namespace

Pattern Pattern::Literal(absl::string_view text) {
  return Pattern(Kind(std::string(text)));
}

absl::StatusOr<Pattern> Pattern::FromRegex(absl::string_view regex) {
  OUNCE_ASSIGN_OR_RETURN(Regex compiled, Regex::Compile(regex));
  return Pattern(Kind(std::move(compiled)));
}

Pattern Pattern::Characters(CharacterTest test) { return Pattern(Kind(test)); }

absl::StatusOr<Pattern> Pattern::Parse(const Json& config) {
  const Json* pattern = config.Find("pattern");
  if (pattern != nullptr && pattern->Find("String") != nullptr) {
    OUNCE_ASSIGN_OR_RETURN(const std::string text,
                           pattern->GetString("String"));
    return Literal(text);
  }
  if (pattern != nullptr && pattern->Find("Regex") != nullptr) {
    OUNCE_ASSIGN_OR_RETURN(const std::string regex,
                           pattern->GetString("Regex"));
    return FromRegex(regex);
  }
  return absl::InvalidArgumentError(
      "\"pattern\" is missing; expected {\"String\": text} or {\"Regex\": "
      "regular expression}");
}

absl::Status Pattern::FindAll(absl::string_view text,
                              std::vector<TextRange>* matches) const {
  if (const auto* regex = std::get_if<Regex>(&kind_)) {
    return regex->FindAll(text, matches);
  }
  if (const auto* test = std::get_if<CharacterTest>(&kind_)) {
    FindCharacters(text, *test, matches);
  } else if (const auto& literal = std::get<std::string>(kind_);
             literal.empty()) {
    FindBoundaries(text, matches);
  } else {
    FindLiteral(text, literal, matches);
  }
  return absl::OkStatus();
}

absl::Status Pattern::Cut(absl::string_view text,
                          std::vector<Segment>* out) const {
  if (text.empty()) return absl::OkStatus();
  std::vector<TextRange> matches;
  OUNCE_RETURN_IF_ERROR(FindAll(text, &matches));
  out->reserve(out->size() + matches.size() + 1);
  size_t end = 0;
  for (const TextRange& match : matches) {
    if (end != match.begin) out->push_back({{end, match.begin}, false});
    out->push_back({match, true});
    end = match.end;
  }
  if (end != text.size()) out->push_back({{end, text.size()}, false});
  return absl::OkStatus();
}

absl::StatusOr<std::string> Pattern::Replace(
    absl::string_view text, absl::string_view replacement) const {
  std::vector<Segment> segments;
  OUNCE_RETURN_IF_ERROR(Cut(text, &segments));
  std::string out;
  out.reserve(text.size());
  for (const Segment& segment : segments) {
    const absl::string_view piece =
        segment.is_match ? replacement
                         : text.substr(segment.range.begin,
                                       segment.range.end - segment.range.begin);
    out.append(piece.data(), piece.size());
  }
  return out;
}

}  // namespace ounce
