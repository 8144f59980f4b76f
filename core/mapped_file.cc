#include "core/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/errno_status.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

// A file descriptor of a regular file, closed on scope exit.
class RegularFile {
 public:
  static absl::StatusOr<RegularFile> Open(const std::string& path) {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    RegularFile file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.fd_ < 0) return ErrnoStatus(errno, "open", path);
    struct stat info;
    if (fstat(file.fd_, &info) != 0) return ErrnoStatus(errno, "stat", path);
    if (!S_ISREG(info.st_mode)) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", path, "' is not a regular file"));
    }
    file.size_ = info.st_size;
    return file;
  }
  RegularFile(RegularFile&& other) noexcept
      : fd_(other.fd_), size_(other.size_) {
    other.fd_ = -1;
  }
  ~RegularFile() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }
  int64_t size() const { return size_; }

 private:
  explicit RegularFile(int fd) : fd_(fd) {}
  int fd_;
  int64_t size_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<MappedFile>> MappedFile::Open(
    const std::string& path) {
  OUNCE_ASSIGN_OR_RETURN(const RegularFile file, RegularFile::Open(path));
  const auto size = static_cast<size_t>(file.size());
  void* data = nullptr;
  if (size > 0) {
    data = mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd(), 0);
    if (data == MAP_FAILED) return ErrnoStatus(errno, "map", path);
  }
  return std::unique_ptr<MappedFile>(
      new MappedFile(path, static_cast<const uint8_t*>(data), size));
}

MappedFile::~MappedFile() {
  if (size_ > 0) munmap(const_cast<uint8_t*>(data_), size_);
}

void MappedFile::PreferHugePages() const {
  if (size_ > 0) madvise(const_cast<uint8_t*>(data_), size_, MADV_HUGEPAGE);
}

void MappedFile::Release(absl::Span<const uint8_t> part) const {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<uintptr_t>(part.data());
  const uintptr_t begin = (first + page - 1) / page * page;
  uintptr_t end = first + part.size();
  // The file's last page belongs to nobody else.
  if (part.data() + part.size() != data_ + size_) end = end / page * page;
  if (begin >= end) return;
  // From here on as well: touching a byte could bring a huge page.
  if (!released_.exchange(true)) {
    madvise(const_cast<uint8_t*>(data_), size_, MADV_NOHUGEPAGE);
  }
  madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path,
                                          int64_t max_bytes) {
  OUNCE_ASSIGN_OR_RETURN(const RegularFile file, RegularFile::Open(path));
  if (file.size() > max_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", path, "' has ", file.size(),
                     " bytes; expected at most ", max_bytes));
  }
  std::string bytes(static_cast<size_t>(file.size()), '\0');
  size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = read(file.fd(), &bytes[have], bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "read", path);
    if (got == 0) break;  // Shorter than it was a moment ago.
    have += static_cast<size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

}  // namespace ounce
