// A token model whose tokens have other ids outside it: Marian's, where a
// SentencePiece model cuts the text and `vocab.json` numbers the pieces.
#ifndef OUNCE_TEXT_RENUMBERED_MODEL_H_
#define OUNCE_TEXT_RENUMBERED_MODEL_H_

#include <memory>

#include "text/token_model.h"
#include "text/vocabulary.h"

namespace ounce {

// `model` with the ids of `vocabulary`.  A token that it lacks becomes its
// "<unk>".
// kInvalidArgument: it lacks that, too.
TokenModelOr MakeRenumberedModel(std::unique_ptr<TokenModel> model,
                                 Vocabulary vocabulary);

}  // namespace ounce

#endif  // OUNCE_TEXT_RENUMBERED_MODEL_H_
