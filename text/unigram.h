// Unigram language model: of all ways to cut a word into tokens the most
// probable one.  Used by T5, XLM-R, ALBERT and other SentencePiece models.
// Source: Kudo, arXiv:1804.10959; the search and its tie-breaks are those of
// huggingface/tokenizers, src/models/unigram/model.rs (encode_optimized).
#ifndef OUNCE_TEXT_UNIGRAM_H_
#define OUNCE_TEXT_UNIGRAM_H_

#include "text/model_config.h"
#include "text/token_model.h"

namespace ounce {

// Unigram {"vocab": [[token, log probability], ...], and optionally
//   "unk_id": token of characters that no token has; neighbours share one,
//   "byte_fallback": before that, tokens <0x00>..<0xFF> spell their bytes}.
// An unknown character scores 10 below the least probable token.
//
// Time: size of the word times the longest token, at worst; memory: 16 bytes
// for each byte of the word.
// kInvalidArgument: a setting has a wrong type or "unk_id" is no token.
// Encode() gives it for an unknown character when there is no "unk_id".
TokenModelOr ParseUnigram(ModelConfig config);

}  // namespace ounce

#endif  // OUNCE_TEXT_UNIGRAM_H_
