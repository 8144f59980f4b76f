// The steps around a SentencePiece model, by class: how a text is prepared for
// it, and how its pieces become text again.
// Source: huggingface/transformers 4, the normalizer(), pre_tokenizer() and
// decoder() of each converter in convert_slow_tokenizer.py.
#ifndef OUNCE_TEXT_SENTENCEPIECE_STEPS_H_
#define OUNCE_TEXT_SENTENCEPIECE_STEPS_H_

#include "absl/status/status.h"
#include "core/json.h"
#include "text/sentencepiece_family.h"
#include "text/sentencepiece_model.h"
#include "text/tokenizer_settings.h"

namespace ounce {

// Sets "normalizer", "pre_tokenizer" and "decoder" of `members`, each where the
// class has one.  kInvalidArgument: an option has a wrong type.
absl::Status AddSentencePieceSteps(const SentencePieceModel& model,
                                   const SentencePieceFamily& family,
                                   const TokenizerSettings& settings,
                                   Json::Object* members);

}  // namespace ounce

#endif  // OUNCE_TEXT_SENTENCEPIECE_STEPS_H_
