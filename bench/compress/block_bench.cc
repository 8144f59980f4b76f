// GPTQ on one layer of a 1.1-billion-parameter Llama: int4 in groups of 128, as
// `ounce compress --recipe int4-gptq` does it.  Prints where the time goes, as
// shares: the float and int8 products of the forward passes, the second
// moments, the rounding (itself mostly products), and all else; and what the
// second moments reach of the machine's float peak.
#include <chrono>
#include <cmath>
#include <memory>
#include <numeric>
#include <vector>

#include "absl/types/span.h"
#include "benchmark/benchmark.h"
#include "calibrate/activation_store.h"
#include "calibrate/layer_inputs.h"
#include "compress/block.h"
#include "compress/block_quantize.h"
#include "compress/plan.h"
#include "compress/recipe.h"
#include "core/packing/codec.h"
#include "core/random.h"
#include "core/thread_pool.h"
#include "kernels/gram.h"
#include "kernels/machine_limits.h"
#include "model/tensor_table.h"
#include "runtime/executor.h"
#include "runtime/op_times.h"

namespace ounce {
namespace {

constexpr int64_t kContext = 512;

double Now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

ModelSpec LargeLlama() {
  ModelSpec spec;
  spec.architecture = "llama";
  spec.vocab = 64;
  spec.width = 2048;
  spec.layers = 1;
  spec.heads = 32;
  spec.kv_heads = 4;
  spec.head_dim = 64;
  spec.ffn = 5632;
  spec.max_context = kContext;
  spec.tied_head = true;
  return spec;
}

// A model of random weights, all of it planned.
class RandomModel {
 public:
  RandomModel() : recipe_(*LoadRecipe("int4-gptq")) {
    Random random(1);
    for (TensorSlot& slot : TensorTable(spec_)) {
      const int64_t cols = slot.shape.back();
      const int64_t rows = slot.shape.size() > 1 ? slot.shape.front() : 1;
      Matrix& values = values_.emplace_back(rows, cols);
      const double scale = rows == 1 ? 0.0 : 2.0 / std::sqrt(double(cols));
      for (float& value : values.values()) {
        value = static_cast<float>(
            rows == 1 ? 1.0 : scale * (random.NextDouble() - 0.5));
      }
      PackedMatrix matrix;
      matrix.rows = rows;
      matrix.cols = cols;
      matrix.data = reinterpret_cast<const uint8_t*>(values.row(0));
      matrix.bytes = rows * cols * 4;
      bound_.tensors.push_back({std::move(slot), matrix, {}});
    }
    plan_ = *MakePlan(bound_, recipe_);
    weights_ = ArrangeWeights(spec_, bound_);
  }

  const ModelSpec& spec() const { return spec_; }
  const ModelWeights& weights() const { return weights_; }
  std::vector<TensorPlan> layer() const {
    std::vector<TensorPlan> rows;
    for (const TensorPlan& row : plan_.tensors) {
      if (LayerOf(row.tensor->slot.name).has_value()) rows.push_back(row);
    }
    return rows;
  }

 private:
  const ModelSpec spec_ = LargeLlama();
  const Recipe recipe_;
  std::vector<Matrix> values_;
  BoundTensors bound_;
  Plan plan_;
  ModelWeights weights_;
};

std::unique_ptr<ActivationStore> RandomActivations(int64_t windows,
                                                   int64_t width) {
  auto store = *ActivationStore::Create(
      std::vector<int64_t>(static_cast<size_t>(windows), kContext), width, "");
  Random random(2);
  Matrix rows(kContext, width);
  for (int64_t w = 0; w < windows; ++w) {
    for (float& value : rows.values()) {
      value = static_cast<float>(random.NextDouble() - 0.5);
    }
    if (!store->Write(w, rows.view()).ok()) return nullptr;
  }
  return store;
}

// Seconds that the second moments of a layer's four inputs take.
double TimeMoments(const ModelSpec& spec, int64_t windows,
                   KernelContext* context, double* ops) {
  double seconds = 0.0;
  for (const int64_t in : {spec.width, spec.width, spec.width, spec.ffn}) {
    Matrix x(kContext, in);
    for (float& value : x.values()) value = 0.5f;
    Matrix sum(in, in);
    const double start = Now();
    for (int64_t w = 0; w < windows; ++w) {
      AddGram(*context, x.view(), sum.view());
    }
    seconds += Now() - start;
    *ops += static_cast<double>(windows * kContext * in * (in + 1));
  }
  return seconds;
}

// Arguments: windows of 512 tokens, threads.
void BM_GptqLayer(benchmark::State& state) {
  const int64_t windows = state.range(0);
  ThreadPool pool(static_cast<int>(state.range(1)));
  KernelContext context(SupportedIsas().back(), &pool);
  const RandomModel model;
  const std::vector<TensorPlan> rows = model.layer();
  const auto store = RandomActivations(windows, model.spec().width);
  Executor executor(model.weights(), &context, kContext);
  OpTimes times = {};
  executor.set_op_times(&times);
  double total = 0.0;
  for (auto _ : state) {
    const double start = Now();
    absl::StatusOr<Block> block = Block::Load(model.spec(), 0, rows, &pool);
    const absl::Status status = QuantizeBlock(
        {&executor, &context, store.get()}, int64_t{1} << 30, &*block);
    const LayerWeights layer = block->Arrange();
    const absl::Status advanced = AdvanceLayer(
        {&executor, &context, &layer, 0, store.get()}, store.get());
    total += Now() - start;
    if (!status.ok() || !advanced.ok()) state.SkipWithError("failed");
  }
  const auto runs = static_cast<double>(state.iterations());
  const auto of = [&](Op op) { return times[static_cast<size_t>(op)]; };
  const double products =
      of(Op::kQkv) + of(Op::kOutput) + of(Op::kGateUp) + of(Op::kDown);
  const double forward = std::accumulate(times.begin(), times.end(), 0.0);
  double ops = 0.0;
  const double moments = TimeMoments(model.spec(), windows, &context, &ops);
  state.counters["products"] = products / total;
  state.counters["forward_rest"] = (forward - products) / total;
  state.counters["moments"] = moments * runs / total;
  state.counters["rounding_and_rest"] =
      1.0 - (forward + moments * runs) / total;
  state.counters["moments_of_peak"] =
      ops / moments / MeasurePeakOps(context, Codec::kF32);
}
BENCHMARK(BM_GptqLayer)
    ->Args({64, 2})
    ->Iterations(1)
    ->UseRealTime()
    ->Unit(benchmark::kSecond);

}  // namespace
}  // namespace ounce
