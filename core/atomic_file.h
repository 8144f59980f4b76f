// Writes a file so that its final name holds either what was there before or
// the whole new content, whatever happens in between: the bytes go to
// `path`.partial in the same folder, are synced, and the file is renamed.
#ifndef OUNCE_CORE_ATOMIC_FILE_H_
#define OUNCE_CORE_ATOMIC_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace ounce {

// Not thread-safe.
class AtomicFile {
 public:
  // Creates `path`.partial, replacing a stale one, and locks it until the end.
  // kFailedPrecondition: a live process is writing it.
  // kNotFound, kPermissionDenied ...: the folder cannot be written.
  static absl::StatusOr<std::unique_ptr<AtomicFile>> Create(
      const std::string& path);
  // Opens the partial file that an interrupted process left, cuts it to `size`
  // bytes, locks it as Create() does and goes on from there.
  // kNotFound: there is none; kDataLoss: it is shorter; kFailedPrecondition: a
  // live process is writing it.
  static absl::StatusOr<std::unique_ptr<AtomicFile>> Reopen(
      const std::string& path, int64_t size);
  // Removes the partial file unless Commit() succeeded or it is to be kept.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Appends.  kResourceExhausted: the disk is full, which may also show in a
  // later call.
  absl::Status Append(absl::Span<const uint8_t> bytes);
  absl::Status Append(absl::string_view bytes);
  // Overwrites bytes that were appended before.
  absl::Status WriteAt(int64_t offset, absl::Span<const uint8_t> bytes);
  // Bytes appended so far.
  int64_t size() const {
    return written_ + static_cast<int64_t>(buffer_.size());
  }

  // Writes what was appended and syncs it: a Reopen() of size() bytes will find
  // them whatever happens.  From then on the partial file outlives this object.
  absl::Status Checkpoint();
  const std::string& partial_path() const { return partial_path_; }

  // Syncs, renames and syncs the folder.  Call once, last.
  absl::Status Commit();
  // What Commit() waited for the disk, to compare the rest with programs that
  // do not wait.
  double sync_seconds() const { return sync_seconds_; }

 private:
  AtomicFile(std::string path, int fd)
      : path_(std::move(path)), partial_path_(path_ + ".partial"), fd_(fd) {
    // Touched now, so that no peak of memory depends on how much is written.
    buffer_.resize(kBlockBytes);
    buffer_.clear();
  }

  // Written at once, at a multiple of its size: Linux then keeps the file in
  // huge pages, from which a map of it is read a sixth faster.
  static constexpr size_t kBlockBytes = size_t{2} << 20;

  // The partial file, created if need be and locked.
  static absl::StatusOr<int> OpenLocked(const std::string& partial, int flags);
  absl::Status Flush();

  const std::string path_;
  const std::string partial_path_;
  const int fd_;
  int64_t written_ = 0;
  std::vector<uint8_t> buffer_;  // Appended, from written_ on.
  bool committed_ = false;
  bool kept_ = false;  // There is a checkpoint.
  double sync_seconds_ = 0.0;
};

// The whole of `bytes` as the file `path`.
absl::Status WriteFileAtomically(const std::string& path,
                                 absl::string_view bytes);

}  // namespace ounce

#endif  // OUNCE_CORE_ATOMIC_FILE_H_
