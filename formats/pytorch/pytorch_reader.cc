#include "formats/pytorch/pytorch_reader.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/annotate.h"
#include "core/status_macros.h"
#include "formats/pytorch/pickle.h"
#include "formats/pytorch/state_dict.h"
#include "formats/pytorch/zip_archive.h"

namespace ounce {
namespace {

constexpr absl::string_view kZipMagic = "PK";
// A pickle of protocol 2 of the integer 0x1950a86a20f9469cfc6c.
constexpr absl::string_view kLegacyMagic =
    "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20j\xa8P\x19.";
constexpr absl::string_view kLfsMagic = "version https://git-lfs";
constexpr absl::string_view kTarMagic = "ustar";
constexpr size_t kTarMagicOffset = 257;

// Of tensors whose elements do not follow each other: each element of the file
// twice (a weight and its alias), and small constants expanded.
constexpr int64_t kGatheredFiles = 2;
constexpr int64_t kMoreGatheredBytes = int64_t{16} << 20;

constexpr absl::string_view kRemedy =
    "; load it with a current PyTorch and save its state_dict() anew, or "
    "convert it to safetensors";

absl::Status CheckMagic(absl::string_view file) {
  if (absl::StartsWith(file, kZipMagic)) return absl::OkStatus();
  if (absl::StartsWith(file, kLegacyMagic)) {
    return absl::UnimplementedError(absl::StrCat(
        "written by torch.save() in the format before PyTorch 1.6, which is no "
        "zip archive",
        kRemedy));
  }
  if (file.size() > kTarMagicOffset &&
      absl::StartsWith(file.substr(kTarMagicOffset), kTarMagic)) {
    return absl::UnimplementedError(absl::StrCat(
        "a tar archive, as torch.save() wrote before PyTorch 0.1.10", kRemedy));
  }
  if (absl::StartsWith(file, kLfsMagic)) {
    return absl::DataLossError(
        "a Git LFS pointer in place of the file; download the file itself (git "
        "lfs pull)");
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "begins with \"", absl::CHexEscape(file.substr(0, 8)),
      "\"; expected the zip archive that torch.save() writes, which begins "
      "with \"PK\"",
      kRemedy));
}

// The folder that all of a checkpoint's entries are in, with its slash.
absl::StatusOr<absl::string_view> FindFolder(const ZipArchive& archive) {
  if (archive.entries().empty()) {
    return absl::InvalidArgumentError("the archive is empty");
  }
  const absl::string_view first = archive.entries().front().name;
  const size_t slash = first.find('/');
  if (slash == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("the archive's first entry is '", first,
                     "'; expected one in a folder, as torch.save() writes"));
  }
  return first.substr(0, slash + 1);
}

absl::Status CheckIsNoProgram(const ZipArchive& archive,
                              absl::string_view folder) {
  const std::string code = absl::StrCat(folder, "code/");
  bool is_program = archive.Find(absl::StrCat(folder, "constants.pkl"));
  for (const ZipEntry& entry : archive.entries()) {
    is_program = is_program || absl::StartsWith(entry.name, code);
  }
  if (!is_program) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(
      "a TorchScript program (torch.jit.save); expected a state dict",
      kRemedy));
}

// Before PyTorch 2.1 there was no such entry; writers were little endian.
absl::Status CheckByteOrder(const ZipArchive& archive,
                            absl::string_view folder) {
  const ZipEntry* entry = archive.Find(absl::StrCat(folder, "byteorder"));
  if (entry == nullptr) return absl::OkStatus();
  const absl::string_view order(
      reinterpret_cast<const char*>(entry->bytes.data()), entry->bytes.size());
  if (order == "little") return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(
      "entry '", entry->name, "' is \"", absl::CHexEscape(order.substr(0, 16)),
      "\"; expected \"little\"", kRemedy));
}

}  // namespace

absl::StatusOr<WeightFile> ParsePytorch(absl::Span<const uint8_t> file) {
  OUNCE_RETURN_IF_ERROR(
      CheckMagic({reinterpret_cast<const char*>(file.data()), file.size()}));
  OUNCE_ASSIGN_OR_RETURN(const ZipArchive archive, ZipArchive::Parse(file));
  OUNCE_ASSIGN_OR_RETURN(const absl::string_view folder, FindFolder(archive));
  OUNCE_RETURN_IF_ERROR(CheckIsNoProgram(archive, folder));
  for (const ZipEntry& entry : archive.entries()) {
    OUNCE_RETURN_IF_ERROR(CheckStored(entry));
  }
  OUNCE_RETURN_IF_ERROR(CheckByteOrder(archive, folder));
  const std::string pickle_name = absl::StrCat(folder, "data.pkl");
  const ZipEntry* pickled = archive.Find(pickle_name);
  if (pickled == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("no entry '", pickle_name,
                     "' in the archive; expected a file of torch.save()"));
  }
  OUNCE_RETURN_IF_ERROR(CheckCrc32(*pickled));
  PickleOptions options;
  options.globals = StateDictGlobals();
  const std::string context = absl::StrCat("entry '", pickle_name, "'");
  OUNCE_ASSIGN_OR_RETURN(
      const Pickle pickle,
      Annotate(Pickle::Parse(pickled->bytes, options), context));
  const std::string storages = absl::StrCat(folder, "data/");
  const int64_t max_gathered =
      static_cast<int64_t>(file.size()) * kGatheredFiles + kMoreGatheredBytes;
  return ReadStateDict(pickle, {archive, storages, max_gathered});
}

}  // namespace ounce
