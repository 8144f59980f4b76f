#include "kernels/machine_limits.h"

#include <vector>

#include "core/packing/codec.h"
#include "core/thread_pool.h"
#include "gtest/gtest.h"
#include "tests/kernels/isa_fixture.h"

namespace ounce {
namespace {

using MachineLimitsTest = IsaTest;

// No machine moves a petabyte or multiplies 1e18 times a second: above that the
// compiler has dropped the work.
TEST_P(MachineLimitsTest, AreOfThisWorld) {
  ThreadPool pool(2);
  KernelContext context(GetParam(), &pool);
  const std::vector<uint8_t> bytes(3000001, 7);
  const double read =
      MeasureReadBandwidth(context, {absl::MakeConstSpan(bytes)});
  EXPECT_GT(read, 1e6);
  EXPECT_LT(read, 1e13);
  for (const Codec codec : {Codec::kF32, Codec::kInt8,
                            Codec::kInt8ActivationGroups, Codec::kInt4}) {
    const double ops = MeasurePeakOps(context, codec);
    EXPECT_GT(ops, 1e6) << GetCodecInfo(codec).name;
    EXPECT_LT(ops, 1e14) << GetCodecInfo(codec).name;
  }
}

// Every byte is read: a page behind the end would fault, and all loops take
// any length.
TEST_P(MachineLimitsTest, TakesAnyLength) {
  const KernelTable& table = GetKernelTable(GetParam());
  for (const size_t size : {0u, 1u, 63u, 64u, 255u, 257u}) {
    const std::vector<uint8_t> bytes(size);
    for (int loop = 0; loop < kNumReadLoops; ++loop) {
      table.read_bytes(loop, bytes.data(), static_cast<int64_t>(size));
    }
  }
}

OUNCE_INSTANTIATE_ISA_TEST(MachineLimitsTest);

}  // namespace
}  // namespace ounce
