#include "kernels/isa.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSubsetOf;

bool IsSupported(Isa isa) {
  const std::vector<Isa> isas = SupportedIsas();
  return std::count(isas.begin(), isas.end(), isa) != 0;
}

TEST(IsaTest, ReferenceIsAlwaysSupported) {
  EXPECT_THAT(SupportedIsas(), Contains(Isa::kReference));
  EXPECT_EQ(SupportedIsas().front(), Isa::kReference);
}

TEST(IsaTest, SupportedIsasAreCompiled) {
  EXPECT_THAT(SupportedIsas(), IsSubsetOf(CompiledIsas()));
}

TEST(IsaTest, BuildHoldsEveryTableOfItsArchitecture) {
#if defined(__x86_64__)
  EXPECT_THAT(CompiledIsas(),
              ElementsAre(Isa::kReference, Isa::kAvx2, Isa::kAvxVnni,
                          Isa::kAvx512Vnni, Isa::kAvx512Amx));
#elif defined(__aarch64__)
  EXPECT_THAT(CompiledIsas(), ElementsAre(Isa::kReference, Isa::kNeon,
                                          Isa::kNeonDot, Isa::kNeonI8mm));
#else
  EXPECT_THAT(CompiledIsas(), ElementsAre(Isa::kReference));
#endif
}

#if defined(__x86_64__)
TEST(IsaTest, Avx2IsSupportedWhereTheCpuHasIt) {
  // The compiler's own CPU detection is the oracle.
  const bool has_avx2 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  EXPECT_EQ(IsSupported(Isa::kAvx2), has_avx2);
  if (!__builtin_cpu_supports("avx512vnni")) {
    EXPECT_FALSE(IsSupported(Isa::kAvx512Vnni));
  }
}

TEST(IsaTest, AvxVnniIsSupportedWhereTheCpuHasIt) {
#if defined(__clang__)
  GTEST_SKIP() << "clang 14 does not know its name";
#else
  EXPECT_EQ(IsSupported(Isa::kAvxVnni), __builtin_cpu_supports("avxvnni") != 0);
#endif
}

TEST(IsaTest, AmxIsSupportedWhereTheSystemSaysSo) {
  // Linux lists a flag only when it also saves the registers.
  std::ifstream info("/proc/cpuinfo");
  const std::string text(std::istreambuf_iterator<char>(info), {});
  ASSERT_FALSE(text.empty());
  EXPECT_EQ(IsSupported(Isa::kAvx512Amx),
            text.find(" amx_int8") != std::string::npos);
}
#elif defined(__aarch64__)
TEST(IsaTest, NeonIsAlwaysSupported) { EXPECT_TRUE(IsSupported(Isa::kNeon)); }

TEST(IsaTest, NeonDotIsSupportedWhereTheCpuSaysSo) {
  // The CPU's own register, which Linux lets programs read.
  uint64_t features = 0;
  asm("mrs %0, ID_AA64ISAR0_EL1" : "=r"(features));
  constexpr int kDotProductBit = 44;
  const bool has_dot = (features >> kDotProductBit & 0xF) != 0;
  EXPECT_EQ(IsSupported(Isa::kNeonDot), has_dot);
}

TEST(IsaTest, NeonI8mmIsSupportedWhereTheInstructionRuns) {
  // Elsewhere it kills a process with SIGILL.
  const auto as_supported = [](int status) {
    const bool ran = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return IsSupported(Isa::kNeonI8mm) == ran;
  };
  EXPECT_EXIT(
      {
        asm volatile(".arch armv8.6-a\n\tsmmla v0.4s, v1.16b, v2.16b" ::: "v0");
        _exit(0);
      },
      as_supported, "");
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
  EXPECT_THAT(ParseIsa("pdp11"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("'pdp11'; expected native, reference")));
}

TEST(ParseIsaTest, IsaOfAnotherArchitectureIsUnknown) {
#if defined(__aarch64__)
  const char* const foreign = "avx2";
#else
  const char* const foreign = "neon";
#endif
  EXPECT_THAT(ParseIsa(foreign), StatusIs(absl::StatusCode::kInvalidArgument,
                                          HasSubstr("expected native")));
}

TEST(ParseIsaTest, IsaThatTheCpuLacksIsAFailedPrecondition) {
  for (const Isa isa : CompiledIsas()) {
    if (IsSupported(isa)) continue;
    EXPECT_THAT(ParseIsa(IsaName(isa)),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         HasSubstr("it runs reference")));
  }
}

}  // namespace
}  // namespace ounce
