// Where a block runs while it is compressed.
#ifndef OUNCE_COMPRESS_BLOCK_RUN_H_
#define OUNCE_COMPRESS_BLOCK_RUN_H_

#include "calibrate/activation_store.h"
#include "kernels/kernel_context.h"
#include "runtime/executor.h"

namespace ounce {

// All must outlive what is given one.
struct BlockRun {
  Executor* executor;
  KernelContext* context;
  const ActivationStore* inputs;
  // What goes into the block in the float model, where errors are propagated;
  // else null.
  const ActivationStore* float_inputs = nullptr;
};

}  // namespace ounce

#endif  // OUNCE_COMPRESS_BLOCK_RUN_H_
