#include "calibrate/activation_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/checked.h"
#include "core/errno_status.h"

namespace ounce {

ActivationStore::ActivationStore(std::vector<int64_t> window_tokens,
                                 int64_t width)
    : tokens_(std::move(window_tokens)), width_(width) {
  offsets_.push_back(0);
  for (const int64_t tokens : tokens_) {
    offsets_.push_back(offsets_.back() + tokens);
  }
}

absl::StatusOr<std::unique_ptr<ActivationStore>> ActivationStore::Create(
    std::vector<int64_t> window_tokens, int64_t width,
    const std::string& spill_path) {
  std::unique_ptr<ActivationStore> store(
      new ActivationStore(std::move(window_tokens), width));
  const int64_t floats = store->total_tokens() * width;
  if (spill_path.empty()) {
    try {
      store->values_.resize(static_cast<size_t>(floats));
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "no memory for ", floats * 4,
          " bytes of activations; set --max-ram, so that they go to a file"));
    }
    return store;
  }
  store->path_ = spill_path;
  store->fd_ =
      open(spill_path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (store->fd_ < 0) return ErrnoStatus(errno, "create", spill_path);
  unlink(spill_path.c_str());
  // Now, rather than half an hour later.
  const int error = posix_fallocate(store->fd_, 0, floats * 4);
  if (error != 0) return ErrnoStatus(error, "reserve room for", spill_path);
  return store;
}

ActivationStore::~ActivationStore() {
  if (fd_ >= 0) close(fd_);
}

absl::Status ActivationStore::Read(int64_t window, Matrix* out) const {
  out->Resize(tokens(window), width_);
  const int64_t begin = offsets_[static_cast<size_t>(window)] * width_;
  const int64_t count = out->rows() * width_;
  if (!spilled()) {
    std::copy_n(values_.data() + begin, count, out->row(0));
    return absl::OkStatus();
  }
  auto* to = reinterpret_cast<uint8_t*>(out->row(0));
  int64_t done = 0;
  while (done < count * 4) {
    const ssize_t got =
        pread(fd_, to + done, static_cast<size_t>(count * 4 - done),
              begin * 4 + done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return ErrnoStatus(got < 0 ? errno : EIO, "read", path_);
    done += got;
  }
  return absl::OkStatus();
}

absl::Status ActivationStore::Write(int64_t window,
                                    MatrixView<const float> rows) {
  const int64_t begin = offsets_[static_cast<size_t>(window)] * width_;
  const int64_t count = rows.rows * width_;
  if (!spilled()) {
    std::copy_n(rows.data, count, values_.data() + begin);
    return absl::OkStatus();
  }
  const auto* from = reinterpret_cast<const uint8_t*>(rows.data);
  int64_t done = 0;
  while (done < count * 4) {
    const ssize_t put =
        pwrite(fd_, from + done, static_cast<size_t>(count * 4 - done),
               begin * 4 + done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return ErrnoStatus(errno, "write", path_);
    done += put;
  }
  return absl::OkStatus();
}

}  // namespace ounce
