// Text to token ids and back, as the tokenizer a checkpoint ships defines it.
// Source: the `tokenizer.json` format of huggingface/tokenizers 0.23, whose ids
// and decodings these are.  Its "truncation" and "padding" are applied only
// where a caller asks for it: language models get every text whole.  Beside
// that file `tokenizer_config.json` changes nothing; the older files are read
// as huggingface/transformers converts them.
#ifndef OUNCE_TEXT_TOKENIZER_H_
#define OUNCE_TEXT_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/tokenizer_asset.h"
#include "text/encoding.h"
#include "text/padding.h"
#include "text/truncation.h"

namespace ounce {

// One decoding in progress.  Not thread-safe.
class DecodeStream {
 public:
  virtual ~DecodeStream() = default;
  // Appends to `text` what became certain with `id`.
  virtual void Push(int32_t id, std::string* text) = 0;
  // Appends the rest.  Nothing may be pushed after it.
  virtual void Finish(std::string* text) = 0;
};

struct EncodeOptions {
  bool add_special_tokens = true;
  std::optional<Truncation> truncation;
};

// What the file says about batches of texts for encoders.
struct BatchSettings {
  std::optional<Truncation> truncation;
  std::optional<Padding> padding;
};

// Immutable after Create(); every method may be called from several threads.
class Tokenizer {
 public:
  // Parses `asset`; the tokenizer keeps no reference to it.
  // kFailedPrecondition: the checkpoint ships no tokenizer (kNone).
  // kInvalidArgument: a file breaks its format; the message names the place.
  // kUnimplemented: a file, class or component we do not have, with the list we
  // do have.
  static absl::StatusOr<std::unique_ptr<Tokenizer>> Create(
      const TokenizerAsset& asset);

  virtual ~Tokenizer() = default;

  // Ids of `text`, any bytes: what is not UTF-8 is read as U+FFFD.  Special
  // tokens written in the text are recognised.  With `add_special_tokens` the
  // post-processor adds its own (a beginning-of-text token, say).  A character
  // outside the vocabulary becomes the model's unknown token; a model that
  // names none drops it, as the reference does. kInvalidArgument: the unknown
  // token itself is not in the vocabulary.
  virtual absl::StatusOr<std::vector<int32_t>> Encode(
      absl::string_view text, bool add_special_tokens) const = 0;

  // Ids, type ids and attention mask of a text or a pair, the post-processor's
  // tokens between and around them.  The first window is the whole of it unless
  // `options.truncation` cuts it; then the others are the reference's
  // overflow, which ends with the word that reached the limit: what is behind
  // that word is never encoded.
  // kInvalidArgument: as Encode(); the file cannot have pairs; or the texts
  // cannot be truncated so (text/truncation.h).
  // This default puts nothing between the texts.
  virtual absl::StatusOr<Windows> EncodeWindows(
      const TextPair& texts, const EncodeOptions& options) const;

  // The one window of a pair that is not truncated.
  absl::StatusOr<Encoding> EncodePair(absl::string_view first,
                                      absl::string_view second,
                                      bool add_special_tokens) const;

  // "truncation" and "padding" of the file.  To apply them to a batch:
  // EncodeWindows() of each text with `truncation`, then Pad() of all.
  virtual const BatchSettings& batch_settings() const;

  // The text of `ids`.  Ids without a token are skipped.
  virtual std::string Decode(absl::Span<const int32_t> ids,
                             bool skip_special_tokens) const = 0;

  // Decode() one id at a time: all that the stream appends, put together,
  // equals the decoding of all its ids.  The tokenizer must outlive the stream.
  // This default appends everything in Finish().
  virtual std::unique_ptr<DecodeStream> OpenDecodeStream(
      bool skip_special_tokens) const;

  // Number of ids: one more than the largest that has a token.
  virtual int64_t vocab_size() const = 0;
  virtual std::optional<int32_t> TokenToId(absl::string_view token) const = 0;
  // Whether the file declares the token of `id` special.
  virtual bool IsSpecial(int32_t id) const = 0;
};

}  // namespace ounce

#endif  // OUNCE_TEXT_TOKENIZER_H_
