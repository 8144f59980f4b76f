// The instruction sets that kernels are written for, and which of them this CPU
// runs.
#ifndef OUNCE_KERNELS_ISA_H_
#define OUNCE_KERNELS_ISA_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace ounce {

// From slowest to fastest on each architecture.
enum class Isa {
  kReference,   // Plain C++: defines what every other must compute.
  kNeon,        // Every 64-bit ARM CPU.
  kNeonDot,     // With the dot products of ARMv8.2, as of Cortex-A55 and A76.
  kNeonI8mm,    // With their matrix products too, as of Neoverse V1 and A510.
  kAvx2,        // x86-64 with AVX2 and FMA.
  kAvxVnni,     // The same with AVX-VNNI, as of Alder Lake and Zen 5.
  kAvx512Vnni,  // x86-64 with AVX-512 and VNNI, as of Ice Lake and Zen 4.
  kAvx512Amx,   // The same with AMX for int8, as of Sapphire Rapids.
};

// "reference", "neon", "neon-dot", "neon-i8mm", "avx2", "avx-vnni",
// "avx512-vnni", "avx512-amx".
absl::string_view IsaName(Isa isa);

// Every instruction set that is compiled in, and those of them this CPU runs,
// slowest first.  The reference is always among them.
std::vector<Isa> CompiledIsas();
std::vector<Isa> SupportedIsas();

// The one called `name`; "native" or "" is the fastest supported.
// kInvalidArgument: no such name, with the list.
// kFailedPrecondition: this CPU does not run it, with those it does.
absl::StatusOr<Isa> ParseIsa(absl::string_view name);

}  // namespace ounce

#endif  // OUNCE_KERNELS_ISA_H_
