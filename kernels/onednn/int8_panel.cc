#include "kernels/onednn/int8_panel.h"

#include <algorithm>
#include <cstring>

#include "core/checked.h"
#include "core/packing/int8.h"
#include "kernels/onednn/cpu_isa.h"
#include "oneapi/dnnl/dnnl.h"

namespace ounce {
namespace {

// Tokens multiplied at a time, so that the sums are still in cache when they
// are scaled.  Fewer would make oneDNN pack the panel more often.
constexpr int64_t kTokenBlock = 128;

// Turns signed activation codes into oneDNN's unsigned ones.
constexpr int kUnsignedOffset = 128;

// Parts of the scratch memory, each a multiple of 64 bytes apart.
struct Buffers {
  int64_t weights_bytes;
  int64_t tokens_bytes;
  int64_t sums_bytes;

  Buffers(const PackedMatrix& w, int64_t rows)
      : weights_bytes(RoundUp(rows * w.cols, 64)),
        tokens_bytes(RoundUp(kTokenBlock * w.cols, 64)),
        sums_bytes(kTokenBlock * rows * int64_t{sizeof(int32_t)}) {}
  int64_t total_bytes() const {
    return weights_bytes + tokens_bytes + sums_bytes;
  }
};

// Undoes the interleaving: row after row, `cols` codes each.
void CopyWeightRows(const PackedMatrix& w, int64_t row_begin, int64_t row_end,
                    int8_t* out) {
  const Int8BlockLayout layout = GetInt8BlockLayout(w.cols);
  for (int64_t r = row_begin; r < row_end; ++r, out += w.cols) {
    const uint8_t* codes =
        w.data + r / kRowBlock * layout.block_bytes + r % kRowBlock * 4;
    int64_t c = 0;
    for (; c + 4 <= w.cols; c += 4) std::memcpy(out + c, codes + c * 16, 4);
    std::memcpy(out + c, codes + c * 16, static_cast<size_t>(w.cols - c));
  }
}

void CopyTokens(const QuantizedRows& x, int64_t begin, int64_t end,
                uint8_t* out) {
  for (int64_t t = begin; t < end; ++t, out += x.cols) {
    const int8_t* codes = x.codes + t * x.stride;
    for (int64_t c = 0; c < x.cols; ++c) {
      out[c] = static_cast<uint8_t>(codes[c] + kUnsignedOffset);
    }
  }
}

// Scales one row block's sums of one token.
void ScaleSums(const uint8_t* scales_and_row_sums, float x_scale, int64_t rows,
               const int32_t* sums, float* out) {
  float scales[kRowBlock];
  int32_t row_sums[kRowBlock];
  std::memcpy(scales, scales_and_row_sums, sizeof(scales));
  std::memcpy(row_sums, scales_and_row_sums + sizeof(scales), sizeof(row_sums));
  for (int64_t i = 0; i < rows; ++i) {
    const int32_t isum = sums[i] - kUnsignedOffset * row_sums[i];
    out[i] = (x_scale * scales[i]) * static_cast<float>(isum);
  }
}

}  // namespace

int64_t Int8PanelScratch(const PackedMatrix& w, int64_t rows) {
  return DivideUp(Buffers(w, rows).total_bytes(), int64_t{sizeof(float)});
}

bool MultiplyInt8Panel(const QuantizedRows& x, const PackedMatrix& w,
                       int64_t row_begin, int64_t row_end, float* scratch,
                       MatrixView<float> out) {
  UseOneThreadForOneDnn();
  const int64_t rows = row_end - row_begin;
  const Buffers buffers(w, rows);
  auto* bytes = reinterpret_cast<uint8_t*>(scratch);
  auto* weights = reinterpret_cast<int8_t*>(bytes);
  uint8_t* tokens = bytes + buffers.weights_bytes;
  auto* sums = reinterpret_cast<int32_t*>(tokens + buffers.tokens_bytes);
  const Int8BlockLayout layout = GetInt8BlockLayout(w.cols);
  CopyWeightRows(w, row_begin, row_end, weights);
  for (int64_t begin = 0; begin < x.tokens; begin += kTokenBlock) {
    const int64_t end = std::min(x.tokens, begin + kTokenBlock);
    CopyTokens(x, begin, end, tokens);
    const int32_t no_offset = 0;
    const dnnl_status_t status = dnnl_gemm_u8s8s32(
        'N', 'T', 'F', end - begin, rows, w.cols, /*alpha=*/1.0f, tokens,
        w.cols, /*ao=*/0, weights, w.cols, /*bo=*/0, /*beta=*/0.0f, sums, rows,
        &no_offset);
    if (status != dnnl_success) return false;
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t r = 0; r < rows; r += kRowBlock) {
        const uint8_t* block =
            w.data + (row_begin + r) / kRowBlock * layout.block_bytes;
        ScaleSums(block + layout.scales_offset, x.scales[t],
                  std::min(kRowBlock, rows - r), sums + (t - begin) * rows + r,
                  out.row(t) + row_begin + r);
      }
    }
  }
  return true;
}

}  // namespace ounce
