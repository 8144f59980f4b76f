#include "kernels/linear.h"

#include <algorithm>

#include "core/check.h"
#include "core/checked.h"
#include "core/packing/codec.h"
#include "kernels/onednn/cpu_isa.h"
#include "kernels/onednn/float_panel.h"
#include "kernels/onednn/int8_panel.h"

namespace ounce {
namespace {

// Rows of one task.  Quantised products and those of few tokens have the same
// bits however they are cut; oneDNN's have not, so their panels are fixed.
constexpr int64_t kKernelRows = 64;
constexpr int64_t kPanelRows = 128;

// From this many tokens on oneDNN is faster than our float kernel, which reads
// the weights once per four tokens.
constexpr int64_t kMinFloatPanelTokens = 12;
constexpr int64_t kMinInt8PanelTokens = 16;

enum class Engine { kKernel, kFloatPanels, kInt8Panels };

// int4 prompts stay with our own kernel on every instruction set: a scale per
// group would cut oneDNN's inner dimension to 32 and leave it nothing to gain.
Engine ChooseEngine(const KernelTable& table, Codec codec, int64_t tokens) {
  if (!GetCodecInfo(codec).quantized) {
    return tokens >= kMinFloatPanelTokens ? Engine::kFloatPanels
                                          : Engine::kKernel;
  }
  if (codec == Codec::kInt8 && table.isa == Isa::kAvx512Vnni &&
      tokens >= kMinInt8PanelTokens && OneDnnHasVnni()) {
    return Engine::kInt8Panels;
  }
  return Engine::kKernel;
}

bool MultiplyPanel(Engine engine, const MatMulInput& x, const PackedMatrix& w,
                   int64_t row_begin, int64_t row_end, WorkerScratch& scratch,
                   int worker, MatrixView<float> out) {
  const int64_t rows = row_end - row_begin;
  switch (engine) {
    case Engine::kKernel:
      return false;
    case Engine::kFloatPanels:
      return MultiplyFloatPanel(
          x.dense, w, row_begin, row_end,
          scratch.Floats(worker, FloatPanelScratch(w, rows)), out);
    case Engine::kInt8Panels:
      return MultiplyInt8Panel(
          x.quantized, w, row_begin, row_end,
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

}  // namespace

void Linear(KernelContext& context, const MatMulInput& x, const PackedMatrix& w,
            const float* bias, MatrixView<float> out) {
  const int64_t tokens = out.rows;
  OUNCE_DCHECK(out.cols == w.rows);
  if (tokens == 0) return;
  const KernelTable& table = context.table();
  const MatMulKernel kernel = table.matmul[static_cast<size_t>(w.codec)];
  const Engine engine = ChooseEngine(table, w.codec, tokens);
  const int64_t task_rows =
      engine == Engine::kKernel ? kKernelRows : kPanelRows;
  context.pool().Run(DivideUp(w.rows, task_rows),
                     [&](int64_t task, int worker) {
                       const int64_t begin = task * task_rows;
                       const int64_t end = std::min(w.rows, begin + task_rows);
                       if (!MultiplyPanel(engine, x, w, begin, end,
                                          context.scratch(), worker, out)) {
                         kernel(x, w, begin, end, out);
                       }
                       if (bias != nullptr) AddBias(bias, begin, end, out);
                     });
}

}  // namespace ounce
