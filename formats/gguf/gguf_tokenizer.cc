#include "formats/gguf/gguf_tokenizer.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/json.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "formats/gguf/gguf_pre_tokenizer.h"
#include "formats/gguf/gguf_sentencepiece.h"
#include "formats/gguf/gguf_tokenizer_json.h"
#include "formats/gguf/gguf_vocabulary.h"

namespace ounce {
namespace {

constexpr absl::string_view kModelKey = "tokenizer.ggml.model";
constexpr absl::string_view kPreKey = "tokenizer.ggml.pre";
constexpr absl::string_view kHuggingFaceKey = "tokenizer.huggingface.json";
constexpr absl::string_view kTemplateKey = "tokenizer.chat_template";
constexpr absl::string_view kTemplatesKey = "tokenizer.chat_templates";

enum class Kind { kBytePair, kSentencePiece, kWordPiece, kUnigram };

struct Model {
  absl::string_view name;
  Kind kind;
  GgufVocabularyDefaults defaults;
  absl::string_view pre;  // Overrides what the file says.
};

// Ids by role: bos, eos, unk, sep, pad, cls, mask.
constexpr Model kModels[] = {
    {"gpt2", Kind::kBytePair, {}, ""},
    {"gemma4", Kind::kBytePair, {}, "gemma4"},
    {"llama",
     Kind::kSentencePiece,
     {.ids = {1, 2, 0, -1, -1, -1, -1}, .adds_bos = true},
     ""},
    {"bert", Kind::kWordPiece, {.ids = {-1, -1, 100, 102, 0, 101, 103}}, ""},
    {"t5",
     Kind::kUnigram,
     {.ids = {-1, 1, 2, -1, 0, -1, -1}, .adds_eos = true},
     ""},
};

const Model* FindModel(absl::string_view name) {
  for (const Model& model : kModels) {
    if (model.name == name) return &model;
  }
  return nullptr;
}

TokenizerAsset Unusable(std::string what) {
  TokenizerAsset asset;
  asset.unusable = std::move(what);
  return asset;
}

absl::StatusOr<std::string> ReadText(const GgufFile& file,
                                     absl::string_view key) {
  OUNCE_ASSIGN_OR_RETURN(std::string text, file.String(key));
  if (IsValidUtf8(text)) return text;
  return absl::InvalidArgumentError(
      absl::StrCat("key ", QuoteGguf(key), " is no UTF-8"));
}

// The member "chat_template": null, a text, or a list of names and texts.
absl::StatusOr<Json> ReadTemplates(const GgufFile& file) {
  std::string main;
  if (file.Has(kTemplateKey)) {
    OUNCE_ASSIGN_OR_RETURN(main, ReadText(file, kTemplateKey));
  }
  if (!file.Has(kTemplatesKey)) return main.empty() ? Json() : Json(main);
  Json::Array list;
  const auto add = [&list](absl::string_view name, absl::string_view text) {
    list.push_back(Json::Of({{"name", name}, {"template", text}}));
  };
  if (!main.empty()) add("default", main);
  OUNCE_ASSIGN_OR_RETURN(const std::vector<absl::string_view> names,
                         file.Strings(kTemplatesKey));
  for (const absl::string_view name : names) {
    const std::string key = absl::StrCat(kTemplateKey, ".", name);
    if (name == "default" || !file.Has(key)) continue;
    OUNCE_ASSIGN_OR_RETURN(const std::string text, ReadText(file, key));
    if (!IsValidUtf8(name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("key ", QuoteGguf(kTemplatesKey), " has the name ",
                       QuoteGguf(name), ", which is no UTF-8"));
    }
    add(name, text);
  }
  return Json(std::move(list));
}

absl::StatusOr<Json::Object> ConfigOf(const GgufFile& file,
                                      const GgufVocabulary& vocabulary) {
  Json::Object config;
  config.Set("tokenizer_class", "PreTrainedTokenizerFast");
  for (size_t role = 0; role < kNumGgufRoles; ++role) {
    const std::optional<size_t> id = vocabulary.ids[role];
    config.Set(GgufRoleName(static_cast<GgufRole>(role)),
               id.has_value() ? Json(vocabulary.tokens[*id].text) : Json());
  }
  config.Set("add_bos_token", vocabulary.adds_bos);
  config.Set("add_eos_token", vocabulary.adds_eos);
  OUNCE_ASSIGN_OR_RETURN(Json templates, ReadTemplates(file));
  if (!templates.is_null()) config.Set("chat_template", std::move(templates));
  return config;
}

// What text/ needs to know beside a SentencePiece model.
absl::Status AddSentencePieceConfig(const GgufFile& file,
                                    const GgufVocabulary& vocabulary,
                                    Json::Object& config) {
  OUNCE_ASSIGN_OR_RETURN(const bool adds_prefix,
                         file.Bool("tokenizer.ggml.add_space_prefix", true));
  config.Set("tokenizer_class", "LlamaTokenizer");
  config.Set("legacy", true);
  config.Set("add_prefix_space", adds_prefix);
  Json::Object added;
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    if (!vocabulary.IsAdded(id)) continue;
    added.Set(absl::StrCat(id), vocabulary.AddedToken(id));
  }
  config.Set("added_tokens_decoder", Json(std::move(added)));
  return absl::OkStatus();
}

absl::StatusOr<Json> TokenizerJson(const GgufFile& file,
                                   const GgufVocabulary& vocabulary, Kind kind,
                                   const GgufPreTokenizer* pre_tokenizer) {
  if (kind == Kind::kWordPiece) return GgufWordPieceJson(file, vocabulary);
  if (kind == Kind::kUnigram) return GgufUnigramJson(file, vocabulary);
  return GgufBytePairJson(file, vocabulary, *pre_tokenizer);
}

// The files of a tokenizer of `model`; `pre_tokenizer` is that of a byte-pair
// encoding.
absl::StatusOr<TokenizerAsset> Convert(const GgufFile& file, const Model& model,
                                       const GgufPreTokenizer* pre_tokenizer) {
  GgufVocabularyDefaults defaults = model.defaults;
  if (pre_tokenizer != nullptr) defaults.adds_bos = pre_tokenizer->adds_bos;
  OUNCE_ASSIGN_OR_RETURN(const GgufVocabulary vocabulary,
                         ReadGgufVocabulary(file, defaults));
  OUNCE_ASSIGN_OR_RETURN(Json::Object config, ConfigOf(file, vocabulary));
  TokenizerAsset asset;
  if (file.Has(kHuggingFaceKey)) {
    OUNCE_ASSIGN_OR_RETURN(std::string text, file.String(kHuggingFaceKey));
    asset.kind = TokenizerKind::kTokenizerJson;
    asset.files.push_back({"tokenizer.json", std::move(text)});
  } else if (model.kind == Kind::kSentencePiece) {
    OUNCE_RETURN_IF_ERROR(AddSentencePieceConfig(file, vocabulary, config));
    OUNCE_ASSIGN_OR_RETURN(std::string bytes,
                           WriteGgufSentencePiece(vocabulary));
    asset.kind = TokenizerKind::kSentencePiece;
    asset.files.push_back({"tokenizer.model", std::move(bytes)});
  } else {
    OUNCE_ASSIGN_OR_RETURN(
        const Json json,
        TokenizerJson(file, vocabulary, model.kind, pre_tokenizer));
    asset.kind = TokenizerKind::kTokenizerJson;
    asset.files.push_back({"tokenizer.json", json.Dump()});
  }
  asset.files.push_back(
      {"tokenizer_config.json", Json(std::move(config)).Dump(/*indent=*/1)});
  return asset;
}

}  // namespace

absl::StatusOr<TokenizerAsset> GgufTokenizer(const GgufFile& file) {
  if (!file.Has(kModelKey)) return TokenizerAsset();
  OUNCE_ASSIGN_OR_RETURN(const std::string name, file.String(kModelKey));
  if (name == "none" || name == "no_vocab") return TokenizerAsset();
  const Model* const model = FindModel(name);
  if (model == nullptr) {
    return Unusable(absl::StrCat("model ", QuoteGguf(name),
                                 " (known: gpt2, gemma4, llama, bert, t5)"));
  }
  if (model->kind != Kind::kBytePair) return Convert(file, *model, nullptr);
  OUNCE_ASSIGN_OR_RETURN(std::string pre, file.String(kPreKey, "default"));
  if (!model->pre.empty()) pre = std::string(model->pre);
  const GgufPreTokenizer* const pre_tokenizer = FindGgufPreTokenizer(pre);
  if (pre_tokenizer == nullptr) {
    return Unusable(absl::StrCat("pre-tokenizer ", QuoteGguf(pre),
                                 " (known: ", GgufPreTokenizerList(), ")"));
  }
  return Convert(file, *model, pre_tokenizer);
}

}  // namespace ounce
