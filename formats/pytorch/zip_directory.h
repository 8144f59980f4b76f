// Finds the directory of a zip archive from the records at its end, in their
// 32-bit and 64-bit forms.
// Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.14 to 4.3.16.
#ifndef OUNCE_FORMATS_PYTORCH_ZIP_DIRECTORY_H_
#define OUNCE_FORMATS_PYTORCH_ZIP_DIRECTORY_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace ounce {

// Of a directory entry, without its name and extra fields.
inline constexpr int64_t kZipCentralBytes = 46;

// [offset, offset + bytes) lies within the file and ends where the records at
// the end begin; `num_entries` fit there.
struct ZipDirectory {
  uint64_t num_entries = 0;
  uint64_t bytes = 0;
  uint64_t offset = 0;
};

// kDataLoss: no such records, or they disagree with each other or with the
// file's size; kUnimplemented: an archive in several volumes.
absl::StatusOr<ZipDirectory> FindZipDirectory(absl::Span<const uint8_t> file);

// kUnimplemented unless `one_volume`.
absl::Status CheckOneZipVolume(bool one_volume);

}  // namespace ounce

#endif  // OUNCE_FORMATS_PYTORCH_ZIP_DIRECTORY_H_
