// How a byte-pair tokenizer cuts a text into words before it merges: GGUF only
// names it, in "tokenizer.ggml.pre".
// Source: the names, and what goes with them, are llama.cpp's
// (src/llama-vocab.cpp); the patterns are those of the models' own
// tokenizer.json, also where llama.cpp, whose expressions know less, comes
// close to them only.
#ifndef OUNCE_FORMATS_GGUF_GGUF_PRE_TOKENIZER_H_
#define OUNCE_FORMATS_GGUF_GGUF_PRE_TOKENIZER_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace ounce {

struct GgufPreTokenizer {
  absl::string_view name;
  // Regular expressions in Oniguruma's syntax, one after the other: each cuts
  // the words so far into what it matches and what lies between.
  absl::Span<const absl::string_view> patterns;
  // A word that is a token is one, whatever the merges say.
  bool ignores_merges = false;
  bool adds_bos = false;  // Where the file does not say.
  // Tokens are spelled with U+2581 for a space and fall back to bytes <0xHH>,
  // as SentencePiece's; otherwise in GPT-2's alphabet of bytes.
  bool marks_spaces = false;
};

// That called `name`; nullptr: we know none.
const GgufPreTokenizer* FindGgufPreTokenizer(absl::string_view name);

// Every name, as messages list them.
std::string GgufPreTokenizerList();

}  // namespace ounce

#endif  // OUNCE_FORMATS_GGUF_GGUF_PRE_TOKENIZER_H_
