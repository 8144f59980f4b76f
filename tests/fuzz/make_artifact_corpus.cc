// Writes the seeds of the artifact fuzz target into the folder given: a whole
// artifact, one without tensors, and the metadata of the first.
#include <cstdio>
#include <memory>
#include <string>

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "formats/artifact/artifact_writer.h"
#include "tests/formats/tiny_artifact.h"

namespace ounce {
namespace {

absl::Status WriteCorpus(const std::string& folder) {
  const std::string tiny = folder + "/tiny";
  OUNCE_RETURN_IF_ERROR(WriteTinyArtifact(tiny));
  OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<ArtifactWriter> empty,
                         ArtifactWriter::Create(folder + "/no_tensors", 0));
  OUNCE_RETURN_IF_ERROR(
      empty->Finish(TinySpec(), TinyTokenizer(), TinyProvenance()).status());
  OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<MappedFile> file,
                         MappedFile::Open(tiny));
  OUNCE_ASSIGN_OR_RETURN(const ArtifactHeader header,
                         DecodeHeader(file->bytes()));
  const absl::Span<const uint8_t> metadata =
      file->bytes().subspan(static_cast<size_t>(header.metadata_offset));
  return WriteFileAtomically(
      folder + "/tiny_metadata",
      absl::string_view(reinterpret_cast<const char*>(metadata.data()),
                        metadata.size()));
}

}  // namespace
}  // namespace ounce

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr,
                 "usage: make_artifact_corpus tests/fuzz/corpus/artifact\n");
    return 2;
  }
  const absl::Status status = ounce::WriteCorpus(argv[1]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
