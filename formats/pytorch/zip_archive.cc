#include "formats/pytorch/zip_archive.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/annotate.h"
#include "core/checked.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "formats/pytorch/zip_directory.h"
#include "formats/pytorch/zip_fields.h"

namespace ounce {
namespace {

using Bytes = absl::Span<const uint8_t>;

constexpr uint32_t kLocalSignature = 0x04034B50;
constexpr uint32_t kCentralSignature = 0x02014B50;
constexpr uint32_t kDescriptorSignature = 0x08074B50;

// Sizes of the fixed parts.
constexpr int64_t kLocalBytes = 30;

constexpr uint16_t kEncryptedFlag = 1 << 0;
constexpr uint16_t kDescriptorFlag = 1 << 3;
constexpr uint16_t kPatchFlag = 1 << 5;
constexpr uint16_t kStrongEncryptionFlag = 1 << 6;
constexpr uint16_t kMaskedHeaderFlag = 1 << 13;
constexpr uint16_t kStored = 0;
constexpr uint16_t kZip64Field = 1;

// The two headers of an entry have these in common.
struct Header {
  uint16_t flags = 0;
  uint16_t method = 0;
  uint32_t crc32 = 0;
  uint64_t compressed_bytes = 0;
  uint64_t bytes = 0;
  Bytes name;
  Bytes extra;
};

struct Central {
  Header header;
  uint64_t offset = 0;  // Of the local header.
};

// What an entry takes of the file, its headers included.
struct Extent {
  int64_t begin = 0;
  int64_t end = 0;
  absl::string_view name;
};

// The bytes of the zip64 extra field; empty when there is none.
absl::StatusOr<Bytes> FindZip64Field(Bytes extra) {
  Bytes found;
  while (!extra.empty()) {
    if (extra.size() < 4 || LoadField<uint16_t>(extra, 2) > extra.size() - 4) {
      return absl::DataLossError("an extra field exceeds the header");
    }
    const Bytes field = extra.subspan(4, LoadField<uint16_t>(extra, 2));
    if (LoadField<uint16_t>(extra, 0) == kZip64Field) {
      if (!found.empty()) return absl::DataLossError("two zip64 extra fields");
      found = field;
    }
    extra = extra.subspan(4 + field.size());
  }
  return found;
}

// Replaces saturated `fields`, which are in the order of the extra field.
absl::Status ResolveZip64(Bytes extra, absl::Span<uint64_t* const> fields) {
  OUNCE_ASSIGN_OR_RETURN(Bytes wide, FindZip64Field(extra));
  for (uint64_t* field : fields) {
    if (*field != kZipSaturated) continue;
    if (wide.size() < 8) {
      return absl::DataLossError(
          "a size or offset is left to a zip64 extra field that does not have "
          "it");
    }
    *field = LoadField<uint64_t>(wide, 0);
    wide = wide.subspan(8);
  }
  return absl::OkStatus();
}

// The fields from `flags` on, `names` being where the lengths of name and extra
// field are and `size` that of the fixed part.  Its range was checked.
Header LoadHeader(Bytes bytes, int64_t flags, int64_t names, int64_t size) {
  Header header;
  header.flags = LoadField<uint16_t>(bytes, flags);
  header.method = LoadField<uint16_t>(bytes, flags + 2);
  header.crc32 = LoadField<uint32_t>(bytes, flags + 8);
  header.compressed_bytes = LoadField<uint32_t>(bytes, flags + 12);
  header.bytes = LoadField<uint32_t>(bytes, flags + 16);
  const int64_t name_bytes = LoadField<uint16_t>(bytes, names);
  const int64_t extra_bytes = LoadField<uint16_t>(bytes, names + 2);
  if (RangeFits(size, name_bytes + extra_bytes, SizeOf(bytes))) {
    header.name = Part(bytes, size, name_bytes);
    header.extra = Part(bytes, size + name_bytes, extra_bytes);
  }
  return header;
}

absl::Status CheckName(absl::string_view name) {
  bool bad = name.empty() || name.front() == '/' || !IsValidUtf8(name);
  for (const char c : name) {
    bad =
        bad || absl::ascii_iscntrl(static_cast<unsigned char>(c)) || c == '\\';
  }
  for (const absl::string_view part : absl::StrSplit(name, '/')) {
    bad = bad || part == "..";
  }
  if (!bad) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("an entry is called \"", absl::CHexEscape(name),
                   "\"; expected a relative path in UTF-8 without \"..\""));
}

absl::Status CheckPlain(const Header& header) {
  constexpr uint16_t kRefused =
      kEncryptedFlag | kPatchFlag | kStrongEncryptionFlag | kMaskedHeaderFlag;
  if ((header.flags & kRefused) != 0) {
    return absl::UnimplementedError(
        absl::StrCat("has the flags 0x", absl::Hex(header.flags),
                     ", for encryption or patches; expected a plain entry"));
  }
  if (header.method == kStored && header.compressed_bytes != header.bytes) {
    return absl::DataLossError(absl::StrCat(
        "is stored in ", header.compressed_bytes, " bytes, but has ",
        header.bytes, "; expected the same number, as it is not compressed"));
  }
  return absl::OkStatus();
}

// Reads the directory's header at its start and moves `directory` past it.
absl::StatusOr<Central> ReadCentral(Bytes* directory) {
  if (!HasSignature(*directory, 0, kCentralSignature) ||
      SizeOf(*directory) < kZipCentralBytes) {
    return absl::DataLossError(absl::StrCat(
        "no directory header ", directory->size(), " bytes before its end"));
  }
  Central central;
  Header& header = central.header;
  header = LoadHeader(*directory, 8, 28, kZipCentralBytes);
  const int64_t size =
      int64_t{kZipCentralBytes} + LoadField<uint16_t>(*directory, 28) +
      LoadField<uint16_t>(*directory, 30) + LoadField<uint16_t>(*directory, 32);
  if (size > SizeOf(*directory)) {
    return absl::DataLossError(absl::StrCat("a directory header of ", size,
                                            " bytes, ", directory->size(),
                                            " bytes before its end"));
  }
  OUNCE_RETURN_IF_ERROR(CheckName(Text(header.name)));
  const std::string context = absl::StrCat("entry '", Text(header.name), "'");
  OUNCE_RETURN_IF_ERROR(Annotate(
      CheckOneZipVolume(LoadField<uint16_t>(*directory, 34) == 0), context));
  central.offset = LoadField<uint32_t>(*directory, 42);
  OUNCE_RETURN_IF_ERROR(Annotate(
      ResolveZip64(header.extra,
                   {&header.bytes, &header.compressed_bytes, &central.offset}),
      context));
  OUNCE_RETURN_IF_ERROR(Annotate(CheckPlain(header), context));
  *directory = directory->subspan(static_cast<size_t>(size));
  return central;
}

// A writer that did not know sizes and checksum beforehand left them 0, to be
// given in a descriptor after the data.
bool Agrees(uint64_t local, uint64_t central, uint16_t flags) {
  return local == central || ((flags & kDescriptorFlag) != 0 && local == 0);
}

absl::Status CheckLocal(const Header& central, Header local) {
  if (local.name != central.name || local.method != central.method ||
      local.flags != central.flags) {
    return absl::DataLossError(
        "its header has another name, method or flags than the directory");
  }
  OUNCE_RETURN_IF_ERROR(
      ResolveZip64(local.extra, {&local.bytes, &local.compressed_bytes}));
  if (Agrees(local.crc32, central.crc32, local.flags) &&
      Agrees(local.bytes, central.bytes, local.flags) &&
      Agrees(local.compressed_bytes, central.compressed_bytes, local.flags)) {
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat(
      "its header has a size of ", local.bytes, " bytes, the directory one of ",
      central.bytes, ", or another checksum"));
}

// The end of the descriptor at `offset`, whose sizes have 32 or 64 bits.
absl::StatusOr<int64_t> ReadDescriptor(Bytes file, int64_t offset,
                                       const Header& central) {
  if (HasSignature(file, offset, kDescriptorSignature) &&
      RangeFits(offset, 16, SizeOf(file)) &&
      LoadField<uint32_t>(file, offset + 4) == central.crc32) {
    if (LoadField<uint32_t>(file, offset + 8) == central.compressed_bytes &&
        LoadField<uint32_t>(file, offset + 12) == central.bytes) {
      return offset + 16;
    }
    if (RangeFits(offset, 24, SizeOf(file)) &&
        LoadField<uint64_t>(file, offset + 8) == central.compressed_bytes &&
        LoadField<uint64_t>(file, offset + 16) == central.bytes) {
      return offset + 24;
    }
  }
  return absl::DataLossError(absl::StrCat(
      "no descriptor of ", central.bytes, " bytes and CRC-32 ",
      absl::Hex(central.crc32, absl::kZeroPad8), " at offset ", offset));
}

// Checks what lies before the directory: `data`.
absl::StatusOr<ZipEntry> ReadEntry(Bytes data, const Central& central,
                                   Extent* extent) {
  const uint64_t limit = data.size();
  if (central.offset > limit || central.header.compressed_bytes > limit ||
      !RangeFits(static_cast<int64_t>(central.offset), kLocalBytes,
                 SizeOf(data)) ||
      !HasSignature(data, static_cast<int64_t>(central.offset),
                    kLocalSignature)) {
    return absl::DataLossError(absl::StrCat(
        "no header of an entry of ", central.header.compressed_bytes,
        " bytes at offset ", central.offset, ", in ", limit,
        " bytes before the directory"));
  }
  extent->begin = static_cast<int64_t>(central.offset);
  const Bytes rest = data.subspan(central.offset);
  const Header local = LoadHeader(rest, 6, 26, kLocalBytes);
  OUNCE_RETURN_IF_ERROR(CheckLocal(central.header, local));
  const int64_t begin =
      extent->begin + kLocalBytes + SizeOf(local.name) + SizeOf(local.extra);
  const auto size = static_cast<int64_t>(central.header.compressed_bytes);
  if (!RangeFits(begin, size, SizeOf(data))) {
    return absl::DataLossError(absl::StrCat(size, " bytes at offset ", begin,
                                            ", but the directory begins at ",
                                            data.size()));
  }
  extent->end = begin + size;
  if ((local.flags & kDescriptorFlag) != 0) {
    OUNCE_ASSIGN_OR_RETURN(extent->end,
                           ReadDescriptor(data, extent->end, central.header));
  }
  ZipEntry entry;
  entry.name = extent->name = Text(central.header.name);
  entry.bytes = Part(data, begin, size);
  entry.method = central.header.method;
  entry.crc32 = central.header.crc32;
  return entry;
}

absl::Status CheckApart(std::vector<Extent>* extents) {
  std::sort(extents->begin(), extents->end(),
            [](const Extent& a, const Extent& b) {
              return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
            });
  for (size_t i = 1; i < extents->size(); ++i) {
    const Extent& before = (*extents)[i - 1];
    const Extent& after = (*extents)[i];
    if (after.begin < before.end) {
      return absl::DataLossError(absl::StrCat(
          "entry '", after.name, "' at offset ", after.begin,
          " overlaps entry '", before.name, "', which ends at ", before.end));
    }
  }
  return absl::OkStatus();
}

// Of the reflected polynomial, for one byte.
constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table = {};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320u : 0u);
    }
    table[byte] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = MakeCrcTable();

}  // namespace

absl::StatusOr<ZipArchive> ZipArchive::Parse(absl::Span<const uint8_t> file) {
  OUNCE_ASSIGN_OR_RETURN(const ZipDirectory place, FindZipDirectory(file));
  const Bytes data = file.subspan(0, place.offset);
  Bytes directory = file.subspan(place.offset, place.bytes);
  ZipArchive archive;
  std::vector<Extent> extents;
  for (uint64_t i = 0; i < place.num_entries; ++i) {
    OUNCE_ASSIGN_OR_RETURN(const Central central, ReadCentral(&directory));
    const absl::string_view name = Text(central.header.name);
    const std::string context = absl::StrCat("entry '", name, "'");
    OUNCE_ASSIGN_OR_RETURN(
        const ZipEntry entry,
        Annotate(ReadEntry(data, central, &extents.emplace_back()), context));
    if (!archive.index_.try_emplace(name, archive.entries_.size()).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(context, " is in the archive twice"));
    }
    archive.entries_.push_back(entry);
  }
  if (!directory.empty()) {
    return absl::DataLossError(
        absl::StrCat(directory.size(), " bytes after the directory's ",
                     place.num_entries, " entries; expected none"));
  }
  OUNCE_RETURN_IF_ERROR(CheckApart(&extents));
  return archive;
}

const ZipEntry* ZipArchive::Find(absl::string_view name) const {
  const auto it = index_.find(name);
  return it == index_.end() ? nullptr : &entries_[it->second];
}

absl::Status CheckStored(const ZipEntry& entry) {
  if (entry.method == kStored) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(
      "entry '", entry.name, "' is compressed (method ", entry.method,
      entry.method == 8 ? ", deflate" : "",
      "); expected it stored, as torch.save() does; save it anew with that"));
}

absl::Status CheckCrc32(const ZipEntry& entry) {
  uint32_t crc = 0xFFFFFFFF;
  for (const uint8_t byte : entry.bytes) {
    crc = (crc >> 8) ^ kCrcTable[(crc ^ byte) & 0xFF];
  }
  crc = ~crc;
  if (crc == entry.crc32) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("entry '", entry.name, "' has the CRC-32 ",
                   absl::Hex(crc, absl::kZeroPad8), ", but the archive has ",
                   absl::Hex(entry.crc32, absl::kZeroPad8),
                   "; the file is damaged, or was saved without checksums"));
}

}  // namespace ounce
