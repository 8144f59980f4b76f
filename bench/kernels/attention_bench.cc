// Attention over a cache: one token with a long past, and a whole prompt.
#include <string>
#include <vector>

#include "bench/kernels/matrices.h"
#include "benchmark/benchmark.h"
#include "core/thread_pool.h"
#include "kernels/attention.h"

namespace ounce {
namespace {

void BM_Attention(benchmark::State& state) {
  const int64_t tokens = state.range(0);
  const int64_t positions = state.range(1);
  const auto type = static_cast<KvType>(state.range(3));
  state.SetLabel(std::string(KvTypeName(type)));
  ThreadPool pool(static_cast<int>(state.range(2)));
  KernelContext context(SupportedIsas().back(), &pool);
  constexpr int64_t kHeads = 32;
  constexpr int64_t kKvHeads = 4;
  constexpr int64_t kHeadDim = 64;
  const Matrix query = RandomMatrix(tokens, kHeads * kHeadDim);
  const Matrix keys = RandomMatrix(positions, kKvHeads * kHeadDim);
  const Matrix values = RandomMatrix(positions, kKvHeads * kHeadDim);
  Matrix out(tokens, kHeads * kHeadDim);
  AttentionSequence sequence;
  sequence.tokens = positions;
  sequence.kv = {type, kKvHeads, kHeadDim, RoundUp(positions, kKeyBlock),
                 nullptr};
  std::vector<uint8_t> memory(static_cast<size_t>(
      kKvHeads * *KvLayer::HeadBytes(type, kHeadDim, sequence.kv.capacity)));
  sequence.kv.data = memory.data();
  StoreKeysAndValues(context, {sequence}, keys.view(), values.view());
  sequence.tokens = tokens;
  sequence.first_position = positions - tokens;
  AttentionArgs args;
  args.query = query.view();
  args.heads = kHeads;
  args.scale = 0.125f;
  args.sequences = absl::MakeConstSpan(&sequence, 1);
  for (auto _ : state) {
    Attention(context, args, out.view());
    benchmark::DoNotOptimize(out.values().data());
  }
  // A token sees first_position + 1 keys or up to tokens - 1 more.
  const double keys_seen = static_cast<double>(tokens) *
                           (static_cast<double>(sequence.first_position) +
                            0.5 * static_cast<double>(tokens + 1));
  state.counters["GOPS"] =
      benchmark::Counter(4e-9 * keys_seen * double{kHeads * kHeadDim} *
                             static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate);
}

BENCHMARK(BM_Attention)
    ->ArgNames({"tokens", "positions", "threads", "kv"})
    ->UseRealTime()
    ->ArgsProduct({{1}, {128, 4096}, {1, 2}, {0, 1, 2}})
    ->ArgsProduct({{512}, {512, 2048}, {1, 2}, {1}});

}  // namespace
}  // namespace ounce
