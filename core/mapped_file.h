// A file mapped read-only.  Pages come in as they are touched and can be handed
// back, so that a model larger than memory can be read front to back.
#ifndef OUNCE_CORE_MAPPED_FILE_H_
#define OUNCE_CORE_MAPPED_FILE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace ounce {

// Immutable; may be read and released from several threads.  The file must not
// be truncated while it is mapped.
class MappedFile {
 public:
  // kNotFound, kPermissionDenied, or kInvalidArgument (not a regular file),
  // each with the path.  An empty file maps to no bytes.
  static absl::StatusOr<std::unique_ptr<MappedFile>> Open(
      const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  absl::Span<const uint8_t> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }

  // Asks for what is not yet in memory to be read in huge pages, which a file
  // that is read again and again is read faster from, where the file system has
  // them (Linux 6.x, ext4 and XFS).
  void PreferHugePages() const;
  // Drops this process's pages that lie wholly inside `part`, which must be a
  // part of bytes().  They are read again when touched again, and no more in
  // huge pages: a file that is let go of part by part is to take little memory.
  void Release(absl::Span<const uint8_t> part) const;

 private:
  MappedFile(std::string path, const uint8_t* data, size_t size)
      : path_(std::move(path)), data_(data), size_(size) {}

  const std::string path_;
  const uint8_t* const data_;
  const size_t size_;
  mutable std::atomic<bool> released_{false};
};

// The whole of a small file.  kInvalidArgument: longer than `max_bytes`; other
// errors as MappedFile::Open.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path,
                                          int64_t max_bytes);

}  // namespace ounce

#endif  // OUNCE_CORE_MAPPED_FILE_H_
