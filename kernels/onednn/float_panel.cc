#include "kernels/onednn/float_panel.h"

#include "core/packing/codec.h"
#include "kernels/onednn/cpu_isa.h"
#include "oneapi/dnnl/dnnl.h"

namespace ounce {
namespace {

// Weights that need no widening are read where they lie, provided that the file
// they are mapped from aligns them.
bool UsableInPlace(const PackedMatrix& w) {
  return w.codec == Codec::kF32 &&
         reinterpret_cast<uintptr_t>(w.data) % alignof(float) == 0;
}

}  // namespace

int64_t FloatPanelScratch(const PackedMatrix& w, int64_t rows) {
  return UsableInPlace(w) || !OneDnnHasSgemm() ? 0 : rows * w.cols;
}

bool MultiplyFloatPanel(MatrixView<const float> x, const PackedMatrix& w,
                        int64_t row_begin, int64_t row_end, float* scratch,
                        MatrixView<float> out) {
  if (!OneDnnHasSgemm()) return false;
  UseOneThreadForOneDnn();
  const float* panel = scratch;
  if (UsableInPlace(w)) {
    panel = reinterpret_cast<const float*>(w.data) + row_begin * w.cols;
  } else {
    GetCodecInfo(w.codec).unpack_rows(w, row_begin, row_end, scratch);
  }
  const dnnl_status_t status = dnnl_sgemm(
      'N', 'T', x.rows, row_end - row_begin, w.cols, /*alpha=*/1.0f, x.data,
      x.stride, panel, w.cols, /*beta=*/0.0f, out.data + row_begin, out.stride);
  return status == dnnl_success;
}

}  // namespace ounce
