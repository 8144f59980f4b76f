#include "text/bpe.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/bpe_merge.h"
#include "text/quote.h"

namespace ounce {
namespace {

// Words up to this size are cached: longer ones hardly recur.
constexpr size_t kMaxCachedWordBytes = 256;
// Starts each word of a SentencePiece vocabulary: U+2581.
constexpr absl::string_view kWordMark = "\xE2\x96\x81";

struct BpeSettings {
  std::optional<std::string> unk_token;
  bool fuse_unk = false;
  bool byte_fallback = false;
  bool ignore_merges = false;
  std::string prefix;  // continuing_subword_prefix
  std::string suffix;  // end_of_word_suffix
};

class Bpe : public TokenModel {
 public:
  Bpe(BpeSettings settings, Vocabulary vocabulary, MergeRules rules,
      bool splits_at_mark)
      : settings_(std::move(settings)),
        vocabulary_(std::move(vocabulary)),
        rules_(std::move(rules)),
        splits_at_mark_(splits_at_mark) {
    if (settings_.unk_token.has_value()) {
      unk_id_ = vocabulary_.Find(*settings_.unk_token);
    }
    for (size_t byte = 0; byte < byte_ids_.size(); ++byte) {
      byte_ids_[byte] = vocabulary_.Find(absl::StrFormat("<0x%02X>", byte));
    }
  }

  const Vocabulary& vocabulary() const override { return vocabulary_; }
  std::unique_ptr<WordEncoder> NewEncoder() const override;

  const BpeSettings& settings() const { return settings_; }
  const MergeRules& rules() const { return rules_; }
  std::optional<int32_t> unk_id() const { return unk_id_; }
  // Whether words that start with the mark can be encoded one by one.
  bool splits_at_mark() const { return splits_at_mark_; }
  std::optional<int32_t> ByteId(char byte) const {
    return byte_ids_[static_cast<uint8_t>(byte)];
  }

 private:
  const BpeSettings settings_;
  const Vocabulary vocabulary_;
  const MergeRules rules_;
  const bool splits_at_mark_;
  std::optional<int32_t> unk_id_;
  std::array<std::optional<int32_t>, 256> byte_ids_;
};

class BpeEncoder : public WordEncoder {
 public:
  explicit BpeEncoder(const Bpe& model) : model_(model) {}

  absl::Status Encode(absl::string_view word,
                      std::vector<int32_t>* ids) override {
    while (model_.splits_at_mark() && !word.empty()) {
      const absl::string_view first = TakeMarkedWord(&word);
      OUNCE_RETURN_IF_ERROR(EncodeCached(first, ids));
    }
    return word.empty() ? absl::OkStatus() : EncodeCached(word, ids);
  }

 private:
  struct CachedIds {
    size_t offset = 0;  // In cached_ids_.
    size_t count = 0;
  };

  // Takes the part of `text` up to the next mark that follows something else.
  static absl::string_view TakeMarkedWord(absl::string_view* text) {
    size_t end = 0;
    while (absl::StartsWith(text->substr(end), kWordMark)) {
      end += kWordMark.size();
    }
    end = std::min(text->find(kWordMark, end), text->size());
    const absl::string_view word = text->substr(0, end);
    text->remove_prefix(end);
    return word;
  }

  absl::Status EncodeCached(absl::string_view word, std::vector<int32_t>* ids) {
    if (word.size() > kMaxCachedWordBytes) return EncodeWord(word, ids);
    const auto [it, inserted] = cache_.try_emplace(word);
    if (inserted) {
      const size_t offset = cached_ids_.size();
      OUNCE_RETURN_IF_ERROR(EncodeWord(word, &cached_ids_));
      it->second = {offset, cached_ids_.size() - offset};
    }
    const auto begin =
        cached_ids_.begin() + static_cast<std::ptrdiff_t>(it->second.offset);
    ids->insert(ids->end(), begin,
                begin + static_cast<std::ptrdiff_t>(it->second.count));
    return absl::OkStatus();
  }

  absl::Status EncodeWord(absl::string_view word, std::vector<int32_t>* ids) {
    if (word.size() > std::numeric_limits<int32_t>::max()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "a word of ", word.size(), " bytes; at most 2 GiB are encoded"));
    }
    if (model_.settings().ignore_merges) {
      if (const auto id = model_.vocabulary().Find(word)) {
        ids->push_back(*id);
        return absl::OkStatus();
      }
    }
    OUNCE_RETURN_IF_ERROR(AddSymbols(word));
    symbols_.Merge(model_.rules());
    symbols_.AppendIdsTo(ids);
    return absl::OkStatus();
  }

  absl::Status AddSymbols(absl::string_view word) {
    symbols_.Clear();
    pending_unk_ = false;
    for (size_t i = 0; i < word.size();) {
      const size_t end = i + DecodeUtf8(word, i).num_bytes;
      OUNCE_RETURN_IF_ERROR(
          AddSymbol(word.substr(i, end - i), i == 0, end == word.size()));
      i = end;
    }
    FlushUnk();
    return absl::OkStatus();
  }

  absl::Status AddSymbol(absl::string_view character, bool is_first,
                         bool is_last) {
    const absl::string_view token = Affixed(character, is_first, is_last);
    if (const auto id = model_.vocabulary().Find(token)) {
      FlushUnk();
      symbols_.Add(*id);
      return absl::OkStatus();
    }
    // The reference puts these bytes before an unknown token that is pending.
    if (model_.settings().byte_fallback && AddBytes(token)) {
      return absl::OkStatus();
    }
    // As the reference: without an unknown token the character is dropped.
    if (!model_.settings().unk_token.has_value()) return absl::OkStatus();
    if (!model_.unk_id().has_value()) return LacksUnkToken(character);
    if (!model_.settings().fuse_unk) FlushUnk();
    pending_unk_ = true;
    return absl::OkStatus();
  }

  // `character` with the prefix and suffix its place in the word calls for.
  absl::string_view Affixed(absl::string_view character, bool is_first,
                            bool is_last) {
    const std::string& prefix = model_.settings().prefix;
    const std::string& suffix = model_.settings().suffix;
    const bool has_prefix = !is_first && !prefix.empty();
    const bool has_suffix = is_last && !suffix.empty();
    if (!has_prefix && !has_suffix) return character;
    affixed_ = absl::StrCat(has_prefix ? prefix : "", character,
                            has_suffix ? suffix : "");
    return affixed_;
  }

  bool AddBytes(absl::string_view token) {
    for (const char byte : token) {
      if (!model_.ByteId(byte).has_value()) return false;
    }
    for (const char byte : token) symbols_.Add(*model_.ByteId(byte));
    return true;
  }

  void FlushUnk() {
    if (pending_unk_) symbols_.Add(*model_.unk_id());
    pending_unk_ = false;
  }

  absl::Status LacksUnkToken(absl::string_view character) const {
    return absl::InvalidArgumentError(absl::StrCat(
        "the vocabulary has no token for ", Quote(character),
        " and lacks the unknown token ", Quote(*model_.settings().unk_token),
        "; remove the character from the text"));
  }

  const Bpe& model_;
  BpeWord symbols_;
  bool pending_unk_ = false;  // An unknown token that later ones may join.
  std::string affixed_;
  absl::flat_hash_map<absl::string_view, CachedIds> cache_;
  std::vector<int32_t> cached_ids_;
};

std::unique_ptr<WordEncoder> Bpe::NewEncoder() const {
  return std::make_unique<BpeEncoder>(*this);
}

absl::Status BadMerge(size_t index, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"merges\"[", index, "] ", what));
}

// Whether a merge with this text joins a word to the mark that starts the next.
bool CrossesMark(const Merge& merge) {
  return absl::StartsWith(merge.right, kWordMark) &&
         !absl::EndsWith(merge.left, kWordMark);
}

struct ParsedMerges {
  MergeRules rules;
  bool any_crosses_mark = false;
};

// Merges whose tokens are looked up together (Vocabulary::FindAll).
constexpr size_t kMergeBatch = 32;

// What some merges name: two tokens each, and what they become.
struct MergeTokens {
  std::array<absl::string_view, 2 * kMergeBatch> texts;
  std::array<std::optional<int32_t>, 2 * kMergeBatch> ids;
  std::array<std::optional<int32_t>, kMergeBatch> merged;
};

// The id of `merge`'s result, which is the concatenation but for the prefix of
// the right token.  Files list merges in the order of their results' ids, so
// that most are that of the merge before, `previous`, or the next.
std::optional<int32_t> FindMerged(const Merge& merge, size_t prefix_size,
                                  const Vocabulary& vocabulary,
                                  int32_t previous) {
  const absl::string_view left = merge.left;
  const absl::string_view right =
      merge.right.substr(std::min(prefix_size, merge.right.size()));
  for (const int32_t id : {previous, previous + 1}) {
    const absl::string_view token = vocabulary.TokenOf(id).value_or("");
    if (token.size() == left.size() + right.size() &&
        absl::StartsWith(token, left) && absl::EndsWith(token, right)) {
      return id;
    }
  }
  return vocabulary.Find(absl::StrCat(left, right));
}

void FindTokens(absl::Span<const Merge> merges, size_t prefix_size,
                const Vocabulary& vocabulary, MergeTokens* tokens) {
  int32_t previous = 0;
  for (size_t i = 0; i < merges.size(); ++i) {
    tokens->texts[2 * i] = merges[i].left;
    tokens->texts[2 * i + 1] = merges[i].right;
    tokens->merged[i] =
        FindMerged(merges[i], prefix_size, vocabulary, previous);
    previous = tokens->merged[i].value_or(previous);
  }
  vocabulary.FindAll(absl::MakeSpan(tokens->texts).first(2 * merges.size()),
                     absl::MakeSpan(tokens->ids));
}

absl::Status LacksToken(size_t index, absl::string_view token) {
  return BadMerge(index, absl::StrCat("needs ", Quote(token),
                                      ", which is not in \"vocab\""));
}

// Whether the i-th of `tokens`, those of `merge`, are all known.
absl::Status CheckMerge(const Merge& merge, absl::string_view prefix,
                        const MergeTokens& tokens, size_t i, size_t index) {
  const auto& [left, right] = merge;
  if (right.size() < prefix.size()) {
    return BadMerge(
        index, absl::StrCat("has ", Quote(right), ", shorter than the prefix ",
                            Quote(prefix)));
  }
  if (!tokens.ids[2 * i].has_value()) return LacksToken(index, left);
  if (!tokens.ids[2 * i + 1].has_value()) return LacksToken(index, right);
  if (!tokens.merged[i].has_value()) {
    return LacksToken(index, absl::StrCat(left, right.substr(prefix.size())));
  }
  return absl::OkStatus();
}

// Looks up the tokens of as many merges of `list`, from `first` on, as `ids`
// has places.
absl::Status FindIds(const MergeList& list, size_t first,
                     absl::string_view prefix, const Vocabulary& vocabulary,
                     absl::Span<MergeIds> ids) {
  const auto merges =
      absl::MakeConstSpan(list.merges).subspan(first, ids.size());
  MergeTokens tokens;
  FindTokens(merges, prefix.size(), vocabulary, &tokens);
  for (size_t i = 0; i < merges.size(); ++i) {
    OUNCE_RETURN_IF_ERROR(CheckMerge(merges[i], prefix, tokens, i, first + i));
    ids[i] = {*tokens.ids[2 * i], *tokens.ids[2 * i + 1], *tokens.merged[i],
              static_cast<int32_t>(first + i)};
  }
  return absl::OkStatus();
}

// Adds at most kMergeBatch merges of `list`, those from `first` on.
absl::Status AddMerges(const MergeList& list, size_t first,
                       absl::string_view prefix, const Vocabulary& vocabulary,
                       ParsedMerges* out) {
  const auto merges =
      absl::MakeConstSpan(list.merges).subspan(first, kMergeBatch);
  std::array<MergeIds, kMergeBatch> found;
  absl::Span<const MergeIds> ids = absl::MakeConstSpan(list.ids);
  if (ids.empty()) {
    OUNCE_RETURN_IF_ERROR(FindIds(list, first, prefix, vocabulary,
                                  absl::MakeSpan(found).first(merges.size())));
    ids = absl::MakeConstSpan(found).first(merges.size());
  } else {
    ids = ids.subspan(first, merges.size());
  }
  for (const MergeIds& merge : ids) {
    out->rules.Prefetch(merge.left, merge.right);
  }
  for (size_t i = 0; i < merges.size(); ++i) {
    out->rules.Add(ids[i].left, ids[i].right, {ids[i].rank, ids[i].merged});
    out->any_crosses_mark |= CrossesMark(merges[i]);
  }
  return absl::OkStatus();
}

absl::StatusOr<ParsedMerges> ParseMerges(const std::optional<MergeList>& list,
                                         absl::string_view prefix,
                                         const Vocabulary& vocabulary) {
  if (!list.has_value()) {
    return absl::InvalidArgumentError(
        "\"merges\" is missing or no array; expected pairs of tokens");
  }
  ParsedMerges out;
  out.rules.Reserve(list->merges.size());
  for (size_t first = 0; first < list->merges.size(); first += kMergeBatch) {
    OUNCE_RETURN_IF_ERROR(AddMerges(*list, first, prefix, vocabulary, &out));
  }
  OUNCE_RETURN_IF_ERROR(list->status);
  return out;
}

absl::StatusOr<BpeSettings> ParseSettings(const Json& config) {
  OUNCE_ASSIGN_OR_RETURN(const double dropout,
                         config.GetDoubleOr("dropout", 0.0));
  if (dropout != 0.0) {
    return absl::UnimplementedError(
        absl::StrCat("\"dropout\" is ", dropout, "; supported is null or 0"));
  }
  BpeSettings settings;
  if (const Json* unk = config.Find("unk_token"); unk && !unk->is_null()) {
    OUNCE_ASSIGN_OR_RETURN(settings.unk_token, config.GetString("unk_token"));
  }
  OUNCE_ASSIGN_OR_RETURN(settings.fuse_unk,
                         config.GetBoolOr("fuse_unk", false));
  OUNCE_ASSIGN_OR_RETURN(settings.byte_fallback,
                         config.GetBoolOr("byte_fallback", false));
  OUNCE_ASSIGN_OR_RETURN(settings.ignore_merges,
                         config.GetBoolOr("ignore_merges", false));
  OUNCE_ASSIGN_OR_RETURN(settings.prefix,
                         config.GetStringOr("continuing_subword_prefix", ""));
  OUNCE_ASSIGN_OR_RETURN(settings.suffix,
                         config.GetStringOr("end_of_word_suffix", ""));
  return settings;
}

// Where no merge reaches over the mark, a SentencePiece text of any length
// falls into words that are encoded, and cached, one by one with the same
// result: the mark is a token of its own, and the symbol before it ends in
// another character (unless that is an unknown token which itself ends in a
// mark).
bool CanSplitAtMark(const BpeSettings& settings, const Vocabulary& vocabulary,
                    const ParsedMerges& merges) {
  return !merges.any_crosses_mark && !settings.ignore_merges &&
         settings.prefix.empty() && settings.suffix.empty() &&
         !absl::EndsWith(settings.unk_token.value_or(""), kWordMark) &&
         vocabulary.Find(kWordMark).has_value();
}

}  // namespace

TokenModelOr ParseBpe(ModelConfig config) {
  OUNCE_ASSIGN_OR_RETURN(BpeSettings settings, ParseSettings(config.settings));
  OUNCE_ASSIGN_OR_RETURN(Vocabulary vocabulary, std::move(config.vocabulary));
  OUNCE_ASSIGN_OR_RETURN(
      ParsedMerges merges,
      ParseMerges(config.merges, settings.prefix, vocabulary));
  const bool splits = CanSplitAtMark(settings, vocabulary, merges);
  return std::make_unique<Bpe>(std::move(settings), std::move(vocabulary),
                               std::move(merges.rules), splits);
}

}  // namespace ounce
