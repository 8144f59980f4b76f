#include "kernels/kernel_table.h"

#include "kernels/reference/reference.h"
#include "kernels/simd/simd_table.h"

namespace ounce {
namespace {

template <Isa kIsa>
const KernelTable& SimdTable() {
  static const KernelTable table = MakeSimdTable(kIsa);
  return table;
}

}  // namespace

const KernelTable& GetKernelTable(Isa isa) {
  switch (isa) {
    case Isa::kReference:
      break;
    case Isa::kNeon:
      return SimdTable<Isa::kNeon>();
    case Isa::kNeonDot:
      return SimdTable<Isa::kNeonDot>();
    case Isa::kNeonI8mm:
      return SimdTable<Isa::kNeonI8mm>();
    case Isa::kAvx2:
      return SimdTable<Isa::kAvx2>();
    case Isa::kAvxVnni:
      return SimdTable<Isa::kAvxVnni>();
    case Isa::kAvx512Vnni:
      return SimdTable<Isa::kAvx512Vnni>();
    case Isa::kAvx512Amx:
      return SimdTable<Isa::kAvx512Amx>();
  }
  static const KernelTable table = reference::MakeTable();
  return table;
}

}  // namespace ounce
