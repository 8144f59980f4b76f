// The sum of products of activations with themselves, as a share of the
// machine's float peak; the work counted is that of the lower triangle.
#include <algorithm>

#include "benchmark/benchmark.h"
#include "core/thread_pool.h"
#include "kernels/gram.h"
#include "kernels/machine_limits.h"

namespace ounce {
namespace {

// Arguments: width, tokens, threads.
void BM_Gram(benchmark::State& state) {
  const int64_t width = state.range(0);
  const int64_t tokens = state.range(1);
  ThreadPool pool(static_cast<int>(state.range(2)));
  KernelContext context(SupportedIsas().back(), &pool);
  Matrix x(tokens, width);
  std::fill(x.values().begin(), x.values().end(), 0.5f);
  Matrix sum(width, width);
  for (auto _ : state) AddGram(context, x.view(), sum.view());
  const double ops = static_cast<double>(tokens * width * (width + 1)) *
                     static_cast<double>(state.iterations());
  state.counters["ops"] = benchmark::Counter(ops, benchmark::Counter::kIsRate);
  state.counters["of_peak"] = benchmark::Counter(
      ops / MeasurePeakOps(context, Codec::kF32), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_Gram)
    ->ArgsProduct({{576, 2048, 5632}, {512}, {1, 2}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ounce
