// A model opened for computing: what verify, run and logits start from.
#ifndef OUNCE_TOOLS_LOADED_MODEL_H_
#define OUNCE_TOOLS_LOADED_MODEL_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/tensor.h"
#include "core/thread_pool.h"
#include "formats/model_file.h"
#include "kernels/kernel_context.h"
#include "runtime/weights.h"
#include "text/tokenizer.h"
#include "tools/command.h"

namespace ounce {

// Threads and kernels as the common options ask for them.
struct Engine {
  std::unique_ptr<ThreadPool> pool;
  std::unique_ptr<KernelContext> context;
};
// A usage error: an --isa that does not exist or that this CPU does not run.
absl::StatusOr<Engine> CreateEngine(const CommonOptions& options);

struct LoadedModel {
  ModelFile file;
  ModelWeights weights;  // Points into `file`, or into `unpacked`.
  std::vector<Matrix> unpacked;
};

// Replaces the quantised matrices that `model` computes with by their values in
// f32, so that its products do not quantise activations.  Takes 4 bytes of
// memory a weight.
void UnpackWeights(ThreadPool* pool, LoadedModel* model);

// Opens `path`, warns of surplus tensors, and refuses float weights that are
// NaN or infinite.  Errors begin with the path.
absl::StatusOr<LoadedModel> LoadModel(const std::string& path, bool strict,
                                      const CommonOptions& options,
                                      ThreadPool* pool);

// The same of a file that is open.
absl::StatusOr<LoadedModel> PrepareModel(ModelFile file,
                                         const CommonOptions& options,
                                         ThreadPool* pool);

// A remark that lists tensors the architecture does not know, if any.
void WarnOfSurplus(const ModelFile& file, const CommonOptions& options);

// kInvalidArgument naming the tensor: a float weight is NaN or infinite.
absl::Status CheckAllFinite(const BoundTensors& bound, ThreadPool* pool);

// The tokenizer of an opened model.  kFailedPrecondition naming the model when
// it has none.
absl::StatusOr<std::unique_ptr<Tokenizer>> CreateTokenizer(
    const ModelFile& file);

}  // namespace ounce

#endif  // OUNCE_TOOLS_LOADED_MODEL_H_
