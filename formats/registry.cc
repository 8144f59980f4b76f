#include "formats/registry.h"

#include <array>
#include <filesystem>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "formats/artifact/artifact_model.h"
#include "formats/gguf/gguf_reader.h"
#include "formats/huggingface/checkpoint.h"
#include "formats/huggingface/tokenizer_files.h"
#include "formats/huggingface/weight_files.h"

namespace ounce {
namespace {

constexpr std::array kFormats = {
    ModelFormat{"huggingface",
                "a Hugging Face folder with config.json and model.safetensors "
                "or pytorch_model.bin",
                IsCheckpointFolder, OpenCheckpoint, OpenCheckpointTokenizer},
    ModelFormat{"gguf", "a .gguf file", IsGguf, OpenGgufModel,
                OpenGgufTokenizer},
    ModelFormat{"oz", "an .oz file", IsArtifact, OpenArtifactModel,
                OpenArtifactTokenizer},
};

std::string ExpectedFormats() {
  return absl::StrJoin(kFormats, ", or ",
                       [](std::string* out, const ModelFormat& format) {
                         absl::StrAppend(out, format.description);
                       });
}

}  // namespace

absl::Span<const ModelFormat> AllFormats() { return kFormats; }

absl::StatusOr<const ModelFormat*> FindFormat(const std::string& path) {
  for (const ModelFormat& format : kFormats) {
    if (format.recognizes(path)) return &format;
  }
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return absl::NotFoundError(absl::StrCat(
        "'", path, "' does not exist; expected ", ExpectedFormats()));
  }
  if (IsWeightFileName(path)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", path,
        "' is one file of a checkpoint, of which config.json and the tokenizer "
        "are needed too; give the folder they are in, '",
        std::filesystem::absolute(path, error).parent_path().string(), "'"));
  }
  return absl::UnimplementedError(absl::StrCat(
      "'", path, "' is no model that we read; expected ", ExpectedFormats()));
}

}  // namespace ounce
