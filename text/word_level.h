// A vocabulary of whole words.
// Source: huggingface/tokenizers, src/models/wordlevel.
#ifndef OUNCE_TEXT_WORD_LEVEL_H_
#define OUNCE_TEXT_WORD_LEVEL_H_

#include "text/model_config.h"
#include "text/token_model.h"

namespace ounce {

// WordLevel {"vocab", "unk_token"}: each word is one token, the unknown token
// where the vocabulary lacks it.
// kInvalidArgument: a setting has a wrong type.  Encode() gives it for an
// unknown word when the vocabulary lacks the unknown token too.
TokenModelOr ParseWordLevel(ModelConfig config);

}  // namespace ounce

#endif  // OUNCE_TEXT_WORD_LEVEL_H_
