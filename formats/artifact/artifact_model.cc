#include "formats/artifact/artifact_model.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/mapped_file.h"
#include "core/status_macros.h"
#include "formats/artifact/artifact_reader.h"
#include "model/bind.h"

namespace ounce {

bool IsArtifact(const std::string& path) {
  const absl::StatusOr<std::unique_ptr<MappedFile>> file =
      MappedFile::Open(path);
  return file.ok() && ArtifactReader::Recognizes((*file)->bytes());
}

absl::StatusOr<ModelFile> OpenArtifactModel(const std::string& path,
                                            const OpenOptions& /*options*/) {
  OUNCE_ASSIGN_OR_RETURN(std::unique_ptr<ArtifactReader> reader,
                         ArtifactReader::Open(path));
  ModelFile model;
  model.path = path;
  model.format = "oz";
  model.spec = reader->spec();
  model.tokenizer = reader->tokenizer();
  absl::StatusOr<BoundTensors> bound =
      BindTensors(model.spec, /*architecture=*/nullptr, *reader);
  // We wrote the names and shapes ourselves: a mismatch is damage.
  if (!bound.ok()) {
    return absl::DataLossError(
        absl::StrCat("reading '", path, "': ", bound.status().message()));
  }
  if (!bound->surplus.empty()) {
    return absl::DataLossError(absl::StrCat(
        "reading '", path, "': tensor '", bound->surplus.front(),
        "' is none of the spec's; expected exactly ", bound->tensors.size(),
        " tensors, found ", reader->records().size()));
  }
  model.bound = *std::move(bound);
  model.artifact = std::move(reader);
  model.source = model.artifact;
  return model;
}

absl::StatusOr<TokenizerAsset> OpenArtifactTokenizer(const std::string& path) {
  OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<ArtifactReader> reader,
                         ArtifactReader::Open(path));
  return reader->tokenizer();
}

}  // namespace ounce
