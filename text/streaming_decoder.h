// Decodes a stream of token ids piece by piece, holding back bytes that are not
// yet a whole UTF-8 character, so that a terminal never sees half of one.
#ifndef OUNCE_TEXT_STREAMING_DECODER_H_
#define OUNCE_TEXT_STREAMING_DECODER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "text/tokenizer.h"

namespace ounce {

// Not thread-safe.  `tokenizer` must outlive it.  The concatenation of all that
// Push() and Finish() return equals Decode() of all the ids pushed.
//
// Work per id is bounded by the size of its token and of what is held back:
// byte-level vocabularies hold back at most 3 bytes; byte fallback holds back a
// whole run of byte tokens, since one bad byte makes all of them U+FFFD.
class StreamingDecoder {
 public:
  StreamingDecoder(const Tokenizer& tokenizer, bool skip_special_tokens);

  // Text that became certain with `id`; often empty or a whole word.
  std::string Push(int32_t id);
  // What was held back, as Decode() renders it (U+FFFD for a broken character).
  // The next Push() starts another text.
  std::string Finish();

 private:
  const Tokenizer& tokenizer_;
  const bool skip_special_tokens_;
  std::unique_ptr<DecodeStream> stream_;
};

}  // namespace ounce

#endif  // OUNCE_TEXT_STREAMING_DECODER_H_
