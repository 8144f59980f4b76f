#include "text/loader.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/annotate.h"
#include "core/json.h"
#include "core/json_reader.h"
#include "core/status_macros.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/bpe_files.h"
#include "text/decoder.h"
#include "text/model_config.h"
#include "text/normalizer.h"
#include "text/padding.h"
#include "text/pipeline.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"
#include "text/quote.h"
#include "text/renumbered_model.h"
#include "text/sentencepiece_files.h"
#include "text/token_model.h"
#include "text/tokenizer_file.h"
#include "text/tokenizer_settings.h"
#include "text/truncation.h"
#include "text/unigram.h"
#include "text/word_level.h"
#include "text/word_piece.h"
#include "text/word_piece_files.h"

namespace ounce {
namespace {

// Sequences within sequences; published files have one level.
constexpr int kMaxSequenceDepth = 8;

template <typename Component>
struct Row {
  absl::string_view type;
  absl::StatusOr<std::unique_ptr<Component>> (*parse)(const Json& config);
};

struct ModelRow {
  absl::string_view type;
  TokenModelOr (*parse)(ModelConfig config);
};

constexpr ModelRow kModels[] = {
    {"BPE", &ParseBpe},
    {"Unigram", &ParseUnigram},
    {"WordLevel", &ParseWordLevel},
    {"WordPiece", &ParseWordPiece},
};

constexpr Row<Normalizer> kNormalizers[] = {
    {"BertNormalizer", &ParseBertNormalizer},
    {"ByteLevel", &ParseByteLevelNormalizer},
    {"Lowercase", &ParseLowercase},
    {"NFC", &ParseNfc},
    {"NFD", &ParseNfd},
    {"NFKC", &ParseNfkc},
    {"NFKD", &ParseNfkd},
    {"Nmt", &ParseNmt},
    {"Precompiled", &ParsePrecompiled},
    {"Prepend", &ParsePrepend},
    {"Replace", &ParseReplaceNormalizer},
    {"Strip", &ParseStripNormalizer},
    {"StripAccents", &ParseStripAccents},
};

constexpr Row<PreTokenizer> kPreTokenizers[] = {
    {"BertPreTokenizer", &ParseBertPreTokenizer},
    {"ByteLevel", &ParseByteLevelPreTokenizer},
    {"CharDelimiterSplit", &ParseCharDelimiterSplit},
    {"Digits", &ParseDigits},
    {"FixedLength", &ParseFixedLength},
    {"Metaspace", &ParseMetaspacePreTokenizer},
    {"Punctuation", &ParsePunctuation},
    {"Split", &ParseSplit},
    {"Whitespace", &ParseWhitespace},
    {"WhitespaceSplit", &ParseWhitespaceSplit},
};

constexpr Row<PostProcessor> kPostProcessors[] = {
    {"BertProcessing", &ParseBertProcessing},
    {"ByteLevel", &ParseByteLevelPostProcessor},
    {"RobertaProcessing", &ParseRobertaProcessing},
    {"TemplateProcessing", &ParseTemplateProcessing},
};

constexpr Row<Decoder> kDecoders[] = {
    {"BPEDecoder", &ParseBpeDecoder},
    {"ByteFallback", &ParseByteFallback},
    {"ByteLevel", &ParseByteLevelDecoder},
    {"CTC", &ParseCtc},
    {"Fuse", &ParseFuse},
    {"Metaspace", &ParseMetaspaceDecoder},
    {"Replace", &ParseReplaceDecoder},
    {"Strip", &ParseStripDecoder},
    {"WordPiece", &ParseWordPieceDecoder},
};

// One of the steps of the pipeline.
template <typename Component>
struct Step {
  absl::string_view key;       // In the file.
  absl::string_view list_key;  // Of the parts of a Sequence.
  absl::Span<const Row<Component>> rows;
};

// `rows` are those of a table above.
template <typename Rows>
absl::Status UnknownType(const Rows& rows, absl::string_view type,
                         absl::string_view other_supported) {
  std::string supported;
  for (const auto& row : rows) {
    absl::StrAppend(&supported, supported.empty() ? "" : ", ", row.type);
  }
  return absl::UnimplementedError(
      absl::StrCat("type ", Quote(type), " is not supported; supported are ",
                   supported, other_supported));
}

template <typename Component>
absl::StatusOr<std::unique_ptr<Component>> ParseComponent(
    const Step<Component>& step, const Json& config, int depth);

template <typename Component>
absl::StatusOr<std::unique_ptr<Component>> ParseSequence(
    const Step<Component>& step, const Json& config, int depth) {
  if (depth >= kMaxSequenceDepth) {
    return absl::InvalidArgumentError(absl::StrCat(
        "Sequences are nested deeper than ", kMaxSequenceDepth, " levels"));
  }
  const Json* list = config.Find(step.list_key);
  if (list == nullptr || list->AsArray() == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("Sequence: \"", step.list_key,
                     "\" is missing or no array; expected its parts"));
  }
  std::vector<std::unique_ptr<Component>> parts;
  for (const Json& part : *list->AsArray()) {
    auto parsed = Annotate(ParseComponent(step, part, depth + 1),
                           absl::StrCat("Sequence[", parts.size(), "]"));
    if (!parsed.ok()) return parsed.status();
    parts.push_back(*std::move(parsed));
  }
  return MakeSequence(std::move(parts));
}

template <typename Component>
absl::StatusOr<std::unique_ptr<Component>> ParseComponent(
    const Step<Component>& step, const Json& config, int depth) {
  OUNCE_ASSIGN_OR_RETURN(const std::string type, config.GetString("type"));
  if (type == "Sequence") return ParseSequence(step, config, depth);
  for (const Row<Component>& row : step.rows) {
    if (row.type == type) return Annotate(row.parse(config), type);
  }
  return UnknownType(step.rows, type, ", Sequence");
}

// nullptr where the file leaves the step out.
template <typename Component>
absl::StatusOr<std::unique_ptr<Component>> ParseStep(
    const Step<Component>& step, const Json& file) {
  const Json* config = file.Find(step.key);
  if (config == nullptr || config->is_null()) return nullptr;
  return Annotate(ParseComponent(step, *config, 0), step.key);
}

// The whole file, with the token model's long lists apart.
TokenizerFile ReadFile(JsonReader* reader) {
  TokenizerFile file;
  if (!reader->IsNextObject()) {
    reader->ReadValue(&file.members);
    return file;
  }
  Json::Object members;
  reader->ReadMembers(
      [&](absl::string_view key) {
        if (key != "model" || !reader->IsNextObject()) return false;
        file.model = ReadModelConfig(reader);
        return true;
      },
      &members);
  file.members = Json(std::move(members));
  return file;
}

absl::StatusOr<std::string> ModelType(const ModelConfig& config) {
  const Json& settings = config.settings;
  if (settings.Find("type") != nullptr) return settings.GetString("type");
  // Files from before models had a type: what only one of them has tells.
  if (settings.Find("merges") != nullptr) return "BPE";
  if (settings.Find("max_input_chars_per_word") != nullptr) return "WordPiece";
  if (config.scored_vocabulary.ok()) return "Unigram";
  if (settings.Find("unk_token") != nullptr) return "WordLevel";
  return settings.GetString("type");
}

TokenModelOr ParseModel(ModelConfig config) {
  OUNCE_ASSIGN_OR_RETURN(const std::string type, ModelType(config));
  for (const ModelRow& row : kModels) {
    if (row.type == type) return Annotate(row.parse(std::move(config)), type);
  }
  return UnknownType(kModels, type, "");
}

absl::Status CheckVersion(const Json& file) {
  if (file.AsObject() == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the file is of JSON type ", file.TypeName(), "; expected an object"));
  }
  OUNCE_ASSIGN_OR_RETURN(const std::string version,
                         file.GetStringOr("version", "1.0"));
  if (version == "1.0") return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(
      "\"version\" is ", Quote(version), "; supported is \"1.0\""));
}

absl::StatusOr<std::unique_ptr<TokenModel>> BuildModel(TokenizerFile* file) {
  if (!file->model.has_value()) {
    return absl::InvalidArgumentError(
        "\"model\" is missing or no object; expected a token model");
  }
  OUNCE_ASSIGN_OR_RETURN(
      auto model, Annotate(ParseModel(*std::move(file->model)), "model"));
  if (!file->renumbered.has_value()) return model;
  return MakeRenumberedModel(std::move(model), *std::move(file->renumbered));
}

absl::StatusOr<std::unique_ptr<Tokenizer>> Build(TokenizerFile description) {
  OUNCE_ASSIGN_OR_RETURN(auto model, BuildModel(&description));
  const Json& file = description.members;
  OUNCE_ASSIGN_OR_RETURN(
      auto normalizer,
      ParseStep<Normalizer>({"normalizer", "normalizers", kNormalizers}, file));
  OUNCE_ASSIGN_OR_RETURN(
      AddedTokens tokens,
      AddedTokens::Parse(file.Find("added_tokens"), model->vocabulary(),
                         normalizer.get()));
  PipelineParts parts(std::move(tokens));
  parts.model = std::move(model);
  parts.normalizer = std::move(normalizer);
  OUNCE_ASSIGN_OR_RETURN(
      parts.pre_tokenizer,
      ParseStep<PreTokenizer>(
          {"pre_tokenizer", "pretokenizers", kPreTokenizers}, file));
  OUNCE_ASSIGN_OR_RETURN(
      parts.post_processor,
      ParseStep<PostProcessor>(
          {"post_processor", "processors", kPostProcessors}, file));
  OUNCE_ASSIGN_OR_RETURN(
      parts.decoder,
      ParseStep<Decoder>({"decoder", "decoders", kDecoders}, file));
  if (parts.decoder == nullptr) parts.decoder = MakeSpaceJoiner();
  OUNCE_ASSIGN_OR_RETURN(parts.batch_settings.truncation,
                         ParseTruncation(file));
  OUNCE_ASSIGN_OR_RETURN(parts.batch_settings.padding, ParsePadding(file));
  return std::make_unique<Pipeline>(std::move(parts));
}

absl::StatusOr<std::unique_ptr<Tokenizer>> ParseFile(absl::string_view text) {
  JsonReader reader(text);
  TokenizerFile file = ReadFile(&reader);
  OUNCE_RETURN_IF_ERROR(reader.Finish());
  OUNCE_RETURN_IF_ERROR(CheckVersion(file.members));
  return Build(std::move(file));
}

// A tokenizer whose files have no tokenizer.json among them.
using ReadFiles = absl::StatusOr<TokenizerFile> (*)(
    const TokenizerAsset& asset, const TokenizerSettings& settings);

absl::StatusOr<std::unique_ptr<Tokenizer>> BuildFrom(
    ReadFiles read, const TokenizerAsset& asset) {
  OUNCE_ASSIGN_OR_RETURN(const TokenizerSettings settings,
                         TokenizerSettings::Read(asset));
  OUNCE_ASSIGN_OR_RETURN(TokenizerFile file, read(asset, settings));
  return Build(std::move(file));
}

absl::Status NoTokenizer(const TokenizerAsset& asset) {
  if (asset.unusable.empty()) {
    return absl::FailedPreconditionError(
        "the checkpoint ships no tokenizer; put its tokenizer.json beside the "
        "weights");
  }
  return absl::UnimplementedError(absl::StrCat(
      "the tokenizer ", asset.unusable,
      " is not supported; supported are tokenizer.json, SentencePiece models "
      "(tokenizer.model, spiece.model, sentencepiece.bpe.model, spm.model), "
      "vocab.json with merges.txt, and vocab.txt"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> ParseTokenizerJson(
    absl::string_view text) {
  return Annotate(ParseFile(text), "tokenizer.json");
}

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::Create(
    const TokenizerAsset& asset) {
  switch (asset.kind) {
    case TokenizerKind::kNone:
      return NoTokenizer(asset);
    case TokenizerKind::kSentencePiece:
      return BuildFrom(&ReadSentencePieceFiles, asset);
    case TokenizerKind::kBpeFiles:
      return BuildFrom(&ReadBpeFiles, asset);
    case TokenizerKind::kWordPieceFiles:
      return BuildFrom(&ReadWordPieceFiles, asset);
    case TokenizerKind::kTokenizerJson:
      break;
  }
  const SharedBytes* file = asset.Find("tokenizer.json");
  if (file == nullptr) {
    return absl::InvalidArgumentError(
        "the tokenizer asset has no file tokenizer.json");
  }
  return ParseTokenizerJson(file->view());
}

}  // namespace ounce
