#include "text/loader.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/annotate.h"
#include "core/json.h"
#include "core/status_macros.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/decoder.h"
#include "text/normalizer.h"
#include "text/pipeline.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"
#include "text/quote.h"
#include "text/token_model.h"

namespace ounce {
namespace {

// Sequences within sequences; published files have one level.
constexpr int kMaxSequenceDepth = 8;

template <typename Component>
struct Row {
  absl::string_view type;
  absl::StatusOr<std::unique_ptr<Component>> (*parse)(const Json& config);
};

constexpr Row<TokenModel> kModels[] = {
    {"BPE", &ParseBpe},
};

constexpr Row<Normalizer> kNormalizers[] = {
    {"Lowercase", &ParseLowercase},
    {"NFC", &ParseNfc},
    {"NFD", &ParseNfd},
    {"NFKC", &ParseNfkc},
    {"NFKD", &ParseNfkd},
    {"Prepend", &ParsePrepend},
    {"Replace", &ParseReplaceNormalizer},
    {"Strip", &ParseStripNormalizer},
};

constexpr Row<PreTokenizer> kPreTokenizers[] = {
    {"ByteLevel", &ParseByteLevelPreTokenizer},
    {"Digits", &ParseDigits},
    {"Metaspace", &ParseMetaspacePreTokenizer},
    {"Punctuation", &ParsePunctuation},
    {"Split", &ParseSplit},
    {"Whitespace", &ParseWhitespace},
    {"WhitespaceSplit", &ParseWhitespaceSplit},
};

constexpr Row<PostProcessor> kPostProcessors[] = {
    {"BertProcessing", &ParseClsSepProcessing},
    {"ByteLevel", &ParseByteLevelPostProcessor},
    {"RobertaProcessing", &ParseClsSepProcessing},
    {"TemplateProcessing", &ParseTemplateProcessing},
};

constexpr Row<Decoder> kDecoders[] = {
    {"BPEDecoder", &ParseBpeDecoder},      {"ByteFallback", &ParseByteFallback},
    {"ByteLevel", &ParseByteLevelDecoder}, {"Fuse", &ParseFuse},
    {"Metaspace", &ParseMetaspaceDecoder}, {"Replace", &ParseReplaceDecoder},
    {"Strip", &ParseStripDecoder},
};

// One of the steps of the pipeline.
template <typename Component>
struct Step {
  absl::string_view key;       // In the file.
  absl::string_view list_key;  // Of the parts of a Sequence; "": there is none.
  absl::Span<const Row<Component>> rows;
};

template <typename Component>
absl::Status UnknownType(const Step<Component>& step, absl::string_view type) {
  std::string supported;
  for (const Row<Component>& row : step.rows) {
    absl::StrAppend(&supported, supported.empty() ? "" : ", ", row.type);
  }
  if (!step.list_key.empty()) absl::StrAppend(&supported, ", Sequence");
  return absl::UnimplementedError(absl::StrCat(
      "type ", Quote(type), " is not supported; supported are ", supported));
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
// A model is one component.
template <>
absl::StatusOr<std::unique_ptr<TokenModel>> ParseSequence(
    const Step<TokenModel>& step, const Json&, int) {
  return UnknownType(step, "Sequence");
}

template <typename Component>
absl::StatusOr<std::unique_ptr<Component>> ParseComponent(
    const Step<Component>& step, const Json& config, int depth) {
  OUNCE_ASSIGN_OR_RETURN(const std::string type, config.GetString("type"));
  if (type == "Sequence") return ParseSequence(step, config, depth);
  for (const Row<Component>& row : step.rows) {
    if (row.type == type) return Annotate(row.parse(config), type);
  }
  return UnknownType(step, type);
}

// nullptr where the file leaves the step out.
template <typename Component>
absl::StatusOr<std::unique_ptr<Component>> ParseStep(
    const Step<Component>& step, const Json& file) {
  const Json* config = file.Find(step.key);
  if (config == nullptr || config->is_null()) return nullptr;
  return Annotate(ParseComponent(step, *config, 0), step.key);
}

TokenModelOr ParseModel(const Json& file) {
  const Step<TokenModel> step = {"model", "", kModels};
  const Json* config = file.Find(step.key);
  if (config == nullptr || config->AsObject() == nullptr) {
    return absl::InvalidArgumentError(
        "\"model\" is missing or no object; expected a token model");
  }
  // Files from before models had a type: only BPE has merges.
  if (config->Find("type") == nullptr && config->Find("merges") != nullptr) {
    return Annotate(ParseBpe(*config), "model: BPE");
  }
  return ParseStep(step, file);
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

absl::StatusOr<std::unique_ptr<Tokenizer>> ParseFile(absl::string_view text) {
  OUNCE_ASSIGN_OR_RETURN(const Json file, ParseJson(text));
  OUNCE_RETURN_IF_ERROR(CheckVersion(file));
  OUNCE_ASSIGN_OR_RETURN(auto model, ParseModel(file));
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
  return std::make_unique<Pipeline>(std::move(parts));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> ParseTokenizerJson(
    absl::string_view text) {
  return Annotate(ParseFile(text), "tokenizer.json");
}

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::Create(
    const TokenizerAsset& asset) {
  if (asset.kind == TokenizerKind::kNone) {
    return absl::FailedPreconditionError(
        "the checkpoint ships no tokenizer; put its tokenizer.json beside the "
        "weights");
  }
  const std::string* file = asset.Find("tokenizer.json");
  if (file == nullptr) {
    return absl::InvalidArgumentError(
        "the tokenizer asset has no file tokenizer.json");
  }
  return ParseTokenizerJson(*file);
}

}  // namespace ounce
