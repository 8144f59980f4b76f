#include "formats/safetensors/dtype.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/checked.h"
#include "core/tensor.h"

namespace ounce {
namespace {

// Source: enum Dtype of safetensors/src/tensor.rs.
constexpr SafetensorsDtype kDtypes[] = {
    {"BOOL", 8, std::nullopt},        {"F4", 4, std::nullopt},
    {"F6_E2M3", 6, std::nullopt},     {"F6_E3M2", 6, std::nullopt},
    {"U8", 8, std::nullopt},          {"I8", 8, std::nullopt},
    {"F8_E5M2", 8, std::nullopt},     {"F8_E4M3", 8, std::nullopt},
    {"F8_E8M0", 8, std::nullopt},     {"F8_E4M3FNUZ", 8, std::nullopt},
    {"F8_E5M2FNUZ", 8, std::nullopt}, {"I16", 16, std::nullopt},
    {"U16", 16, std::nullopt},        {"F16", 16, Codec::kF16},
    {"BF16", 16, Codec::kBF16},       {"I32", 32, std::nullopt},
    {"U32", 32, std::nullopt},        {"F32", 32, Codec::kF32},
    {"C64", 64, std::nullopt},        {"F64", 64, std::nullopt},
    {"I64", 64, std::nullopt},        {"U64", 64, std::nullopt},
};

}  // namespace

const SafetensorsDtype* FindSafetensorsDtype(absl::string_view name) {
  for (const SafetensorsDtype& dtype : kDtypes) {
    if (dtype.name == name) return &dtype;
  }
  return nullptr;
}

std::string SafetensorsDtypeList() {
  return absl::StrJoin(kDtypes, ", ",
                       [](std::string* out, const SafetensorsDtype& dtype) {
                         absl::StrAppend(out, dtype.name);
                       });
}

absl::StatusOr<int64_t> SafetensorsBytes(const SafetensorsDtype& dtype,
                                         absl::Span<const int64_t> shape) {
  const std::optional<int64_t> elements = CheckedProduct(shape);
  const std::optional<int64_t> bits =
      elements.has_value() ? CheckedMul(*elements, dtype.bits) : std::nullopt;
  if (!bits.has_value() || *bits % 8 != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "shape ", ShapeString(shape), " of ", dtype.name,
        "; expected dimensions from 0 that make whole bytes and fit 63 bits"));
  }
  return *bits / 8;
}

}  // namespace ounce
