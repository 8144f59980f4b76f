// Checkpoint folders: one file, or shards under an index.
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "core/annotate.h"
#include "core/json.h"
#include "core/mapped_file.h"
#include "core/status_macros.h"
#include "formats/safetensors/safetensors_reader.h"
#include "formats/safetensors/safetensors_source.h"

namespace ounce {
namespace {

constexpr absl::string_view kFileName = "model.safetensors";
constexpr absl::string_view kIndexName = "model.safetensors.index.json";
// As for a file's header: an index lists the same names.
constexpr int64_t kMaxIndexBytes = 100'000'000;
constexpr int kMaxIndexDepth = 16;

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

// The text may not lead out of the folder.  Links in it may: a download cache
// keeps each shard as a link to a file elsewhere.
absl::Status CheckShardPath(absl::string_view shard) {
  bool leaves = shard.empty() || shard.front() == '/' ||
                shard.find('\0') != absl::string_view::npos;
  for (const absl::string_view part : absl::StrSplit(shard, '/')) {
    leaves = leaves || part == "..";
  }
  if (!leaves) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "shard \"", shard, "\"; expected a path inside the checkpoint's folder"));
}

// Tensor name and shard, in the order of the index.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseIndex(
    absl::string_view text) {
  JsonLimits limits;
  limits.max_depth = kMaxIndexDepth;
  OUNCE_ASSIGN_OR_RETURN(const Json index, ParseJson(text, limits));
  const Json* map = index.Find("weight_map");
  if (map == nullptr || map->AsObject() == nullptr ||
      map->AsObject()->size() == 0) {
    return absl::InvalidArgumentError(
        "\"weight_map\" is missing or empty; expected an object that gives "
        "each tensor's file");
  }
  std::vector<std::pair<std::string, std::string>> shards;
  for (const auto& [name, value] : map->AsObject()->members()) {
    const std::string* shard = value.AsString();
    if (shard == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"weight_map\": \"", name, "\" is ", value.TypeName(),
                       "; expected the name of a file"));
    }
    OUNCE_RETURN_IF_ERROR(
        Annotate(CheckShardPath(*shard), absl::StrCat("tensor '", name, "'")));
    shards.emplace_back(name, *shard);
  }
  return shards;
}

absl::StatusOr<std::unique_ptr<TensorSource>> OpenShards(
    const std::string& folder, std::vector<std::string>* files) {
  const std::string index_path = absl::StrCat(folder, "/", kIndexName);
  const std::string context = absl::StrCat("reading '", index_path, "'");
  OUNCE_ASSIGN_OR_RETURN(const std::string text,
                         ReadSmallFile(index_path, kMaxIndexBytes));
  OUNCE_ASSIGN_OR_RETURN(const auto shard_of,
                         Annotate(ParseIndex(text), context));
  std::set<std::string> shards;
  for (const auto& [name, shard] : shard_of) shards.insert(shard);
  auto source = std::make_unique<SafetensorsSource>();
  for (const std::string& shard : shards) {
    const std::string path = absl::StrCat(folder, "/", shard);
    if (!Exists(path)) {
      return absl::NotFoundError(
          absl::StrCat("'", path, "' does not exist, but '", index_path,
                       "' names it; complete the download"));
    }
    OUNCE_RETURN_IF_ERROR(source->AddFile(path));
  }
  for (const auto& [name, shard] : shard_of) {
    const StoredTensor* tensor = source->Find(name);
    const std::string path = absl::StrCat(folder, "/", shard);
    if (tensor == nullptr || source->PathOf(source->IndexOf(*tensor)) != path) {
      return absl::DataLossError(
          absl::StrCat(context, ": tensor '", name, "' is not in '", path,
                       "', where the index has it; get the checkpoint again"));
    }
  }
  files->emplace_back(kIndexName);
  files->insert(files->end(), shards.begin(), shards.end());
  return source;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TensorSource>> OpenSafetensorsFolder(
    const std::string& folder, std::vector<std::string>* files) {
  const std::string path = absl::StrCat(folder, "/", kFileName);
  if (Exists(path)) {
    OUNCE_ASSIGN_OR_RETURN(std::unique_ptr<TensorSource> source,
                           OpenSafetensors(path));
    files->emplace_back(kFileName);
    return source;
  }
  if (Exists(absl::StrCat(folder, "/", kIndexName))) {
    return OpenShards(folder, files);
  }
  return absl::NotFoundError(
      absl::StrCat("'", folder, "' has neither ", kFileName, " nor ",
                   kIndexName, "; only checkpoints in safetensors are read"));
}

}  // namespace ounce
