#include "formats/gguf/gguf_tokenizer_json.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/status_macros.h"
#include "core/utf8.h"

namespace ounce {
namespace {

// U+2581, which stands for a space.
constexpr absl::string_view kMark = "\u2581";
constexpr absl::string_view kContinuation = "##";
// A longer word is an unknown token to every BERT; llama.cpp, which the format
// does not tell, has no limit.
constexpr int64_t kMaxWordCharacters = 100;

constexpr absl::string_view kMergesKey = "tokenizer.ggml.merges";
constexpr absl::string_view kCharsmapKey =
    "tokenizer.ggml.precompiled_charsmap";
constexpr absl::string_view kLowercaseKey =
    "tokenizer.ggml.normalizer.lowercase";
constexpr absl::string_view kStripAccentsKey =
    "tokenizer.ggml.normalizer.strip_accents";
constexpr absl::string_view kNfcKey = "tokenizer.ggml.normalizer.nfc";

// ---- Parts of a tokenizer.json.

Json Component(absl::string_view type, std::vector<Json::Member> members = {}) {
  members.insert(members.begin(), {"type", type});
  return Json::Of(std::move(members));
}
Json SequenceOf(absl::string_view list_key, Json::Array parts) {
  return Component("Sequence",
                   {{std::string(list_key), Json(std::move(parts))}});
}
Json Replace(absl::string_view kind, absl::string_view pattern,
             absl::string_view content) {
  return Component("Replace",
                   {{"pattern", Json::Of({{std::string(kind), pattern}})},
                    {"content", content}});
}
Json ByteLevel() {
  return Component("ByteLevel", {{"add_prefix_space", false},
                                 {"trim_offsets", true},
                                 {"use_regex", false}});
}

// Pieces and bytes to text; `strips` takes the space before the text away.
Json MarkDecoder(bool strips) {
  Json::Array parts = {Replace("String", kMark, " "), Component("ByteFallback"),
                       Component("Fuse")};
  if (strips) {
    parts.push_back(
        Component("Strip", {{"content", " "}, {"start", 1}, {"stop", 0}}));
  }
  return SequenceOf("decoders", std::move(parts));
}

Json AddedTokens(const GgufVocabulary& vocabulary) {
  Json::Array tokens;
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    if (vocabulary.IsAdded(id)) tokens.push_back(vocabulary.AddedToken(id));
  }
  return Json(std::move(tokens));
}

// What stands around texts.
class Template {
 public:
  explicit Template(const GgufVocabulary& vocabulary)
      : vocabulary_(vocabulary) {}

  void AddText(absl::string_view name, int type_id) {
    Add("Sequence", name, type_id);
  }
  void AddToken(size_t id, int type_id) {
    const absl::string_view text = vocabulary_.tokens[id].text;
    Add("SpecialToken", text, type_id);
    Json::Array ids = {static_cast<int64_t>(id)};
    Json::Array texts = {text};
    special_.Set(text, Json::Of({{"id", text},
                                 {"ids", Json(std::move(ids))},
                                 {"tokens", Json(std::move(texts))}}));
  }
  // What has been added since the last time.
  Json TakeParts() { return Json(std::exchange(parts_, {})); }
  Json special() const { return Json(special_); }

 private:
  void Add(absl::string_view kind, absl::string_view id, int type_id) {
    parts_.push_back(Json::Of(
        {{std::string(kind), Json::Of({{"id", id}, {"type_id", type_id}})}}));
  }

  const GgufVocabulary& vocabulary_;
  Json::Array parts_;
  Json::Object special_;
};

Json TemplateOf(const Json& single, const Json& pair, const Template& words) {
  return Component("TemplateProcessing", {{"single", single},
                                          {"pair", pair},
                                          {"special_tokens", words.special()}});
}

// Each text between the tokens that the file wants around it; null: none.
Json BosEosTemplate(const GgufVocabulary& vocabulary) {
  if (!vocabulary.adds_bos && !vocabulary.adds_eos) return Json();
  Template words(vocabulary);
  const auto add = [&](absl::string_view name, int type_id) {
    if (vocabulary.adds_bos) {
      words.AddToken(*vocabulary.IdOf(GgufRole::kBos), type_id);
    }
    words.AddText(name, type_id);
    if (vocabulary.adds_eos) {
      words.AddToken(*vocabulary.IdOf(GgufRole::kEos), type_id);
    }
  };
  add("A", 0);
  const Json single = words.TakeParts();
  add("A", 0);
  add("B", 1);
  return TemplateOf(single, words.TakeParts(), words);
}

// [CLS] A [SEP], and B:1 [SEP]:1.
Json ClsSepTemplate(const GgufVocabulary& vocabulary) {
  std::optional<size_t> cls = vocabulary.IdOf(GgufRole::kBos);
  if (!cls.has_value()) cls = vocabulary.IdOf(GgufRole::kCls);
  const std::optional<size_t> sep = vocabulary.IdOf(GgufRole::kSep);
  Template words(vocabulary);
  const auto add = [&](absl::string_view name, int type_id) {
    words.AddText(name, type_id);
    if (sep.has_value()) words.AddToken(*sep, type_id);
  };
  if (cls.has_value()) words.AddToken(*cls, 0);
  add("A", 0);
  const Json single = words.TakeParts();
  if (cls.has_value()) words.AddToken(*cls, 0);
  add("A", 0);
  add("B", 1);
  return TemplateOf(single, words.TakeParts(), words);
}

absl::StatusOr<absl::string_view> UnknownToken(
    const GgufVocabulary& vocabulary) {
  const std::optional<size_t> id = vocabulary.IdOf(GgufRole::kUnk);
  if (id.has_value()) return vocabulary.tokens[*id].text;
  return absl::InvalidArgumentError(
      "the vocabulary has no unknown token (tokenizer.ggml.unknown_token_id)");
}

// ---- Byte-pair encoding.

absl::StatusOr<Json> Merges(const GgufFile& file) {
  OUNCE_ASSIGN_OR_RETURN(const std::vector<absl::string_view> texts,
                         file.Strings(kMergesKey));
  Json::Array merges;
  merges.reserve(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    const absl::string_view text = texts[i];
    // A left token may itself be a space.
    const size_t space = text.find(' ', 1);
    if (space == absl::string_view::npos || space + 1 == text.size() ||
        !IsValidUtf8(text)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "key '", kMergesKey, "': merge ", i, " is ", QuoteGguf(text),
          "; expected two tokens in UTF-8 with a space between them"));
    }
    // The short form holds where no token has a space.
    if (text.find(' ') == space &&
        text.find(' ', space + 1) == absl::string_view::npos) {
      merges.push_back(text);
      continue;
    }
    merges.push_back(
        Json(Json::Array{text.substr(0, space), text.substr(space + 1)}));
  }
  return Json(std::move(merges));
}

Json Vocab(const GgufVocabulary& vocabulary) {
  Json::Object vocab;
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    vocab.Set(vocabulary.tokens[id].text, static_cast<int64_t>(id));
  }
  return Json(std::move(vocab));
}

absl::StatusOr<Json> BytePairModel(const GgufFile& file,
                                   const GgufVocabulary& vocabulary,
                                   const GgufPreTokenizer& pre_tokenizer) {
  OUNCE_ASSIGN_OR_RETURN(Json merges, Merges(file));
  // With the alphabet of bytes no character is unknown.
  Json unknown;
  if (pre_tokenizer.marks_spaces) {
    OUNCE_ASSIGN_OR_RETURN(unknown, UnknownToken(vocabulary));
  }
  return Component("BPE", {{"unk_token", std::move(unknown)},
                           {"fuse_unk", pre_tokenizer.marks_spaces},
                           {"byte_fallback", pre_tokenizer.marks_spaces},
                           {"ignore_merges", pre_tokenizer.ignores_merges},
                           {"vocab", Vocab(vocabulary)},
                           {"merges", std::move(merges)}});
}

Json PreTokenizers(const GgufPreTokenizer& pre_tokenizer) {
  Json::Array parts;
  for (const absl::string_view pattern : pre_tokenizer.patterns) {
    parts.push_back(
        Component("Split", {{"pattern", Json::Of({{"Regex", pattern}})},
                            {"behavior", "Isolated"},
                            {"invert", false}}));
  }
  if (!pre_tokenizer.marks_spaces) parts.push_back(ByteLevel());
  return SequenceOf("pretokenizers", std::move(parts));
}

// ---- WordPiece.

// As the file spells a token.  Those in brackets stay as they are in GGUF.
std::string WordPieceText(const GgufVocabulary& vocabulary, size_t id) {
  absl::string_view text = vocabulary.tokens[id].text;
  if (absl::ConsumePrefix(&text, kMark)) return std::string(text);
  const bool in_brackets =
      absl::StartsWith(text, "[") && absl::EndsWith(text, "]");
  if (in_brackets || vocabulary.IsAdded(id)) return std::string(text);
  return absl::StrCat(kContinuation, text);
}

absl::StatusOr<Json> WordPieceVocab(const GgufVocabulary& vocabulary) {
  Json::Object vocab;
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string text = WordPieceText(vocabulary, id);
    if (vocab.Find(text) != nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("key 'tokenizer.ggml.tokens': token ", id, ", ",
                       QuoteGguf(vocabulary.tokens[id].text),
                       ", means the same as another, ", QuoteGguf(text)));
    }
    vocab.Set(text, static_cast<int64_t>(id));
  }
  return Json(std::move(vocab));
}

absl::StatusOr<Json> BertNormalizer(const GgufFile& file) {
  OUNCE_ASSIGN_OR_RETURN(const bool lowercases, file.Bool(kLowercaseKey, true));
  OUNCE_ASSIGN_OR_RETURN(const bool strips,
                         file.Bool(kStripAccentsKey, lowercases));
  return Component("BertNormalizer", {{"clean_text", true},
                                      {"handle_chinese_chars", true},
                                      {"strip_accents", strips},
                                      {"lowercase", lowercases}});
}

// ---- Unigram.

absl::StatusOr<Json> UnigramNormalizer(const GgufFile& file) {
  OUNCE_ASSIGN_OR_RETURN(const bool adds_prefix,
                         file.Bool("tokenizer.ggml.add_space_prefix", true));
  OUNCE_ASSIGN_OR_RETURN(
      const bool joins_spaces,
      file.Bool("tokenizer.ggml.remove_extra_whitespaces", false));
  Json::Array parts;
  if (file.Has(kCharsmapKey)) {
    OUNCE_ASSIGN_OR_RETURN(const std::vector<int64_t> bytes,
                           file.Ints(kCharsmapKey));
    std::string charsmap;
    charsmap.reserve(bytes.size());
    for (const int64_t byte : bytes) {
      charsmap.push_back(static_cast<char>(byte));
    }
    parts.push_back(Component("Precompiled", {{"precompiled_charsmap",
                                               absl::Base64Escape(charsmap)}}));
  }
  if (joins_spaces) {
    parts.push_back(Replace("Regex", "\\A +| +\\z", ""));
    parts.push_back(Replace("Regex", " {2,}", " "));
  }
  // Where runs of spaces become one before a word, the first word has one too.
  if (adds_prefix || joins_spaces) {
    parts.push_back(Component("Prepend", {{"prepend", kMark}}));
  }
  parts.push_back(Replace("String", " ", kMark));
  return SequenceOf("normalizers", std::move(parts));
}

// Tokens that were to be kept whole cost nothing.
double UnigramScore(const GgufVocabulary::Token& token) {
  return token.type == GgufTokenType::kUserDefined ? 0.0 : token.score;
}

Json ScoredVocab(const GgufVocabulary& vocabulary) {
  Json::Array vocab;
  vocab.reserve(vocabulary.tokens.size());
  for (const GgufVocabulary::Token& token : vocabulary.tokens) {
    vocab.push_back(Json(Json::Array{token.text, UnigramScore(token)}));
  }
  return Json(std::move(vocab));
}

}  // namespace

absl::StatusOr<Json> GgufBytePairJson(const GgufFile& file,
                                      const GgufVocabulary& vocabulary,
                                      const GgufPreTokenizer& pre_tokenizer) {
  OUNCE_ASSIGN_OR_RETURN(const bool composes, file.Bool(kNfcKey, false));
  OUNCE_ASSIGN_OR_RETURN(Json model,
                         BytePairModel(file, vocabulary, pre_tokenizer));
  Json normalizer = composes ? Component("NFC") : Json();
  if (pre_tokenizer.marks_spaces) normalizer = Replace("String", " ", kMark);
  return Json::Of(
      {{"version", "1.0"},
       {"added_tokens", AddedTokens(vocabulary)},
       {"normalizer", std::move(normalizer)},
       {"pre_tokenizer", PreTokenizers(pre_tokenizer)},
       {"post_processor", BosEosTemplate(vocabulary)},
       {"decoder", pre_tokenizer.marks_spaces ? MarkDecoder(/*strips=*/false)
                                              : ByteLevel()},
       {"model", std::move(model)}});
}

absl::StatusOr<Json> GgufWordPieceJson(const GgufFile& file,
                                       const GgufVocabulary& vocabulary) {
  OUNCE_RETURN_IF_ERROR(UnknownToken(vocabulary).status());
  OUNCE_ASSIGN_OR_RETURN(Json normalizer, BertNormalizer(file));
  OUNCE_ASSIGN_OR_RETURN(Json vocab, WordPieceVocab(vocabulary));
  const std::string unknown =
      WordPieceText(vocabulary, *vocabulary.IdOf(GgufRole::kUnk));
  Json model =
      Component("WordPiece", {{"unk_token", unknown},
                              {"continuing_subword_prefix", kContinuation},
                              {"max_input_chars_per_word", kMaxWordCharacters},
                              {"vocab", std::move(vocab)}});
  return Json::Of(
      {{"version", "1.0"},
       {"added_tokens", AddedTokens(vocabulary)},
       {"normalizer", std::move(normalizer)},
       {"pre_tokenizer", Component("BertPreTokenizer")},
       {"post_processor", ClsSepTemplate(vocabulary)},
       {"decoder",
        Component("WordPiece", {{"prefix", kContinuation}, {"cleanup", true}})},
       {"model", std::move(model)}});
}

absl::StatusOr<Json> GgufUnigramJson(const GgufFile& file,
                                     const GgufVocabulary& vocabulary) {
  OUNCE_RETURN_IF_ERROR(UnknownToken(vocabulary).status());
  OUNCE_ASSIGN_OR_RETURN(Json normalizer, UnigramNormalizer(file));
  const auto unknown = static_cast<int64_t>(*vocabulary.IdOf(GgufRole::kUnk));
  Json model = Component("Unigram", {{"unk_id", unknown},
                                     {"byte_fallback", false},
                                     {"vocab", ScoredVocab(vocabulary)}});
  return Json::Of({{"version", "1.0"},
                   {"added_tokens", AddedTokens(vocabulary)},
                   {"normalizer", std::move(normalizer)},
                   {"pre_tokenizer", nullptr},
                   {"post_processor", BosEosTemplate(vocabulary)},
                   {"decoder", MarkDecoder(/*strips=*/true)},
                   {"model", std::move(model)}});
}

}  // namespace ounce
