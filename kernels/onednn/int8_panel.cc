#include "kernels/onednn/int8_panel.h"

#include <algorithm>

#include "core/checked.h"
#include "kernels/onednn/int8_matmul.h"

namespace ounce {
namespace {

// Tokens multiplied at a time, so that the sums are still in cache when they
// are scaled.
constexpr int64_t kTokenBlock = 128;
static_assert(kTokenBlock % kPanelTokens == 0);

// The parts of the scratch memory, each a multiple of 64 bytes apart.
struct Buffers {
  Int8Panels panels;
  int32_t* sums;  // [kTokenBlock, padded rows]
  int64_t padded_rows;
  int64_t total_bytes = 0;

  // Offsets only, when `memory` is null.
  Buffers(const PackedMatrix& w, int64_t rows, uint8_t* memory)
      : padded_rows(RoundUp(rows, kPanelRows)) {
    panels.codes =
        Take<int8_t>(memory, padded_rows * RoundUp(w.cols, kStrideCols));
    panels.scales = Take<float>(memory, padded_rows);
    panels.offsets = Take<int32_t>(memory, padded_rows);
    sums = Take<int32_t>(memory, kTokenBlock * padded_rows);
  }

 private:
  template <typename T>
  T* Take(uint8_t* memory, int64_t count) {
    const int64_t offset = total_bytes;
    total_bytes += RoundUp(count * int64_t{sizeof(T)}, 64);
    return memory == nullptr ? nullptr : reinterpret_cast<T*>(memory + offset);
  }
};

}  // namespace

int64_t Int8PanelScratch(const PackedMatrix& w, int64_t rows) {
  return DivideUp(Buffers(w, rows, nullptr).total_bytes,
                  int64_t{sizeof(float)});
}

bool MultiplyInt8Panel(const KernelTable& table, const QuantizedRows& x,
                       const PackedMatrix& w, int64_t row_begin,
                       int64_t row_end, float* scratch, MatrixView<float> out) {
  const int64_t rows = row_end - row_begin;
  const Buffers buffers(w, rows, reinterpret_cast<uint8_t*>(scratch));
  table.unpack_panels[static_cast<size_t>(w.codec)](w, row_begin, row_end,
                                                    buffers.panels);
  for (int64_t begin = 0; begin < x.tokens; begin += kTokenBlock) {
    const int64_t end = std::min(x.tokens, begin + kTokenBlock);
    const Int8MatmulShape shape = {RoundUp(end - begin, kPanelTokens), x.stride,
                                   buffers.padded_rows};
    if (!Int8Matmul(shape, x.unsigned_codes + begin * x.stride,
                    buffers.panels.codes, buffers.sums)) {
      return false;
    }
    for (int64_t t = begin; t < end; ++t) {
      table.scale_sums(buffers.sums + (t - begin) * buffers.padded_rows,
                       buffers.panels, x.scales[t], rows,
                       out.row(t) + row_begin);
    }
  }
  return true;
}

}  // namespace ounce
