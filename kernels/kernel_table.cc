#include "kernels/kernel_table.h"

#include "kernels/reference/reference.h"
#include "kernels/simd/simd_table.h"

namespace ounce {

const KernelTable& GetKernelTable(Isa isa) {
  switch (isa) {
    case Isa::kReference:
      break;
    case Isa::kAvx2: {
      static const KernelTable table = MakeSimdTable(Isa::kAvx2);
      return table;
    }
    case Isa::kAvx512Vnni: {
      static const KernelTable table = MakeSimdTable(Isa::kAvx512Vnni);
      return table;
    }
  }
  static const KernelTable table = reference::MakeTable();
  return table;
}

}  // namespace ounce
