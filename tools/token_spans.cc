#include "tools/token_spans.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "core/utf8.h"
#include "text/unicode.h"

namespace ounce {
namespace {

// Characters that may be passed over to find the next token: those of tokens
// that are not looked for, and those that the tokenizer drops.
constexpr size_t kMostSkipped = 64;
constexpr absl::string_view kContinuation = "##";

// A character as it is compared, and the one of the text that it comes from.
struct Folded {
  char32_t value;
  size_t source;
};

struct FoldedText {
  std::vector<Folded> characters;
  std::vector<size_t> offsets;  // Bytes before each source character, and all.
  std::string text;             // Valid UTF-8.
};

FoldedText Fold(absl::string_view text) {
  FoldedText folded;
  AppendRepairedUtf8(text, /*is_final=*/true, &folded.text);
  size_t offset = 0;
  while (offset < folded.text.size()) {
    const Utf8Char original = DecodeUtf8(folded.text, offset);
    std::string lower;
    AppendLowercase(original.value, &lower);
    const std::string plain = NormalizeUnicode(lower, NormalForm::kNfkd);
    for (size_t at = 0; at < plain.size();) {
      const Utf8Char part = DecodeUtf8(plain, at);
      at += part.num_bytes;
      if (IsWhitespace(part.value) || IsNonspacingMark(part.value)) continue;
      folded.characters.push_back({part.value, folded.offsets.size()});
    }
    folded.offsets.push_back(offset);
    offset += original.num_bytes;
  }
  folded.offsets.push_back(offset);
  return folded;
}

bool Same(const Folded& a, const Folded& b) { return a.value == b.value; }

// Where `token` comes next from `cursor` on.
std::optional<size_t> Find(const std::vector<Folded>& text, size_t cursor,
                           const std::vector<Folded>& token) {
  if (token.empty()) return std::nullopt;
  const size_t end =
      std::min(text.size(), cursor + kMostSkipped + token.size());
  const auto begin = text.begin() + static_cast<std::ptrdiff_t>(cursor);
  const auto last = text.begin() + static_cast<std::ptrdiff_t>(end);
  const auto found = std::search(begin, last, token.begin(), token.end(), Same);
  if (found == last) return std::nullopt;
  return static_cast<size_t>(found - text.begin());
}

}  // namespace

std::vector<std::optional<TokenSpan>> FindTokenSpans(
    absl::string_view text, absl::Span<const std::string> tokens) {
  const FoldedText folded = Fold(text);
  std::vector<std::optional<TokenSpan>> spans;
  size_t cursor = 0;
  for (absl::string_view token : tokens) {
    if (token.size() > kContinuation.size() &&
        absl::StartsWith(token, kContinuation)) {
      token.remove_prefix(kContinuation.size());
    }
    const std::vector<Folded> wanted = Fold(token).characters;
    const std::optional<size_t> found = Find(folded.characters, cursor, wanted);
    spans.emplace_back();
    if (!found.has_value()) continue;
    cursor = *found + wanted.size();
    const size_t begin = folded.characters[*found].source;
    const size_t end = folded.characters[cursor - 1].source + 1;
    spans.back() = TokenSpan{
        static_cast<int64_t>(begin), static_cast<int64_t>(end),
        folded.text.substr(folded.offsets[begin],
                           folded.offsets[end] - folded.offsets[begin])};
  }
  return spans;
}

}  // namespace ounce
