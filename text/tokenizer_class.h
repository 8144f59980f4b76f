// Which of the reference's tokenizer classes a model's family has by default.
// Source: huggingface/transformers, models/auto/tokenization_auto.py.
#ifndef OUNCE_TEXT_TOKENIZER_CLASS_H_
#define OUNCE_TEXT_TOKENIZER_CLASS_H_

#include "absl/strings/string_view.h"

namespace ounce {

// The class for the "model_type" of a `config.json`, without "Fast"; empty:
// not known.
absl::string_view TokenizerClassOf(absl::string_view model_type);

}  // namespace ounce

#endif  // OUNCE_TEXT_TOKENIZER_CLASS_H_
