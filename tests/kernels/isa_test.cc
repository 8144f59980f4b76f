#include "kernels/isa.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSubsetOf;

TEST(IsaTest, ReferenceIsAlwaysSupported) {
  EXPECT_THAT(SupportedIsas(), Contains(Isa::kReference));
  EXPECT_EQ(SupportedIsas().front(), Isa::kReference);
}

TEST(IsaTest, SupportedIsasAreCompiled) {
  EXPECT_THAT(SupportedIsas(), IsSubsetOf(CompiledIsas()));
}

TEST(IsaTest, X86BuildsHoldBothVectorTables) {
#if defined(__x86_64__)
  EXPECT_THAT(
      CompiledIsas(),
      ::testing::ElementsAre(Isa::kReference, Isa::kAvx2, Isa::kAvx512Vnni));
#else
  GTEST_SKIP() << "not an x86-64 build";
#endif
}

#if defined(__x86_64__)
TEST(IsaTest, Avx2IsSupportedWhereTheCpuHasIt) {
  // The compiler's own CPU detection is the oracle.
  const bool has_avx2 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const auto isas = SupportedIsas();
  EXPECT_EQ(std::count(isas.begin(), isas.end(), Isa::kAvx2), has_avx2);
  if (!__builtin_cpu_supports("avx512vnni")) {
    EXPECT_EQ(std::count(isas.begin(), isas.end(), Isa::kAvx512Vnni), 0);
  }
}
#endif

TEST(ParseIsaTest, NativeAndEmptyMeanTheFastest) {
  for (const char* name : {"native", ""}) {
    ASSERT_OK_AND_ASSIGN(const Isa isa, ParseIsa(name));
    EXPECT_EQ(isa, SupportedIsas().back());
  }
}

TEST(ParseIsaTest, ReadsTheNamesItPrints) {
  for (const Isa expected : SupportedIsas()) {
    ASSERT_OK_AND_ASSIGN(const Isa isa, ParseIsa(IsaName(expected)));
    EXPECT_EQ(isa, expected);
  }
}

TEST(ParseIsaTest, UnknownNameIsAnsweredWithTheList) {
  EXPECT_THAT(ParseIsa("neon"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("'neon'; expected native, reference")));
}

TEST(ParseIsaTest, IsaThatTheCpuLacksIsAFailedPrecondition) {
  for (const Isa isa : CompiledIsas()) {
    const auto supported = SupportedIsas();
    if (std::count(supported.begin(), supported.end(), isa) != 0) continue;
    EXPECT_THAT(ParseIsa(IsaName(isa)),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         HasSubstr("it runs reference")));
  }
}

}  // namespace
}  // namespace ounce
