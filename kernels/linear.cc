#include "kernels/linear.h"

#include <algorithm>

#include "core/check.h"
#include "core/checked.h"
#include "core/packing/codec.h"
#include "kernels/onednn/cpu_isa.h"
#include "kernels/onednn/float_panel.h"
#include "kernels/onednn/int8_panel.h"
#include "kernels/pointwise.h"
#include "kernels/row_tasks.h"

namespace ounce {
namespace {

// Rows of one task.  Quantised products and those of few tokens have the same
// bits however they are cut; oneDNN's of floats have not, so their panels are
// fixed.
constexpr int64_t kKernelTaskRows = 64;
// A tile of the kernels that take unsigned codes.
constexpr int64_t kUnsignedTaskRows = 48;
constexpr int64_t kPanelTaskRows = 128;
static_assert(kPanelTaskRows % kPanelRows == 0);

// From this many tokens on oneDNN is faster than our float kernel, which reads
// the weights once per four tokens.
constexpr int64_t kMinFloatPanelTokens = 12;
constexpr int64_t kMinInt8PanelTokens = 16;

enum class Engine { kKernel, kUnsignedKernel, kFloatPanels, kInt8Panels };

// Float scales per group, of weights or activations, would cut oneDNN's inner
// dimension to 32 and leave it nothing to gain: prompts over them stay with our
// own kernel on every instruction set.
Engine ChooseEngine(const KernelTable& table, Codec codec, int64_t tokens) {
  const CodecInfo& info = GetCodecInfo(codec);
  if (!info.quantized) {
    return tokens >= kMinFloatPanelTokens && OneDnnHasSgemm()
               ? Engine::kFloatPanels
               : Engine::kKernel;
  }
  if (table.unpack_panels[static_cast<size_t>(codec)] != nullptr &&
      tokens >= kMinInt8PanelTokens && OneDnnHasVnni()) {
    return Engine::kInt8Panels;
  }
  const int64_t min_unsigned =
      table.min_unsigned_tokens[static_cast<size_t>(codec)];
  return min_unsigned > 0 && tokens >= min_unsigned ? Engine::kUnsignedKernel
                                                    : Engine::kKernel;
}

bool TakesUnsigned(Engine engine) {
  return engine == Engine::kInt8Panels || engine == Engine::kUnsignedKernel;
}

bool MultiplyPanel(Engine engine, KernelContext& context, const MatMulInput& x,
                   const PackedMatrix& w, int64_t row_begin, int64_t row_end,
                   int worker, MatrixView<float> out) {
  const int64_t rows = row_end - row_begin;
  WorkerScratch& scratch = context.scratch();
  switch (engine) {
    case Engine::kKernel:
    case Engine::kUnsignedKernel:
      return false;
    case Engine::kFloatPanels:
      return MultiplyFloatPanel(
          x.dense, w, row_begin, row_end,
          scratch.Floats(worker, FloatPanelScratch(w, rows)), out);
    case Engine::kInt8Panels:
      return MultiplyInt8Panel(
          context.table(), x.quantized, w, row_begin, row_end,
          scratch.Floats(worker, Int8PanelScratch(w, rows)), out);
  }
  return false;
}

void AddBias(const float* bias, int64_t row_begin, int64_t row_end,
             MatrixView<float> out) {
  for (int64_t t = 0; t < out.rows; ++t) {
    float* row = out.row(t);
    for (int64_t r = row_begin; r < row_end; ++r) row[r] += bias[r];
  }
}

int64_t TaskRows(const KernelTable& table, const Projection& projection) {
  const Engine engine =
      ChooseEngine(table, projection.weight->codec, projection.out.rows);
  switch (engine) {
    case Engine::kKernel:
      return kKernelTaskRows;
    case Engine::kUnsignedKernel:
      return kUnsignedTaskRows;
    case Engine::kFloatPanels:
    case Engine::kInt8Panels:
      break;
  }
  return kPanelTaskRows;
}

// `x` with its codes unsigned too, if any projection takes them so.
MatMulInput PrepareInput(KernelContext& context, const MatMulInput& x,
                         absl::Span<const Projection> projections) {
  const KernelTable& table = context.table();
  if (std::none_of(projections.begin(), projections.end(),
                   [&](const Projection& projection) {
                     return TakesUnsigned(ChooseEngine(
                         table, projection.weight->codec, projection.out.rows));
                   })) {
    return x;
  }
  const QuantizedRows& rows = x.quantized;
  const int64_t size = RoundUp(rows.tokens, kPanelTokens) * rows.stride;
  auto* codes = reinterpret_cast<uint8_t*>(
      context.SharedFloats(DivideUp(size, int64_t{sizeof(float)})));
  ForEachRow(context.pool(), rows.tokens, rows.stride, [&](int64_t token) {
    table.make_unsigned(rows.codes + token * rows.stride, rows.stride,
                        codes + token * rows.stride);
  });
  // Tokens beyond the last are multiplied too; nobody reads what they give.
  MatMulInput prepared = x;
  prepared.quantized.unsigned_codes = codes;
  return prepared;
}

int64_t NumTasks(const KernelTable& table, const Projection& projection) {
  return DivideUp(projection.weight->rows, TaskRows(table, projection));
}

// Bytes of weights, as often as the kernels read them.
int64_t Cost(const Projection& projection) {
  const PackedMatrix& w = *projection.weight;
  return w.bytes * DivideUp(projection.out.rows, 4);
}

struct RowRange {
  int64_t begin;
  int64_t end;
};

// Rows of one task of a projection.
RowRange RunTask(KernelContext& context, const MatMulInput& x,
                 const Projection& projection, int64_t task, int worker) {
  const KernelTable& table = context.table();
  const PackedMatrix& w = *projection.weight;
  const int64_t task_rows = TaskRows(table, projection);
  const RowRange rows = {task * task_rows,
                         std::min(w.rows, (task + 1) * task_rows)};
  const Engine engine = ChooseEngine(table, w.codec, projection.out.rows);
  if (!MultiplyPanel(engine, context, x, w, rows.begin, rows.end, worker,
                     projection.out)) {
    table.matmul_of(w.codec)(x, w, rows.begin, rows.end, projection.out);
  }
  if (projection.bias != nullptr) {
    AddBias(projection.bias, rows.begin, rows.end, projection.out);
  }
  return rows;
}

}  // namespace

void Linear(KernelContext& context, const MatMulInput& input,
            absl::Span<const Projection> projections) {
  const MatMulInput x = PrepareInput(context, input, projections);
  int64_t num_tasks = 0;
  int64_t cost = 0;
  for (const Projection& projection : projections) {
    OUNCE_DCHECK(projection.out.cols == projection.weight->rows);
    num_tasks += NumTasks(context.table(), projection);
    cost += Cost(projection);
  }
  context.Run(num_tasks, cost, [&](int64_t task, int worker) {
    const Projection* projection = projections.data();
    while (task >= NumTasks(context.table(), *projection)) {
      task -= NumTasks(context.table(), *projection);
      ++projection;
    }
    RunTask(context, x, *projection, task, worker);
  });
}

void LinearAdd(KernelContext& context, const MatMulInput& input,
               const Projection& projection, MatrixView<float> sum) {
  OUNCE_DCHECK(sum.rows == projection.out.rows);
  OUNCE_DCHECK(sum.cols == projection.out.cols);
  const MatMulInput x = PrepareInput(context, input, {projection});
  const auto add = context.table().add;
  context.Run(NumTasks(context.table(), projection), Cost(projection),
              [&](int64_t task, int worker) {
                const RowRange rows =
                    RunTask(context, x, projection, task, worker);
                for (int64_t t = 0; t < sum.rows; ++t) {
                  add(projection.out.row(t) + rows.begin, rows.end - rows.begin,
                      sum.row(t) + rows.begin);
                }
              });
}

void GatedLinear(KernelContext& context, const MatMulInput& input,
                 Activation activation, const Projection& gate,
                 const Projection& up) {
  OUNCE_DCHECK(gate.weight->rows == up.weight->rows);
  const KernelTable& table = context.table();
  if (TaskRows(table, gate) != TaskRows(table, up)) {
    // Codecs of two kinds: the tiles do not match.
    Linear(context, input, {gate, up});
    GatedActivation(context, activation, up.out, gate.out);
    return;
  }
  const MatMulInput x = PrepareInput(context, input, {gate, up});
  context.Run(NumTasks(table, gate), Cost(gate) + Cost(up),
              [&](int64_t task, int worker) {
                const RowRange rows = RunTask(context, x, gate, task, worker);
                RunTask(context, x, up, task, worker);
                for (int64_t t = 0; t < gate.out.rows; ++t) {
                  float* out = gate.out.row(t) + rows.begin;
                  table.gated_activation(activation, out,
                                         up.out.row(t) + rows.begin,
                                         rows.end - rows.begin, out);
                }
              });
}

void ActivatedLinear(KernelContext& context, const MatMulInput& input,
                     Activation activation, const Projection& projection) {
  const KernelTable& table = context.table();
  const MatMulInput x = PrepareInput(context, input, {projection});
  context.Run(NumTasks(table, projection), Cost(projection),
              [&](int64_t task, int worker) {
                const RowRange rows =
                    RunTask(context, x, projection, task, worker);
                for (int64_t t = 0; t < projection.out.rows; ++t) {
                  float* out = projection.out.row(t) + rows.begin;
                  table.activate(activation, out, rows.end - rows.begin, out);
                }
              });
}

}  // namespace ounce
