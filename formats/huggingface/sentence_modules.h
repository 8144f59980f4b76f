// What a sentence-transformers folder says about embeddings beside the model's
// own config: how hidden states become the vector of a text.
// Source: huggingface/sentence-transformers 5, SentenceTransformer.save():
// modules.json, a folder with a config.json for each module, and
// sentence_bert_config.json.
#ifndef OUNCE_FORMATS_HUGGINGFACE_SENTENCE_MODULES_H_
#define OUNCE_FORMATS_HUGGINGFACE_SENTENCE_MODULES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "model/spec.h"

namespace ounce {

// Sets the pooling, unit_embedding and text_limit of `spec`, the spec of the
// encoder in `folder`, as its modules.json says, and drops the head that its
// pretraining left: embeddings are made without one.  Adds the names of the
// files that it read to `files`.  A folder without modules.json, a classifier
// and a model that generates text stay as they are.
// kInvalidArgument: a file is not what it should be, or a module's path leads
// out of the folder; kUnimplemented: a module or a pooling that we do not have.
absl::Status ReadSentenceModules(const std::string& folder, ModelSpec* spec,
                                 std::vector<std::string>* files);

}  // namespace ounce

#endif  // OUNCE_FORMATS_HUGGINGFACE_SENTENCE_MODULES_H_
