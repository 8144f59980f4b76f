// The single-threaded bodies of every operation, one table per instruction set.
// Callers go through the op headers beside this one (linear.h, attention.h
// ...), which cut the work for the thread pool.
//
// Numbers: integer sums are exact on every instruction set, and the float
// epilogue of a quantised product is fixed operation by operation (below), so
// that the product has the same bits everywhere.  Float-only operations agree
// with the reference within the bounds stated at each.
#ifndef OUNCE_KERNELS_KERNEL_TABLE_H_
#define OUNCE_KERNELS_KERNEL_TABLE_H_

#include <array>
#include <cstdint>

#include "core/checked.h"
#include "core/packing/packed_matrix.h"
#include "core/tensor.h"
#include "kernels/isa.h"
#include "kernels/kv_layer.h"

namespace ounce {

// Of ours; the foreign ones share the product KernelTable::matmul_blocks.
inline constexpr int kNumCodecs = 8;

// Columns whose codes are summed in one entry of QuantizedRows::sums, and which
// share a scale where a token has several.
inline constexpr int64_t kSumCols = 32;

// What QuantizedRows::stride is a multiple of.
inline constexpr int64_t kStrideCols = 64;

// An entry is -8 times the sum, modulo 2^16: what 16-bit sums of products with
// int4 codes start from to undo the codes' zero point.
inline int32_t EncodeSum(int32_t sum) {
  return static_cast<uint16_t>(-8 * sum);
}
inline int32_t DecodeSum(int32_t entry) {
  return -static_cast<int16_t>(entry) / 8;
}

// Activations quantised per token, or per token and group of kSumCols columns:
//   x[t, c] = scales[t] * codes[t, c]            or
//   x[t, c] = scales[t, c / kSumCols] * codes[t, c].
// scale = max|x| / 127 over what shares it; codes = x / scale rounded half to
// even, in -127..127; where all is zero, so are scale and codes.
struct QuantizedRows {
  const int8_t* codes = nullptr;  // [tokens, stride]; zero from `cols` on.
  // [tokens], or by groups [tokens, stride / kSumCols].
  const float* scales = nullptr;
  const int32_t* sums = nullptr;  // [tokens, stride / kSumCols], encoded.
  int64_t tokens = 0;
  int64_t cols = 0;
  int64_t stride = 0;  // `cols` rounded up to a multiple of kStrideCols.
  // codes + 128, [tokens rounded up to kPanelTokens, stride]: for Int8Panels
  // and for KernelTable::min_unsigned_tokens, null elsewhere.
  const uint8_t* unsigned_codes = nullptr;
};

// What tokens and rows of products with Int8Panels are rounded up to.
inline constexpr int64_t kPanelTokens = 16;
inline constexpr int64_t kPanelRows = 64;

// Weight rows unpacked for products of many tokens, filled up with zeros to
// whole panels: weight[r, c] = scales[r] * code[r, c].
struct Int8Panels {
  int8_t* codes = nullptr;     // [rows / 64][stride / 4][64 rows][4 columns]
  float* scales = nullptr;     // [rows]
  int32_t* offsets = nullptr;  // [rows]: 128 times the sum of a row's codes.
};

// The input of a product in all forms: a float codec reads `dense`, a quantised
// one `quantized`, or `grouped` if its CodecInfo::activation_group is not 0.
// Those that no product reads may be empty.
struct MatMulInput {
  MatrixView<const float> dense;  // [tokens, in]
  QuantizedRows quantized;        // One scale per token.
  QuantizedRows grouped;          // One per token and group.
};

// out[t, r] = sum over c of x[t, c] * w[r, c] for all tokens and the weight
// rows r in [row_begin, row_end), where row_begin is a multiple of kRowBlock
// and row_end too unless it is w.rows.  `out` is [tokens, w.rows].
//   int8:  out = (x_scale * w_scale) * float(isum)
//   int4:  acc = fma(w_scale[g], float(isum[g]), acc) for groups g in order,
//          from 0; out = acc * x_scale;
//          isum[g] = sum(code * x) - zero_point * sum(x), exact in int32
//   int4-progressive: out = (x_scale * row_scale) * float(isum);
//          isum = sum over groups g of group_scale[g] * (sum(code * x) -
//          8 * sum(x)), exact in int32
//   int8-activation-groups:
//          acc = fma(x_scale[g], float(isum[g]), acc) for groups g of kSumCols
//          columns in order, from 0; out = acc * w_scale
//   float: any order of summation in f32 with at least 8 partial sums.
using MatMulKernel = void (*)(const MatMulInput& x, const PackedMatrix& w,
                              int64_t row_begin, int64_t row_end,
                              MatrixView<float> out);

enum class Activation : uint8_t {
  kSilu,
  kGelu,
  kGeluTanh,
  kRelu,
  kTanh,
  kQuickGelu,
  kReluSquared,
};

// Rows of queries that one call of KernelTable::attention takes at most.
inline constexpr int64_t kMaxAttentionRows = 36;
// Keys whose scores are at hand at a time.
inline constexpr int64_t kAttentionKeys = 64;

// Query vectors against the keys of one head, all independent of each other.
struct AttentionTile {
  KvHead kv;
  int64_t rows = 0;                       // 1 to kMaxAttentionRows.
  const float* const* queries = nullptr;  // [rows], each [head_dim]
  float* const* outs = nullptr;           // [rows], each [head_dim]
  // Row r sees the keys at positions [begin_keys[r], end_keys[r]), at least
  // one.
  const int64_t* begin_keys = nullptr;
  const int64_t* end_keys = nullptr;
  float scale = 1.0f;  // Of the scores, before softmax.
  // Then they become soft_cap * tanh(score / soft_cap), unless this is 0.
  float soft_cap = 0.0f;
  // Added to the scores after that, [rows], each [positions]; or null.
  const float* const* biases = nullptr;
  // [positions], 0: this key is hidden; or null.  All hidden: out is 0.
  const uint8_t* key_mask = nullptr;
  float* scratch = nullptr;  // AttentionScratch(head_dim) floats.
};

inline int64_t AttentionScratch(int64_t head_dim) {
  return kMaxAttentionRows *
         (kAttentionKeys + RoundUp(head_dim, kKeyBlock) + head_dim);
}

inline constexpr int kNumReadLoops = 3;

struct KernelTable {
  Isa isa = Isa::kReference;

  // By Codec, of ours.
  std::array<MatMulKernel, kNumCodecs> matmul = {};
  // Of every foreign codec: a float product.
  MatMulKernel matmul_blocks = nullptr;

  MatMulKernel matmul_of(Codec codec) const {
    return IsForeign(codec) ? matmul_blocks
                            : matmul[static_cast<size_t>(codec)];
  }

  // From so many tokens on `matmul` is faster if it is given unsigned codes; 0:
  // never.  By Codec, of ours.
  std::array<int64_t, kNumCodecs> min_unsigned_tokens = {};

  // Unpacks the rows [row_begin, row_end) of a matrix, of which row_begin is a
  // multiple of kRowBlock; by Codec, of ours.  Null unless the codec's weights
  // are exactly int8 times a float per row and oneDNN has a product for them on
  // this instruction set.
  std::array<void (*)(const PackedMatrix& w, int64_t row_begin, int64_t row_end,
                      const Int8Panels& out),
             kNumCodecs>
      unpack_panels = {};
  // One token's values for `rows` rows from the sums of its unsigned codes:
  // out[r] = (x_scale * scales[r]) * float(sums[r] - offsets[r]).  Null where
  // `unpack_panels` is.
  void (*scale_sums)(const int32_t* sums, const Int8Panels& panels,
                     float x_scale, int64_t rows, float* out) = nullptr;

  // Quantises one token; `codes` has `stride` bytes, `sums` stride / kSumCols
  // entries.  Same bits on every instruction set.  The input must be finite.
  void (*quantize_row)(const float* x, int64_t cols, int64_t stride,
                       int8_t* codes, float* scale, int32_t* sums) = nullptr;
  // The same by groups: `scales` has stride / kSumCols entries.
  void (*quantize_row_groups)(const float* x, int64_t cols, int64_t stride,
                              int8_t* codes, float* scales,
                              int32_t* sums) = nullptr;

  // out = codes + 128, `size` of them.  Null in the reference, which takes
  // none.
  void (*make_unsigned)(const int8_t* codes, int64_t size,
                        uint8_t* out) = nullptr;

  // out = x / sqrt(mean(x^2) + epsilon) * weight.  Within 4 ulp of the
  // reference, which sums in f64.  `out` may be `x`.
  void (*rms_norm)(const float* x, const float* weight, int64_t width,
                   float epsilon, float* out) = nullptr;

  // out = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias; `bias`
  // may be null.  Within 4 ulp of the reference, which sums in f64, relative to
  // the largest term.  `out` may be `x`.  Source: arXiv:1607.06450.
  void (*layer_norm)(const float* x, const float* weight, const float* bias,
                     int64_t width, float epsilon, float* out) = nullptr;

  // Rotates the pairs (x[i], x[i + dim / 2]), i < dim / 2, in place by the
  // angle whose cosine and sine are given ([dim / 2] each).  Same bits
  // everywhere apart from fused multiply-add: within 2 ulp of the larger input.
  // Source: RoFormer, arXiv:2104.09864, in the half-split order of GPT-NeoX.
  void (*rotary)(float* x, const float* cos, const float* sin,
                 int64_t dim) = nullptr;

  // out = activation(gate) * up; exp within 2 ulp.  `out` may be `gate`.
  void (*gated_activation)(Activation activation, const float* gate,
                           const float* up, int64_t size, float* out) = nullptr;

  // out = activation(x), as precise.  `out` may be `x`.
  void (*activate)(Activation activation, const float* x, int64_t size,
                   float* out) = nullptr;

  // x = cap * tanh(x / cap), within cap * 2^-22.
  void (*soft_cap)(float cap, int64_t size, float* x) = nullptr;

  // x += y.
  void (*add)(const float* y, int64_t size, float* x) = nullptr;

  // Stores a head's key and value ([head_dim] each) at `position`; same bits on
  // every instruction set.  The input must be finite.
  void (*store_kv)(const KvHead& kv, int64_t position, const float* key,
                   const float* value) = nullptr;

  // softmax(scale * query * keys^T + bias) * values for each row, keys in
  // blocks of kAttentionKeys with a running maximum (online softmax,
  // arXiv:1805.02867; arXiv:2205.14135), so that no row of scores is ever whole
  // in memory. Scores are f32 dot products.  What a row gives does not depend
  // on the other rows.  Within 1e-5 of the reference, relative to the largest
  // value.
  void (*attention)(const AttentionTile& tile) = nullptr;

  // Reads `bytes` bytes and does nothing with them, in one of kNumReadLoops
  // ways; and multiplies on registers with the instructions of the products
  // with `codec`, returning the number of multiply-adds.  machine_limits.h
  // times them.
  void (*read_bytes)(int loop, const uint8_t* data, int64_t bytes) = nullptr;
  int64_t (*multiply_registers)(Codec codec, int64_t rounds) = nullptr;
};

// The table of `isa`, which must be one of SupportedIsas().  Lives for ever.
const KernelTable& GetKernelTable(Isa isa);

}  // namespace ounce

#endif  // OUNCE_KERNELS_KERNEL_TABLE_H_
