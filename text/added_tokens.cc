#include "text/added_tokens.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/config.h"
#include "text/quote.h"
#include "text/unicode.h"

namespace ounce {
namespace {

bool StandsAlone(absl::string_view text, size_t begin, size_t end) {
  if (begin > 0 && IsWordCharacter(DecodeUtf8Before(text, begin).value)) {
    return false;
  }
  return end == text.size() || !IsWordCharacter(DecodeUtf8(text, end).value);
}

// Not further back than `limit`, which may lie behind `begin`.
size_t SkipSpaceBefore(absl::string_view text, size_t begin, size_t limit) {
  while (begin > limit) {
    const Utf8Char c = DecodeUtf8Before(text, begin);
    if (!IsWhitespace(c.value)) break;
    begin -= c.num_bytes;
  }
  return std::max(begin, limit);
}

size_t SkipSpaceAfter(absl::string_view text, size_t end) {
  while (end < text.size()) {
    const Utf8Char c = DecodeUtf8(text, end);
    if (!IsWhitespace(c.value)) break;
    end += c.num_bytes;
  }
  return end;
}

}  // namespace

absl::StatusOr<AddedToken> ParseAddedToken(const Json& json) {
  AddedToken token;
  OUNCE_ASSIGN_OR_RETURN(token.content, json.GetString("content"));
  OUNCE_ASSIGN_OR_RETURN(token.single_word,
                         json.GetBoolOr("single_word", false));
  OUNCE_ASSIGN_OR_RETURN(token.lstrip, json.GetBoolOr("lstrip", false));
  OUNCE_ASSIGN_OR_RETURN(token.rstrip, json.GetBoolOr("rstrip", false));
  OUNCE_ASSIGN_OR_RETURN(token.special, json.GetBoolOr("special", false));
  OUNCE_ASSIGN_OR_RETURN(token.normalized,
                         json.GetBoolOr("normalized", !token.special));
  if (const Json* id = json.Find("id")) {
    OUNCE_RETURN_IF_ERROR(
        Annotate(ToTokenId(*id).status(), Quote(token.content)));
  }
  return token;
}

void AddedTokens::Matcher::Cut(const Entries& tokens, const TextPiece& piece,
                               std::vector<TextPiece>* out) const {
  const absl::string_view text = piece.text;
  const auto append = [&](size_t begin, size_t end, int32_t id) {
    out->push_back(
        {text.substr(begin, end - begin), id, piece.is_first && begin == 0});
  };
  size_t done = 0;
  size_t from = 0;
  // Where the white space ends that the last token with rstrip took along.  A
  // token found within it has the same end, and so no run is walked twice.
  size_t space_end = 0;
  while (const auto match = trie.FindNext(text, from)) {
    // White space that a token takes along is searched again all the same: the
    // reference does so, and with tokens of white space it shows.
    from = match->end;
    const AddedToken& token = tokens.at(match->value).token;
    if (token.single_word && !StandsAlone(text, match->begin, match->end)) {
      continue;
    }
    const size_t begin =
        token.lstrip ? SkipSpaceBefore(text, match->begin, done) : match->begin;
    if (done < begin) append(done, begin, kNoToken);
    if (token.rstrip && match->end > space_end) {
      space_end = SkipSpaceAfter(text, match->end);
    }
    done = token.rstrip ? space_end : match->end;
    append(begin, std::max(begin, done), match->value);
  }
  append(done, text.size(), kNoToken);
}

absl::Status AddedTokens::Matcher::Extract(const Entries& tokens,
                                           TextPieces* pieces) const {
  return pieces->Rewrite(
      [&](const TextPiece& piece, std::vector<TextPiece>* out) {
        Cut(tokens, piece, out);
        return absl::OkStatus();
      });
}

absl::StatusOr<AddedTokens> AddedTokens::Parse(const Json* array,
                                               const Vocabulary& vocabulary,
                                               const Normalizer* normalizer) {
  AddedTokens tokens;
  tokens.next_id_ =
      static_cast<int32_t>(std::min<size_t>(vocabulary.size(), kMaxTokenIds));
  if (array == nullptr || array->is_null()) return tokens;
  if (array->AsArray() == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"added_tokens\" is of type ", array->TypeName(),
                     "; expected an array"));
  }
  for (size_t i = 0; i < array->AsArray()->size(); ++i) {
    const std::string where = absl::StrCat("\"added_tokens\"[", i, "]");
    auto token = Annotate(ParseAddedToken((*array->AsArray())[i]), where);
    if (!token.ok()) return token.status();
    OUNCE_RETURN_IF_ERROR(
        Annotate(tokens.Add(*std::move(token), vocabulary, normalizer), where));
  }
  tokens.BuildMatchers();
  return tokens;
}

absl::Status AddedTokens::Add(AddedToken token, const Vocabulary& vocabulary,
                              const Normalizer* normalizer) {
  if (token.content.empty()) return absl::OkStatus();
  std::string text = token.content;
  if (token.normalized && normalizer != nullptr) {
    OUNCE_ASSIGN_OR_RETURN(text, normalizer->Normalize(token.content));
  }
  const int32_t id = IdFor(token.content, vocabulary);
  if (id >= kMaxTokenIds) {
    return absl::InvalidArgumentError(
        absl::StrCat("there are more than ", kMaxTokenIds, " tokens"));
  }
  ids_[token.content] = id;
  id_limit_ = std::max(id_limit_, id + 1);
  if (token.special) special_texts_.insert(token.content);
  tokens_[id] = {std::move(token), std::move(text)};
  return absl::OkStatus();
}

int32_t AddedTokens::IdFor(absl::string_view content,
                           const Vocabulary& vocabulary) {
  if (const auto id = Find(content)) return *id;
  if (const auto id = vocabulary.Find(content)) return *id;
  return next_id_++;
}

void AddedTokens::BuildMatchers() {
  std::vector<int32_t> ids;
  for (const auto& [id, entry] : tokens_) ids.push_back(id);
  // Of tokens that a normalizer makes the same text, the first is found.
  std::sort(ids.begin(), ids.end());
  for (const int32_t id : ids) {
    const Entry& entry = tokens_.at(id);
    Matcher& matcher = entry.token.normalized ? normalized_ : raw_;
    if (!entry.text.empty()) matcher.trie.Insert(entry.text, id);
  }
}

std::optional<int32_t> AddedTokens::Find(absl::string_view content) const {
  const auto it = ids_.find(content);
  if (it == ids_.end()) return std::nullopt;
  return it->second;
}

const std::string* AddedTokens::TextOf(int32_t id) const {
  const auto it = tokens_.find(id);
  return it == tokens_.end() ? nullptr : &it->second.text;
}

bool AddedTokens::IsSpecial(int32_t id) const {
  const auto it = tokens_.find(id);
  return it != tokens_.end() && it->second.token.special;
}

}  // namespace ounce
