#include "compress/source_hash.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/errno_status.h"

namespace ounce {
namespace {

// Small enough that what was read is still in a core's own cache when it is
// hashed; larger pieces only save system calls.
constexpr size_t kPieceBytes = size_t{256} << 10;

}  // namespace

SourceHasher::SourceHasher(std::string folder, std::vector<std::string> files)
    : folder_(std::move(folder)),
      files_(std::move(files)),
      piece_(kPieceBytes) {}

int64_t SourceHasher::HashPiece() {
  const std::string path = absl::StrCat(folder_, "/", files_[sources_.size()]);
  if (file_ == nullptr) {
    file_.reset(std::fopen(path.c_str(), "rb"));
    if (file_ == nullptr) {
      status_ = ErrnoStatus(errno, "open", path);
      return 0;
    }
    hash_.emplace();
    bytes_ = 0;
  }
  const size_t got = std::fread(piece_.data(), 1, piece_.size(), file_.get());
  if (std::ferror(file_.get())) {
    status_ = ErrnoStatus(errno, "read", path);
    return 0;
  }
  if (got == 0) {
    sources_.push_back({files_[sources_.size()], hash_->FinishHex(), bytes_});
    file_.reset();
    return 0;
  }
  hash_->Update(absl::MakeConstSpan(piece_.data(), got));
  bytes_ += static_cast<int64_t>(got);
  return static_cast<int64_t>(got);
}

void SourceHasher::Advance(int64_t bytes) {
  while (!done() && bytes > 0) bytes -= HashPiece();
}

absl::StatusOr<std::vector<SourceFile>> SourceHasher::Finish() {
  Advance(std::numeric_limits<int64_t>::max());
  if (!status_.ok()) return status_;
  return std::move(sources_);
}

}  // namespace ounce
