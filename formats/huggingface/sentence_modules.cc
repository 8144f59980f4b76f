#include "formats/huggingface/sentence_modules.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/annotate.h"
#include "core/json.h"
#include "core/status_macros.h"
#include "formats/huggingface/json_file.h"

namespace ounce {
namespace {

constexpr int64_t kMaxFileBytes = int64_t{1} << 20;
constexpr absl::string_view kModulesName = "modules.json";
constexpr absl::string_view kTransformerName = "sentence_bert_config.json";
constexpr absl::string_view kModePrefix = "pooling_mode_";

struct Module {
  std::string type;  // "Pooling", without the Python module it lies in.
  std::string path;  // Of its folder, relative to the model's.
};

// One folder right inside the model's: no way out of it.
bool IsPlainName(absl::string_view path) {
  return !path.empty() && path[0] != '.' &&
         std::all_of(path.begin(), path.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  c == '_' || c == '-' || c == '.';
         });
}

absl::StatusOr<Module> ParseModule(const Json& json) {
  Module module;
  OUNCE_ASSIGN_OR_RETURN(const std::string type, json.GetString("type"));
  OUNCE_ASSIGN_OR_RETURN(module.path, json.GetStringOr("path", ""));
  module.type = type.substr(type.rfind('.') + 1);
  if (module.path.empty() || IsPlainName(module.path)) return module;
  return absl::InvalidArgumentError(
      absl::StrCat("module ", module.type, " has the path \"", module.path,
                   "\"; expected the name of a folder beside modules.json"));
}

absl::StatusOr<std::vector<Module>> ParseModules(const Json& json) {
  const Json::Array* array = json.AsArray();
  if (array == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("of type ", json.TypeName(), "; expected a list"));
  }
  std::vector<Module> modules;
  for (const Json& item : *array) {
    OUNCE_ASSIGN_OR_RETURN(Module module, ParseModule(item));
    modules.push_back(std::move(module));
  }
  return modules;
}

// Transformer, Pooling and perhaps Normalize.
absl::Status CheckModules(const std::vector<Module>& modules) {
  constexpr absl::string_view kExpected[] = {"Transformer", "Pooling",
                                             "Normalize"};
  for (size_t i = 0; i < modules.size(); ++i) {
    if (i < std::size(kExpected) && modules[i].type == kExpected[i]) continue;
    return absl::UnimplementedError(
        absl::StrCat("module ", i, " is a ", modules[i].type,
                     ", which would change embeddings; supported are a "
                     "Transformer, a Pooling and perhaps a Normalize, in this "
                     "order"));
  }
  if (modules.size() < 2) {
    return absl::UnimplementedError(absl::StrCat(
        modules.size(), " modules; expected a Transformer and a Pooling"));
  }
  if (modules.front().path.empty()) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(
      "the Transformer is in a folder of its own, \"", modules.front().path,
      "\"; expected it beside modules.json"));
}

// "cls", "mean", "max" ...: the modes that are on.  Newer files name one, older
// ones have a flag for each.
absl::StatusOr<std::vector<std::string>> ReadModes(const Json& config) {
  std::vector<std::string> modes;
  if (config.AsObject() == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("of type ", config.TypeName(), "; expected an object"));
  }
  if (config.Find("pooling_mode") != nullptr) {
    OUNCE_ASSIGN_OR_RETURN(std::string mode, config.GetString("pooling_mode"));
    modes.push_back(std::move(mode));
    return modes;
  }
  for (const auto& [key, value] : config.AsObject()->members()) {
    if (!absl::StartsWith(key, kModePrefix)) continue;
    OUNCE_ASSIGN_OR_RETURN(const bool is_on, config.GetBoolOr(key, false));
    if (!is_on) continue;
    modes.push_back(key.substr(kModePrefix.size()));
    if (absl::EndsWith(modes.back(), "_tokens") ||
        absl::EndsWith(modes.back(), "_token")) {
      modes.back().resize(modes.back().rfind('_'));
    }
  }
  return modes;
}

absl::StatusOr<Pooling> ParsePooling(const Json& config) {
  OUNCE_ASSIGN_OR_RETURN(const std::vector<std::string> modes,
                         ReadModes(config));
  if (modes.size() == 1 && modes[0] == "cls") return Pooling::kFirst;
  if (modes.size() == 1 && modes[0] == "mean") return Pooling::kMean;
  std::string names;
  for (const std::string& mode : modes) absl::StrAppend(&names, " ", mode);
  return absl::UnimplementedError(
      absl::StrCat("the pooling is", names.empty() ? " none" : names,
                   "; supported is one of cls and mean"));
}

absl::Status ReadPooling(const std::string& folder, const Module& module,
                         ModelSpec* spec, std::vector<std::string>* files) {
  const std::string name =
      absl::StrCat(module.path, module.path.empty() ? "" : "/", "config.json");
  OUNCE_ASSIGN_OR_RETURN(const std::optional<Json> config,
                         ReadJsonFile({folder, name, kMaxFileBytes}, files));
  const std::string path = absl::StrCat(folder, "/", name);
  if (!config.has_value()) {
    return absl::NotFoundError(absl::StrCat(
        "'", path, "' is missing, which modules.json says is there"));
  }
  OUNCE_ASSIGN_OR_RETURN(
      spec->pooling,
      Annotate(ParsePooling(*config), absl::StrCat("reading '", path, "'")));
  return absl::OkStatus();
}

absl::Status ReadTransformer(const std::string& folder, ModelSpec* spec,
                             std::vector<std::string>* files) {
  OUNCE_ASSIGN_OR_RETURN(
      const std::optional<Json> config,
      ReadJsonFile({folder, kTransformerName, kMaxFileBytes}, files));
  if (!config.has_value()) return absl::OkStatus();
  const std::string where =
      absl::StrCat("reading '", folder, "/", kTransformerName, "'");
  OUNCE_ASSIGN_OR_RETURN(
      const bool lower_case,
      Annotate(config->GetBoolOr("do_lower_case", false), where));
  if (lower_case) {
    return absl::UnimplementedError(absl::StrCat(
        where,
        ": \"do_lower_case\": true; only false is supported, with a "
        "tokenizer that lowers the case itself if need be"));
  }
  OUNCE_ASSIGN_OR_RETURN(
      const int64_t limit,
      Annotate(config->GetIntOr("max_seq_length", 0), where));
  spec->text_limit = std::clamp<int64_t>(limit, 0, spec->max_context);
  return absl::OkStatus();
}

void DropHead(ModelSpec* spec) {
  if (spec->head != HeadKind::kLanguageModel) return;
  spec->head = HeadKind::kNone;
  spec->transform = {};
  spec->head_bias = false;
}

}  // namespace

absl::Status ReadSentenceModules(const std::string& folder, ModelSpec* spec,
                                 std::vector<std::string>* files) {
  if (spec->causal || spec->has_labels()) return absl::OkStatus();
  OUNCE_ASSIGN_OR_RETURN(
      const std::optional<Json> json,
      ReadJsonFile({folder, kModulesName, kMaxFileBytes}, files));
  if (!json.has_value()) return absl::OkStatus();
  const std::string where =
      absl::StrCat("reading '", folder, "/", kModulesName, "'");
  OUNCE_ASSIGN_OR_RETURN(const std::vector<Module> modules,
                         Annotate(ParseModules(*json), where));
  OUNCE_RETURN_IF_ERROR(Annotate(CheckModules(modules), where));
  OUNCE_RETURN_IF_ERROR(ReadPooling(folder, modules[1], spec, files));
  OUNCE_RETURN_IF_ERROR(ReadTransformer(folder, spec, files));
  spec->unit_embedding = modules.size() > 2;
  DropHead(spec);
  return absl::OkStatus();
}

}  // namespace ounce
