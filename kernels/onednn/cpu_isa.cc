#include "kernels/onednn/cpu_isa.h"

#include <omp.h>

#include <mutex>

#include "oneapi/dnnl/dnnl.h"

namespace ounce {
namespace {

dnnl_cpu_isa_t OneDnnIsa(Isa isa) {
  switch (isa) {
    case Isa::kReference:
    case Isa::kNeon:     // These have no names in oneDNN, which refuses any cap
    case Isa::kNeonDot:  // on ARM.
    case Isa::kNeonI8mm:
      return dnnl_cpu_isa_sse41;
    case Isa::kAvx2:
      return dnnl_cpu_isa_avx2;
    case Isa::kAvxVnni:
      return dnnl_cpu_isa_avx2_vnni;
    case Isa::kAvx512Vnni:
      return dnnl_cpu_isa_avx512_core_vnni;
    case Isa::kAvx512Amx:
      return dnnl_cpu_isa_avx512_core_amx;
  }
  return dnnl_cpu_isa_sse41;
}

}  // namespace

void CapOneDnn(Isa isa) {
  static std::once_flag once;
  // A refusal (a oneDNN built without the switch, or used before by the program
  // around us) costs nothing but the cap: float products then have the bits of
  // another instruction set, and OneDnnHasVnni asks what is really in force.
  std::call_once(once, [isa] {
    [[maybe_unused]] const dnnl_status_t status =
        dnnl_set_max_cpu_isa(OneDnnIsa(isa));
  });
}

bool OneDnnHasVnni() {
  const int effective = dnnl_get_effective_cpu_isa();
  const int vnni = dnnl_cpu_isa_avx512_core_vnni;
  return (effective & vnni) == vnni;
}

bool OneDnnHasSgemm() {
#if defined(__x86_64__)
  return true;
#else
  return false;
#endif
}

void UseOneThreadForOneDnn() {
  thread_local const bool done = [] {
    omp_set_num_threads(1);
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace ounce
