// SHA-256 of the files a checkpoint consists of, for the artifact's provenance.
#ifndef OUNCE_COMPRESS_SOURCE_HASH_H_
#define OUNCE_COMPRESS_SOURCE_HASH_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/artifact/artifact.h"

namespace ounce {

// Hashes `files`, relative to `folder`, in their order.  Reads them in pieces
// of 1 MiB.  Errors name the file.
absl::StatusOr<std::vector<SourceFile>> HashSourceFiles(
    const std::string& folder, const std::vector<std::string>& files);

}  // namespace ounce

#endif  // OUNCE_COMPRESS_SOURCE_HASH_H_
