#include "formats/huggingface/weight_files.h"

#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "core/annotate.h"
#include "core/json.h"
#include "core/mapped_file.h"
#include "core/status_macros.h"
#include "formats/mapped_source.h"
#include "formats/pytorch/pytorch_reader.h"
#include "formats/safetensors/safetensors_reader.h"

namespace ounce {
namespace {

struct WeightFormat {
  absl::string_view name;  // WeightFiles::format
  absl::string_view file_name;
  absl::string_view index_name;
  WeightFileParser parse;
};

// The first that a folder has wins.
constexpr WeightFormat kFormats[] = {
    {"safetensors", "model.safetensors", "model.safetensors.index.json",
     ParseSafetensors},
    {"pytorch", "pytorch_model.bin", "pytorch_model.bin.index.json",
     ParsePytorch},
};

// What files of weights are called, by these and by other programs.
constexpr absl::string_view kExtensions[] = {".safetensors", ".bin", ".pth",
                                             ".pt"};

// As for a safetensors file's header: an index lists the same names.
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

// Every tensor of the index is in the file that it names.
absl::Status CheckPlaces(
    const std::vector<std::pair<std::string, std::string>>& shard_of,
    const std::string& folder, const MappedSource& source) {
  for (const auto& [name, shard] : shard_of) {
    const StoredTensor* tensor = source.Find(name);
    const std::string path = absl::StrCat(folder, "/", shard);
    if (tensor == nullptr || source.PathOf(*tensor) != path) {
      return absl::DataLossError(
          absl::StrCat("tensor '", name, "' is not in '", path,
                       "', where the index has it; get the checkpoint again"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<WeightFiles> OpenShards(const std::string& folder,
                                       const WeightFormat& format) {
  const std::string index_path = absl::StrCat(folder, "/", format.index_name);
  const std::string context = absl::StrCat("reading '", index_path, "'");
  OUNCE_ASSIGN_OR_RETURN(const std::string text,
                         ReadSmallFile(index_path, kMaxIndexBytes));
  OUNCE_ASSIGN_OR_RETURN(const auto shard_of,
                         Annotate(ParseIndex(text), context));
  std::set<std::string> shards;
  for (const auto& [name, shard] : shard_of) shards.insert(shard);
  auto source = std::make_unique<MappedSource>();
  for (const std::string& shard : shards) {
    const std::string path = absl::StrCat(folder, "/", shard);
    if (!Exists(path)) {
      return absl::NotFoundError(
          absl::StrCat("'", path, "' does not exist, but '", index_path,
                       "' names it; complete the download"));
    }
    OUNCE_RETURN_IF_ERROR(source->AddFile(path, format.parse));
  }
  OUNCE_RETURN_IF_ERROR(
      Annotate(CheckPlaces(shard_of, folder, *source), context));
  WeightFiles found;
  found.source = std::move(source);
  found.files.emplace_back(format.index_name);
  found.files.insert(found.files.end(), shards.begin(), shards.end());
  return found;
}

absl::StatusOr<WeightFiles> OpenSingle(const std::string& path,
                                       const WeightFormat& format) {
  auto source = std::make_unique<MappedSource>();
  OUNCE_RETURN_IF_ERROR(source->AddFile(path, format.parse));
  WeightFiles found;
  found.source = std::move(source);
  found.files.emplace_back(format.file_name);
  return found;
}

std::string ExpectedNames() {
  return absl::StrJoin(
      kFormats, ", ", [](std::string* out, const WeightFormat& format) {
        absl::StrAppend(out, format.file_name, ", ", format.index_name);
      });
}

}  // namespace

absl::StatusOr<WeightFiles> OpenWeightFiles(const std::string& folder) {
  for (const WeightFormat& format : kFormats) {
    const std::string path = absl::StrCat(folder, "/", format.file_name);
    absl::StatusOr<WeightFiles> found;
    if (Exists(path)) {
      found = OpenSingle(path, format);
    } else if (Exists(absl::StrCat(folder, "/", format.index_name))) {
      found = OpenShards(folder, format);
    } else {
      continue;
    }
    if (found.ok()) found->format = std::string(format.name);
    return found;
  }
  return absl::NotFoundError(
      absl::StrCat("'", folder, "' has no weights; expected one of ",
                   ExpectedNames(), "; complete the download"));
}

bool IsWeightFileName(absl::string_view path) {
  for (const absl::string_view extension : kExtensions) {
    if (absl::EndsWith(path, extension)) return true;
  }
  return false;
}

}  // namespace ounce
