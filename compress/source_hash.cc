#include "compress/source_hash.h"

#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "core/errno_status.h"
#include "core/hash.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;

absl::StatusOr<SourceFile> HashFile(const std::string& path) {
  const auto close = [](std::FILE* file) { std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(
      std::fopen(path.c_str(), "rb"), close);
  if (file == nullptr) return ErrnoStatus(errno, "open", path);
  std::vector<uint8_t> piece(kPieceBytes);
  Sha256Stream hash;
  SourceFile result;
  while (true) {
    const size_t got = std::fread(piece.data(), 1, piece.size(), file.get());
    if (got == 0) break;
    hash.Update(absl::MakeConstSpan(piece.data(), got));
    result.bytes += static_cast<int64_t>(got);
  }
  if (std::ferror(file.get())) return ErrnoStatus(errno, "read", path);
  result.sha256 = hash.FinishHex();
  return result;
}

}  // namespace

absl::StatusOr<std::vector<SourceFile>> HashSourceFiles(
    const std::string& folder, const std::vector<std::string>& files) {
  std::vector<SourceFile> sources;
  for (const std::string& name : files) {
    OUNCE_ASSIGN_OR_RETURN(SourceFile source,
                           HashFile(absl::StrCat(folder, "/", name)));
    source.name = name;
    sources.push_back(std::move(source));
  }
  return sources;
}

}  // namespace ounce
