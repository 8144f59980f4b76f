#include "formats/safetensors/safetensors_writer.h"

#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/checked.h"
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

// Adds the header's entry of a tensor whose bytes start at `offset`, and moves
// that past them.
absl::Status AddEntry(const OutputTensor& tensor, int64_t* offset,
                      Json::Object* entries) {
  const std::string context = absl::StrCat("tensor '", tensor.name, "'");
  OUNCE_RETURN_IF_ERROR(Annotate(CheckTensor(tensor), context));
  if (entries->Find(tensor.name) != nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(context, " is given twice"));
  }
  const int64_t end = *offset + static_cast<int64_t>(tensor.bytes.size());
  entries->Set(
      tensor.name,
      Json::Of(
          {{"dtype", tensor.dtype},
           {"shape", Json::Array(tensor.shape.begin(), tensor.shape.end())},
           {"data_offsets", Json::Array{Json(*offset), Json(end)}}}));
  *offset = end;
  return absl::OkStatus();
}

absl::StatusOr<std::string> BuildHeader(
    absl::Span<const OutputTensor> tensors) {
  Json::Object entries;
  int64_t offset = 0;
  for (const OutputTensor& tensor : tensors) {
    OUNCE_RETURN_IF_ERROR(AddEntry(tensor, &offset, &entries));
  }
  std::string header = Json(std::move(entries)).Dump();
  // The data then starts at a multiple of 8, as the format asks of writers.
  header.resize(
      static_cast<size_t>(RoundUp(static_cast<int64_t>(header.size()), 8)),
      ' ');
  return header;
}

std::array<uint8_t, 8> LengthBytes(size_t header_bytes) {
  std::array<uint8_t, 8> length;
  const uint64_t value = header_bytes;
  std::memcpy(length.data(), &value, length.size());
  return length;
}

}  // namespace

absl::Status WriteSafetensors(const std::string& path,
                              absl::Span<const OutputTensor> tensors) {
  OUNCE_ASSIGN_OR_RETURN(const std::string header, BuildHeader(tensors));
  OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<AtomicFile> file,
                         AtomicFile::Create(path));
  OUNCE_RETURN_IF_ERROR(file->Append(LengthBytes(header.size())));
  OUNCE_RETURN_IF_ERROR(file->Append(header));
  for (const OutputTensor& tensor : tensors) {
    OUNCE_RETURN_IF_ERROR(file->Append(tensor.bytes));
  }
  return file->Commit();
}

absl::StatusOr<std::unique_ptr<SafetensorsStream>> SafetensorsStream::Create(
    const std::string& path, int64_t header_room) {
  OUNCE_ASSIGN_OR_RETURN(std::unique_ptr<AtomicFile> file,
                         AtomicFile::Create(path));
  OUNCE_RETURN_IF_ERROR(
      file->Append(LengthBytes(static_cast<size_t>(header_room))));
  OUNCE_RETURN_IF_ERROR(
      file->Append(std::string(static_cast<size_t>(header_room), ' ')));
  return std::unique_ptr<SafetensorsStream>(
      new SafetensorsStream(std::move(file), header_room));
}

absl::Status SafetensorsStream::Append(const OutputTensor& tensor) {
  OUNCE_RETURN_IF_ERROR(AddEntry(tensor, &offset_, &entries_));
  return file_->Append(tensor.bytes);
}

absl::Status SafetensorsStream::Finish(Json::Object metadata) {
  entries_.Set("__metadata__", std::move(metadata));
  const std::string header = Json(std::exchange(entries_, {})).Dump();
  if (static_cast<int64_t>(header.size()) > header_room_) {
    return absl::InternalError(absl::StrCat(
        "a header of ", header.size(), " bytes in room for ", header_room_));
  }
  OUNCE_RETURN_IF_ERROR(file_->WriteAt(
      8, {reinterpret_cast<const uint8_t*>(header.data()), header.size()}));
  return file_->Commit();
}

}  // namespace ounce
