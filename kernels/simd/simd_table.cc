#include "kernels/simd/simd_table.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "core/check.h"
#include "kernels/simd/add_ops.h"
#include "kernels/simd/targets.h"
// Highway's headers need targets.h first.
#include "hwy/targets.h"

namespace ounce {
namespace {

// The Highway target whose code serves `isa`; 0 when it is not compiled in.
int64_t TargetOf(Isa isa) {
  switch (isa) {
    case Isa::kReference:
      return 0;
    case Isa::kNeon:
    case Isa::kNeonDot:
    case Isa::kNeonI8mm:
      return HWY_ARCH_ARM_A64 ? HWY_TARGETS & HWY_NEON : 0;
    case Isa::kAvx2:
    case Isa::kAvxVnni:
      return HWY_TARGETS & HWY_AVX2;
    case Isa::kAvx512Vnni:
    case Isa::kAvx512Amx:
      return HWY_TARGETS & HWY_AVX3_DL;
  }
  return 0;
}

// CPUID, leaf 7.1: the encoding for CPUs without AVX-512.
bool CpuHasAvxVnni() {
#if defined(__x86_64__)
  constexpr unsigned kAvxVnniBit = 1u << 4;
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 &&
         (eax & kAvxVnniBit) != 0;
#else
  return false;
#endif
}

// CPUID, leaf 7, and the system's leave, which Linux grants a process once.
bool CpuHasAmxInt8() {
#if defined(__x86_64__) && defined(__linux__)
  constexpr unsigned kAmxTileAndInt8 = 3u << 24;
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 &&
         (edx & kAmxTileAndInt8) == kAmxTileAndInt8 &&
         syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

bool CpuHasNeonDot() {
#if defined(__aarch64__)
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
  return false;
#endif
}

// Its code takes the dot product too, which every such CPU has.
bool CpuHasNeonI8mm() {
#if defined(__aarch64__)
  return (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0 && CpuHasNeonDot();
#else
  return false;
#endif
}

}  // namespace

bool SimdTableIsCompiled(Isa isa) { return TargetOf(isa) != 0; }

bool CpuRunsSimdTable(Isa isa) {
  if (!SimdTableIsCompiled(isa)) return false;
  // Part of every 64-bit ARM CPU.  Highway 1.0 would ask for AES too, which our
  // code does not use and a Raspberry Pi 4 does not have.
  if (isa == Isa::kNeon) return true;
  if (isa == Isa::kNeonDot) return CpuHasNeonDot();
  if (isa == Isa::kNeonI8mm) return CpuHasNeonI8mm();
  if ((hwy::SupportedTargets() & TargetOf(isa)) == 0) return false;
  if (isa == Isa::kAvx512Amx) return CpuHasAmxInt8();
  return isa != Isa::kAvxVnni || CpuHasAvxVnni();
}

KernelTable MakeSimdTable(Isa isa) {
  OUNCE_DCHECK(SimdTableIsCompiled(isa));
  KernelTable table;
  table.isa = isa;
  simd::AddFloatProducts(isa, &table);
  simd::AddInt8Product(isa, &table);
  simd::AddInt8GroupsProduct(isa, &table);
  simd::AddInt8Panels(isa, &table);
  simd::AddInt4Products(isa, &table);
  simd::AddInt4ProgressiveProduct(isa, &table);
  simd::AddQuantizeRow(isa, &table);
  simd::AddPointwise(isa, &table);
  simd::AddAttention(isa, &table);
  simd::AddLimits(isa, &table);
  return table;
}

}  // namespace ounce
