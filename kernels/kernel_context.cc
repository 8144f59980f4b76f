#include "kernels/kernel_context.h"

#include "kernels/onednn/cpu_isa.h"

namespace ounce {
namespace {

constexpr size_t kAlignmentBytes = 64;

}  // namespace

float* WorkerScratch::Floats(int worker, int64_t count) {
  std::vector<float>& buffer = buffers_[static_cast<size_t>(worker)];
  const size_t needed =
      static_cast<size_t>(count) + kAlignmentBytes / sizeof(float);
  // Cleared first: growing must not copy what nobody may rely on.
  if (buffer.size() < needed) {
    buffer.clear();
    buffer.resize(needed);
  }
  const size_t misaligned_bytes =
      reinterpret_cast<uintptr_t>(buffer.data()) % kAlignmentBytes;
  if (misaligned_bytes == 0) return buffer.data();
  return buffer.data() + (kAlignmentBytes - misaligned_bytes) / sizeof(float);
}

KernelContext::KernelContext(Isa isa, ThreadPool* pool)
    : table_(GetKernelTable(isa)), pool_(pool), scratch_(pool->num_threads()) {
  CapOneDnn(isa);
}

void KernelContext::Run(
    int64_t num_tasks, int64_t cost_bytes,
    absl::FunctionRef<void(int64_t task, int worker)> body) {
  if (cost_bytes >= kMinSharedBytes) {
    pool_->Run(num_tasks, body);
    return;
  }
  for (int64_t task = 0; task < num_tasks; ++task) body(task, 0);
}

}  // namespace ounce
