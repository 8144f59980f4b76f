// A tokenizer as `tokenizer.json` describes it, before its parts are built.
// Other files than that one are first brought into this form, so that one
// loader and one pipeline serve all of them.
#ifndef OUNCE_TEXT_TOKENIZER_FILE_H_
#define OUNCE_TEXT_TOKENIZER_FILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "core/json.h"
#include "text/added_tokens.h"
#include "text/model_config.h"
#include "text/tokenizer_settings.h"
#include "text/vocabulary.h"

namespace ounce {

struct TokenizerFile {
  Json members;  // All but "model".
  std::optional<ModelConfig> model;
  // The ids that the model's tokens have outside it, where these are others.
  std::optional<Vocabulary> renumbered;
};

// {"type": `type`, `members`...}
Json Component(absl::string_view type, std::vector<Json::Member> members = {});
// {"type": "Sequence", `list_key`: `parts`}
Json SequenceOf(absl::string_view list_key, Json::Array parts);
// {"type": "Replace", ...} of a fixed text or of what a pattern matches.
Json ReplaceText(absl::string_view text, absl::string_view content);
Json ReplacePattern(absl::string_view pattern, absl::string_view content);

// The member "added_tokens", and the ids that its tokens will have.
class AddedTokenList {
 public:
  // `vocabulary` must outlive the list.
  explicit AddedTokenList(const Vocabulary& vocabulary);

  // Of two tokens with one content the later one's properties count.
  void Add(const AddedToken& token);
  void AddAll(const std::vector<AddedToken>& tokens) {
    for (const AddedToken& token : tokens) Add(token);
  }

  // Of an added token or one of the vocabulary.
  std::optional<int32_t> IdOf(absl::string_view content) const;
  Json ToJson() const { return Json(tokens_); }

 private:
  const Vocabulary& vocabulary_;
  Json::Array tokens_;
  absl::flat_hash_map<std::string, int32_t> new_ids_;
};

// What stands around a text and a pair of texts: words such as "cls A sep" and
// "cls A sep B:1 sep:1".  `A` and `B` are the texts, the names of roles are the
// tokens in them, anything else is a token itself; a type id may follow.
struct TemplateWords {
  std::string single;
  std::string pair;
};

// A TemplateProcessing of `words`.  A role without a token is left out; a token
// without an id becomes the unknown token, as in the reference.
Json TemplateOf(const TemplateWords& words, const TokenizerSettings& settings,
                const RoleDefaults& defaults, const AddedTokenList& tokens);

}  // namespace ounce

#endif  // OUNCE_TEXT_TOKENIZER_FILE_H_
