// The small JSON files of a checkpoint folder: configs and what lies beside.
#ifndef OUNCE_FORMATS_HUGGINGFACE_JSON_FILE_H_
#define OUNCE_FORMATS_HUGGINGFACE_JSON_FILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/json.h"

namespace ounce {

// Of a config, which is a few kilobytes; with the labels of a large classifier
// a few megabytes.
inline constexpr int64_t kMaxConfigBytes = int64_t{16} << 20;

struct JsonFile {
  std::string folder;
  absl::string_view name;  // Relative to the folder.
  int64_t max_bytes = kMaxConfigBytes;
};

// The file's JSON, or nullopt when there is none of that name; if there is, its
// name is appended to `files`.
// kInvalidArgument: more than `max_bytes`, or no JSON, with the path; other
// errors as ReadSmallFile().
absl::StatusOr<std::optional<Json>> ReadJsonFile(
    const JsonFile& file, std::vector<std::string>* files);

}  // namespace ounce

#endif  // OUNCE_FORMATS_HUGGINGFACE_JSON_FILE_H_
