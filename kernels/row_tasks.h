// Cuts row-wise work for the thread pool.
#ifndef OUNCE_KERNELS_ROW_TASKS_H_
#define OUNCE_KERNELS_ROW_TASKS_H_

#include <algorithm>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "core/checked.h"
#include "core/thread_pool.h"

namespace ounce {

// Waking the pool costs a few microseconds: a task has at least this many
// elements, so that one token's work stays in the calling thread.
inline constexpr int64_t kMinTaskElements = 8192;

// Calls `body(row)` for every row in [0, rows), in any order and from any
// worker.
inline void ForEachRow(ThreadPool& pool, int64_t rows, int64_t cols,
                       absl::FunctionRef<void(int64_t row)> body) {
  const int64_t rows_per_task =
      std::max<int64_t>(1, kMinTaskElements / std::max<int64_t>(1, cols));
  pool.Run(DivideUp(rows, rows_per_task), [&](int64_t task, int) {
    const int64_t end = std::min(rows, (task + 1) * rows_per_task);
    for (int64_t row = task * rows_per_task; row < end; ++row) body(row);
  });
}

}  // namespace ounce

#endif  // OUNCE_KERNELS_ROW_TASKS_H_
