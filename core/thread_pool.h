// The one thread pool.  Work is cut into tasks that do not depend on the number
// of threads, so that results do not either; threads only decide who does what.
#ifndef OUNCE_CORE_THREAD_POOL_H_
#define OUNCE_CORE_THREAD_POOL_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"

namespace ounce {

class ThreadPool {
 public:
  // `num_threads` >= 1 counts the thread that calls Run().
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const { return static_cast<int>(threads_.size()) + 1; }

  // Calls `task(index, worker)` for every index in [0, num_tasks), worker in
  // [0, num_threads()), and returns when all are done.  Each worker begins with
  // a range of its own, in order, and helps the others once that is done.
  // Tasks of one worker never overlap: it may index scratch memory.  One Run()
  // at a time, and none from inside a task.
  void Run(int64_t num_tasks,
           absl::FunctionRef<void(int64_t index, int worker)> task);

 private:
  // The tasks that one worker begins with; others may take from it too.
  struct alignas(64) Range {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };

  void WorkerLoop(int worker);
  void WaitForRun(uint64_t seen);
  void DrainTasks(int worker);

  std::vector<Range> ranges_;  // [num_threads()]
  const absl::FunctionRef<void(int64_t, int)>* task_ = nullptr;

  // Counts Run() calls; a worker waits for it to change, spinning briefly
  // before it sleeps, because the next product follows within microseconds.
  alignas(64) std::atomic<uint64_t> generation_{0};
  // Whether a Run() still takes workers, and how many are at it.
  std::atomic<bool> open_{false};
  std::atomic<bool> stop_{false};
  alignas(64) std::atomic<int> active_{0};

  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<int> sleepers_{0};
  std::vector<std::thread> threads_;
};

// The number of physical cores this process may run on, at least 1.
int PhysicalCores();

}  // namespace ounce

#endif  // OUNCE_CORE_THREAD_POOL_H_
