#include "text/word_piece.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/token_trie.h"
#include "text/unknown_token.h"

namespace ounce {
namespace {

struct WordPieceSettings {
  std::string unk_token;
  std::string prefix;  // continuing_subword_prefix
  int64_t max_characters = 0;
};

// The tokens that may stand at the start of a word (prefix empty), or behind
// another, without their prefix.
TokenTrie TokensWithPrefix(const Vocabulary& vocabulary,
                           absl::string_view prefix) {
  std::vector<TokenTrie::Token> tokens;
  vocabulary.ForEach([&](absl::string_view token, int32_t id) {
    if (absl::ConsumePrefix(&token, prefix)) tokens.push_back({token, id});
  });
  return TokenTrie(std::move(tokens));
}

bool HasMoreCharacters(absl::string_view word, int64_t limit) {
  if (static_cast<int64_t>(word.size()) <= limit) return false;
  for (size_t i = 0; i < word.size(); i += DecodeUtf8(word, i).num_bytes) {
    if (--limit < 0) return true;
  }
  return false;
}

class WordPiece : public TokenModel {
 public:
  WordPiece(WordPieceSettings settings, Vocabulary vocabulary)
      : max_characters_(settings.max_characters),
        vocabulary_(std::move(vocabulary)),
        unknown_(vocabulary_, std::move(settings.unk_token)),
        first_(TokensWithPrefix(vocabulary_, "")),
        continuing_(TokensWithPrefix(vocabulary_, settings.prefix)) {}

  const Vocabulary& vocabulary() const override { return vocabulary_; }
  std::unique_ptr<WordEncoder> NewEncoder() const override;

  absl::Status Encode(absl::string_view word, std::vector<int32_t>* ids) const {
    if (HasMoreCharacters(word, max_characters_)) {
      return unknown_.Append(word, ids);
    }
    const size_t num_before = ids->size();
    const TokenTrie* tokens = &first_;
    for (size_t at = 0; at < word.size(); tokens = &continuing_) {
      const TokenTrie::Match match = tokens->FindLongest(word.substr(at));
      if (match.size == 0) {
        ids->resize(num_before);
        return unknown_.Append(word, ids);
      }
      ids->push_back(match.id);
      at += match.size;
    }
    return absl::OkStatus();
  }

 private:
  const int64_t max_characters_;
  const Vocabulary vocabulary_;
  const UnknownToken unknown_;
  const TokenTrie first_;
  const TokenTrie continuing_;
};

class WordPieceEncoder : public WordEncoder {
 public:
  explicit WordPieceEncoder(const WordPiece& model) : model_(model) {}
  absl::Status Encode(absl::string_view word,
                      std::vector<int32_t>* ids) override {
    return model_.Encode(word, ids);
  }

 private:
  const WordPiece& model_;
};

std::unique_ptr<WordEncoder> WordPiece::NewEncoder() const {
  return std::make_unique<WordPieceEncoder>(*this);
}

}  // namespace

TokenModelOr ParseWordPiece(ModelConfig config) {
  WordPieceSettings settings;
  const Json& json = config.settings;
  OUNCE_ASSIGN_OR_RETURN(settings.unk_token,
                         json.GetStringOr("unk_token", "[UNK]"));
  OUNCE_ASSIGN_OR_RETURN(settings.prefix,
                         json.GetStringOr("continuing_subword_prefix", "##"));
  OUNCE_ASSIGN_OR_RETURN(settings.max_characters,
                         json.GetIntOr("max_input_chars_per_word", 100));
  if (settings.max_characters < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"max_input_chars_per_word\" is ",
                     settings.max_characters, "; expected 0 or more"));
  }
  OUNCE_ASSIGN_OR_RETURN(Vocabulary vocabulary, std::move(config.vocabulary));
  return std::make_unique<WordPiece>(std::move(settings),
                                     std::move(vocabulary));
}

}  // namespace ounce
