#include "formats/huggingface/json_file.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/mapped_file.h"
#include "core/status_macros.h"

namespace ounce {
absl::StatusOr<std::optional<Json>> ReadJsonFile(
    const JsonFile& file, std::vector<std::string>* files) {
  const std::string path = absl::StrCat(file.folder, "/", file.name);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::nullopt;
  OUNCE_ASSIGN_OR_RETURN(const std::string text,
                         ReadSmallFile(path, file.max_bytes));
  OUNCE_ASSIGN_OR_RETURN(
      Json json,
      Annotate(ParseJson(text), absl::StrCat("reading '", path, "'")));
  files->emplace_back(file.name);
  return json;
}

}  // namespace ounce
