// The tokenizer of a checkpoint as the opaque files it came in.  Readers
// collect it, the artifact stores it, and only text/ understands it, so that
// training and running cannot disagree about how text becomes ids.
#ifndef OUNCE_CORE_TOKENIZER_ASSET_H_
#define OUNCE_CORE_TOKENIZER_ASSET_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace ounce {

enum class TokenizerKind {
  kNone,           // The checkpoint ships no tokenizer.
  kTokenizerJson,  // `tokenizer.json`, with `tokenizer_config.json` if present.
};

struct TokenizerAsset {
  struct File {
    std::string name;   // "tokenizer.json", without a folder.
    std::string bytes;  // The file as it was, unparsed.
  };

  TokenizerKind kind = TokenizerKind::kNone;
  std::vector<File> files;

  // The bytes of the file called `name`, or nullptr.
  const std::string* Find(absl::string_view name) const {
    for (const File& file : files) {
      if (file.name == name) return &file.bytes;
    }
    return nullptr;
  }
};

}  // namespace ounce

#endif  // OUNCE_CORE_TOKENIZER_ASSET_H_
