// Loops that do nothing but read, or nothing but multiply.
#include "kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/limits.cc"
#include <cstdint>

#include "core/packing/codec.h"
#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/simd/add_ops.h"
#include "kernels/simd/dot-inl.h"

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {
namespace {

constexpr int64_t kLineBytes = 64;
constexpr int kLineVectors = static_cast<int>(kLineBytes / (4 * kLanes));

// The compiler must neither drop a value nor know it.
template <class V>
HWY_INLINE V Opaque(V v) {
#if HWY_ARCH_X86
  asm volatile("" : "+v"(v.raw));
#else
  asm volatile("" : "+w"(v.raw));
#endif
  return v;
}

// `kStreams` equal stretches side by side, a line of each at a time, asking for
// what lies `prefetch` bytes ahead unless that is 0.
template <int kStreams>
HWY_NOINLINE void ReadStreams(const uint8_t* data, int64_t bytes,
                              int64_t prefetch) {
  const int64_t stretch = bytes / kStreams / kLineBytes * kLineBytes;
  IntVec sums[kLineVectors];
  for (IntVec& sum : sums) sum = hn::Zero(IntTag());
  for (int64_t at = 0; at < stretch; at += kLineBytes) {
    for (int s = 0; s < kStreams; ++s) {
      const uint8_t* line = data + s * stretch + at;
      if (prefetch != 0) hwy::Prefetch(line + prefetch);
      for (int v = 0; v < kLineVectors; ++v) {
        sums[v] = hn::Xor(sums[v], LoadBytes(line + v * 4 * kLanes));
      }
    }
  }
  for (IntVec& sum : sums) Opaque(sum);
}

void ReadBytes(int loop, const uint8_t* data, int64_t bytes) {
  switch (loop) {
    case 0:
      return ReadStreams<1>(data, bytes, 0);
    case 1:
      return ReadStreams<1>(data, bytes, 2048);
    default:
      return ReadStreams<4>(data, bytes, 1024);
  }
}
static_assert(kNumReadLoops == 3);

// Independent sums: more than the latency of any multiplication times what a
// core starts per cycle.
constexpr int kSums = 10;

int64_t MultiplyFloats(int64_t rounds) {
  const FloatTag df;
  FloatVec sums[kSums];
  for (FloatVec& sum : sums) sum = hn::Zero(df);
  FloatVec a = hn::Set(df, 0.5f);
  FloatVec b = hn::Set(df, 1.0f);
  for (int64_t i = 0; i < rounds; ++i) {
    a = Opaque(a);
    b = Opaque(b);
    for (FloatVec& sum : sums) sum = hn::MulAdd(a, b, sum);
  }
  for (FloatVec& sum : sums) Opaque(sum);
  return rounds * kSums * kLanes;
}

template <Isa kIsa>
int64_t MultiplyU4(int64_t rounds) {
  typename Dot<kIsa>::U4Acc sums[kSums];
  for (auto& sum : sums) sum = Dot<kIsa>::ZeroU4();
  IntVec a = hn::Set(IntTag(), 0x01020304);
  IntVec b = hn::Set(IntTag(), 0x04030201);
  for (int64_t i = 0; i < rounds; ++i) {
    for (auto& sum : sums) {
      // Once each: the product itself must not be shared between the sums.
      a = Opaque(a);
      sum = Dot<kIsa>::U4(sum, a, b);
    }
  }
  for (auto& sum : sums) Opaque(Dot<kIsa>::SumU4(b, sum));
  return rounds * kSums * kLanes * 4;
}

#if HWY_TARGET == HWY_AVX2

// Two products into one pair of registers, then the addition of those two steps
// ago to two sums: on Zen 3 this pair of instructions is up to 5 % faster so
// than one after the other.  As assembly because GCC would spill.
#define OUNCE_U4_STEP(p0, p1, q0, q1, s0, s1)    \
  "vpmaddubsw %%ymm15, %%ymm14, %%ymm" #p0       \
  "\n\t"                                         \
  "vpmaddubsw %%ymm15, %%ymm14, %%ymm" #p1       \
  "\n\t"                                         \
  "vpaddw %%ymm" #q0 ", %%ymm" #s0 ", %%ymm" #s0 \
  "\n\t"                                         \
  "vpaddw %%ymm" #q1 ", %%ymm" #s1 ", %%ymm" #s1 "\n\t"
// Three steps, one for each pair of products.
#define OUNCE_U4_STEPS(s0, s1, s2, s3, s4, s5) \
  OUNCE_U4_STEP(8, 9, 10, 11, s0, s1)          \
  OUNCE_U4_STEP(10, 11, 12, 13, s2, s3)        \
  OUNCE_U4_STEP(12, 13, 8, 9, s4, s5)

template <>
int64_t MultiplyU4<Isa::kAvx2>(int64_t rounds) {
  for (int64_t i = 0; i < rounds; ++i) {
    // What the registers hold does not matter.
    asm volatile(OUNCE_U4_STEPS(0, 1, 2, 3, 4, 5)    //
                 OUNCE_U4_STEPS(6, 7, 0, 1, 2, 3)    //
                 OUNCE_U4_STEPS(4, 5, 6, 7, 0, 1)    //
                 OUNCE_U4_STEPS(2, 3, 4, 5, 6, 7)::  //
                 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
                   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13");
  }
  constexpr int64_t kProducts = 24;
  return rounds * kProducts * kLanes * 4;
}

#undef OUNCE_U4_STEPS
#undef OUNCE_U4_STEP

#endif  // HWY_TARGET == HWY_AVX2

template <Isa kIsa>
int64_t MultiplyS8(int64_t rounds) {
  IntVec sums[kSums];
  for (IntVec& sum : sums) sum = hn::Zero(IntTag());
  const auto a = Dot<kIsa>::PrepareS8(Opaque(hn::Set(IntTag(), 0x01020304)));
  IntVec b = hn::Set(IntTag(), 0x04030201);
  for (int64_t i = 0; i < rounds; ++i) {
    for (IntVec& sum : sums) {
      b = Opaque(b);
      sum = Dot<kIsa>::S8(sum, a, b);
    }
  }
  for (IntVec& sum : sums) Opaque(sum);
  return rounds * kSums * kLanes * 4;
}

// Two rows by two tokens, eight columns deep.
template <Isa kIsa>
int64_t MultiplyPairs(int64_t rounds) {
  IntVec sums[kSums];
  for (IntVec& sum : sums) sum = hn::Zero(IntTag());
  const IntVec a = Opaque(hn::Set(IntTag(), 0x01020304));
  IntVec b = hn::Set(IntTag(), 0x04030201);
  for (int64_t i = 0; i < rounds; ++i) {
    for (IntVec& sum : sums) {
      b = Opaque(b);
      sum = Dot<kIsa>::MultiplyPair(sum, a, b);
    }
  }
  for (IntVec& sum : sums) Opaque(sum);
  return rounds * kSums * 2 * 2 * 8;
}

template <Isa kIsa>
int64_t MultiplyRegisters(Codec codec, int64_t rounds) {
  const CodecInfo& info = GetCodecInfo(codec);
  if (!info.quantized) return MultiplyFloats(rounds);
  if constexpr (kMultipliesPairs<kIsa>) return MultiplyPairs<kIsa>(rounds);
  return info.bits == 4 ? MultiplyU4<kIsa>(rounds) : MultiplyS8<kIsa>(rounds);
}

#if HWY_TARGET == HWY_AVX3_DL

// All eight tile registers at 16 rows of 64 bytes.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t reserved[15] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// In the instructions of oneDNN's products with AMX, which are not ours.
int64_t MultiplyTiles(int64_t rounds) {
  const TileConfig config;
  asm volatile(
      "ldtilecfg %0\n\ttilezero %%tmm0\n\ttilezero %%tmm1\n\t"
      "tilezero %%tmm2\n\ttilezero %%tmm3\n\ttilezero %%tmm4\n\t"
      "tilezero %%tmm5" ::"m"(config));
  constexpr int64_t kProductsOfTile = 16 * 16 * 64;
  // A tile takes as long as sixteen vectors.
  const int64_t tile_rounds = rounds / 16;
  for (int64_t i = 0; i < tile_rounds; ++i) {
    asm volatile(
        "tdpbusd %tmm5, %tmm4, %tmm0\n\ttdpbusd %tmm5, %tmm4, %tmm1\n\t"
        "tdpbusd %tmm5, %tmm4, %tmm2\n\ttdpbusd %tmm5, %tmm4, %tmm3");
  }
  asm volatile("tilerelease");
  return tile_rounds * 4 * kProductsOfTile;
}

int64_t MultiplyRegistersAmx(Codec codec, int64_t rounds) {
  const bool has_panels =
      codec == Codec::kInt8 || codec == Codec::kInt4Progressive;
  return has_panels ? MultiplyTiles(rounds)
                    : MultiplyRegisters<kBaseIsa>(codec, rounds);
}

#endif  // HWY_TARGET == HWY_AVX3_DL

}  // namespace

void EnterLimits(KernelTable* table) {
  table->read_bytes = ReadBytes;
#if HWY_TARGET == HWY_AVX3_DL
  if (table->isa == Isa::kAvx512Amx) {
    table->multiply_registers = MultiplyRegistersAmx;
    return;
  }
#endif
  table->multiply_registers = ForIsa(
      table->isa, [](auto isa) { return &MultiplyRegisters<isa.value>; });
}

}  // namespace ounce::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OUNCE_SIMD_TARGET

#if HWY_ONCE
namespace ounce::simd {

void AddLimits(Isa isa, KernelTable* table) {
  OUNCE_CALL_TARGET(isa, EnterLimits(table));
}

}  // namespace ounce::simd
#endif  // HWY_ONCE
