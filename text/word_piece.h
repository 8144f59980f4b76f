// WordPiece: a word is cut from its start into the longest tokens that the
// vocabulary has.  Used by BERT and its relatives.
// Source: Schuster and Nakajima, "Japanese and Korean voice search", 2012; the
// settings are those of huggingface/tokenizers, src/models/wordpiece.
//
// "unaffable" with un, ##aff, ##able:  un ##aff ##able
#ifndef OUNCE_TEXT_WORD_PIECE_H_
#define OUNCE_TEXT_WORD_PIECE_H_

#include "text/model_config.h"
#include "text/token_model.h"

namespace ounce {

// WordPiece {"vocab", and optionally
//   "unk_token": token of a word that cannot be cut so, whole ([UNK]),
//   "continuing_subword_prefix": of tokens that do not start a word (##),
//   "max_input_chars_per_word": longer words are unknown (100)}.
//
// Time: size of the word times the longest token, at worst.
// kInvalidArgument: a setting has a wrong type or is negative.  Encode() gives
// it for an unknown word when the vocabulary lacks the unknown token.
TokenModelOr ParseWordPiece(ModelConfig config);

}  // namespace ounce

#endif  // OUNCE_TEXT_WORD_PIECE_H_
