#include "formats/gguf/gguf_shards.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/annotate.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

// Five digits name a shard.
constexpr int64_t kMaxShards = 99999;

std::string ShardSuffix(int64_t number, int64_t count) {
  return absl::StrFormat("-%05d-of-%05d.gguf", number, count);
}

}  // namespace

absl::StatusOr<GgufShards> GgufShards::Open(const std::string& path) {
  GgufShards shards;
  const std::filesystem::path folder =
      std::filesystem::path(path).parent_path();
  shards.folder_ = folder.empty() ? "." : folder.string();
  OUNCE_RETURN_IF_ERROR(shards.Add(path));
  const GgufFile& first = shards.metadata();
  OUNCE_ASSIGN_OR_RETURN(const int64_t count,
                         Annotate(first.Int("split.count", 1), path));
  OUNCE_ASSIGN_OR_RETURN(const int64_t number,
                         Annotate(first.Int("split.no", 0), path));
  if (number != 0 || count < 0 || count > kMaxShards) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", path, "' is shard ", number + 1, " of ", count,
                     "; open the first, which ends in ",
                     ShardSuffix(1, std::max<int64_t>(count, 1))));
  }
  if (count > 1) OUNCE_RETURN_IF_ERROR(shards.AddOthers(path, count));
  OUNCE_RETURN_IF_ERROR(
      Annotate(shards.IndexTensors(), absl::StrCat("reading '", path, "'")));
  return shards;
}

absl::StatusOr<GgufShards> GgufShards::Parse(absl::Span<const uint8_t> file) {
  GgufShards shards;
  OUNCE_ASSIGN_OR_RETURN(GgufFile parsed, GgufFile::Parse(file));
  shards.files_.push_back(std::move(parsed));
  OUNCE_RETURN_IF_ERROR(shards.IndexTensors());
  return shards;
}

absl::Status GgufShards::IndexTensors() {
  for (const GgufFile& file : files_) {
    for (const GgufTensor& tensor : file.tensors()) {
      tensors_.push_back(&tensor);
      if (!index_.emplace(tensor.name, &tensor).second) {
        return absl::DataLossError(
            absl::StrCat("tensor '", tensor.name, "' is in two shards"));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status GgufShards::Add(const std::string& path) {
  OUNCE_ASSIGN_OR_RETURN(std::unique_ptr<MappedFile> map,
                         MappedFile::Open(path));
  OUNCE_ASSIGN_OR_RETURN(GgufFile file,
                         Annotate(GgufFile::Parse(map->bytes()),
                                  absl::StrCat("reading '", path, "'")));
  names_.push_back(std::filesystem::path(path).filename().string());
  maps_.push_back(std::move(map));
  files_.push_back(std::move(file));
  return absl::OkStatus();
}

absl::Status GgufShards::AddOthers(const std::string& path, int64_t count) {
  const std::string suffix = ShardSuffix(1, count);
  if (!absl::EndsWith(path, suffix)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", path, "' is the first of ", count,
                     " shards; expected a name that ends in ", suffix,
                     " beside the others"));
  }
  const std::string stem = path.substr(0, path.size() - suffix.size());
  for (int64_t number = 2; number <= count; ++number) {
    const std::string other = absl::StrCat(stem, ShardSuffix(number, count));
    OUNCE_RETURN_IF_ERROR(Add(other));
    const GgufFile& file = files_.back();
    OUNCE_ASSIGN_OR_RETURN(const int64_t own_number,
                           Annotate(file.Int("split.no"), other));
    OUNCE_ASSIGN_OR_RETURN(const int64_t own_count,
                           Annotate(file.Int("split.count"), other));
    if (own_number != number - 1 || own_count != count) {
      return absl::DataLossError(absl::StrCat(
          "'", other, "' says that it is shard ", own_number + 1, " of ",
          own_count, "; expected ", number, " of ", count));
    }
  }
  return absl::OkStatus();
}

const GgufTensor* GgufShards::Find(absl::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : found->second;
}

void GgufShards::Release(absl::Span<const uint8_t> part) const {
  for (const std::unique_ptr<MappedFile>& map : maps_) {
    const absl::Span<const uint8_t> all = map->bytes();
    if (part.data() >= all.data() && part.data() < all.data() + all.size()) {
      map->Release(part);
    }
  }
}

}  // namespace ounce
