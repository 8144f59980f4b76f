#include "kernels/simd/simd_table.h"

#include "core/check.h"
#include "kernels/simd/add_ops.h"
#include "kernels/simd/targets.h"
// Highway's headers need targets.h first.
#include "hwy/targets.h"

namespace ounce {
namespace {

// 0 when the instruction set is not compiled in.
int64_t TargetOf(Isa isa) {
  switch (isa) {
    case Isa::kReference:
      return 0;
    case Isa::kAvx2:
      return HWY_TARGETS & HWY_AVX2;
    case Isa::kAvx512Vnni:
      return HWY_TARGETS & HWY_AVX3_DL;
  }
  return 0;
}

}  // namespace

bool SimdTableIsCompiled(Isa isa) { return TargetOf(isa) != 0; }

bool CpuRunsSimdTable(Isa isa) {
  return (hwy::SupportedTargets() & TargetOf(isa)) != 0;
}

KernelTable MakeSimdTable(Isa isa) {
  OUNCE_DCHECK(SimdTableIsCompiled(isa));
  KernelTable table;
  table.isa = isa;
  simd::AddFloatProducts(isa, &table);
  simd::AddInt8Product(isa, &table);
  simd::AddInt4Products(isa, &table);
  simd::AddQuantizeRow(isa, &table);
  simd::AddPointwise(isa, &table);
  simd::AddAttention(isa, &table);
  simd::AddLimits(isa, &table);
  return table;
}

}  // namespace ounce
