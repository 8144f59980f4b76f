#include "kernels/machine_limits.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "absl/functional/function_ref.h"

namespace ounce {
namespace {

// Long enough for a thread's share of work to dwarf the cost of sharing it.
constexpr int64_t kPartBytes = 1 << 20;
constexpr int kPasses = 5;
constexpr int64_t kPeakRounds = 1 << 18;

// The shortest of several runs: whatever else the machine does only adds.
double ShortestSeconds(absl::FunctionRef<void()> run) {
  double shortest = 1e30;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    run();
    shortest = std::min(shortest, std::chrono::duration<double>(
                                      std::chrono::steady_clock::now() - start)
                                      .count());
  }
  return shortest;
}

}  // namespace

double MeasureReadBandwidth(KernelContext& context,
                            absl::Span<const absl::Span<const uint8_t>> parts) {
  std::vector<absl::Span<const uint8_t>> pieces;
  double bytes = 0.0;
  for (absl::Span<const uint8_t> part : parts) {
    bytes += static_cast<double>(part.size());
    for (; !part.empty(); part.remove_prefix(pieces.back().size())) {
      pieces.push_back(part.subspan(0, size_t{kPartBytes}));
    }
  }
  double shortest = 1e30;
  for (int loop = 0; loop < kNumReadLoops; ++loop) {
    shortest = std::min(
        shortest, ShortestSeconds([&] {
          context.pool().Run(
              static_cast<int64_t>(pieces.size()), [&](int64_t i, int) {
                const absl::Span<const uint8_t> piece =
                    pieces[static_cast<size_t>(i)];
                context.table().read_bytes(loop, piece.data(),
                                           static_cast<int64_t>(piece.size()));
              });
        }));
  }
  return bytes / shortest;
}

double MeasurePeakOps(KernelContext& context, Codec codec) {
  const int64_t threads = context.pool().num_threads();
  // Several tasks a thread, so that one held up does not decide the time.
  const int64_t tasks = 8 * threads;
  std::vector<int64_t> products(static_cast<size_t>(tasks));
  const double seconds = ShortestSeconds([&] {
    context.pool().Run(tasks, [&](int64_t i, int) {
      products[static_cast<size_t>(i)] =
          context.table().multiply_registers(codec, kPeakRounds);
    });
  });
  double total = 0.0;
  for (const int64_t count : products)
    total += 2.0 * static_cast<double>(count);
  return total / seconds;
}

}  // namespace ounce
