// oneDNN's own choice of instruction set.
#ifndef OUNCE_KERNELS_ONEDNN_CPU_ISA_H_
#define OUNCE_KERNELS_ONEDNN_CPU_ISA_H_

#include "kernels/isa.h"

namespace ounce {

// Keeps oneDNN from using more than `isa`.  Only the first call of a process
// counts, and it must come before oneDNN's first product.  Thread-safe.
void CapOneDnn(Isa isa);

// Whether oneDNN multiplies u8 by s8 exactly: without VNNI it adds pairs of
// products in 16 bits, which saturate.  Call CapOneDnn first.
bool OneDnnHasVnni();

// Whether oneDNN has a float product worth calling.  On ARM, unless built with
// the Arm Compute Library, which the packages are not, it has its reference
// code only ("gemm:ref").
bool OneDnnHasSgemm();

// Makes oneDNN's products run in the calling thread alone: the pool is what
// spreads work over threads.  Cheap after a thread's first call.
void UseOneThreadForOneDnn();

}  // namespace ounce

#endif  // OUNCE_KERNELS_ONEDNN_CPU_ISA_H_
