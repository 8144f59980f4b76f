// Which Highway targets are compiled, and how to reach the functions of one of
// them.  Include before any Highway header.
//
// A source file in simd/ is compiled once per target: it includes
// foreach_target.h, guards its code by OUNCE_SIMD_TARGET and ends, under
// HWY_ONCE, with a function that enters the code of one target in a table.
#ifndef OUNCE_KERNELS_SIMD_TARGETS_H_
#define OUNCE_KERNELS_SIMD_TARGETS_H_

// Targets without FMA have no place here, and neither has AVX-512 without VNNI:
// such CPUs take AVX2.  AVX3_DL is AVX-512 as of Ice Lake and Zen 4; Highway
// reports it too on CPUs that have a later target.  The last two are Highway's
// fallbacks, one of which it always compiles; they stay empty.
#define HWY_WANT_AVX3_DL
#define HWY_DISABLED_TARGETS \
  (~(HWY_AVX2 | HWY_AVX3_DL | HWY_NEON | HWY_SCALAR | HWY_EMU128))

#include "hwy/detect_targets.h"

// 32-bit ARM takes the reference: its NEON has no f64 and flushes subnormals.
#if HWY_ARCH_ARM_A64
#define OUNCE_SIMD_TARGET (HWY_TARGET == HWY_NEON)
#else
#define OUNCE_SIMD_TARGET (HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3_DL)
#endif

#if HWY_TARGETS & HWY_AVX2
#define OUNCE_IF_AVX2(statement) statement
#else
#define OUNCE_IF_AVX2(statement)
#endif
#if HWY_TARGETS & HWY_AVX3_DL
#define OUNCE_IF_AVX512_VNNI(statement) statement
#else
#define OUNCE_IF_AVX512_VNNI(statement)
#endif
#if HWY_ARCH_ARM_A64
#define OUNCE_IF_NEON(statement) statement
#else
#define OUNCE_IF_NEON(statement)
#endif

// Calls the function of the target that serves `isa`; nothing happens when it
// is not compiled.  AVX-VNNI, AMX and NEON's dot and matrix products are not
// Highway targets: the code of AVX2 and of NEON takes them where it multiplies
// (dot-inl.h), and oneDNN multiplies with AMX.
#define OUNCE_CALL_TARGET(isa, call)                                     \
  do {                                                                   \
    OUNCE_IF_AVX2(if ((isa) == Isa::kAvx2 || (isa) == Isa::kAvxVnni)     \
                      N_AVX2::call;)                                     \
    OUNCE_IF_AVX512_VNNI(if ((isa) == Isa::kAvx512Vnni ||                \
                             (isa) == Isa::kAvx512Amx) N_AVX3_DL::call;) \
    OUNCE_IF_NEON(if ((isa) == Isa::kNeon || (isa) == Isa::kNeonDot ||   \
                      (isa) == Isa::kNeonI8mm) N_NEON::call;)            \
  } while (false)

#endif  // OUNCE_KERNELS_SIMD_TARGETS_H_
