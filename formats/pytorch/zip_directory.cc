#include "formats/pytorch/zip_directory.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/checked.h"
#include "core/status_macros.h"
#include "formats/pytorch/zip_fields.h"

namespace ounce {
namespace {

using Bytes = absl::Span<const uint8_t>;

constexpr uint32_t kEndSignature = 0x06054B50;
constexpr uint32_t kEnd64Signature = 0x06064B50;
constexpr uint32_t kLocatorSignature = 0x07064B50;

// Sizes of the fixed parts.
constexpr int64_t kEndBytes = 22;
constexpr int64_t kEnd64Bytes = 56;
constexpr int64_t kLocatorBytes = 20;
constexpr int64_t kMaxCommentBytes = 0xFFFF;

absl::StatusOr<int64_t> FindEnd(Bytes file) {
  const int64_t last = SizeOf(file) - kEndBytes;
  const int64_t first = std::max<int64_t>(0, last - kMaxCommentBytes);
  for (int64_t offset = last; offset >= first; --offset) {
    if (LoadField<uint32_t>(file, offset) == kEndSignature &&
        LoadField<uint16_t>(file, offset + 20) == last - offset) {
      return offset;
    }
  }
  return absl::DataLossError(
      "no end of a zip archive's directory in the last 64 KiB; the file is "
      "truncated, or no zip archive");
}

// Replaces `field` by the zip64 record's, which a field that is not saturated
// repeats.
absl::Status Widen(uint64_t wide, uint64_t saturated, absl::string_view what,
                   uint64_t* field) {
  if (*field != saturated && *field != wide) {
    return absl::DataLossError(absl::StrCat("the zip64 record has ", what, " ",
                                            wide, ", the one after it ",
                                            *field));
  }
  *field = wide;
  return absl::OkStatus();
}

absl::Status ReadEnd64(Bytes file, int64_t end, ZipDirectory* directory,
                       int64_t* records) {
  const int64_t locator = end - kLocatorBytes;
  if (!HasSignature(file, locator, kLocatorSignature)) return absl::OkStatus();
  const auto offset = LoadField<uint64_t>(file, locator + 8);
  if (locator < kEnd64Bytes ||
      offset > static_cast<uint64_t>(locator - kEnd64Bytes) ||
      !HasSignature(file, static_cast<int64_t>(offset), kEnd64Signature)) {
    return absl::DataLossError(absl::StrCat("no zip64 record at offset ",
                                            offset, ", where the locator at ",
                                            locator, " has it"));
  }
  const auto begin = static_cast<int64_t>(offset);
  if (LoadField<uint64_t>(file, begin + 4) !=
      static_cast<uint64_t>(locator - begin - 12)) {
    return absl::DataLossError(
        absl::StrCat("the zip64 record at offset ", begin,
                     " does not end at its locator, at ", locator));
  }
  OUNCE_RETURN_IF_ERROR(
      CheckOneZipVolume(LoadField<uint32_t>(file, locator + 4) == 0 &&
                        LoadField<uint32_t>(file, locator + 16) <= 1 &&
                        LoadField<uint32_t>(file, begin + 16) == 0 &&
                        LoadField<uint32_t>(file, begin + 20) == 0 &&
                        LoadField<uint64_t>(file, begin + 24) ==
                            LoadField<uint64_t>(file, begin + 32)));
  OUNCE_RETURN_IF_ERROR(Widen(LoadField<uint64_t>(file, begin + 32), 0xFFFF,
                              "a number of entries", &directory->num_entries));
  OUNCE_RETURN_IF_ERROR(Widen(LoadField<uint64_t>(file, begin + 40),
                              kZipSaturated, "a directory size",
                              &directory->bytes));
  OUNCE_RETURN_IF_ERROR(Widen(LoadField<uint64_t>(file, begin + 48),
                              kZipSaturated, "a directory offset",
                              &directory->offset));
  *records = begin;
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckOneZipVolume(bool one_volume) {
  if (one_volume) return absl::OkStatus();
  return absl::UnimplementedError(
      "the zip archive is in several volumes; expected one");
}

absl::StatusOr<ZipDirectory> FindZipDirectory(Bytes file) {
  OUNCE_ASSIGN_OR_RETURN(const int64_t end, FindEnd(file));
  OUNCE_RETURN_IF_ERROR(
      CheckOneZipVolume(LoadField<uint16_t>(file, end + 4) == 0 &&
                        LoadField<uint16_t>(file, end + 6) == 0 &&
                        LoadField<uint16_t>(file, end + 8) ==
                            LoadField<uint16_t>(file, end + 10)));
  ZipDirectory directory;
  directory.num_entries = LoadField<uint16_t>(file, end + 10);
  directory.bytes = LoadField<uint32_t>(file, end + 12);
  directory.offset = LoadField<uint32_t>(file, end + 16);
  int64_t records = end;
  OUNCE_RETURN_IF_ERROR(ReadEnd64(file, end, &directory, &records));
  const auto limit = static_cast<uint64_t>(records);
  if (directory.offset > limit || directory.bytes != limit - directory.offset) {
    return absl::DataLossError(
        absl::StrCat("a directory of ", directory.bytes, " bytes at offset ",
                     directory.offset, "; expected it to end at ", records,
                     ", where the records about it begin"));
  }
  if (directory.num_entries > directory.bytes / kZipCentralBytes) {
    return absl::DataLossError(absl::StrCat(
        directory.num_entries, " entries in a directory of ", directory.bytes,
        " bytes; expected at least ", kZipCentralBytes, " bytes each"));
  }
  return directory;
}

}  // namespace ounce
