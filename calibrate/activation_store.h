// The activations between two blocks, for all windows of a calibration text: in
// memory, or in a file where memory is short.
#ifndef OUNCE_CALIBRATE_ACTIVATION_STORE_H_
#define OUNCE_CALIBRATE_ACTIVATION_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/tensor.h"

namespace ounce {

// Not thread-safe.
class ActivationStore {
 public:
  // Room for windows of `window_tokens` rows of `width` floats.  `spill_path`:
  // empty, and they are held in memory; else a file of this name, which is
  // removed from its folder at once, so that nothing is left of it whatever
  // happens.  kResourceExhausted: neither has room; errors of the file as errno
  // has them.
  static absl::StatusOr<std::unique_ptr<ActivationStore>> Create(
      std::vector<int64_t> window_tokens, int64_t width,
      const std::string& spill_path);
  ~ActivationStore();
  ActivationStore(const ActivationStore&) = delete;
  ActivationStore& operator=(const ActivationStore&) = delete;

  int64_t windows() const { return static_cast<int64_t>(tokens_.size()); }
  int64_t tokens(int64_t window) const {
    return tokens_[static_cast<size_t>(window)];
  }
  int64_t total_tokens() const { return offsets_.back(); }
  bool spilled() const { return fd_ >= 0; }

  // `out` is made [tokens(window), width].  Of a window never written: zeros.
  absl::Status Read(int64_t window, Matrix* out) const;
  // `rows` is [tokens(window), width], rows adjacent.
  absl::Status Write(int64_t window, MatrixView<const float> rows);

 private:
  ActivationStore(std::vector<int64_t> window_tokens, int64_t width);

  const std::vector<int64_t> tokens_;
  std::vector<int64_t> offsets_;  // In rows; one more than windows.
  const int64_t width_;
  std::string path_;
  int fd_ = -1;
  std::vector<float> values_;  // Unless there is a file.
};

}  // namespace ounce

#endif  // OUNCE_CALIBRATE_ACTIVATION_STORE_H_
