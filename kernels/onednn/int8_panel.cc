#include "kernels/onednn/int8_panel.h"

#include <algorithm>

#include "core/checked.h"
#include "core/packing/codec.h"
#include "core/packing/int8_rows.h"
#include "kernels/onednn/cpu_isa.h"
#include "oneapi/dnnl/dnnl.h"

namespace ounce {
namespace {

// Tokens multiplied at a time, so that the sums are still in cache when they
// are scaled.  Fewer would make oneDNN pack the panel more often.
constexpr int64_t kTokenBlock = 128;

// Turns signed activation codes into oneDNN's unsigned ones.
constexpr int kUnsignedOffset = 128;

// The parts of the scratch memory, each a multiple of 64 bytes apart.
struct Buffers {
  Int8Rows weights;
  uint8_t* tokens;  // [kTokenBlock, cols], unsigned.
  int32_t* sums;    // [kTokenBlock, rows]
  int64_t total_bytes = 0;

  // Offsets only, when `memory` is null.
  Buffers(const PackedMatrix& w, int64_t rows, uint8_t* memory) {
    weights.codes = Take<int8_t>(memory, rows * w.cols);
    weights.scales = Take<float>(memory, rows);
    weights.row_sums = Take<int32_t>(memory, rows);
    tokens = Take<uint8_t>(memory, kTokenBlock * w.cols);
    sums = Take<int32_t>(memory, kTokenBlock * rows);
  }

 private:
  template <typename T>
  T* Take(uint8_t* memory, int64_t count) {
    const int64_t offset = total_bytes;
    total_bytes += RoundUp(count * int64_t{sizeof(T)}, 64);
    return memory == nullptr ? nullptr : reinterpret_cast<T*>(memory + offset);
  }
};

void CopyTokens(const QuantizedRows& x, int64_t begin, int64_t end,
                uint8_t* out) {
  for (int64_t t = begin; t < end; ++t, out += x.cols) {
    const int8_t* codes = x.codes + t * x.stride;
    for (int64_t c = 0; c < x.cols; ++c) {
      out[c] = static_cast<uint8_t>(codes[c] + kUnsignedOffset);
    }
  }
}

// Scales one token's sums.
void ScaleSums(const Int8Rows& weights, float x_scale, int64_t rows,
               const int32_t* sums, float* out) {
  for (int64_t r = 0; r < rows; ++r) {
    // Unsigned: what a hostile file's weights overflow wraps around.
    const uint32_t isum =
        static_cast<uint32_t>(sums[r]) -
        uint32_t{kUnsignedOffset} * static_cast<uint32_t>(weights.row_sums[r]);
    out[r] = (x_scale * weights.scales[r]) *
             static_cast<float>(static_cast<int32_t>(isum));
  }
}

}  // namespace

int64_t Int8PanelScratch(const PackedMatrix& w, int64_t rows) {
  return DivideUp(Buffers(w, rows, nullptr).total_bytes,
                  int64_t{sizeof(float)});
}

bool MultiplyInt8Panel(const QuantizedRows& x, const PackedMatrix& w,
                       int64_t row_begin, int64_t row_end, float* scratch,
                       MatrixView<float> out) {
  UseOneThreadForOneDnn();
  const int64_t rows = row_end - row_begin;
  const Buffers buffers(w, rows, reinterpret_cast<uint8_t*>(scratch));
  GetCodecInfo(w.codec).unpack_int8(w, row_begin, row_end, buffers.weights);
  for (int64_t begin = 0; begin < x.tokens; begin += kTokenBlock) {
    const int64_t end = std::min(x.tokens, begin + kTokenBlock);
    CopyTokens(x, begin, end, buffers.tokens);
    const int32_t no_offset = 0;
    const dnnl_status_t status = dnnl_gemm_u8s8s32(
        'N', 'T', 'F', end - begin, rows, w.cols, /*alpha=*/1.0f,
        buffers.tokens, w.cols, /*ao=*/0, buffers.weights.codes, w.cols,
        /*bo=*/0, /*beta=*/0.0f, buffers.sums, rows, &no_offset);
    if (status != dnnl_success) return false;
    for (int64_t t = begin; t < end; ++t) {
      ScaleSums(buffers.weights, x.scales[t], rows,
                buffers.sums + (t - begin) * rows, out.row(t) + row_begin);
    }
  }
  return true;
}

}  // namespace ounce
