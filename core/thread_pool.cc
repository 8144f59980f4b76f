#include "core/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/check.h"

namespace ounce {
namespace {

// About 20 microseconds on current machines: longer than the gap between two
// products of one token, far shorter than a scheduler's time slice.
constexpr int kSpins = 2000;

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

ThreadPool::ThreadPool(int num_threads)
    : ranges_(static_cast<size_t>(num_threads)) {
  OUNCE_DCHECK(num_threads >= 1);
  for (int worker = 1; worker < num_threads; ++worker) {
    threads_.emplace_back([this, worker] { WorkerLoop(worker); });
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
    ++generation_;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::Run(int64_t num_tasks,
                     absl::FunctionRef<void(int64_t, int)> task) {
  if (threads_.empty() || num_tasks <= 1) {
    for (int64_t i = 0; i < num_tasks; ++i) task(i, 0);
    return;
  }
  task_ = &task;
  const auto count = static_cast<int64_t>(ranges_.size());
  for (int64_t i = 0; i < count; ++i) {
    Range& range = ranges_[static_cast<size_t>(i)];
    range.next.store(num_tasks * i / count, std::memory_order_relaxed);
    range.end = num_tasks * (i + 1) / count;
  }
  open_ = true;
  ++generation_;
  // A worker counts itself a sleeper first and then looks at the generation
  // once more: either it sees the new one or it is seen here.
  if (sleepers_ > 0) {
    { const std::lock_guard<std::mutex> lock(mutex_); }
    wake_.notify_all();
  }
  DrainTasks(0);
  // Whoever has not come by now is not waited for: a thread that the system
  // wakes late must not hold up the others.
  open_ = false;
  for (int spin = 0; active_ > 0; ++spin) {
    if (spin < kSpins) {
      Pause();
    } else {
      std::this_thread::yield();
    }
  }
}

void ThreadPool::DrainTasks(int worker) {
  for (size_t i = 0; i < ranges_.size(); ++i) {
    Range& range = ranges_[(static_cast<size_t>(worker) + i) % ranges_.size()];
    while (true) {
      const int64_t index = range.next.fetch_add(1, std::memory_order_relaxed);
      if (index >= range.end) break;
      (*task_)(index, worker);
    }
  }
}

void ThreadPool::WaitForRun(uint64_t seen) {
  for (int spin = 0; spin < kSpins; ++spin) {
    if (generation_ != seen) return;
    Pause();
  }
  std::unique_lock<std::mutex> lock(mutex_);
  ++sleepers_;
  wake_.wait(lock, [&] { return generation_ != seen; });
  --sleepers_;
}

void ThreadPool::WorkerLoop(int worker) {
  uint64_t seen = 0;
  while (true) {
    WaitForRun(seen);
    seen = generation_;
    if (stop_) return;
    // Counted first, then asked: Run() closes first, then looks at the count.
    ++active_;
    if (open_) DrainTasks(worker);
    --active_;
  }
}

int PhysicalCores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return 1;
  // Two hardware threads of one core name the same set of siblings.
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    std::ifstream file(absl::StrCat("/sys/devices/system/cpu/cpu", cpu,
                                    "/topology/thread_siblings_list"));
    std::string siblings;
    if (!std::getline(file, siblings)) siblings = absl::StrCat("cpu", cpu);
    cores.insert(siblings);
  }
  return std::max(1, static_cast<int>(cores.size()));
}

}  // namespace ounce
