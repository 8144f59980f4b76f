#include "core/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/errno_status.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status SyncFolderOf(const std::string& path) {
  const std::string folder = FolderOf(path);
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, "open", folder);
  // Some file systems cannot sync a folder; the rename has happened anyway.
  fsync(fd);
  close(fd);
  return absl::OkStatus();
}

// True when `fd` still is the file that `path` names: a writer that finished
// between our open and our lock renamed or removed it.
bool StillNames(const std::string& path, int fd) {
  struct stat by_fd, by_path;
  return fstat(fd, &by_fd) == 0 && stat(path.c_str(), &by_path) == 0 &&
         by_fd.st_dev == by_path.st_dev && by_fd.st_ino == by_path.st_ino;
}

absl::Status WriteAll(int fd, const uint8_t* data, size_t size, int64_t offset,
                      const std::string& path) {
  while (size > 0) {
    const ssize_t wrote = pwrite(fd, data, size, offset);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return ErrnoStatus(errno, "write", path);
    data += wrote;
    size -= static_cast<size_t>(wrote);
    offset += wrote;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<AtomicFile>> AtomicFile::Create(
    const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cannot write '", path, "': it exists and is not a regular file"));
  }
  OUNCE_ASSIGN_OR_RETURN(const int fd, OpenLocked(path + ".partial", O_CREAT));
  std::unique_ptr<AtomicFile> file(new AtomicFile(path, fd));
  if (ftruncate(fd, 0) != 0) {
    return ErrnoStatus(errno, "truncate", file->partial_path_);
  }
  return file;
}

absl::StatusOr<std::unique_ptr<AtomicFile>> AtomicFile::Reopen(
    const std::string& path, int64_t size) {
  OUNCE_ASSIGN_OR_RETURN(const int fd, OpenLocked(path + ".partial", 0));
  std::unique_ptr<AtomicFile> file(new AtomicFile(path, fd));
  file->kept_ = true;
  struct stat info;
  if (fstat(fd, &info) != 0) {
    return ErrnoStatus(errno, "look at", file->partial_path_);
  }
  if (info.st_size < size) {
    return absl::DataLossError(
        absl::StrCat("'", file->partial_path_, "' has ", info.st_size,
                     " bytes; expected at least ", size,
                     ": it was damaged, start anew without --resume"));
  }
  if (ftruncate(fd, size) != 0) {
    return ErrnoStatus(errno, "truncate", file->partial_path_);
  }
  // Blocks are written at multiples of their size: the last part comes back.
  file->written_ = size / static_cast<int64_t>(kBlockBytes) *
                   static_cast<int64_t>(kBlockBytes);
  file->buffer_.resize(static_cast<size_t>(size - file->written_));
  size_t done = 0;
  while (done < file->buffer_.size()) {
    const ssize_t got =
        pread(fd, file->buffer_.data() + done, file->buffer_.size() - done,
              file->written_ + static_cast<int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return ErrnoStatus(got < 0 ? errno : EIO, "read", file->partial_path_);
    }
    done += static_cast<size_t>(got);
  }
  return file;
}

absl::StatusOr<int> AtomicFile::OpenLocked(const std::string& partial,
                                           int flags) {
  while (true) {
    const int fd = open(partial.c_str(), O_RDWR | O_CLOEXEC | flags, 0644);
    if (fd < 0) {
      return ErrnoStatus(errno, flags == 0 ? "open" : "create", partial);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      close(fd);
      return absl::FailedPreconditionError(
          absl::StrCat("another process is writing '", partial,
                       "'; wait for it or choose another output"));
    }
    if (StillNames(partial, fd)) return fd;
    close(fd);
  }
}

AtomicFile::~AtomicFile() {
  if (!committed_ && !kept_) unlink(partial_path_.c_str());
  close(fd_);
}

absl::Status AtomicFile::Flush() {
  OUNCE_RETURN_IF_ERROR(
      WriteAll(fd_, buffer_.data(), buffer_.size(), written_, partial_path_));
  written_ += static_cast<int64_t>(buffer_.size());
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status AtomicFile::Append(absl::Span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const absl::Span<const uint8_t> part =
        bytes.subspan(0, kBlockBytes - buffer_.size());
    buffer_.insert(buffer_.end(), part.begin(), part.end());
    bytes.remove_prefix(part.size());
    if (buffer_.size() == kBlockBytes) OUNCE_RETURN_IF_ERROR(Flush());
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::Append(absl::string_view bytes) {
  return Append(absl::MakeConstSpan(
      reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

absl::Status AtomicFile::WriteAt(int64_t offset,
                                 absl::Span<const uint8_t> bytes) {
  OUNCE_DCHECK(offset >= 0 &&
               offset + static_cast<int64_t>(bytes.size()) <= size());
  const auto written = static_cast<size_t>(std::clamp<int64_t>(
      written_ - offset, 0, static_cast<int64_t>(bytes.size())));
  OUNCE_RETURN_IF_ERROR(
      WriteAll(fd_, bytes.data(), written, offset, partial_path_));
  const absl::Span<const uint8_t> buffered = bytes.subspan(written);
  if (buffered.empty()) return absl::OkStatus();
  const int64_t begin = offset + static_cast<int64_t>(written) - written_;
  std::copy(buffered.begin(), buffered.end(), buffer_.begin() + begin);
  return absl::OkStatus();
}

absl::Status AtomicFile::Checkpoint() {
  // What is left of a block stays in the buffer, to be written again with it.
  OUNCE_RETURN_IF_ERROR(
      WriteAll(fd_, buffer_.data(), buffer_.size(), written_, partial_path_));
  if (fsync(fd_) != 0) return ErrnoStatus(errno, "sync", partial_path_);
  OUNCE_RETURN_IF_ERROR(SyncFolderOf(path_));
  kept_ = true;
  return absl::OkStatus();
}

absl::Status AtomicFile::Commit() {
  OUNCE_RETURN_IF_ERROR(Flush());
  const auto start = std::chrono::steady_clock::now();
  if (fsync(fd_) != 0) return ErrnoStatus(errno, "sync", partial_path_);
  const auto synced = std::chrono::steady_clock::now();
  if (rename(partial_path_.c_str(), path_.c_str()) != 0) {
    return ErrnoStatus(errno, "rename to", path_);
  }
  committed_ = true;
  const auto renamed = std::chrono::steady_clock::now();
  OUNCE_RETURN_IF_ERROR(SyncFolderOf(path_));
  const auto end = std::chrono::steady_clock::now();
  sync_seconds_ =
      std::chrono::duration<double>((synced - start) + (end - renamed)).count();
  return absl::OkStatus();
}

absl::Status WriteFileAtomically(const std::string& path,
                                 absl::string_view bytes) {
  OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<AtomicFile> file,
                         AtomicFile::Create(path));
  OUNCE_RETURN_IF_ERROR(file->Append(bytes));
  return file->Commit();
}

}  // namespace ounce
