// The entries of a zip archive in memory, as torch.save() writes one: every
// entry is a view of the file's own bytes.  Nothing is decompressed.
// Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
#ifndef OUNCE_FORMATS_PYTORCH_ZIP_ARCHIVE_H_
#define OUNCE_FORMATS_PYTORCH_ZIP_ARCHIVE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace ounce {

struct ZipEntry {
  absl::string_view name;           // Points into the file; valid UTF-8.
  absl::Span<const uint8_t> bytes;  // As stored; points into the file.
  uint16_t method = 0;              // Of compression; 0: none.
  uint32_t crc32 = 0;               // As the archive has it; not checked.
};

class ZipArchive {
 public:
  // Every number in the archive is checked, and what it says twice must agree:
  // the directory, its zip64 form, the header before each entry and the
  // descriptor after it.
  // kDataLoss: truncated, sizes or offsets outside the file, entries that
  // overlap, headers that disagree.  kInvalidArgument: a name that is empty,
  // absolute, leads upwards or comes twice.  kUnimplemented: an entry that is
  // encrypted, or an archive in several volumes.
  static absl::StatusOr<ZipArchive> Parse(absl::Span<const uint8_t> file);

  // In the order of the directory.
  absl::Span<const ZipEntry> entries() const { return entries_; }
  // nullptr when there is none of that name.
  const ZipEntry* Find(absl::string_view name) const;

 private:
  std::vector<ZipEntry> entries_;
  absl::flat_hash_map<absl::string_view, size_t> index_;
};

// kUnimplemented when the entry is compressed.
absl::Status CheckStored(const ZipEntry& entry);

// kDataLoss when the bytes are not those that were written.
absl::Status CheckCrc32(const ZipEntry& entry);

}  // namespace ounce

#endif  // OUNCE_FORMATS_PYTORCH_ZIP_ARCHIVE_H_
