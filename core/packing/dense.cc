#include "core/packing/dense.h"

#include <cstring>

#include "core/check.h"
#include "core/half.h"
#include "core/vectorize.h"

namespace ounce {
namespace {

// Elements may be unaligned in a foreign file, hence memcpy.
template <typename Bits, float (*Widen)(Bits)>
void UnpackRows(const PackedMatrix& matrix, int64_t begin, int64_t end,
                float* out) {
  const uint8_t* in = matrix.data + begin * matrix.cols * int64_t{sizeof(Bits)};
  const int64_t count = (end - begin) * matrix.cols;
  for (int64_t i = 0; i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, in + i * int64_t{sizeof(Bits)}, sizeof(Bits));
    out[i] = Widen(bits);
  }
}

template <uint16_t (*Narrow)(float)>
void PackHalf(const float* values, int64_t count, uint8_t* out) {
  for (int64_t i = 0; i < count; ++i) {
    const uint16_t bits = Narrow(values[i]);
    std::memcpy(out + i * 2, &bits, 2);
  }
}

}  // namespace

int64_t F32PackedBytes(int64_t rows, int64_t cols, int64_t) {
  return rows * cols * 4;
}

int64_t HalfPackedBytes(int64_t rows, int64_t cols, int64_t) {
  return rows * cols * 2;
}

void UnpackF32Rows(const PackedMatrix& matrix, int64_t begin, int64_t end,
                   float* out) {
  if (begin == end) return;  // `out` may be null.
  std::memcpy(out, matrix.data + begin * matrix.cols * 4,
              static_cast<size_t>((end - begin) * matrix.cols * 4));
}

OUNCE_VECTORIZE void UnpackF16Rows(const PackedMatrix& matrix, int64_t begin,
                                   int64_t end, float* out) {
  UnpackRows<uint16_t, F16ToF32>(matrix, begin, end, out);
}

OUNCE_VECTORIZE void UnpackBF16Rows(const PackedMatrix& matrix, int64_t begin,
                                    int64_t end, float* out) {
  UnpackRows<uint16_t, BF16ToF32>(matrix, begin, end, out);
}

OUNCE_VECTORIZE void PackDense(Codec codec, const float* values, int64_t count,
                               uint8_t* out) {
  OUNCE_DCHECK(codec == Codec::kF32 || codec == Codec::kF16 ||
               codec == Codec::kBF16);
  if (codec == Codec::kF32) {
    std::memcpy(out, values, static_cast<size_t>(count) * sizeof(float));
  } else if (codec == Codec::kF16) {
    PackHalf<F32ToF16>(values, count, out);
  } else {
    PackHalf<F32ToBF16>(values, count, out);
  }
}

}  // namespace ounce
