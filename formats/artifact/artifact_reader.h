// Maps an artifact and checks everything about it but the weights' hashes, so
// that what is handed out can be used without further checks.
#ifndef OUNCE_FORMATS_ARTIFACT_ARTIFACT_READER_H_
#define OUNCE_FORMATS_ARTIFACT_ARTIFACT_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "formats/artifact/artifact.h"
#include "model/tensor_source.h"

namespace ounce {

// Immutable; may be used from several threads.
class ArtifactReader : public TensorSource {
 public:
  // kInvalidArgument: not an artifact; kUnimplemented: a newer format version
  // or a codec we do not have; kDataLoss: an offset, size, shape, enum or hash
  // that cannot be right, each with where and what was expected.
  static absl::StatusOr<std::unique_ptr<ArtifactReader>> Open(
      const std::string& path);

  // As Open(), of a whole file in memory.  `bytes` start at a multiple of 64
  // and outlive the reader.
  static absl::StatusOr<std::unique_ptr<ArtifactReader>> Parse(
      absl::Span<const uint8_t> bytes);

  // True when the file starts with the artifact's magic bytes.
  static bool Recognizes(absl::Span<const uint8_t> head);

  uint32_t version() const { return version_; }
  // XXH3-128 of the metadata bytes: the artifact's id.
  Hash128 id() const { return id_; }
  int64_t file_bytes() const { return static_cast<int64_t>(bytes_.size()); }
  const ModelSpec& spec() const { return spec_; }
  // Of a file its bytes stay mapped as long as there are copies.
  const TokenizerAsset& tokenizer() const { return tokenizer_; }
  const Provenance& provenance() const { return provenance_; }
  absl::Span<const TensorRecord> records() const { return records_; }

  // Reads every weight and compares its hash, and every byte between them,
  // which is 0.  With what Open() checks, no byte of the file can differ
  // unnoticed. kDataLoss names the first tensor that differs.  `progress`
  // counts bytes.
  absl::Status CheckHashes(const ProgressCallback& progress) const;

  absl::Span<const StoredTensor> tensors() const override { return tensors_; }
  const StoredTensor* Find(absl::string_view name) const override;
  void Release(absl::Span<const uint8_t> part) const override;

 private:
  ArtifactReader() = default;
  absl::Status CheckSegmentHash(const TensorRecord& record, int64_t done,
                                const ProgressCallback& progress) const;
  absl::Status CheckZero(int64_t begin, int64_t end) const;

  std::shared_ptr<const MappedFile> file_;  // Null when parsed from memory.
  absl::Span<const uint8_t> bytes_;         // The whole file.
  int64_t weights_offset_ = 0;
  int64_t metadata_offset_ = 0;
  uint32_t version_ = 0;
  Hash128 id_;
  ModelSpec spec_;
  TokenizerAsset tokenizer_;
  Provenance provenance_;
  std::vector<TensorRecord> records_;
  std::vector<StoredTensor> tensors_;  // Parallel to records_.
  absl::flat_hash_map<std::string, size_t> index_;
};

}  // namespace ounce

#endif  // OUNCE_FORMATS_ARTIFACT_ARTIFACT_READER_H_
