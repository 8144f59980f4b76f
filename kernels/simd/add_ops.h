// What each source file of simd/ contributes to a table.
#ifndef OUNCE_KERNELS_SIMD_ADD_OPS_H_
#define OUNCE_KERNELS_SIMD_ADD_OPS_H_

#include "kernels/kernel_table.h"

namespace ounce::simd {

// Each enters its operations for `isa`, which must be compiled.
void AddFloatProducts(Isa isa, KernelTable* table);
void AddInt8Product(Isa isa, KernelTable* table);
void AddInt8GroupsProduct(Isa isa, KernelTable* table);
void AddInt8Panels(Isa isa, KernelTable* table);
void AddInt4Products(Isa isa, KernelTable* table);
void AddInt4ProgressiveProduct(Isa isa, KernelTable* table);
void AddQuantizeRow(Isa isa, KernelTable* table);
void AddPointwise(Isa isa, KernelTable* table);
void AddAttention(Isa isa, KernelTable* table);
void AddLimits(Isa isa, KernelTable* table);

}  // namespace ounce::simd

#endif  // OUNCE_KERNELS_SIMD_ADD_OPS_H_
