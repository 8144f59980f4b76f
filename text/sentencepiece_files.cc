#include "text/sentencepiece_files.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/annotate.h"
#include "core/json_reader.h"
#include "core/status_macros.h"
#include "text/sentencepiece_family.h"
#include "text/sentencepiece_model.h"
#include "text/sentencepiece_steps.h"
#include "text/sentencepiece_vocabulary.h"

namespace ounce {
namespace {

constexpr std::array<absl::string_view, 6> kModelNames = {
    "tokenizer.model", "spiece.model",        "sentencepiece.bpe.model",
    "spm.model",       "sentencepiece.model", "source.spm"};
constexpr absl::string_view kMarianVocabName = "vocab.json";

absl::StatusOr<const TokenizerAsset::File*> FindModel(
    const TokenizerAsset& asset) {
  for (const absl::string_view name : kModelNames) {
    for (const TokenizerAsset::File& file : asset.files) {
      if (file.name == name) return &file;
    }
  }
  return absl::InvalidArgumentError("the tokenizer has no SentencePiece model");
}

absl::Status CheckKind(const SentencePieceModel& model) {
  if (model.kind == SentencePieceKind::kWord ||
      model.kind == SentencePieceKind::kChar) {
    return absl::UnimplementedError(
        "a model of whole words or characters; supported are unigram and BPE");
  }
  if (model.whitespace_is_suffix) {
    return absl::UnimplementedError(
        "a model with spaces behind the words, \"treat_whitespace_as_suffix\", "
        "is not supported");
  }
  return absl::OkStatus();
}

absl::StatusOr<SentencePieceFamily> ChooseFamily(
    const TokenizerSettings& settings, const SentencePieceModel& model,
    absl::string_view file_name) {
  absl::string_view name = settings.class_name();
  if (name.empty()) name = GuessSentencePieceClass(model, file_name);
  if (name.empty()) return PlainSentencePieceFamily();
  return FindSentencePieceFamily(name);
}

absl::StatusOr<Vocabulary> CreateVocabulary(
    const std::vector<SentencePieceModel::Piece>& pieces, bool is_unigram) {
  std::vector<Vocabulary::Token> tokens;
  tokens.reserve(pieces.size());
  for (size_t i = 0; i < pieces.size(); ++i) {
    tokens.push_back({pieces[i].text, static_cast<int32_t>(i)});
  }
  return Vocabulary::Create(tokens, is_unigram ? Vocabulary::Repeats::kLastWins
                                               : Vocabulary::Repeats::kRefuse);
}

// With Llama and Gemma the reference spells unknown characters as bytes
// whether the model says so or not.
bool FallsBackToBytes(const SentencePieceModel& model,
                      const SentencePieceFamily& family) {
  return model.byte_fallback || family.text == SentencePieceText::kLlama ||
         family.text == SentencePieceText::kGemma;
}

ModelConfig UnigramConfig(const SentencePieceVocabulary& layout,
                          Vocabulary vocabulary, bool byte_fallback) {
  ModelConfig config;
  config.settings = Component("Unigram", {{"unk_id", int64_t{layout.unk_id}},
                                          {"byte_fallback", byte_fallback}});
  config.scores.reserve(layout.pieces.size());
  for (const auto& piece : layout.pieces) config.scores.push_back(piece.score);
  config.scored_vocabulary = std::move(vocabulary);
  return config;
}

ModelConfig BpeConfig(const SentencePieceVocabulary& layout,
                      Vocabulary vocabulary, bool byte_fallback) {
  ModelConfig config;
  const auto unk = static_cast<size_t>(layout.unk_id);
  config.settings = Component("BPE", {{"unk_token", layout.pieces[unk].text},
                                      {"fuse_unk", true},
                                      {"byte_fallback", byte_fallback}});
  config.merges = MakeMerges(layout.pieces, vocabulary);
  config.vocabulary = std::move(vocabulary);
  return config;
}

AddedToken SpecialToken(absl::string_view content) {
  AddedToken token;
  token.content = std::string(content);
  token.special = true;
  return token;
}

// Tokens of the text as such: the model's control pieces, which are special,
// and those its training was told to keep whole.
void AddModelTokens(const SentencePieceModel& model, AddedTokenList* tokens) {
  for (const auto& piece : model.pieces) {
    const bool is_control = piece.type == PieceType::kControl;
    if (!is_control && piece.type != PieceType::kUserDefined) continue;
    AddedToken token = SpecialToken(piece.text);
    token.special = is_control || piece.text == "<start_of_turn>" ||
                    piece.text == "<end_of_turn>";
    tokens->Add(token);
  }
}

// Those of the files and the class, after the model's.
void AddClassTokens(const SentencePieceVocabulary& layout,
                    const SentencePieceFamily& family,
                    const TokenizerSettings& settings, AddedTokenList* tokens) {
  absl::flat_hash_set<std::string> contents;
  for (const AddedToken& token : settings.TokensToAdd(family.defaults)) {
    contents.insert(token.content);
    tokens->Add(token);
  }
  for (const absl::string_view content : layout.extra) {
    if (!contents.contains(content)) tokens->Add(SpecialToken(content));
  }
}

absl::StatusOr<TemplateWords> WordsOf(const SentencePieceFamily& family,
                                      const TokenizerSettings& settings) {
  OUNCE_ASSIGN_OR_RETURN(const std::string language,
                         settings.config().GetStringOr("src_lang", "en_XX"));
  if (!family.single.empty()) {
    return TemplateWords{
        absl::StrReplaceAll(family.single, {{"src_lang", language}}),
        absl::StrReplaceAll(family.pair, {{"src_lang", language}})};
  }
  OUNCE_ASSIGN_OR_RETURN(const bool adds_bos,
                         settings.Flag("add_bos_token", true));
  OUNCE_ASSIGN_OR_RETURN(const bool adds_eos,
                         settings.Flag("add_eos_token", false));
  const std::string single =
      absl::StrCat(adds_bos ? "bos " : "", "A", adds_eos ? " eos" : "");
  return TemplateWords{single, absl::StrCat(single, adds_bos ? " bos:1" : "",
                                            " B:1", adds_eos ? " eos:1" : "")};
}

// Marian's pieces have the ids of another file.
absl::StatusOr<Vocabulary> ReadMarianVocabulary(const TokenizerAsset& asset) {
  const SharedBytes* const file = asset.Find(kMarianVocabName);
  if (file == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the tokenizer has no file ", kMarianVocabName));
  }
  JsonReader reader(file->view());
  if (!reader.IsNextObject()) {
    return absl::InvalidArgumentError(
        absl::StrCat(kMarianVocabName, ": no JSON object; expected token: id"));
  }
  absl::StatusOr<Vocabulary> vocabulary = Vocabulary::Read(&reader);
  OUNCE_RETURN_IF_ERROR(Annotate(reader.Finish(), kMarianVocabName));
  return Annotate(std::move(vocabulary), kMarianVocabName);
}

// Names of target languages, which a text may begin with.
void AddMarianLanguages(const Vocabulary& vocabulary, AddedTokenList* tokens) {
  vocabulary.ForEach([&](absl::string_view token, int32_t) {
    if (!absl::StartsWith(token, ">>") || !absl::EndsWith(token, "<<")) return;
    AddedToken language;
    language.content = std::string(token);
    tokens->Add(language);
  });
}

// Everything but the model.
absl::StatusOr<Json> MembersOf(const SentencePieceModel& model,
                               const SentencePieceFamily& family,
                               const TokenizerSettings& settings,
                               const AddedTokenList& tokens) {
  Json::Object members;
  members.Set("added_tokens", tokens.ToJson());
  OUNCE_RETURN_IF_ERROR(
      AddSentencePieceSteps(model, family, settings, &members));
  OUNCE_ASSIGN_OR_RETURN(const TemplateWords words, WordsOf(family, settings));
  members.Set("post_processor",
              TemplateOf(words, settings, family.defaults, tokens));
  return Json(std::move(members));
}

absl::StatusOr<TokenizerFile> Convert(const SentencePieceModel& model,
                                      const SentencePieceFamily& family,
                                      const TokenizerAsset& asset,
                                      const TokenizerSettings& settings) {
  OUNCE_ASSIGN_OR_RETURN(const SentencePieceVocabulary layout,
                         LayOutVocabulary(model, family, settings));
  const bool is_unigram = model.kind == SentencePieceKind::kUnigram;
  OUNCE_ASSIGN_OR_RETURN(Vocabulary vocabulary,
                         CreateVocabulary(layout.pieces, is_unigram));
  TokenizerFile file;
  const bool is_marian = family.layout == SentencePieceLayout::kMarian;
  if (is_marian) {
    OUNCE_ASSIGN_OR_RETURN(file.renumbered, ReadMarianVocabulary(asset));
  }
  AddedTokenList tokens(is_marian ? *file.renumbered : vocabulary);
  if (is_marian) {
    AddMarianLanguages(*file.renumbered, &tokens);
  } else {
    AddModelTokens(model, &tokens);
  }
  AddClassTokens(layout, family, settings, &tokens);
  OUNCE_ASSIGN_OR_RETURN(file.members,
                         MembersOf(model, family, settings, tokens));
  const bool bytes = FallsBackToBytes(model, family);
  file.model = is_unigram ? UnigramConfig(layout, std::move(vocabulary), bytes)
                          : BpeConfig(layout, std::move(vocabulary), bytes);
  return file;
}

}  // namespace

absl::StatusOr<TokenizerFile> ReadSentencePieceFiles(
    const TokenizerAsset& asset, const TokenizerSettings& settings) {
  OUNCE_ASSIGN_OR_RETURN(const TokenizerAsset::File* const file,
                         FindModel(asset));
  OUNCE_ASSIGN_OR_RETURN(
      const SentencePieceModel model,
      Annotate(ReadSentencePieceModel(file->bytes.view()), file->name));
  OUNCE_RETURN_IF_ERROR(Annotate(CheckKind(model), file->name));
  OUNCE_ASSIGN_OR_RETURN(
      const SentencePieceFamily family,
      Annotate(ChooseFamily(settings, model, file->name), file->name));
  return Annotate(Convert(model, family, asset, settings), file->name);
}

}  // namespace ounce
