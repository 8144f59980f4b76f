#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/check.h"
#include "core/half.h"
#include "core/packing/codec.h"
#include "core/packing/int4.h"
#include "core/packing/int4_progressive.h"
#include "core/packing/int8.h"
#include "kernels/reference/reference.h"

namespace ounce::reference {
namespace {

// One row of an int4 matrix, read element by element.
class Int4Row {
 public:
  Int4Row(const PackedMatrix& w, int64_t row)
      : symmetric_(w.codec == Codec::kInt4),
        layout_(GetInt4BlockLayout(w.cols, w.group_size, symmetric_)),
        block_(w.data + row / kRowBlock * layout_.block_bytes),
        lane_(row % kRowBlock) {}

  int32_t Code(int64_t c) const { return Int4CodeAt(block_, c, lane_); }
  float Scale(int64_t group) const {
    uint16_t bits;
    std::memcpy(
        &bits, block_ + layout_.scales_offset + (group * kRowBlock + lane_) * 2,
        sizeof(bits));
    return F16ToF32(bits);
  }
  int32_t ZeroPoint(int64_t group) const {
    if (symmetric_) return kInt4SymmetricZeroPoint;
    const uint8_t byte =
        block_[layout_.zero_points_offset + group * 8 + lane_ % 8];
    return lane_ < 8 ? byte & 0xF : byte >> 4;
  }
  int64_t padded_cols() const { return layout_.padded_cols; }
  int64_t num_groups() const { return layout_.num_groups; }

 private:
  const bool symmetric_;
  const Int4BlockLayout layout_;
  const uint8_t* const block_;
  const int64_t lane_;
};

float Int4Dot(const QuantizedRows& x, int64_t token, const Int4Row& row,
              int64_t group_size) {
  const int8_t* codes = x.codes + token * x.stride;
  const int32_t* sums = x.sums + token * (x.stride / kSumCols);
  float acc = 0.0f;
  for (int64_t g = 0; g < row.num_groups(); ++g) {
    const int64_t begin = g * group_size;
    const int64_t end = std::min(row.padded_cols(), begin + group_size);
    int32_t isum = 0;
    int32_t x_sum = 0;
    for (int64_t c = begin; c < end; ++c) isum += row.Code(c) * codes[c];
    for (int64_t c = begin; c < end; c += kSumCols) {
      x_sum += DecodeSum(sums[c / kSumCols]);
    }
    isum -= row.ZeroPoint(g) * x_sum;
    acc = std::fma(row.Scale(g), static_cast<float>(isum), acc);
  }
  return acc * x.scales[token];
}

// One row of an int8 matrix, read element by element.
class Int8Row {
 public:
  Int8Row(const PackedMatrix& w, int64_t row)
      : layout_(GetInt8BlockLayout(w.cols)),
        block_(w.data + row / kRowBlock * layout_.block_bytes),
        lane_(row % kRowBlock) {}

  int32_t Code(int64_t c) const {
    return static_cast<int8_t>(block_[c / 4 * 64 + lane_ * 4 + c % 4]);
  }
  float Scale() const {
    float scale;
    std::memcpy(&scale, block_ + layout_.scales_offset + lane_ * 4,
                sizeof(scale));
    return scale;
  }

 private:
  const Int8BlockLayout layout_;
  const uint8_t* const block_;
  const int64_t lane_;
};

int32_t Int8Sum(const int8_t* x, const Int8Row& row, int64_t begin,
                int64_t end) {
  int32_t isum = 0;
  for (int64_t c = begin; c < end; ++c) isum += row.Code(c) * x[c];
  return isum;
}

}  // namespace

void MatMulFloat(const MatMulInput& x, const PackedMatrix& w, int64_t row_begin,
                 int64_t row_end, MatrixView<float> out) {
  constexpr int64_t kPartialSums = 8;
  const auto unpack_rows = GetCodecInfo(w.codec).unpack_rows;
  std::vector<float> weights(static_cast<size_t>(w.cols));
  for (int64_t r = row_begin; r < row_end; ++r) {
    unpack_rows(w, r, r + 1, weights.data());
    for (int64_t t = 0; t < x.dense.rows; ++t) {
      float partial[kPartialSums] = {};
      for (int64_t c = 0; c < w.cols; ++c) {
        partial[c % kPartialSums] +=
            x.dense.at(t, c) * weights[static_cast<size_t>(c)];
      }
      float sum = 0.0f;
      for (const float p : partial) sum += p;
      out.at(t, r) = sum;
    }
  }
}

void MatMulInt8(const MatMulInput& x, const PackedMatrix& w, int64_t row_begin,
                int64_t row_end, MatrixView<float> out) {
  const QuantizedRows& q = x.quantized;
  for (int64_t r = row_begin; r < row_end; ++r) {
    const Int8Row row(w, r);
    for (int64_t t = 0; t < q.tokens; ++t) {
      const int32_t isum = Int8Sum(q.codes + t * q.stride, row, 0, w.cols);
      out.at(t, r) = (q.scales[t] * row.Scale()) * static_cast<float>(isum);
    }
  }
}

void MatMulInt8ActivationGroups(const MatMulInput& x, const PackedMatrix& w,
                                int64_t row_begin, int64_t row_end,
                                MatrixView<float> out) {
  const QuantizedRows& q = x.grouped;
  for (int64_t r = row_begin; r < row_end; ++r) {
    const Int8Row row(w, r);
    for (int64_t t = 0; t < q.tokens; ++t) {
      const float* scales = q.scales + t * (q.stride / kSumCols);
      float acc = 0.0f;
      for (int64_t c = 0; c < w.cols; c += kSumCols) {
        const int32_t isum = Int8Sum(q.codes + t * q.stride, row, c,
                                     std::min(w.cols, c + kSumCols));
        acc = std::fma(scales[c / kSumCols], static_cast<float>(isum), acc);
      }
      out.at(t, r) = acc * row.Scale();
    }
  }
}

void MatMulInt4(const MatMulInput& x, const PackedMatrix& w, int64_t row_begin,
                int64_t row_end, MatrixView<float> out) {
  OUNCE_DCHECK(w.group_size % kSumCols == 0);
  for (int64_t r = row_begin; r < row_end; ++r) {
    const Int4Row row(w, r);
    for (int64_t t = 0; t < x.quantized.tokens; ++t) {
      out.at(t, r) = Int4Dot(x.quantized, t, row, w.group_size);
    }
  }
}

void MatMulInt4Progressive(const MatMulInput& x, const PackedMatrix& w,
                           int64_t row_begin, int64_t row_end,
                           MatrixView<float> out) {
  const QuantizedRows& q = x.quantized;
  const Int4ProgressiveBlockLayout layout =
      GetInt4ProgressiveBlockLayout(w.cols, w.group_size);
  for (int64_t r = row_begin; r < row_end; ++r) {
    const uint8_t* block = w.data + r / kRowBlock * layout.block_bytes;
    const int64_t lane = r % kRowBlock;
    const uint8_t* group_scales = block + layout.group_scales_offset + lane;
    float row_scale;
    std::memcpy(&row_scale, block + layout.row_scales_offset + lane * 4,
                sizeof(row_scale));
    for (int64_t t = 0; t < q.tokens; ++t) {
      // Unsigned: what a hostile file's scales overflow wraps around, as it
      // does in vectors.
      uint32_t isum = 0;
      for (int64_t c = 0; c < w.cols; ++c) {
        const auto group_scale =
            static_cast<int8_t>(group_scales[c / w.group_size * kRowBlock]);
        const int32_t product =
            group_scale *
            (Int4CodeAt(block, c, lane) - kInt4SymmetricZeroPoint) *
            q.codes[t * q.stride + c];
        isum += static_cast<uint32_t>(product);
      }
      out.at(t, r) = (q.scales[t] * row_scale) *
                     static_cast<float>(static_cast<int32_t>(isum));
    }
  }
}

}  // namespace ounce::reference
