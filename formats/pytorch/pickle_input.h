// The bytes of a pickle, read front to back by whoever interprets them.
#ifndef OUNCE_FORMATS_PYTORCH_PICKLE_INPUT_H_
#define OUNCE_FORMATS_PYTORCH_PICKLE_INPUT_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/status_macros.h"

namespace ounce {

static_assert(std::endian::native == std::endian::little,
              "arguments are loaded as they lie in the pickle, little endian");

// A module's or a function's name; those that are ever allowed are far shorter.
inline constexpr size_t kMaxPickleNameBytes = 512;

class PickleInput {
 public:
  explicit PickleInput(absl::Span<const uint8_t> bytes) : bytes_(bytes) {}

  size_t position() const { return position_; }
  size_t left() const { return bytes_.size() - position_; }

  absl::StatusOr<absl::string_view> Take(uint64_t size) {
    const size_t limit = in_frame_ ? frame_end_ : bytes_.size();
    if (size > limit - position_) {
      return absl::DataLossError(absl::StrCat(
          "truncated: needs ", size, " bytes at byte ", position_, ", but ",
          limit == bytes_.size() ? "the pickle" : "its frame", " ends at ",
          limit));
    }
    const absl::string_view taken(
        reinterpret_cast<const char*>(bytes_.data()) + position_,
        static_cast<size_t>(size));
    position_ += taken.size();
    return taken;
  }

  template <typename T>
  absl::StatusOr<T> Load() {
    OUNCE_ASSIGN_OR_RETURN(const absl::string_view bytes, Take(sizeof(T)));
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }

  // Up to the next end of line, which is taken too.
  absl::StatusOr<absl::string_view> TakeLine() {
    const absl::string_view rest(
        reinterpret_cast<const char*>(bytes_.data()) + position_,
        std::min(left(), kMaxPickleNameBytes + 1));
    const size_t size = rest.find('\n');
    if (size == absl::string_view::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("a name of more than ", kMaxPickleNameBytes,
                       " bytes, or without an end"));
    }
    OUNCE_ASSIGN_OR_RETURN(const absl::string_view line, Take(size + 1));
    return line.substr(0, size);
  }

  // The next opcode's byte.  Frames end between opcodes.
  absl::StatusOr<uint8_t> NextOpcode() {
    if (position_ == frame_end_) in_frame_ = false;
    return Load<uint8_t>();
  }

  // An opcode that begins in the next `size` bytes may not go beyond.
  absl::Status BeginFrame(uint64_t size) {
    if (in_frame_) {
      return absl::InvalidArgumentError("a frame inside a frame");
    }
    if (size > left()) {
      return absl::DataLossError(absl::StrCat(
          "truncated: a frame of ", size, " bytes, but ", left(), " are left"));
    }
    frame_end_ = position_ + static_cast<size_t>(size);
    in_frame_ = true;
    return absl::OkStatus();
  }

 private:
  absl::Span<const uint8_t> bytes_;
  size_t position_ = 0;
  bool in_frame_ = false;
  size_t frame_end_ = 0;
};

}  // namespace ounce

#endif  // OUNCE_FORMATS_PYTORCH_PICKLE_INPUT_H_
