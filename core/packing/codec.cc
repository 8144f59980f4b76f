#include "core/packing/codec.h"

#include <array>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/checked.h"
#include "core/packing/dense.h"
#include "core/packing/ggml_blocks.h"
#include "core/packing/ggml_k_blocks.h"
#include "core/packing/int4.h"
#include "core/packing/int4_progressive.h"
#include "core/packing/int8.h"

namespace ounce {
namespace {

float KeepScale(float scale, float) { return scale; }

constexpr CodecInfo kInt8Info = {Codec::kInt8,   "int8",   8,
                                 true,           false,    Int8PackedBytes,
                                 UnpackInt8Rows, PackInt8, KeepScale};

constexpr CodecInfo kInt8ActivationGroupsInfo = [] {
  CodecInfo info = kInt8Info;
  info.codec = Codec::kInt8ActivationGroups;
  info.name = "int8-activation-groups";
  info.activation_group = 32;
  return info;
}();

// In the order of the enum.
constexpr std::array kCodecs = {
    CodecInfo{Codec::kF32, "f32", 32, false, false, F32PackedBytes,
              UnpackF32Rows, nullptr, nullptr},
    CodecInfo{Codec::kF16, "f16", 16, false, false, HalfPackedBytes,
              UnpackF16Rows, nullptr, nullptr},
    CodecInfo{Codec::kBF16, "bf16", 16, false, false, HalfPackedBytes,
              UnpackBF16Rows, nullptr, nullptr},
    kInt8Info,
    CodecInfo{Codec::kInt4, "int4", 4, true, true, Int4PackedBytes,
              UnpackInt4Rows, PackInt4, RoundInt4Scale},
    CodecInfo{Codec::kInt4Asymmetric, "int4-asym", 4, true, true,
              Int4AsymmetricPackedBytes, UnpackInt4Rows, PackInt4Asymmetric,
              RoundInt4Scale},
    CodecInfo{Codec::kInt4Progressive, "int4-progressive", 4, true, true,
              Int4ProgressivePackedBytes, UnpackInt4ProgressiveRows,
              PackInt4Progressive, RoundInt4ProgressiveScale,
              kInt4ProgressiveMaxScale, Int4ProgressiveRowScale},
    kInt8ActivationGroupsInfo,
};

template <const BlockLayout& kLayout>
int64_t BlocksPackedBytes(int64_t rows, int64_t cols, int64_t) {
  return rows * DivideUp(cols, kLayout.cols) * kLayout.bytes;
}

template <const BlockLayout& kLayout>
void UnpackBlockRows(const PackedMatrix& matrix, int64_t begin, int64_t end,
                     float* out) {
  const int64_t row_blocks = matrix.cols / kLayout.cols;
  UnpackGgmlBlocks(kLayout, matrix.data + begin * row_blocks * kLayout.bytes,
                   (end - begin) * row_blocks, out);
}

template <const BlockLayout& kLayout>
constexpr CodecInfo Foreign(Codec codec, absl::string_view name, int bits) {
  CodecInfo info = {codec,
                    name,
                    bits,
                    false,
                    false,
                    BlocksPackedBytes<kLayout>,
                    UnpackBlockRows<kLayout>,
                    nullptr,
                    nullptr};
  info.block = kLayout;
  return info;
}

constexpr std::array kForeignCodecs = {
    Foreign<kQ4_0Layout>(Codec::kQ4_0, "q4_0", 4),
    Foreign<kQ4_1Layout>(Codec::kQ4_1, "q4_1", 4),
    Foreign<kQ5_0Layout>(Codec::kQ5_0, "q5_0", 5),
    Foreign<kQ5_1Layout>(Codec::kQ5_1, "q5_1", 5),
    Foreign<kQ8_0Layout>(Codec::kQ8_0, "q8_0", 8),
    Foreign<kQ2KLayout>(Codec::kQ2K, "q2_k", 2),
    Foreign<kQ3KLayout>(Codec::kQ3K, "q3_k", 3),
    Foreign<kQ4KLayout>(Codec::kQ4K, "q4_k", 4),
    Foreign<kQ5KLayout>(Codec::kQ5K, "q5_k", 5),
    Foreign<kQ6KLayout>(Codec::kQ6K, "q6_k", 6),
    Foreign<kIq4NlLayout>(Codec::kIq4Nl, "iq4_nl", 4),
    Foreign<kIq4XsLayout>(Codec::kIq4Xs, "iq4_xs", 4),
};

// Where each is in kForeignCodecs, by its number less kFirstForeignCodec.
constexpr auto kForeignIndex = [] {
  std::array<uint8_t, 32> index = {};
  for (size_t i = 0; i < kForeignCodecs.size(); ++i) {
    index[static_cast<size_t>(kForeignCodecs[i].codec) - kFirstForeignCodec] =
        static_cast<uint8_t>(i);
  }
  return index;
}();

// Far above any real tensor, and small enough that no layout's own arithmetic
// (at most 16 bytes a weight with padding) can overflow.
constexpr int64_t kMaxDimension = int64_t{1} << 40;
constexpr int64_t kMaxElements = int64_t{1} << 50;

bool ValidGroupSize(const CodecInfo& info, int64_t group_size) {
  if (!info.grouped) return group_size == 0;
  return group_size == 32 || group_size == 64 || group_size == 128;
}

}  // namespace

const CodecInfo& GetCodecInfo(Codec codec) {
  if (IsForeign(codec)) {
    return kForeignCodecs[kForeignIndex[static_cast<size_t>(codec) -
                                        kFirstForeignCodec]];
  }
  return kCodecs[static_cast<size_t>(codec)];
}

const CodecInfo* FindCodec(int value) {
  if (value < 0 || value >= static_cast<int>(kCodecs.size())) return nullptr;
  return &kCodecs[static_cast<size_t>(value)];
}

const CodecInfo* FindCodec(absl::string_view name) {
  for (const CodecInfo& info : kCodecs) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

absl::Span<const CodecInfo> AllCodecs() { return kCodecs; }

absl::Span<const CodecInfo> ForeignCodecs() { return kForeignCodecs; }

int64_t RowBytes(Codec codec, int64_t cols) {
  const CodecInfo& info = GetCodecInfo(codec);
  OUNCE_DCHECK(!info.quantized);
  return info.packed_bytes(1, cols, 0);
}

absl::StatusOr<int64_t> PackedBytes(Codec codec, int64_t rows, int64_t cols,
                                    int64_t group_size) {
  const CodecInfo& info = GetCodecInfo(codec);
  if (!ValidGroupSize(info, group_size)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "group size ", group_size, " for codec ", info.name, "; expected ",
        info.grouped ? "32, 64 or 128" : "none (0)"));
  }
  if (info.block.cols > 0 && cols % info.block.cols != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("rows of ", cols, " columns; codec ", info.name,
                     " takes multiples of ", info.block.cols));
  }
  const std::optional<int64_t> elements = CheckedProduct({rows, cols});
  if (rows > kMaxDimension || cols > kMaxDimension || !elements.has_value() ||
      *elements > kMaxElements) {
    return absl::InvalidArgumentError(
        absl::StrCat("matrix of ", rows, " x ", cols,
                     " elements; expected at most 2^50 in all"));
  }
  return info.packed_bytes(rows, cols, group_size);
}

}  // namespace ounce
