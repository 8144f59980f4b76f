#include "formats/gguf/gguf_vocabulary.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "core/utf8.h"

namespace ounce {
namespace {

using Token = GgufVocabulary::Token;

constexpr absl::string_view kTokensKey = "tokenizer.ggml.tokens";
constexpr absl::string_view kScoresKey = "tokenizer.ggml.scores";
constexpr absl::string_view kTypesKey = "tokenizer.ggml.token_type";
// The most that text/ takes.
constexpr size_t kMaxTokens = size_t{1} << 24;

struct RoleKeys {
  absl::string_view name;
  absl::string_view key;
};
// By GgufRole.  "seperator" is how the format spells it.
constexpr RoleKeys kRoles[kNumGgufRoles] = {
    {"bos_token", "tokenizer.ggml.bos_token_id"},
    {"eos_token", "tokenizer.ggml.eos_token_id"},
    {"unk_token", "tokenizer.ggml.unknown_token_id"},
    {"sep_token", "tokenizer.ggml.seperator_token_id"},
    {"pad_token", "tokenizer.ggml.padding_token_id"},
    {"cls_token", "tokenizer.ggml.cls_token_id"},
    {"mask_token", "tokenizer.ggml.mask_token_id"},
};

// End a turn or a text, or mark the parts of a text to be filled in.  Some
// converters call them normal tokens.
constexpr absl::string_view kControlTexts[] = {
    "</s>",
    "<EOT>",
    "<MID>",
    "<PAD>",
    "<PRE>",
    "<REPO>",
    "<SUF>",
    "<end_of_turn>",
    "<end_of_utterance>",
    "<eos>",
    "<fim-middle>",
    "<fim-pad>",
    "<fim-prefix>",
    "<fim-repo>",
    "<fim-suffix>",
    "<fim_middle>",
    "<fim_pad>",
    "<fim_prefix>",
    "<fim_repo>",
    "<fim_suffix>",
    "<reponame>",
    "<turn|>",
    "<|calls|>",
    "<|call|>",
    "<|code_middle|>",
    "<|code_prefix|>",
    "<|code_suffix|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|end|>",
    "<|eom_id|>",
    "<|eot_id|>",
    "<|file_sep|>",
    "<|fim_middle|>",
    "<|fim_pad|>",
    "<|fim_prefix|>",
    "<|fim_repo|>",
    "<|fim_suffix|>",
    "<|flush|>",
    "<|im_end|>",
    "<|middle|>",
    "<|prefix|>",
    "<|repo_name|>",
    "<|return|>",
    "<|suffix|>",
    "<|tool_response>",
    "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
    "<\uFF5Cfim\u2581begin\uFF5C>",
    "<\uFF5Cfim\u2581end\uFF5C>",
    "<\uFF5Cfim\u2581hole\uFF5C>",
    "[EOS]",
    "[EOT]",
    "[PAD]",
    "[e~[",
    "_<EOT>",
    "\u2581<MID>",
    "\u2581<PRE>",
    "\u2581<SUF>",
};
static_assert(std::is_sorted(std::begin(kControlTexts),
                             std::end(kControlTexts)));

GgufTokenType TypeOf(int64_t number) {
  if (number < 1 || number > 6) return GgufTokenType::kNormal;
  return static_cast<GgufTokenType>(number);
}

absl::Status LengthError(absl::string_view key, size_t size, size_t expected) {
  return absl::InvalidArgumentError(absl::StrCat("key '", key, "' has ", size,
                                                 " elements for ", expected,
                                                 " tokens; expected as many"));
}

absl::Status AddTexts(const GgufFile& file, GgufVocabulary& vocabulary) {
  OUNCE_ASSIGN_OR_RETURN(const std::vector<absl::string_view> texts,
                         file.Strings(kTokensKey));
  if (texts.empty() || texts.size() > kMaxTokens) {
    return absl::InvalidArgumentError(
        absl::StrCat("key '", kTokensKey, "' has ", texts.size(),
                     " tokens; expected 1 to ", kMaxTokens));
  }
  absl::flat_hash_map<absl::string_view, size_t> ids;
  ids.reserve(texts.size());
  vocabulary.tokens.reserve(texts.size());
  for (size_t id = 0; id < texts.size(); ++id) {
    absl::string_view text = texts[id];
    if (text.empty()) {
      text = vocabulary.owned.emplace_back(absl::StrCat("[EMPTY_", id, "]"));
    }
    if (!IsValidUtf8(text)) {
      return absl::InvalidArgumentError(
          absl::StrCat("key '", kTokensKey, "': token ", id, ", ",
                       QuoteGguf(text), ", is no UTF-8"));
    }
    const auto [it, is_new] = ids.try_emplace(text, id);
    if (!is_new) {
      return absl::InvalidArgumentError(absl::StrCat(
          "key '", kTokensKey, "': tokens ", it->second, " and ", id,
          " are both ", QuoteGguf(text), "; expected different ones"));
    }
    vocabulary.tokens.push_back({text});
  }
  return absl::OkStatus();
}

absl::Status AddScores(const GgufFile& file, GgufVocabulary& vocabulary) {
  if (!file.Has(kScoresKey)) return absl::OkStatus();
  OUNCE_ASSIGN_OR_RETURN(const std::vector<double> scores,
                         file.Doubles(kScoresKey));
  if (scores.size() != vocabulary.tokens.size()) {
    return LengthError(kScoresKey, scores.size(), vocabulary.tokens.size());
  }
  for (size_t id = 0; id < scores.size(); ++id) {
    const auto score = static_cast<float>(scores[id]);
    if (!std::isfinite(score)) {
      return absl::InvalidArgumentError(
          absl::StrCat("key '", kScoresKey, "': the score of token ", id,
                       " is ", scores[id], "; expected a finite number"));
    }
    vocabulary.tokens[id].score = score;
  }
  return absl::OkStatus();
}

// Gemma 4, alone in having "<|tool_response>", means a struck-out text by
// "<s>" and "</s>".
bool IsControlText(absl::string_view text, bool is_gemma4) {
  if (is_gemma4 && text == "</s>") return false;
  return std::binary_search(std::begin(kControlTexts), std::end(kControlTexts),
                            text);
}

absl::Status AddTypes(const GgufFile& file, GgufVocabulary& vocabulary) {
  std::vector<Token>& tokens = vocabulary.tokens;
  if (file.Has(kTypesKey)) {
    OUNCE_ASSIGN_OR_RETURN(const std::vector<int64_t> types,
                           file.Ints(kTypesKey));
    if (types.size() != tokens.size()) {
      return LengthError(kTypesKey, types.size(), tokens.size());
    }
    for (size_t id = 0; id < types.size(); ++id) {
      tokens[id].type = TypeOf(types[id]);
    }
  }
  const bool is_gemma4 = std::any_of(
      tokens.begin(), tokens.end(),
      [](const Token& token) { return token.text == "<|tool_response>"; });
  for (Token& token : tokens) {
    if (token.type == GgufTokenType::kNormal &&
        IsControlText(token.text, is_gemma4)) {
      token.type = GgufTokenType::kControl;
    }
  }
  return absl::OkStatus();
}

absl::Status AddRoles(const GgufFile& file,
                      const GgufVocabularyDefaults& defaults,
                      GgufVocabulary& vocabulary) {
  const auto is_token = [&](int64_t id) {
    return id >= 0 && id < static_cast<int64_t>(vocabulary.tokens.size());
  };
  for (size_t role = 0; role < kNumGgufRoles; ++role) {
    int64_t id = defaults.ids[role];
    OUNCE_ASSIGN_OR_RETURN(const int64_t stated,
                           file.Int(kRoles[role].key, int64_t{-1}));
    if (is_token(stated)) id = stated;
    if (is_token(id)) vocabulary.ids[role] = static_cast<size_t>(id);
  }
  return absl::OkStatus();
}

// Whether the file wants the token of `role` added; without a word, what
// `fallback` says and the vocabulary can do.
absl::StatusOr<bool> ReadAdds(const GgufFile& file, absl::string_view key,
                              bool fallback, std::optional<size_t> id) {
  OUNCE_ASSIGN_OR_RETURN(const bool adds,
                         file.Bool(key, fallback && id.has_value()));
  if (!adds || id.has_value()) return adds;
  return absl::InvalidArgumentError(absl::StrCat(
      "key '", key, "' is true, but the file names no such token"));
}

// The format does not say which tokens take white space along; their models'
// names do.
absl::Status AddStripping(const GgufFile& file, GgufVocabulary& vocabulary) {
  OUNCE_ASSIGN_OR_RETURN(std::string name, file.String("general.name", ""));
  OUNCE_ASSIGN_OR_RETURN(const std::string architecture,
                         file.String("general.architecture", ""));
  OUNCE_ASSIGN_OR_RETURN(const std::string pre,
                         file.String("tokenizer.ggml.pre", ""));
  absl::AsciiStrToLower(&name);
  const bool is_phi3 =
      absl::StrContains(name, "phi-3") || absl::StrContains(name, "phi3");
  absl::string_view mask;
  if (absl::StrContains(name, "modern-bert")) mask = "[MASK]";
  if (absl::StrContains(pre, "jina-v2-") ||
      absl::StrContains(architecture, "nomic-bert-moe") ||
      absl::StrContains(architecture, "jina-bert-v3")) {
    mask = "<mask>";
  }
  if (!is_phi3 && mask.empty()) return absl::OkStatus();
  const std::vector<Token>& tokens = vocabulary.tokens;
  vocabulary.strips_left.resize(tokens.size());
  vocabulary.strips_right.resize(tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id) {
    const absl::string_view text = tokens[id].text;
    vocabulary.strips_left[id] = text == mask;
    vocabulary.strips_right[id] =
        is_phi3 && text != "<unk>" && text != "<s>" && text != "<|endoftext|>";
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view GgufRoleName(GgufRole role) {
  return kRoles[static_cast<size_t>(role)].name;
}

bool GgufVocabulary::IsAdded(size_t id) const {
  const GgufTokenType type = tokens[id].type;
  return type == GgufTokenType::kControl || type == GgufTokenType::kUnknown ||
         type == GgufTokenType::kUserDefined;
}

Json GgufVocabulary::AddedToken(size_t id) const {
  const bool lstrip = !strips_left.empty() && strips_left[id];
  const bool rstrip = !strips_right.empty() && strips_right[id];
  const bool special = tokens[id].type != GgufTokenType::kUserDefined;
  return Json::Of({{"id", static_cast<int64_t>(id)},
                   {"content", tokens[id].text},
                   {"single_word", false},
                   {"lstrip", lstrip},
                   {"rstrip", rstrip},
                   {"normalized", false},
                   {"special", special}});
}

absl::StatusOr<GgufVocabulary> ReadGgufVocabulary(
    const GgufFile& file, const GgufVocabularyDefaults& defaults) {
  GgufVocabulary vocabulary;
  OUNCE_RETURN_IF_ERROR(AddTexts(file, vocabulary));
  OUNCE_RETURN_IF_ERROR(AddScores(file, vocabulary));
  OUNCE_RETURN_IF_ERROR(AddTypes(file, vocabulary));
  OUNCE_RETURN_IF_ERROR(AddRoles(file, defaults, vocabulary));
  OUNCE_RETURN_IF_ERROR(AddStripping(file, vocabulary));
  OUNCE_ASSIGN_OR_RETURN(
      vocabulary.adds_bos,
      ReadAdds(file, "tokenizer.ggml.add_bos_token", defaults.adds_bos,
               vocabulary.IdOf(GgufRole::kBos)));
  OUNCE_ASSIGN_OR_RETURN(
      vocabulary.adds_eos,
      ReadAdds(file, "tokenizer.ggml.add_eos_token", defaults.adds_eos,
               vocabulary.IdOf(GgufRole::kEos)));
  return vocabulary;
}

}  // namespace ounce
