// What an op needs to run: the kernels of one instruction set and the threads.
#ifndef OUNCE_KERNELS_KERNEL_CONTEXT_H_
#define OUNCE_KERNELS_KERNEL_CONTEXT_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "core/thread_pool.h"
#include "kernels/isa.h"
#include "kernels/kernel_table.h"

namespace ounce {

// Scratch memory for each worker of a pool, grown on demand and kept.
class WorkerScratch {
 public:
  explicit WorkerScratch(int num_workers)
      : buffers_(static_cast<size_t>(num_workers)) {}
  // At least `count` floats of `worker`'s own, 64-byte aligned; valid until its
  // next call.  Contents are unspecified.
  float* Floats(int worker, int64_t count);

 private:
  std::vector<std::vector<float>> buffers_;
};

// What one core reads in the two or three microseconds that sharing work costs.
inline constexpr int64_t kMinSharedBytes = 48 << 10;

// One op at a time runs in a context; it is not thread-safe itself.
class KernelContext {
 public:
  // `isa` must be one of SupportedIsas().  The first context of a process also
  // caps oneDNN at its `isa`; oneDNN cannot be raised again afterwards.
  // `pool` must outlive the context.
  KernelContext(Isa isa, ThreadPool* pool);

  const KernelTable& table() const { return table_; }
  ThreadPool& pool() const { return *pool_; }
  // pool().Run(), unless the tasks together read fewer than kMinSharedBytes:
  // then the calling thread, as worker 0, is done before another were awake.
  void Run(int64_t num_tasks, int64_t cost_bytes,
           absl::FunctionRef<void(int64_t task, int worker)> body);
  WorkerScratch& scratch() { return scratch_; }
  // Scratch memory that an op's tasks share; otherwise as WorkerScratch's.
  float* SharedFloats(int64_t count) { return shared_.Floats(0, count); }

 private:
  const KernelTable& table_;
  ThreadPool* const pool_;
  WorkerScratch scratch_;
  WorkerScratch shared_{1};
};

}  // namespace ounce

#endif  // OUNCE_KERNELS_KERNEL_CONTEXT_H_
