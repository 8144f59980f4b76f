// Cuts a text into the words that the token model sees one by one.  Each Parse
// function reads the settings of one type of `pre_tokenizer`.
// Source: huggingface/tokenizers, src/pre_tokenizers.
#ifndef OUNCE_TEXT_PRE_TOKENIZER_H_
#define OUNCE_TEXT_PRE_TOKENIZER_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/json.h"
#include "text/text_pieces.h"

namespace ounce {

// Immutable; thread-safe.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // Cuts and rewrites the pieces that are no token yet.
  // kInvalidArgument: a regular expression gave up.
  virtual absl::Status Apply(TextPieces* pieces) const = 0;
};

using PreTokenizerOr = absl::StatusOr<std::unique_ptr<PreTokenizer>>;

// ByteLevel {"add_prefix_space", "use_regex"}: cuts as GPT-2 does, then writes
// each byte as one character of text/byte_alphabet.h.
PreTokenizerOr ParseByteLevelPreTokenizer(const Json& config);
// Metaspace {"replacement", "prepend_scheme", "split"}: spaces become a visible
// character that starts each word.  The scheme "first" asks whether a piece
// starts the text as it was given, which it does not when a normalizer took the
// text's first character away.  (The reference also counts a second piece as
// first where a normalizer put text before it and the two were then cut apart.)
PreTokenizerOr ParseMetaspacePreTokenizer(const Json& config);
// Split {"pattern", "behavior", "invert"}.
PreTokenizerOr ParseSplit(const Json& config);
// BertPreTokenizer: words between white space, each punctuation by itself.
PreTokenizerOr ParseBertPreTokenizer(const Json& config);
// CharDelimiterSplit {"delimiter"}: cuts at a character, which goes.
PreTokenizerOr ParseCharDelimiterSplit(const Json& config);
// FixedLength {"length"}: pieces of that many characters (5).
PreTokenizerOr ParseFixedLength(const Json& config);
// Punctuation {"behavior"}.
PreTokenizerOr ParsePunctuation(const Json& config);
// Digits {"individual_digits"}.
PreTokenizerOr ParseDigits(const Json& config);
// Whitespace: words of \w and runs of what is neither word nor white space.
PreTokenizerOr ParseWhitespace(const Json& config);
PreTokenizerOr ParseWhitespaceSplit(const Json& config);

// Applies `parts` in order.
std::unique_ptr<PreTokenizer> MakeSequence(
    std::vector<std::unique_ptr<PreTokenizer>> parts);

}  // namespace ounce

#endif  // OUNCE_TEXT_PRE_TOKENIZER_H_
