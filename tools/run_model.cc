#include "tools/run_model.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "formats/model_file.h"

namespace ounce {
namespace {

// A float model is run as it is; beside weights of few bits the rounding of f16
// does not show.
absl::StatusOr<KvType> ChooseKvType(const RunArguments& arguments,
                                    const ModelFile& file) {
  if (arguments.kv.empty()) {
    const bool quantized =
        std::any_of(file.bound.tensors.begin(), file.bound.tensors.end(),
                    [](const BoundTensor& tensor) {
                      const Codec codec = tensor.matrix.codec;
                      return GetCodecInfo(codec).quantized || IsForeign(codec);
                    });
    return quantized ? KvType::kF16 : KvType::kF32;
  }
  const std::optional<KvType> kv = ParseKvType(arguments.kv);
  if (kv.has_value()) return *kv;
  return UsageError(absl::InvalidArgumentError(
      absl::StrCat("--kv ", arguments.kv, "; expected f32, f16 or int8")));
}

}  // namespace

absl::StatusOr<RunModel> OpenRunModel(const RunArguments& arguments,
                                      const CommonOptions& common) {
  RunModel run;
  OUNCE_ASSIGN_OR_RETURN(run.engine, CreateEngine(common));
  OUNCE_ASSIGN_OR_RETURN(ModelFile opened, OpenModel(arguments.model));
  OUNCE_RETURN_IF_ERROR(UsageError(CheckRunOptions(arguments, opened.spec)));
  OUNCE_ASSIGN_OR_RETURN(run.model, PrepareModel(std::move(opened), common,
                                                 run.engine.pool.get()));
  const ModelFile& file = run.model.file;
  OUNCE_ASSIGN_OR_RETURN(run.tokenizer, CreateTokenizer(file));
  if (arguments.check && file.artifact != nullptr) {
    OUNCE_RETURN_IF_ERROR(
        Annotate(file.artifact->CheckHashes(nullptr), arguments.model));
  }
  OUNCE_ASSIGN_OR_RETURN(run.kv, ChooseKvType(arguments, file));
  OUNCE_ASSIGN_OR_RETURN(run.limit, ContextLimit(arguments, file.spec));
  return run;
}

}  // namespace ounce
