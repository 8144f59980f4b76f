// Runs a test once per compiled instruction set, by name; those that this CPU
// lacks are skipped, visibly.
#ifndef OUNCE_TESTS_KERNELS_ISA_FIXTURE_H_
#define OUNCE_TESTS_KERNELS_ISA_FIXTURE_H_

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "kernels/isa.h"
#include "kernels/kernel_table.h"

namespace ounce {

// How GoogleTest prints a parameter.
inline void PrintTo(Isa isa, std::ostream* out) { *out << IsaName(isa); }

class IsaTest : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    const std::vector<Isa> supported = SupportedIsas();
    if (std::find(supported.begin(), supported.end(), GetParam()) ==
        supported.end()) {
      GTEST_SKIP() << "this CPU has no " << IsaName(GetParam());
    }
  }
  const KernelTable& table() const { return GetKernelTable(GetParam()); }
  const KernelTable& reference() const {
    return GetKernelTable(Isa::kReference);
  }
};

inline std::string IsaTestName(const ::testing::TestParamInfo<Isa>& info) {
  return absl::StrReplaceAll(IsaName(info.param), {{"-", "_"}});
}

#define OUNCE_INSTANTIATE_ISA_TEST(suite)                                \
  INSTANTIATE_TEST_SUITE_P(Isas, suite,                                  \
                           ::testing::ValuesIn(::ounce::CompiledIsas()), \
                           ::ounce::IsaTestName)

}  // namespace ounce

#endif  // OUNCE_TESTS_KERNELS_ISA_FIXTURE_H_
