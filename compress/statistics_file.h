// Statistics of a float model's inputs, kept in a file, so that a model may be
// quantised again and again without running it.
//
// A safetensors file.  Of each input, named after the first matrix that reads
// it, `NAME.tokens` I64 [1], `NAME.mean`, `.mean_abs` and `.abs_max` F32 [in],
// `.percentiles` F64 [4] (of all magnitudes: 50, 90, 99 and 99.9 %, up to the
// next power of two) and, for methods that take it, `.second_moment` F32
// [in, in].  Its metadata, each JSON in a string: "sources", "calibration",
// "inputs" (a matrix, the NAME of its input), "unusable" (NAME, why there are
// no numbers), "hashes" (a tensor, XXH3-128 of its bytes).
#ifndef OUNCE_COMPRESS_STATISTICS_FILE_H_
#define OUNCE_COMPRESS_STATISTICS_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "calibrate/input_statistics.h"
#include "core/json.h"
#include "core/mapped_file.h"
#include "formats/artifact/artifact.h"
#include "formats/safetensors/safetensors_writer.h"
#include "model/tensor_source.h"

namespace ounce {

// What statistics were collected from.
struct StatisticsOrigin {
  std::string tool_version;
  std::vector<SourceFile> sources;  // Of the checkpoint.
  CalibrationSource calibration;
  int64_t token_limit = 0;  // CalibrationOptions::tokens
};

// Writes one, input by input.
class StatisticsWriter {
 public:
  // `inputs`: the matrices that read each input which will be added, at most.
  // Errors as AtomicFile::Create().
  static absl::StatusOr<std::unique_ptr<StatisticsWriter>> Create(
      const std::string& path, const StatisticsOrigin& origin,
      absl::Span<const std::vector<std::string>> inputs);

  // Of the input of `readers`, at least one.  Of what CheckStatistics()
  // refuses, or whose second moments are not finite, why alone is stored.
  absl::Status Add(absl::Span<const std::string> readers,
                   const InputStatistics& statistics);
  // Call once, last.
  absl::Status Finish();

 private:
  StatisticsWriter(std::unique_ptr<SafetensorsStream> file,
                   const StatisticsOrigin& origin);
  absl::Status AddTensor(const OutputTensor& tensor);

  const std::unique_ptr<SafetensorsStream> file_;
  Json::Object metadata_, inputs_, unusable_, hashes_;
};

// Immutable.
class StatisticsFile {
 public:
  // kInvalidArgument, kDataLoss: no safetensors file, or not of statistics.
  // kFailedPrecondition: of another version.
  static absl::StatusOr<std::unique_ptr<StatisticsFile>> Open(
      const std::string& path);

  const std::string& path() const { return map_->path(); }
  const StatisticsOrigin& origin() const { return origin_; }
  // SHA-256 that differs wherever the statistics or their origin do.
  const std::string& fingerprint() const { return fingerprint_; }

  // kFailedPrecondition: they are another checkpoint's, with what differs.
  absl::Status CheckSources(absl::Span<const SourceFile> sources) const;

  // Of the input of `matrix`, by its canonical name, of `in` columns; the
  // histogram is left empty.  Gives the file's pages back.
  // kFailedPrecondition: the file has none, and why.  kDataLoss naming the
  // tensor: wrong shapes, values that are none, or bytes that have changed.
  absl::StatusOr<InputStatistics> Read(absl::string_view matrix, int64_t in,
                                       bool second_moment) const;

 private:
  StatisticsFile() = default;
  absl::Status ParseMetadata();
  absl::Status ParseOrigin(const Json::Object& metadata);
  // The tensor of that name and shape, or an error that names it.
  absl::StatusOr<const StoredTensor*> FindTensor(const std::string& name,
                                                 const Shape& shape,
                                                 absl::string_view dtype) const;
  absl::Status CheckHash(const StoredTensor& tensor) const;
  absl::StatusOr<std::vector<float>> ReadFloats(const std::string& name,
                                                const Shape& shape) const;
  absl::StatusOr<int64_t> ReadTokens(const std::string& name) const;
  absl::StatusOr<InputStatistics> ReadInput(const std::string& name, int64_t in,
                                            bool second_moment) const;

  std::unique_ptr<MappedFile> map_;
  StatisticsOrigin origin_;
  std::string fingerprint_;
  absl::flat_hash_map<std::string, StoredTensor> tensors_;
  Json inputs_, unusable_, hashes_;
};

}  // namespace ounce

#endif  // OUNCE_COMPRESS_STATISTICS_FILE_H_
