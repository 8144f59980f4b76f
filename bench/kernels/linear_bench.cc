// Matrix products by codec, tokens, shape and threads.  GOPS counts a multiply
// and an add as two; GB/s is the stored weight read once per product. One-token
// products go round several copies of the weight, so that it comes from memory.
#include <algorithm>
#include <memory>
#include <vector>

#include "bench/kernels/matrices.h"
#include "benchmark/benchmark.h"
#include "core/thread_pool.h"
#include "kernels/linear.h"
#include "kernels/quantize_rows.h"

namespace ounce {
namespace {

constexpr int64_t kWorkingSetBytes = int64_t{256} << 20;

void BM_Linear(benchmark::State& state, Codec codec) {
  const int64_t tokens = state.range(0);
  const int64_t cols = state.range(1);
  const int64_t rows = state.range(2);
  ThreadPool pool(static_cast<int>(state.range(3)));
  KernelContext context(SupportedIsas().back(), &pool);
  std::vector<RandomWeights> weights;
  weights.emplace_back(codec, rows, cols);
  const int64_t bytes = weights[0].matrix().bytes;
  const int64_t copies =
      tokens > 1 ? 1 : std::max<int64_t>(1, kWorkingSetBytes / bytes);
  while (static_cast<int64_t>(weights.size()) < copies) {
    weights.emplace_back(codec, rows, cols);
  }
  const Matrix x = RandomMatrix(tokens, cols);
  Matrix out(tokens, rows);
  RowQuantizer quantizer;
  const MatMulInput input =
      quantizer.Quantize(context, x.view(), FormsFor({&weights[0].matrix()}));
  size_t next = 0;
  for (auto _ : state) {
    Linear(context, input, {{&weights[next].matrix(), nullptr, out.view()}});
    next = next + 1 == weights.size() ? 0 : next + 1;
    benchmark::DoNotOptimize(out.values().data());
  }
  const auto products = static_cast<double>(state.iterations());
  state.counters["GOPS"] = benchmark::Counter(
      2e-9 * static_cast<double>(tokens * rows * cols) * products,
      benchmark::Counter::kIsRate);
  state.counters["GB/s"] =
      benchmark::Counter(1e-9 * static_cast<double>(bytes) * products,
                         benchmark::Counter::kIsRate);
}

// A 1.1-billion-parameter Llama's feed-forward shapes, and a small model's, of
// which not all are whole blocks of foreign codecs.
void LargeShapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"tokens", "in", "out", "threads"})->UseRealTime();
  for (const int64_t threads : {1, 2}) {
    for (const int64_t tokens : {1, 4, 16, 64, 512}) {
      bench->Args({tokens, 2048, 5632, threads});
    }
    bench->Args({1, 5632, 2048, threads});
    bench->Args({512, 5632, 2048, threads});
  }
}
void Shapes(benchmark::internal::Benchmark* bench) {
  LargeShapes(bench);
  for (const int64_t threads : {1, 2}) bench->Args({1, 576, 1536, threads});
}

BENCHMARK_CAPTURE(BM_Linear, int4, Codec::kInt4)->Apply(Shapes);
BENCHMARK_CAPTURE(BM_Linear, int4_asym, Codec::kInt4Asymmetric)->Apply(Shapes);
BENCHMARK_CAPTURE(BM_Linear, int4_progressive, Codec::kInt4Progressive)
    ->Apply(Shapes);
BENCHMARK_CAPTURE(BM_Linear, int8, Codec::kInt8)->Apply(Shapes);
BENCHMARK_CAPTURE(BM_Linear, int8_activation_groups,
                  Codec::kInt8ActivationGroups)
    ->Apply(Shapes);
BENCHMARK_CAPTURE(BM_Linear, bf16, Codec::kBF16)->Apply(Shapes);
BENCHMARK_CAPTURE(BM_Linear, f16, Codec::kF16)->Apply(Shapes);
BENCHMARK_CAPTURE(BM_Linear, f32, Codec::kF32)->Apply(Shapes);
BENCHMARK_CAPTURE(BM_Linear, q4_k, Codec::kQ4K)->Apply(LargeShapes);
BENCHMARK_CAPTURE(BM_Linear, q6_k, Codec::kQ6K)->Apply(LargeShapes);
BENCHMARK_CAPTURE(BM_Linear, q8_0, Codec::kQ8_0)->Apply(LargeShapes);

}  // namespace
}  // namespace ounce
