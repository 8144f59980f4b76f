// Reads safetensors files: a JSON header and a mapped region of raw tensors.
// Source: https://github.com/huggingface/safetensors, section "Format".
#ifndef OUNCE_FORMATS_SAFETENSORS_SAFETENSORS_READER_H_
#define OUNCE_FORMATS_SAFETENSORS_SAFETENSORS_READER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/json.h"
#include "formats/mapped_source.h"
#include "model/tensor_source.h"

namespace ounce {

// The tensors of a whole file in memory, in the order of their bytes, which
// point into `file`.  Every offset, size and name is checked.
// kDataLoss: truncated, overlapping or holed data region, sizes that do not
// match shapes; kInvalidArgument: header too large (100 MB), not JSON, wrong
// fields, an unknown dtype; each with tensor and offset.
absl::StatusOr<WeightFile> ParseSafetensors(absl::Span<const uint8_t> file);

// What a whole file in memory says of itself in "__metadata__", each a string;
// empty without.  Errors of the header as ParseSafetensors().
absl::StatusOr<Json::Object> ParseSafetensorsMetadata(
    absl::Span<const uint8_t> file);

// One file, mapped.  Errors as ParseSafetensors(), with the path.
absl::StatusOr<std::unique_ptr<TensorSource>> OpenSafetensors(
    const std::string& path);

}  // namespace ounce

#endif  // OUNCE_FORMATS_SAFETENSORS_SAFETENSORS_READER_H_
