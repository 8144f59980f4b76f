// Reads the scores of a unigram vocabulary with the reference's rounding.
//
// The reference reads numbers with serde_json in its default mode, which is off
// by one unit in the last place for every eighth published score.  Where two
// ways to cut a text cost the same, as they do in runs of one character, that
// unit decides, and so it must be the same here.
// Source: serde_json 1.0, src/de.rs (without the feature float_roundtrip).
#ifndef OUNCE_TEXT_SCORE_H_
#define OUNCE_TEXT_SCORE_H_

#include <optional>

#include "absl/strings/string_view.h"

namespace ounce {

// REQUIRES: `number` is a JSON number.
// nullopt: it is too large for a double.
std::optional<double> ReadScore(absl::string_view number);

}  // namespace ounce

#endif  // OUNCE_TEXT_SCORE_H_
