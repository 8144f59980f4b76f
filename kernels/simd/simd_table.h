// The kernel tables written with Highway, one per instruction set.
#ifndef OUNCE_KERNELS_SIMD_SIMD_TABLE_H_
#define OUNCE_KERNELS_SIMD_SIMD_TABLE_H_

#include "kernels/kernel_table.h"

namespace ounce {

// False for Isa::kReference and on other architectures.
bool SimdTableIsCompiled(Isa isa);

// Whether this CPU and its operating system run a compiled table.
bool CpuRunsSimdTable(Isa isa);

// The table of `isa`, which must be compiled.
KernelTable MakeSimdTable(Isa isa);

}  // namespace ounce

#endif  // OUNCE_KERNELS_SIMD_SIMD_TABLE_H_
