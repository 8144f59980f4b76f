// A model opened for `ounce run`, with its tokenizer.
#ifndef OUNCE_TOOLS_RUN_MODEL_H_
#define OUNCE_TOOLS_RUN_MODEL_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "runtime/kv_cache.h"
#include "text/tokenizer.h"
#include "tools/command.h"
#include "tools/loaded_model.h"
#include "tools/run_arguments.h"

namespace ounce {

struct RunModel {
  Engine engine;
  LoadedModel model;
  std::unique_ptr<Tokenizer> tokenizer;
  KvType kv = KvType::kF32;
  int64_t limit = 0;  // Of the context; see ContextLimit().

  const ModelSpec& spec() const { return model.file.spec; }
};

// Opens the model that `arguments` name.  A usage error: they have an option
// that is none for it.  Other errors as LoadModel() and CreateTokenizer(); with
// --check, a weight whose hash is not the stored one.
absl::StatusOr<RunModel> OpenRunModel(const RunArguments& arguments,
                                      const CommonOptions& common);

}  // namespace ounce

#endif  // OUNCE_TOOLS_RUN_MODEL_H_
