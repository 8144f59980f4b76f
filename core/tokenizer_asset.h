// The tokenizer of a checkpoint as the opaque files it came in.  Readers
// collect it, the artifact stores it, and only text/ understands it, so that
// training and running cannot disagree about how text becomes ids.
#ifndef OUNCE_CORE_TOKENIZER_ASSET_H_
#define OUNCE_CORE_TOKENIZER_ASSET_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace ounce {

// Which files describe the tokenizer.  Beside those of the last three kinds lie
// the small JSON files that say how they are used, each if present:
// `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json` and
// `config.json`, whose "model_type" stands in for the first.
enum class TokenizerKind {
  kNone,           // The checkpoint ships no tokenizer.
  kTokenizerJson,  // `tokenizer.json`, with `tokenizer_config.json` if present.
  kSentencePiece,  // A SentencePiece model; `source.spm` has a `vocab.json`.
  kBpeFiles,       // `vocab.json` and `merges.txt`.
  kWordPieceFiles,  // `vocab.txt`.
};

// Bytes that copies share, since a tokenizer may have tens of megabytes.
class SharedBytes {
 public:
  SharedBytes() = default;
  SharedBytes(std::string bytes) {
    const auto owned = std::make_shared<const std::string>(std::move(bytes));
    view_ = *owned;
    owner_ = owned;
  }
  SharedBytes(const char* text) : SharedBytes(std::string(text)) {}
  // A part of what `owner` keeps in memory; without one, the caller does.
  SharedBytes(absl::string_view view, std::shared_ptr<const void> owner)
      : view_(view), owner_(std::move(owner)) {}

  absl::string_view view() const { return view_; }
  friend bool operator==(const SharedBytes& a, absl::string_view b) {
    return a.view_ == b;
  }

 private:
  absl::string_view view_;
  std::shared_ptr<const void> owner_;
};

struct TokenizerAsset {
  struct File {
    std::string name;   // "tokenizer.json", without a folder.
    SharedBytes bytes;  // The file as it was, unparsed.
  };

  TokenizerKind kind = TokenizerKind::kNone;
  std::vector<File> files;
  // With kNone, what of a tokenizer was there but that we cannot use: "file
  // tekken.json", "model 'rwkv' (known: ...)".
  std::string unusable;

  // The bytes of the file called `name`, or nullptr.
  const SharedBytes* Find(absl::string_view name) const {
    for (const File& file : files) {
      if (file.name == name) return &file.bytes;
    }
    return nullptr;
  }
};

}  // namespace ounce

#endif  // OUNCE_CORE_TOKENIZER_ASSET_H_
