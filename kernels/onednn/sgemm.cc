#include "kernels/onednn/sgemm.h"

#include "kernels/onednn/cpu_isa.h"
#include "oneapi/dnnl/dnnl.h"

namespace ounce {

bool OneDnnMultiplyAdd(float alpha, const Factor& a, const Factor& b,
                       MatrixView<float> c) {
  if (!OneDnnHasSgemm()) return false;
  UseOneThreadForOneDnn();
  const dnnl_status_t status = dnnl_sgemm(
      a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', c.rows, c.cols,
      a.cols(), alpha, a.matrix.data, a.matrix.stride, b.matrix.data,
      b.matrix.stride, /*beta=*/1.0f, c.data, c.stride);
  return status == dnnl_success;
}

}  // namespace ounce
