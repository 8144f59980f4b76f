// Turns tokens back into text.  Each Parse function reads the settings of one
// type of `decoder`.
// Source: huggingface/tokenizers 0.23, src/decoders.
//
// The reference maps a list of tokens to a list of tokens, step by step, and
// joins the last list.  Here each step is a stage that tokens flow through, in
// parts where need be, and that passes on what no later token can change.  One
// implementation so serves whole texts and streams, and both give the same.
#ifndef OUNCE_TEXT_DECODER_H_
#define OUNCE_TEXT_DECODER_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/json.h"

namespace ounce {

// Where tokens go.  Calls: (Append* EndToken)* Finish.
class TokenSink {
 public:
  virtual ~TokenSink() = default;
  // Adds whole UTF-8 characters to the current token.
  virtual void Append(absl::string_view part) = 0;
  virtual void EndToken() = 0;
  // There are no more tokens.
  virtual void Finish() = 0;
};

// Immutable; thread-safe.
class Decoder {
 public:
  virtual ~Decoder() = default;
  // A stage that passes decoded tokens on to `next`; both this and `next` must
  // outlive it.
  virtual std::unique_ptr<TokenSink> Open(TokenSink* next) const = 0;
};

using DecoderOr = absl::StatusOr<std::unique_ptr<Decoder>>;

// BPEDecoder {"suffix"}: the end-of-word suffix becomes a space, except in the
// last token.
DecoderOr ParseBpeDecoder(const Json& config);
// ByteFallback: neighbouring tokens <0xNN> become the text they spell, or one
// U+FFFD for each when they spell none.  Holds back the whole run.
DecoderOr ParseByteFallback(const Json& config);
// ByteLevel: characters of text/byte_alphabet.h become bytes, and these a text
// with U+FFFD for what is not UTF-8.  Holds back at most 3 bytes.
DecoderOr ParseByteLevelDecoder(const Json& config);
// CTC {"pad_token", "word_delimiter_token", "cleanup"}: repeated tokens become
// one, pads go, and the delimiter becomes a space (where "cleanup").
DecoderOr ParseCtc(const Json& config);
// Fuse: all tokens become one.
DecoderOr ParseFuse(const Json& config);
// Metaspace {"replacement", "prepend_scheme"}: the replacement becomes a space,
// in the first token nothing (unless the scheme is "never").
DecoderOr ParseMetaspaceDecoder(const Json& config);
// Replace {"pattern", "content"}, in each token by itself.
DecoderOr ParseReplaceDecoder(const Json& config);
// Strip {"content", "start", "stop"}: takes up to `start` of a character from
// the start of each token, and up to `stop` from its end.
DecoderOr ParseStripDecoder(const Json& config);

// WordPiece {"prefix", "cleanup"}: a space before each token but the first,
// unless it has the prefix, which goes; "cleanup" takes spaces before
// punctuation and English contractions away again.
DecoderOr ParseWordPieceDecoder(const Json& config);

// What happens where the file names no decoder: a space between tokens.
std::unique_ptr<Decoder> MakeSpaceJoiner();

// Applies `parts` in order.
std::unique_ptr<Decoder> MakeSequence(
    std::vector<std::unique_ptr<Decoder>> parts);

}  // namespace ounce

#endif  // OUNCE_TEXT_DECODER_H_
