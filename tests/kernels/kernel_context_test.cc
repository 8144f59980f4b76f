#include "kernels/kernel_context.h"

#include <cstdint>

#include "core/thread_pool.h"
#include "gtest/gtest.h"
#include "tests/kernels/isa_fixture.h"

namespace ounce {
namespace {

TEST(WorkerScratchTest, BuffersAreAlignedForTheWidestVectors) {
  WorkerScratch scratch(2);
  for (const int64_t count : {0, 1, 7, 1000, 3}) {
    for (const int worker : {0, 1}) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(scratch.Floats(worker, count)) % 64,
                0u);
    }
  }
}

TEST(WorkerScratchTest, WorkersDoNotShareMemory) {
  WorkerScratch scratch(2);
  float* first = scratch.Floats(0, 100);
  float* second = scratch.Floats(1, 100);
  EXPECT_TRUE(first + 100 <= second || second + 100 <= first);
}

TEST(WorkerScratchTest, SmallerRequestKeepsTheBuffer) {
  WorkerScratch scratch(1);
  float* large = scratch.Floats(0, 1000);
  EXPECT_EQ(scratch.Floats(0, 10), large);
}

class KernelContextTest : public IsaTest {};

TEST_P(KernelContextTest, UsesTheTableOfItsIsa) {
  ThreadPool pool(1);
  const KernelContext context(GetParam(), &pool);
  EXPECT_EQ(context.table().isa, GetParam());
  EXPECT_EQ(&context.pool(), &pool);
}

TEST_P(KernelContextTest, TableIsComplete) {
  for (const MatMulKernel kernel : table().matmul) EXPECT_NE(kernel, nullptr);
  EXPECT_NE(table().quantize_row, nullptr);
  EXPECT_NE(table().rms_norm, nullptr);
  EXPECT_NE(table().rotary, nullptr);
  EXPECT_NE(table().gated_activation, nullptr);
  EXPECT_NE(table().add, nullptr);
  EXPECT_NE(table().attention, nullptr);
  EXPECT_NE(table().store_kv, nullptr);
}

OUNCE_INSTANTIATE_ISA_TEST(KernelContextTest);

}  // namespace
}  // namespace ounce
