// Byte-pair encoding: a word starts as its characters and neighbours are merged
// in the order the training found useful.  Used by GPT-2, Llama, Qwen and most
// decoders.
// Source: Sennrich et al., arXiv:1508.07909; the settings are those of
// huggingface/tokenizers, src/models/bpe.
//
// "hug" with merges u+g, h+ug:  h u g  ->  h ug  ->  hug
#ifndef OUNCE_TEXT_BPE_H_
#define OUNCE_TEXT_BPE_H_

#include "text/model_config.h"
#include "text/token_model.h"

namespace ounce {

// BPE {"vocab", "merges", and optionally
//   "unk_token": token of a character that is not in the vocabulary,
//   "fuse_unk": neighbouring unknown characters share one,
//   "byte_fallback": before that, tokens <0x00>..<0xFF> spell its bytes,
//   "ignore_merges": a word that is in the vocabulary is one token at once,
//   "continuing_subword_prefix": precedes each character but a word's first,
//   "end_of_word_suffix": follows a word's last character}.
// Merges are ["a", "b"] or "a b".
//
// An unknown character without "unk_token" is an error of Encode().
// kInvalidArgument: a setting has a wrong type, or a merge names a token that
// the vocabulary lacks.
// kUnimplemented: "dropout" other than 0, which would make ids random.
TokenModelOr ParseBpe(ModelConfig config);

}  // namespace ounce

#endif  // OUNCE_TEXT_BPE_H_
