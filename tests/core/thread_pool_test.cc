#include "core/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

using ::testing::Each;

class ThreadPoolTest : public ::testing::TestWithParam<int> {};

TEST_P(ThreadPoolTest, RunsEveryTaskOnce) {
  ThreadPool pool(GetParam());
  EXPECT_EQ(pool.num_threads(), GetParam());
  for (const int64_t num_tasks : {0, 1, 2, 3, 1000}) {
    std::vector<int> runs(static_cast<size_t>(num_tasks));
    pool.Run(num_tasks,
             [&](int64_t index, int) { ++runs[static_cast<size_t>(index)]; });
    EXPECT_THAT(runs, Each(1));
  }
}

// A product follows the other within microseconds, or after a long pause.
TEST_P(ThreadPoolTest, CanBeUsedManyTimes) {
  ThreadPool pool(GetParam());
  std::atomic<int64_t> sum = 0;
  for (int run = 0; run < 2000; ++run) {
    pool.Run(5, [&](int64_t index, int) { sum += index; });
    if (run % 500 == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  EXPECT_EQ(sum, 2000 * (0 + 1 + 2 + 3 + 4));
}

// The promise that lets a task index scratch memory by its worker.
TEST_P(ThreadPoolTest, TasksOfOneWorkerNeverOverlap) {
  ThreadPool pool(GetParam());
  std::vector<std::atomic<int>> inside(static_cast<size_t>(GetParam()));
  std::atomic<int> overlaps = 0;
  std::atomic<int> wrong_workers = 0;
  pool.Run(500, [&](int64_t, int worker) {
    if (worker < 0 || worker >= GetParam()) {
      ++wrong_workers;
      return;
    }
    std::atomic<int>& mine = inside[static_cast<size_t>(worker)];
    if (++mine != 1) ++overlaps;
    --mine;
  });
  EXPECT_EQ(overlaps, 0);
  EXPECT_EQ(wrong_workers, 0);
}

// Run() returns when all is done: plain writes of tasks are seen without
// further synchronisation.
TEST_P(ThreadPoolTest, ResultsAreVisibleAfterRun) {
  ThreadPool pool(GetParam());
  std::vector<int64_t> squares(300);
  for (int run = 0; run < 50; ++run) {
    std::fill(squares.begin(), squares.end(), 0);
    pool.Run(300, [&](int64_t index, int) {
      squares[static_cast<size_t>(index)] = index * index;
    });
    // Sum of squares to 299: 299 * 300 * 599 / 6.
    ASSERT_EQ(std::accumulate(squares.begin(), squares.end(), int64_t{0}),
              8955050);
  }
}

TEST_P(ThreadPoolTest, EndsWithoutHavingRun) {
  for (int i = 0; i < 50; ++i) ThreadPool pool(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest,
                         ::testing::Values(1, 2, 3, 8));

TEST(PhysicalCoresTest, IsAtLeastOneAndAtMostTheHardwareThreads) {
  EXPECT_GE(PhysicalCores(), 1);
  EXPECT_LE(PhysicalCores(), static_cast<int>(std::max(
                                 1u, std::thread::hardware_concurrency())));
}

}  // namespace
}  // namespace ounce
