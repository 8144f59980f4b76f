// What the small JSON files beside a vocabulary say about its tokenizer: which
// of the reference's classes it is, its options and its special tokens.
// Source: huggingface/transformers 4,
// PreTrainedTokenizerBase._from_pretrained() and
// PreTrainedTokenizerFast.__init__(); version 5 agrees but where this says so.
#ifndef OUNCE_TEXT_TOKENIZER_SETTINGS_H_
#define OUNCE_TEXT_TOKENIZER_SETTINGS_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/json.h"
#include "core/tokenizer_asset.h"
#include "text/added_tokens.h"

namespace ounce {

// The special tokens that have a name, in the order the reference adds them.
enum class Role { kBos, kEos, kUnk, kSep, kPad, kCls, kMask };
inline constexpr size_t kNumRoles = 7;

// What a class sets where the files say nothing; nullptr: no such token.
struct RoleDefaults {
  std::array<const char*, kNumRoles> contents = {};  // By Role.
  bool mask_takes_space = false;  // The mask takes the space before it along.
};

class TokenizerSettings {
 public:
  // Reads `tokenizer_config.json`, `special_tokens_map.json`,
  // `added_tokens.json` and `config.json`, each where the asset has it.
  // kInvalidArgument: one is no JSON or has a member of a wrong type.
  static absl::StatusOr<TokenizerSettings> Read(const TokenizerAsset& asset);

  // The reference's class ("BertTokenizer", without "Fast"): what
  // `tokenizer_config.json` says, else `config.json`, by its "tokenizer_class"
  // or its "model_type".  Empty: neither does.
  const std::string& class_name() const { return class_name_; }

  // An option of `tokenizer_config.json`.  kInvalidArgument: a wrong type.
  absl::StatusOr<bool> Flag(absl::string_view key, bool fallback) const {
    return config_.GetBoolOr(key, fallback);
  }
  const Json& config() const { return config_; }

  // The token in `role`; nullopt: there is none.
  std::optional<AddedToken> TokenIn(Role role,
                                    const RoleDefaults& defaults) const;

  // Every token the files and `defaults` add to the vocabulary, in the order in
  // which those that it lacks are numbered.
  std::vector<AddedToken> TokensToAdd(const RoleDefaults& defaults) const;

  // Those of "added_tokens_decoder" or `added_tokens.json`, by the id they
  // state.
  const std::map<int32_t, AddedToken>& added() const { return added_; }
  // "additional_special_tokens", or "extra_special_tokens" as version 5 says.
  const std::vector<AddedToken>& extra() const { return extra_; }

 private:
  struct NamedToken {
    bool is_set = false;   // Also when it is set to null.
    bool is_text = false;  // Given without properties.
    std::optional<AddedToken> token;
  };

  absl::Status ReadClass(const Json& model_config);
  absl::Status ReadRoles(const Json& file);
  absl::Status ReadExtra(const Json& file);
  absl::Status ReadAddedDecoder(const Json& decoder);
  absl::Status ReadAddedFile(const Json& file);
  bool IsSpecial(absl::string_view content, const RoleDefaults& defaults) const;

  std::string class_name_;
  Json config_;  // `tokenizer_config.json`; an empty object without one.
  std::array<NamedToken, kNumRoles> named_;
  std::map<int32_t, AddedToken> added_;
  std::vector<AddedToken> extra_;
  absl::flat_hash_set<std::string> extra_contents_;
};

}  // namespace ounce

#endif  // OUNCE_TEXT_TOKENIZER_SETTINGS_H_
