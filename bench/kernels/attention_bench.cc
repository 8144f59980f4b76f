// Attention over a cache: one token with a long past, and a whole prompt.
#include "bench/kernels/matrices.h"
#include "benchmark/benchmark.h"
#include "core/thread_pool.h"
#include "kernels/attention.h"

namespace ounce {
namespace {

void BM_Attention(benchmark::State& state) {
  const int64_t tokens = state.range(0);
  const int64_t positions = state.range(1);
  ThreadPool pool(static_cast<int>(state.range(2)));
  KernelContext context(SupportedIsas().back(), &pool);
  constexpr int64_t kHeads = 32;
  constexpr int64_t kKvHeads = 4;
  constexpr int64_t kHeadDim = 64;
  const Matrix query = RandomMatrix(tokens, kHeads * kHeadDim);
  const Matrix keys = RandomMatrix(positions, kKvHeads * kHeadDim);
  const Matrix values = RandomMatrix(positions, kKvHeads * kHeadDim);
  Matrix out(tokens, kHeads * kHeadDim);
  AttentionArgs args;
  args.query = query.view();
  args.keys = keys.view();
  args.values = values.view();
  args.heads = kHeads;
  args.kv_heads = kKvHeads;
  args.head_dim = kHeadDim;
  args.first_position = positions - tokens;
  args.scale = 0.125f;
  for (auto _ : state) {
    Attention(context, args, out.view());
    benchmark::DoNotOptimize(out.values().data());
  }
  // A token sees first_position + 1 keys or up to tokens - 1 more.
  const double keys_seen =
      static_cast<double>(tokens) * (static_cast<double>(args.first_position) +
                                     0.5 * static_cast<double>(tokens + 1));
  state.counters["GOPS"] =
      benchmark::Counter(4e-9 * keys_seen * double{kHeads * kHeadDim} *
                             static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate);
}

BENCHMARK(BM_Attention)
    ->ArgNames({"tokens", "positions", "threads"})
    ->UseRealTime()
    ->ArgsProduct({{1}, {128, 2048}, {1, 2}})
    ->ArgsProduct({{512}, {512, 2048}, {1, 2}});

}  // namespace
}  // namespace ounce
