// What `tokenizer.json` says about its token model: the settings as JSON, and
// apart from them the lists of some hundred thousand entries, which would take
// most of the time and memory of a start if they became JSON values first.
#ifndef OUNCE_TEXT_MODEL_CONFIG_H_
#define OUNCE_TEXT_MODEL_CONFIG_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "core/json.h"
#include "core/json_reader.h"
#include "text/merge_list.h"
#include "text/vocabulary.h"

namespace ounce {

struct ModelConfig {
  // Null where one of the members below has the value.
  Json settings;
  // "vocab": {token: id}.  kInvalidArgument: it is wrong or something else.
  absl::StatusOr<Vocabulary> vocabulary;
  // "vocab": [[token, score], ...], with one score a token.  As above.
  absl::StatusOr<Vocabulary> scored_vocabulary;
  std::vector<double> scores;
  // "merges": [...]; nullopt: they are missing or something else.
  std::optional<MergeList> merges;
};

// Reads the object that comes next.  What is no JSON is an error of `reader`,
// which must outlive the config.
ModelConfig ReadModelConfig(JsonReader* reader);

}  // namespace ounce

#endif  // OUNCE_TEXT_MODEL_CONFIG_H_
