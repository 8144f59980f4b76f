#include "kernels/isa.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/simd/simd_table.h"

namespace ounce {
namespace {

std::string JoinNames(const std::vector<Isa>& isas) {
  return absl::StrJoin(isas, ", ", [](std::string* out, Isa isa) {
    absl::StrAppend(out, IsaName(isa));
  });
}

bool Contains(const std::vector<Isa>& isas, Isa isa) {
  return std::find(isas.begin(), isas.end(), isa) != isas.end();
}

}  // namespace

absl::string_view IsaName(Isa isa) {
  switch (isa) {
    case Isa::kReference:
      return "reference";
    case Isa::kNeon:
      return "neon";
    case Isa::kNeonDot:
      return "neon-dot";
    case Isa::kNeonI8mm:
      return "neon-i8mm";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvxVnni:
      return "avx-vnni";
    case Isa::kAvx512Vnni:
      return "avx512-vnni";
    case Isa::kAvx512Amx:
      return "avx512-amx";
  }
  return "unknown";
}

std::vector<Isa> CompiledIsas() {
  std::vector<Isa> isas = {Isa::kReference};
  for (const Isa isa : {Isa::kNeon, Isa::kNeonDot, Isa::kNeonI8mm, Isa::kAvx2,
                        Isa::kAvxVnni, Isa::kAvx512Vnni, Isa::kAvx512Amx}) {
    if (SimdTableIsCompiled(isa)) isas.push_back(isa);
  }
  return isas;
}

std::vector<Isa> SupportedIsas() {
  std::vector<Isa> isas = {Isa::kReference};
  for (const Isa isa : CompiledIsas()) {
    if (isa != Isa::kReference && CpuRunsSimdTable(isa)) isas.push_back(isa);
  }
  return isas;
}

absl::StatusOr<Isa> ParseIsa(absl::string_view name) {
  const std::vector<Isa> supported = SupportedIsas();
  if (name.empty() || name == "native") return supported.back();
  const std::vector<Isa> compiled = CompiledIsas();
  const auto found =
      std::find_if(compiled.begin(), compiled.end(),
                   [&](Isa isa) { return IsaName(isa) == name; });
  if (found == compiled.end()) {
    return absl::InvalidArgumentError(absl::StrCat("unknown instruction set '",
                                                   name, "'; expected native, ",
                                                   JoinNames(compiled)));
  }
  if (!Contains(supported, *found)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "this CPU does not run ", name, "; it runs ", JoinNames(supported)));
  }
  return *found;
}

}  // namespace ounce
