// Writes an artifact front to back in one pass: weights as they come, metadata
// last, header when all is there.  Nothing appears under the final name before
// Finish() succeeds.
#ifndef OUNCE_FORMATS_ARTIFACT_ARTIFACT_WRITER_H_
#define OUNCE_FORMATS_ARTIFACT_ARTIFACT_WRITER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/atomic_file.h"
#include "core/hash.h"
#include "formats/artifact/artifact.h"

namespace ounce {

// Not thread-safe.  The order of calls is
// Create, (BeginTensor, AppendBytes..., EndTensor)..., Finish.
class ArtifactWriter {
 public:
  // `weight_bytes` is about what the tensors will take; it decides the
  // alignment of the weight region.  Errors as AtomicFile::Create.
  static absl::StatusOr<std::unique_ptr<ArtifactWriter>> Create(
      const std::string& path, int64_t weight_bytes);

  // Goes on after Checkpoint() in a process that is no more: `records` are what
  // records() was then, `weight_bytes` what Create() was given.
  // Errors as AtomicFile::Reopen; kDataLoss: the tensors' bytes are not what
  // was written.
  static absl::StatusOr<std::unique_ptr<ArtifactWriter>> Resume(
      const std::string& path, int64_t weight_bytes,
      std::vector<TensorRecord> records);
  // Makes what is written safe; between tensors.  From then on the partial file
  // outlives a failure.
  absl::Status Checkpoint() { return file_->Checkpoint(); }
  // Of the tensors so far, and the file that holds them after a Checkpoint().
  absl::Span<const TensorRecord> records() const { return records_; }
  const std::string& partial_path() const { return file_->partial_path(); }

  // Starts a tensor: name, shape, codec and group size of `record` are used.
  // kInvalidArgument: a name given twice, or a shape that codec cannot have.
  absl::Status BeginTensor(TensorRecord record);
  absl::Status AppendBytes(absl::Span<const uint8_t> bytes);
  // kInternal: the bytes appended are not what codec and shape ask for.
  absl::Status EndTensor(double snr_db, double sparsity);

  // Returns the artifact's id: XXH3-128 of the metadata bytes.
  // kInvalidArgument: `spec` is not valid, or the rest is too large to store.
  absl::StatusOr<Hash128> Finish(const ModelSpec& spec,
                                 const TokenizerAsset& tokenizer,
                                 const Provenance& provenance);

  // Bytes written so far; after Finish() the size of the file.
  int64_t file_bytes() const { return file_->size(); }
  // What Finish() waited for the disk.
  double sync_seconds() const { return file_->sync_seconds(); }

 private:
  ArtifactWriter(std::unique_ptr<AtomicFile> file, int64_t weights_offset)
      : file_(std::move(file)), weights_offset_(weights_offset) {}
  absl::Status PadTo(int64_t alignment);

  const std::unique_ptr<AtomicFile> file_;
  const int64_t weights_offset_;
  std::vector<TensorRecord> records_;  // The last may be being written.
  absl::flat_hash_set<std::string> names_;
  std::optional<Xxh3Stream> hash_;  // Of the tensor being written, if any.
};

}  // namespace ounce

#endif  // OUNCE_FORMATS_ARTIFACT_ARTIFACT_WRITER_H_
