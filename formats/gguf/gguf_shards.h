// The mapped files that a GGUF model consists of: one, or shards called
// NAME-00001-of-0000N.gguf, of which the first has the keys and values.
// Source: ggml, docs/gguf.md; the `split.*` keys of llama.cpp's gguf-split.
#ifndef OUNCE_FORMATS_GGUF_GGUF_SHARDS_H_
#define OUNCE_FORMATS_GGUF_GGUF_SHARDS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/mapped_file.h"
#include "formats/gguf/gguf_file.h"

namespace ounce {

// Immutable; may be used from several threads.
class GgufShards {
 public:
  // `path` is the file, or the first of several.  Errors as MappedFile::Open
  // and GgufFile::Parse, with the path; kInvalidArgument: another shard than
  // the first, or files that are not called as shards are; kNotFound: a shard
  // is missing; kDataLoss: a tensor is in two shards, or their number is not
  // what the first says.
  static absl::StatusOr<GgufShards> Open(const std::string& path);

  // One file in memory, which must outlive the result.
  static absl::StatusOr<GgufShards> Parse(absl::Span<const uint8_t> file);

  const GgufFile& metadata() const { return files_.front(); }
  // Of all shards, in their order.
  const std::vector<const GgufTensor*>& tensors() const { return tensors_; }
  // nullptr when there is no tensor of that name.
  const GgufTensor* Find(absl::string_view name) const;
  // As MappedFile::Release, of the file that `part` is in; nothing in memory.
  void Release(absl::Span<const uint8_t> part) const;
  // The folder that the files are in, and their names there.
  const std::string& folder() const { return folder_; }
  const std::vector<std::string>& names() const { return names_; }

 private:
  GgufShards() = default;
  absl::Status Add(const std::string& path);
  absl::Status AddOthers(const std::string& path, int64_t count);
  absl::Status IndexTensors();

  std::string folder_;
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<MappedFile>> maps_;
  std::vector<GgufFile> files_;  // Parallel to maps_, but of one in memory.
  std::vector<const GgufTensor*> tensors_;
  absl::flat_hash_map<absl::string_view, const GgufTensor*> index_;
};

}  // namespace ounce

#endif  // OUNCE_FORMATS_GGUF_GGUF_SHARDS_H_
