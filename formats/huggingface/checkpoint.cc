#include "formats/huggingface/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/annotate.h"
#include "core/json.h"
#include "core/status_macros.h"
#include "formats/huggingface/json_file.h"
#include "formats/huggingface/sentence_modules.h"
#include "formats/huggingface/tokenizer_files.h"
#include "formats/huggingface/weight_files.h"
#include "formats/surplus.h"
#include "model/arch/registry.h"
#include "model/bind.h"

namespace ounce {
namespace {

constexpr absl::string_view kConfigName = "config.json";
constexpr absl::string_view kGenerationConfigName = "generation_config.json";

std::string Join(const std::string& folder, absl::string_view name) {
  return absl::StrCat(folder, "/", name);
}

absl::StatusOr<ModelSpec> ReadSpec(const std::string& folder,
                                   std::vector<std::string>* files) {
  OUNCE_ASSIGN_OR_RETURN(const std::optional<Json> config,
                         ReadJsonFile({folder, kConfigName}, files));
  if (!config.has_value()) {
    return absl::NotFoundError(absl::StrCat(
        "'", folder,
        "' has no config.json; expected a Hugging Face folder with config.json "
        "and model.safetensors or pytorch_model.bin, a .gguf file or an .oz "
        "file"));
  }
  OUNCE_ASSIGN_OR_RETURN(const std::optional<Json> generation_config,
                         ReadJsonFile({folder, kGenerationConfigName}, files));
  return Annotate(ParseModelConfig(*config, generation_config.has_value()
                                                ? &*generation_config
                                                : nullptr),
                  absl::StrCat("reading '", Join(folder, kConfigName), "'"));
}

}  // namespace

bool IsCheckpointFolder(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

absl::StatusOr<ModelFile> OpenCheckpoint(const std::string& path,
                                         const OpenOptions& options) {
  ModelFile model;
  model.path = path;
  model.folder = path;
  OUNCE_ASSIGN_OR_RETURN(model.spec, ReadSpec(path, &model.files));
  OUNCE_RETURN_IF_ERROR(ReadSentenceModules(path, &model.spec, &model.files));
  OUNCE_ASSIGN_OR_RETURN(WeightFiles weights, OpenWeightFiles(path));
  model.format = std::move(weights.format);
  model.source = std::move(weights.source);
  model.files.insert(model.files.end(), weights.files.begin(),
                     weights.files.end());
  OUNCE_ASSIGN_OR_RETURN(const Architecture* const architecture,
                         FindArchitecture(model.spec.architecture));
  AdoptHead(*architecture, *model.source, &model.spec);
  DropAbsent(*architecture, *model.source, &model.spec);
  const std::string context = absl::StrCat("reading '", path, "'");
  OUNCE_ASSIGN_OR_RETURN(
      model.bound,
      Annotate(BindTensors(model.spec, architecture, *model.source), context));
  if (options.strict) {
    OUNCE_RETURN_IF_ERROR(
        Annotate(CheckSurplus(model.bound.surplus, model.spec), context));
  }
  OUNCE_ASSIGN_OR_RETURN(model.tokenizer, OpenCheckpointTokenizer(path));
  for (const TokenizerAsset::File& file : model.tokenizer.files) {
    model.files.push_back(file.name);
  }
  std::sort(model.files.begin(), model.files.end());
  // config.json can be both the model's and the tokenizer's.
  model.files.erase(std::unique(model.files.begin(), model.files.end()),
                    model.files.end());
  return model;
}

}  // namespace ounce
