#include "text/unigram.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/quote.h"
#include "text/token_trie.h"

namespace ounce {
namespace {

constexpr double kUnknownPenalty = 10.0;
// Words up to this size are cached: longer ones hardly recur.
constexpr size_t kMaxCachedWordBytes = 256;

struct UnigramSettings {
  std::optional<int32_t> unk_id;
  bool byte_fallback = false;
};

TokenTrie AllTokens(const Vocabulary& vocabulary) {
  std::vector<TokenTrie::Token> tokens;
  vocabulary.ForEach([&](absl::string_view token, int32_t id) {
    tokens.push_back({token, id});
  });
  return TokenTrie(std::move(tokens));
}

class Unigram : public TokenModel {
 public:
  Unigram(UnigramSettings settings, Vocabulary vocabulary,
          std::vector<double> scores)
      : settings_(settings),
        vocabulary_(std::move(vocabulary)),
        scores_(std::move(scores)),
        unknown_score_(scores_.empty()
                           ? 0.0
                           : *std::min_element(scores_.begin(), scores_.end()) -
                                 kUnknownPenalty),
        trie_(AllTokens(vocabulary_)) {
    for (size_t byte = 0; byte < byte_ids_.size(); ++byte) {
      byte_ids_[byte] = vocabulary_.Find(absl::StrFormat("<0x%02X>", byte));
    }
  }

  const Vocabulary& vocabulary() const override { return vocabulary_; }
  std::unique_ptr<WordEncoder> NewEncoder() const override;

  const TokenTrie& trie() const { return trie_; }
  double ScoreOf(int32_t id) const { return scores_[static_cast<size_t>(id)]; }
  double unknown_score() const { return unknown_score_; }
  const UnigramSettings& settings() const { return settings_; }
  std::optional<int32_t> ByteId(char byte) const {
    return byte_ids_[static_cast<uint8_t>(byte)];
  }

 private:
  const UnigramSettings settings_;
  const Vocabulary vocabulary_;
  const std::vector<double> scores_;  // By id.
  const double unknown_score_;
  const TokenTrie trie_;
  std::array<std::optional<int32_t>, 256> byte_ids_;
};

class UnigramEncoder : public WordEncoder {
 public:
  explicit UnigramEncoder(const Unigram& model) : model_(model) {}

  absl::Status Encode(absl::string_view word,
                      std::vector<int32_t>* ids) override {
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

 private:
  static constexpr uint32_t kNowhere = std::numeric_limits<uint32_t>::max();
  static constexpr int32_t kUnknown = -1;

  struct CachedIds {
    size_t offset = 0;  // In cached_ids_.
    size_t count = 0;
  };
  // The best way found so far to a position, by its last token.
  struct Step {
    double score = 0.0;
    uint32_t begin = kNowhere;  // Of that token.
    int32_t id = 0;
  };
  struct Piece {
    absl::string_view text;
    int32_t id = 0;
  };

  absl::Status EncodeWord(absl::string_view word, std::vector<int32_t>* ids) {
    if (word.size() >= kNowhere) {
      return absl::InvalidArgumentError(absl::StrCat(
          "a word of ", word.size(), " bytes; at most 4 GiB are encoded"));
    }
    OUNCE_RETURN_IF_ERROR(FindBestSteps(word));
    CollectPieces(word);
    for (auto piece = pieces_.rbegin(); piece != pieces_.rend(); ++piece) {
      AppendPiece(*piece, ids);
    }
    return absl::OkStatus();
  }

  // Viterbi search.  Every character boundary is reached: where no token has
  // just the character, an unknown one does.
  absl::Status FindBestSteps(absl::string_view word) {
    steps_.assign(word.size() + 1, Step());
    for (size_t begin = 0; begin < word.size();) {
      const size_t end = begin + DecodeUtf8(word, begin).num_bytes;
      bool has_character = false;
      uint32_t node = TokenTrie::kRoot;
      for (size_t i = begin;
           i < word.size() && model_.trie().Step(word[i], &node); ++i) {
        const int32_t id = model_.trie().IdAt(node);
        if (id == TokenTrie::kNone) continue;
        Offer(begin, i + 1, model_.ScoreOf(id), id);
        has_character = has_character || i + 1 == end;
      }
      if (!has_character &&
          Offer(begin, end, model_.unknown_score(), kUnknown) &&
          !model_.settings().unk_id.has_value()) {
        // As the reference: also where a longer token would do in the end.
        return LacksToken(word.substr(begin, end - begin));
      }
      begin = end;
    }
    return absl::OkStatus();
  }

  // Whether this is a better way to `end`.  Of equal scores the first stays.
  bool Offer(size_t begin, size_t end, double token_score, int32_t id) {
    const double score = token_score + steps_[begin].score;
    Step& step = steps_[end];
    if (step.begin != kNowhere && score <= step.score) return false;
    step = {score, static_cast<uint32_t>(begin), id};
    return true;
  }

  // Follows the best steps back.  Neighbouring unknown pieces become one.
  void CollectPieces(absl::string_view word) {
    pieces_.clear();
    for (size_t end = word.size(); end > 0;) {
      const Step& step = steps_[end];
      const size_t begin = step.begin;
      const bool is_unknown =
          step.id == kUnknown || step.id == model_.settings().unk_id;
      const int32_t id = is_unknown ? kUnknown : step.id;
      if (is_unknown && !pieces_.empty() && pieces_.back().id == kUnknown) {
        const size_t size = end - begin + pieces_.back().text.size();
        pieces_.back().text = word.substr(begin, size);
      } else {
        pieces_.push_back({word.substr(begin, end - begin), id});
      }
      end = begin;
    }
  }

  void AppendPiece(const Piece& piece, std::vector<int32_t>* ids) {
    if (piece.id != kUnknown) {
      ids->push_back(piece.id);
      return;
    }
    // The reference looks the text up: several unknown characters may be one
    // token, or they are the unknown token as the vocabulary spells it.
    if (const auto id = model_.vocabulary().Find(piece.text)) {
      ids->push_back(*id);
    } else if (!model_.settings().byte_fallback ||
               !AppendBytes(piece.text, ids)) {
      ids->push_back(*model_.settings().unk_id);
    }
  }

  bool AppendBytes(absl::string_view text, std::vector<int32_t>* ids) {
    for (const char byte : text) {
      if (!model_.ByteId(byte).has_value()) return false;
    }
    for (const char byte : text) ids->push_back(*model_.ByteId(byte));
    return true;
  }

  static absl::Status LacksToken(absl::string_view character) {
    return absl::InvalidArgumentError(
        absl::StrCat("the vocabulary has no token for ", Quote(character),
                     " and no \"unk_id\"; remove it from the text"));
  }

  const Unigram& model_;
  std::vector<Step> steps_;    // By position in the word.
  std::vector<Piece> pieces_;  // Last one first.
  absl::flat_hash_map<absl::string_view, CachedIds> cache_;
  std::vector<int32_t> cached_ids_;
};

std::unique_ptr<WordEncoder> Unigram::NewEncoder() const {
  return std::make_unique<UnigramEncoder>(*this);
}

absl::StatusOr<std::optional<int32_t>> ParseUnkId(const Json& config,
                                                  size_t num_tokens) {
  const Json* unk = config.Find("unk_id");
  if (unk == nullptr || unk->is_null()) return std::nullopt;
  OUNCE_ASSIGN_OR_RETURN(const int64_t id, config.GetInt("unk_id"));
  if (id < 0 || id >= static_cast<int64_t>(num_tokens)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"unk_id\" is ", id, "; expected a token of \"vocab\", ",
                     "which has ", num_tokens));
  }
  return static_cast<int32_t>(id);
}

}  // namespace

TokenModelOr ParseUnigram(ModelConfig config) {
  OUNCE_ASSIGN_OR_RETURN(Vocabulary vocabulary,
                         std::move(config.scored_vocabulary));
  UnigramSettings settings;
  OUNCE_ASSIGN_OR_RETURN(settings.unk_id,
                         ParseUnkId(config.settings, vocabulary.size()));
  OUNCE_ASSIGN_OR_RETURN(settings.byte_fallback,
                         config.settings.GetBoolOr("byte_fallback", false));
  return std::make_unique<Unigram>(settings, std::move(vocabulary),
                                   std::move(config.scores));
}

}  // namespace ounce
