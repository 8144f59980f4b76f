// What surrounds oneDNN's products with int8 weights: panels unpacked from the
// packed layouts, sums scaled.
#include "kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/int8_panels.cc"
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/packing/int4_progressive.h"
#include "core/packing/int8.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/simd/add_ops.h"
#include "kernels/simd/dot-inl.h"

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {

#if HWY_TARGET == HWY_AVX3_DL
namespace {

constexpr int kPanelBlocks = static_cast<int>(kPanelRows / kRowBlock);
constexpr int64_t kChunkBytes = 4 * kRowBlock;  // Four columns of a block.
static_assert(kChunkBytes == 4 * kLanes, "a chunk is one vector");
constexpr int64_t kPanelChunkBytes = kPanelBlocks * kChunkBytes;

const hn::Repartition<uint8_t, IntTag> kBytes;

HWY_INLINE void StoreChunk(IntVec codes, int8_t* out) {
  hn::StoreU(hn::BitCast(kBytes, codes), kBytes,
             reinterpret_cast<uint8_t*>(out));
}

HWY_INLINE IntVec EveryByte(uint8_t value) {
  return hn::BitCast(IntTag(), hn::Set(kBytes, value));
}

// The row blocks of one panel.
struct PanelBlocks {
  const uint8_t* data;
  int64_t block_bytes;
  int count;  // Of them, 1 to kPanelBlocks.
};

// Zeros for the columns [begin, end) of a panel's blocks from `first_block` on.
void ClearChunks(int64_t begin, int64_t end, int first_block, int8_t* codes) {
  for (int64_t c = begin; c < end; c += 4) {
    std::memset(
        codes + c / 4 * kPanelChunkBytes + first_block * kChunkBytes, 0,
        static_cast<size_t>((kPanelBlocks - first_block) * kChunkBytes));
  }
}

void CopyRowValues(const PanelBlocks& blocks, int64_t offset, void* out) {
  constexpr int64_t kBytesOfBlock = 4 * kRowBlock;
  auto* to = static_cast<uint8_t*>(out);
  for (int b = 0; b < blocks.count; ++b) {
    std::memcpy(to + b * kBytesOfBlock,
                blocks.data + b * blocks.block_bytes + offset, kBytesOfBlock);
  }
  std::memset(
      to + blocks.count * kBytesOfBlock, 0,
      static_cast<size_t>((kPanelBlocks - blocks.count) * kBytesOfBlock));
}

struct Int8Source {
  using Layout = Int8BlockLayout;
  static Layout LayoutOf(const PackedMatrix& w) {
    return GetInt8BlockLayout(w.cols);
  }

  static void Unpack(const PackedMatrix& /*w*/, const Layout& layout,
                     const PanelBlocks& blocks, const Int8Panels& panel) {
    for (int64_t c = 0; c < layout.padded_cols; c += 4) {
      int8_t* out = panel.codes + c / 4 * kPanelChunkBytes;
      for (int b = 0; b < blocks.count; ++b) {
        StoreChunk(
            LoadBytes(blocks.data + b * blocks.block_bytes + c * kRowBlock),
            out + b * kChunkBytes);
      }
    }
    CopyRowValues(blocks, layout.scales_offset, panel.scales);
    CopyRowValues(blocks, layout.row_sums_offset, panel.offsets);
    // Unsigned: a hostile file's sums wrap around.
    for (int64_t r = 0; r < kPanelRows; ++r) {
      panel.offsets[r] =
          static_cast<int32_t>(128u * static_cast<uint32_t>(panel.offsets[r]));
    }
  }
};

// What turns the codes of one group of a row block into weights, two codes at a
// time: no product exceeds 15 * 15, so two of them fit 16 bits side by side.  A
// negative scale is one of 15 - code, whose zero lies at 7.
struct GroupFactors {
  IntVec flips;
  IntVec magnitudes;  // In every 16 bits.
  IntVec zeros;       // In every byte: what stands for a weight of 0.

  HWY_INLINE void Load(const uint8_t* group_scales) {
    const hn::Rebind<int8_t, IntTag> di8;
    const IntTag di;
    const IntVec scales = hn::PromoteTo(
        di, hn::LoadU(di8, reinterpret_cast<const int8_t*>(group_scales)));
    const auto negative = hn::Lt(scales, hn::Zero(di));
    const IntVec magnitude = hn::Abs(scales);
    flips = hn::IfThenElseZero(negative, EveryByte(15));
    magnitudes = hn::Or(magnitude, hn::ShiftLeft<16>(magnitude));
    zeros = hn::Mul(magnitude,
                    hn::IfThenElse(negative, EveryByte(7), EveryByte(8)));
  }

  HWY_INLINE IntVec Weights(IntVec codes) const {
    const hn::Repartition<int16_t, IntTag> di16;
    const hn::Repartition<int8_t, IntTag> di8;
    const auto products = hn::Mul(hn::BitCast(di16, hn::Xor(codes, flips)),
                                  hn::BitCast(di16, magnitudes));
    return hn::BitCast(
        IntTag(), hn::Sub(hn::BitCast(di8, products), hn::BitCast(di8, zeros)));
  }
};

struct Int4ProgressiveSource {
  using Layout = Int4ProgressiveBlockLayout;
  static Layout LayoutOf(const PackedMatrix& w) {
    return GetInt4ProgressiveBlockLayout(w.cols, w.group_size);
  }

  static void Unpack(const PackedMatrix& w, const Layout& layout,
                     const PanelBlocks& blocks, const Int8Panels& panel) {
    const IntTag di;
    for (int b = 0; b < blocks.count; ++b) {
      const uint8_t* block = blocks.data + b * blocks.block_bytes;
      IntVec sums = hn::Zero(di);
      GroupFactors factors;
      for (int64_t c = 0; c < layout.padded_cols; c += kSumCols) {
        if (c % w.group_size == 0) {
          factors.Load(block + layout.group_scales_offset +
                       c / w.group_size * kRowBlock);
        }
        UnpackSpan(block + c * (kRowBlock / 2), factors,
                   panel.codes + c / 4 * kPanelChunkBytes + b * kChunkBytes,
                   &sums);
      }
      hn::StoreU(hn::ShiftLeft<7>(sums), di, panel.offsets + b * kRowBlock);
    }
    std::fill(panel.offsets + blocks.count * kRowBlock,
              panel.offsets + kPanelRows, 0);
    CopyRowValues(blocks, layout.row_scales_offset, panel.scales);
  }

 private:
  static HWY_INLINE void UnpackSpan(const uint8_t* packed,
                                    const GroupFactors& factors, int8_t* out,
                                    IntVec* sums) {
    const IntVec low_bits = EveryByte(15);
    const IntVec ones = EveryByte(1);
    for (int64_t c = 0; c < kSumCols; c += 8) {
      const IntVec codes = LoadBytes(packed + c * (kRowBlock / 2));
      const IntVec first = factors.Weights(hn::And(codes, low_bits));
      const IntVec second =
          factors.Weights(hn::And(hn::ShiftRight<4>(codes), low_bits));
      *sums = Dot<kBaseIsa>::U8S8(*sums, ones, first);
      *sums = Dot<kBaseIsa>::U8S8(*sums, ones, second);
      StoreChunk(first, out + c / 4 * kPanelChunkBytes);
      StoreChunk(second, out + (c / 4 + 1) * kPanelChunkBytes);
    }
  }
};

template <class Source>
void UnpackPanels(const PackedMatrix& w, int64_t row_begin, int64_t row_end,
                  const Int8Panels& out) {
  const typename Source::Layout layout = Source::LayoutOf(w);
  const int64_t cols = RoundUp(w.cols, kStrideCols);
  for (int64_t row = row_begin; row < row_end; row += kPanelRows) {
    const int64_t first = row - row_begin;
    const Int8Panels panel = {out.codes + first * cols, out.scales + first,
                              out.offsets + first};
    const PanelBlocks blocks = {
        w.data + row / kRowBlock * layout.block_bytes, layout.block_bytes,
        static_cast<int>(
            DivideUp(std::min(kPanelRows, row_end - row), kRowBlock))};
    Source::Unpack(w, layout, blocks, panel);
    ClearChunks(0, layout.padded_cols, blocks.count, panel.codes);
    ClearChunks(layout.padded_cols, cols, 0, panel.codes);
  }
}

void ScaleSums(const int32_t* sums, const Int8Panels& panels, float x_scale,
               int64_t rows, float* out) {
  const IntTag di;
  const FloatTag df;
  const FloatVec x_scales = hn::Set(df, x_scale);
  for (int64_t r = 0; r < rows; r += kLanes) {
    const IntVec sum =
        hn::Sub(hn::LoadU(di, sums + r), hn::LoadU(di, panels.offsets + r));
    const FloatVec scale = hn::Mul(x_scales, hn::LoadU(df, panels.scales + r));
    StoreRows(hn::Mul(scale, hn::ConvertTo(df, sum)), rows - r, out + r);
  }
}

}  // namespace

void EnterInt8Panels(KernelTable* table) {
  table->unpack_panels[static_cast<size_t>(Codec::kInt8)] =
      UnpackPanels<Int8Source>;
  table->unpack_panels[static_cast<size_t>(Codec::kInt4Progressive)] =
      UnpackPanels<Int4ProgressiveSource>;
  table->scale_sums = ScaleSums;
}

#else

// Without VNNI oneDNN has no exact product of int8 weights; with AVX-VNNI
// Debian 12's has none at all.
void EnterInt8Panels(KernelTable*) {}

#endif  // HWY_TARGET

}  // namespace ounce::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OUNCE_SIMD_TARGET

#if HWY_ONCE
namespace ounce::simd {

void AddInt8Panels(Isa isa, KernelTable* table) {
  OUNCE_CALL_TARGET(isa, EnterInt8Panels(table));
}

}  // namespace ounce::simd
#endif  // HWY_ONCE
