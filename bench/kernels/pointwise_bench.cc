// The row-wise operations on a prompt that stays in the second-level cache.
// GB/s counts what is read and written once.
#include <vector>

#include "bench/kernels/matrices.h"
#include "benchmark/benchmark.h"
#include "core/thread_pool.h"
#include "kernels/pointwise.h"
#include "kernels/quantize_rows.h"

namespace ounce {
namespace {

constexpr int64_t kTokens = 16;
constexpr int64_t kWidth = 2048;

void SetBytes(benchmark::State& state, int64_t bytes_per_value) {
  state.counters["GB/s"] = benchmark::Counter(
      1e-9 * static_cast<double>(kTokens * kWidth * bytes_per_value) *
          static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate);
}

void BM_RmsNorm(benchmark::State& state) {
  ThreadPool pool(1);
  KernelContext context(SupportedIsas().back(), &pool);
  const Matrix x = RandomMatrix(kTokens, kWidth);
  const Matrix weight = RandomMatrix(1, kWidth);
  Matrix out(kTokens, kWidth);
  for (auto _ : state) {
    Normalize(context, {Norm::Kind::kRms, weight.row(0), nullptr, 1e-5f},
              x.view(), out.view());
    benchmark::DoNotOptimize(out.values().data());
  }
  SetBytes(state, 8);
}
BENCHMARK(BM_RmsNorm);

void BM_QuantizeRows(benchmark::State& state, QuantizedForms forms) {
  ThreadPool pool(1);
  KernelContext context(SupportedIsas().back(), &pool);
  const Matrix x = RandomMatrix(kTokens, kWidth);
  RowQuantizer quantizer;
  for (auto _ : state) {
    benchmark::DoNotOptimize(quantizer.Quantize(context, x.view(), forms));
  }
  SetBytes(state, 5);
}
BENCHMARK_CAPTURE(BM_QuantizeRows, by_token, QuantizedForms{true, false});
BENCHMARK_CAPTURE(BM_QuantizeRows, by_group, QuantizedForms{false, true});

void BM_GatedActivation(benchmark::State& state, Activation activation) {
  ThreadPool pool(1);
  KernelContext context(SupportedIsas().back(), &pool);
  // Zeros, so that feeding the result back cannot end in denormal numbers; the
  // activations take the same time for any input.
  const Matrix up(kTokens, kWidth);
  Matrix gate = RandomMatrix(kTokens, kWidth);
  for (auto _ : state) {
    GatedActivation(context, activation, up.view(), gate.view());
    benchmark::DoNotOptimize(gate.values().data());
  }
  SetBytes(state, 12);
}
BENCHMARK_CAPTURE(BM_GatedActivation, silu, Activation::kSilu);
BENCHMARK_CAPTURE(BM_GatedActivation, gelu, Activation::kGelu);
BENCHMARK_CAPTURE(BM_GatedActivation, gelu_tanh, Activation::kGeluTanh);

void BM_Rotary(benchmark::State& state) {
  constexpr int64_t kHeadDim = 64;
  ThreadPool pool(1);
  KernelContext context(SupportedIsas().back(), &pool);
  // The rotation by 0 keeps the values from growing.
  const Matrix cos(kTokens, kHeadDim / 2,
                   std::vector<float>(kTokens * kHeadDim / 2, 1.0f));
  const Matrix sin(kTokens, kHeadDim / 2);
  Matrix x = RandomMatrix(kTokens, kWidth);
  for (auto _ : state) {
    Rotary(context, cos.view(), sin.view(), kHeadDim, x.view());
    benchmark::DoNotOptimize(x.values().data());
  }
  SetBytes(state, 8);
}
BENCHMARK(BM_Rotary);

}  // namespace
}  // namespace ounce
