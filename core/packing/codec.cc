#include "core/packing/codec.h"

#include <array>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/checked.h"
#include "core/packing/dense.h"
#include "core/packing/int4.h"
#include "core/packing/int4_progressive.h"
#include "core/packing/int8.h"

namespace ounce {
namespace {

float KeepScale(float scale, float) { return scale; }

// In the order of the enum.
constexpr std::array kCodecs = {
    CodecInfo{Codec::kF32, "f32", 32, false, false, F32PackedBytes,
              UnpackF32Rows, nullptr, nullptr},
    CodecInfo{Codec::kF16, "f16", 16, false, false, HalfPackedBytes,
              UnpackF16Rows, nullptr, nullptr},
    CodecInfo{Codec::kBF16, "bf16", 16, false, false, HalfPackedBytes,
              UnpackBF16Rows, nullptr, nullptr},
    CodecInfo{Codec::kInt8, "int8", 8, true, false, Int8PackedBytes,
              UnpackInt8Rows, PackInt8, KeepScale},
    CodecInfo{Codec::kInt4, "int4", 4, true, true, Int4PackedBytes,
              UnpackInt4Rows, PackInt4, RoundInt4Scale},
    CodecInfo{Codec::kInt4Asymmetric, "int4-asym", 4, true, true,
              Int4AsymmetricPackedBytes, UnpackInt4Rows, PackInt4Asymmetric,
              RoundInt4Scale},
    CodecInfo{Codec::kInt4Progressive, "int4-progressive", 4, true, true,
              Int4ProgressivePackedBytes, UnpackInt4ProgressiveRows,
              PackInt4Progressive, RoundInt4ProgressiveScale,
              kInt4ProgressiveMaxScale, Int4ProgressiveRowScale},
};

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

absl::StatusOr<int64_t> PackedBytes(Codec codec, int64_t rows, int64_t cols,
                                    int64_t group_size) {
  const CodecInfo& info = GetCodecInfo(codec);
  if (!ValidGroupSize(info, group_size)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "group size ", group_size, " for codec ", info.name, "; expected ",
        info.grouped ? "32, 64 or 128" : "none (0)"));
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
