// SHA-256 of the files a checkpoint consists of, for the artifact's provenance.
#ifndef OUNCE_COMPRESS_SOURCE_HASH_H_
#define OUNCE_COMPRESS_SOURCE_HASH_H_

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/hash.h"
#include "formats/artifact/artifact.h"

namespace ounce {

// Hashes files one after the other, a part at a time: one long chain that no
// second thread could help, so that its caller spreads it over other work.
// Holds a buffer of 256 KiB and one open file.  Not thread-safe, but need not
// stay on one thread.
class SourceHasher {
 public:
  // `files` are relative to `folder`.
  SourceHasher(std::string folder, std::vector<std::string> files);

  // Hashes about `bytes` more; nothing after the last file or an error.
  void Advance(int64_t bytes);
  // Hashes what is left and returns the files in their order.  Call once, last.
  // Errors name the file.
  absl::StatusOr<std::vector<SourceFile>> Finish();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  bool done() const {
    return !status_.ok() || sources_.size() == files_.size();
  }
  // Hashes one piece of the current file, or ends it.  Returns its bytes.
  int64_t HashPiece();

  const std::string folder_;
  const std::vector<std::string> files_;
  std::vector<uint8_t> piece_;
  // Of the file after `sources_`, null until it is opened.
  std::unique_ptr<std::FILE, Close> file_;
  std::optional<Sha256Stream> hash_;
  int64_t bytes_ = 0;
  std::vector<SourceFile> sources_;  // Those that are done.
  absl::Status status_;
};

}  // namespace ounce

#endif  // OUNCE_COMPRESS_SOURCE_HASH_H_
