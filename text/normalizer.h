// Rewrites of a text before it is cut into words.  Each Parse function reads
// the settings of one type of `normalizer` in `tokenizer.json`. Source:
// huggingface/tokenizers, src/normalizers.
#ifndef OUNCE_TEXT_NORMALIZER_H_
#define OUNCE_TEXT_NORMALIZER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/json.h"

namespace ounce {

// Immutable; thread-safe.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // REQUIRES: `text` is valid UTF-8; so is the result.
  // kInvalidArgument: a regular expression gave up.
  virtual absl::StatusOr<std::string> Normalize(
      absl::string_view text) const = 0;
  // Whether nothing in the result stems from the first character of `text`.
  // Metaspace's scheme "first" asks whether a piece starts the text.
  virtual bool DropsStart(absl::string_view) const { return false; }
  // False: DropsStart() is false for every text.
  virtual bool MayDropStart() const { return false; }
};

using NormalizerOr = absl::StatusOr<std::unique_ptr<Normalizer>>;

// NFC, NFD, NFKC and NFKD.
NormalizerOr ParseNfc(const Json& config);
NormalizerOr ParseNfd(const Json& config);
NormalizerOr ParseNfkc(const Json& config);
NormalizerOr ParseNfkd(const Json& config);
// BertNormalizer {"clean_text", "handle_chinese_chars", "strip_accents",
// "lowercase"}: control characters go, white space becomes spaces; spaces
// around ideographs; accents go (by default where "lowercase"); lower case.
NormalizerOr ParseBertNormalizer(const Json& config);
// ByteLevel: each byte as one character of text/byte_alphabet.h.
NormalizerOr ParseByteLevelNormalizer(const Json& config);
// Lowercase: character by character, without context.
NormalizerOr ParseLowercase(const Json& config);
// Nmt: SentencePiece's rules for control characters and white space.
NormalizerOr ParseNmt(const Json& config);
// Precompiled {"precompiled_charsmap"}: text/character_map.h.
NormalizerOr ParsePrecompiled(const Json& config);
// Prepend {"prepend"}: nothing is put before an empty text.
NormalizerOr ParsePrepend(const Json& config);
// Replace {"pattern", "content"}.
NormalizerOr ParseReplaceNormalizer(const Json& config);
// StripAccents: combining marks go; letters stay composed as they are.
NormalizerOr ParseStripAccents(const Json& config);
// Strip {"strip_left", "strip_right"}: white space.
NormalizerOr ParseStripNormalizer(const Json& config);

// Applies `parts` in order.
std::unique_ptr<Normalizer> MakeSequence(
    std::vector<std::unique_ptr<Normalizer>> parts);

}  // namespace ounce

#endif  // OUNCE_TEXT_NORMALIZER_H_
