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
  // [0, num_threads()), and returns when all are done.  Tasks of one worker
  // never overlap: it may index scratch memory.  One Run() at a time, and none
  // from inside a task.
  void Run(int64_t num_tasks,
           absl::FunctionRef<void(int64_t index, int worker)> task);

 private:
  void WorkerLoop(int worker);
  void DrainTasks(int worker);

  std::mutex mutex_;
  std::condition_variable wake_;
  // Counts Run() calls; a worker waits for it to change, spinning briefly
  // before it sleeps, because the next product follows within microseconds.
  std::atomic<uint64_t> generation_{0};
  // Whether a Run() still takes workers, and how many are at it.
  std::atomic<bool> open_{false};
  std::atomic<int> active_{0};
  std::atomic<bool> stop_{false};
  std::atomic<int64_t> next_task_{0};
  int64_t num_tasks_ = 0;
  const absl::FunctionRef<void(int64_t, int)>* task_ = nullptr;
  std::vector<std::thread> threads_;
};

// The number of physical cores this process may run on, at least 1.
int PhysicalCores();

}  // namespace ounce

#endif  // OUNCE_CORE_THREAD_POOL_H_
