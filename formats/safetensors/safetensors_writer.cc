#include "formats/safetensors/safetensors_writer.h"

#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/atomic_file.h"
#include "core/checked.h"
#include "core/json.h"
#include "core/status_macros.h"
#include "formats/safetensors/dtype.h"

namespace ounce {
namespace {

absl::Status CheckTensor(const OutputTensor& tensor) {
  if (tensor.name.empty() || tensor.name == "__metadata__") {
    return absl::InvalidArgumentError(
        "this name is reserved; expected another");
  }
  const SafetensorsDtype* dtype = FindSafetensorsDtype(tensor.dtype);
  if (dtype == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown dtype \"", tensor.dtype, "\"; expected one of ",
                     SafetensorsDtypeList()));
  }
  OUNCE_ASSIGN_OR_RETURN(const int64_t bytes,
                         SafetensorsBytes(*dtype, tensor.shape));
  if (bytes != static_cast<int64_t>(tensor.bytes.size())) {
    return absl::InvalidArgumentError(
        absl::StrCat("shape ", ShapeString(tensor.shape), " of ", tensor.dtype,
                     " needs ", bytes, " bytes; got ", tensor.bytes.size()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> BuildHeader(
    absl::Span<const OutputTensor> tensors) {
  Json::Object entries;
  int64_t offset = 0;
  for (const OutputTensor& tensor : tensors) {
    const std::string context = absl::StrCat("tensor '", tensor.name, "'");
    OUNCE_RETURN_IF_ERROR(Annotate(CheckTensor(tensor), context));
    if (entries.Find(tensor.name) != nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(context, " is given twice"));
    }
    const int64_t end = offset + static_cast<int64_t>(tensor.bytes.size());
    entries.Set(
        tensor.name,
        Json::Of(
            {{"dtype", tensor.dtype},
             {"shape", Json::Array(tensor.shape.begin(), tensor.shape.end())},
             {"data_offsets", Json::Array{Json(offset), Json(end)}}}));
    offset = end;
  }
  std::string header = Json(std::move(entries)).Dump();
  // The data then starts at a multiple of 8, as the format asks of writers.
  header.resize(
      static_cast<size_t>(RoundUp(static_cast<int64_t>(header.size()), 8)),
      ' ');
  return header;
}

}  // namespace

absl::Status WriteSafetensors(const std::string& path,
                              absl::Span<const OutputTensor> tensors) {
  OUNCE_ASSIGN_OR_RETURN(const std::string header, BuildHeader(tensors));
  std::array<uint8_t, 8> length;
  const uint64_t header_bytes = header.size();
  std::memcpy(length.data(), &header_bytes, length.size());
  OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<AtomicFile> file,
                         AtomicFile::Create(path));
  OUNCE_RETURN_IF_ERROR(file->Append(length));
  OUNCE_RETURN_IF_ERROR(file->Append(header));
  for (const OutputTensor& tensor : tensors) {
    OUNCE_RETURN_IF_ERROR(file->Append(tensor.bytes));
  }
  return file->Commit();
}

}  // namespace ounce
