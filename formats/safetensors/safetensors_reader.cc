#include "formats/safetensors/safetensors_reader.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/annotate.h"
#include "core/checked.h"
#include "core/json.h"
#include "core/status_macros.h"
#include "core/tensor.h"
#include "formats/safetensors/dtype.h"

namespace ounce {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tensors are used as they lie in the file, little endian");

constexpr int64_t kLengthBytes = 8;
// The limit of the reference implementation.
constexpr int64_t kMaxHeaderBytes = 100'000'000;
// The header nests three levels deep: file, tensor, shape.
constexpr int kMaxHeaderDepth = 8;
constexpr absl::string_view kMetadataKey = "__metadata__";

// Where a tensor's bytes lie, relative to the end of the header.
struct Extent {
  int64_t begin = 0;
  int64_t end = 0;
};

struct Entry {
  StoredTensor tensor;
  Extent extent;
};

absl::StatusOr<absl::string_view> ReadHeader(absl::Span<const uint8_t> file) {
  const auto file_bytes = static_cast<int64_t>(file.size());
  if (file_bytes < kLengthBytes) {
    return absl::DataLossError(absl::StrCat(
        "truncated: the file has ", file_bytes, " bytes; expected at least 8"));
  }
  uint64_t header_bytes;
  std::memcpy(&header_bytes, file.data(), sizeof(header_bytes));
  if (header_bytes > kMaxHeaderBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("header of ", header_bytes, " bytes; expected at most ",
                     kMaxHeaderBytes, ": is this a safetensors file?"));
  }
  const auto size = static_cast<int64_t>(header_bytes);
  if (!RangeFits(kLengthBytes, size, file_bytes)) {
    return absl::DataLossError(absl::StrCat(
        "truncated: the header reaches to offset ", kLengthBytes + size,
        ", but the file has ", file_bytes, " bytes"));
  }
  const absl::string_view header(
      reinterpret_cast<const char*>(file.data()) + kLengthBytes, header_bytes);
  if (header.empty() || header.front() != '{') {
    return absl::InvalidArgumentError(
        "the header at offset 8 does not start with '{': is this a safetensors "
        "file?");
  }
  return header;
}

absl::StatusOr<Json> ParseHeader(absl::string_view header) {
  JsonLimits limits;
  limits.max_depth = kMaxHeaderDepth;
  return Annotate(ParseJson(header, limits), "header");
}

// An integer of at least 0, written without a fraction.
std::optional<int64_t> AsCount(const Json& value) {
  if (value.TypeName() != "integer" || *value.AsInt() < 0) return std::nullopt;
  return value.AsInt();
}

absl::StatusOr<std::vector<int64_t>> GetCounts(const Json& entry,
                                               absl::string_view key) {
  const Json* member = entry.Find(key);
  const Json::Array* array = member != nullptr ? member->AsArray() : nullptr;
  if (array == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", key, "\" is ", member != nullptr ? member->TypeName() : "missing",
        "; expected an array of integers"));
  }
  std::vector<int64_t> counts;
  for (const Json& element : *array) {
    const std::optional<int64_t> count = AsCount(element);
    if (!count.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", key, "\"[", counts.size(), "] is ", element.Dump(),
                       "; expected an integer from 0 to 2^63 - 1"));
    }
    counts.push_back(*count);
  }
  return counts;
}

absl::StatusOr<Extent> GetExtent(const Json& entry, int64_t data_bytes) {
  OUNCE_ASSIGN_OR_RETURN(const std::vector<int64_t> offsets,
                         GetCounts(entry, "data_offsets"));
  if (offsets.size() != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"data_offsets\" has ", offsets.size(),
                     " elements; expected begin and end"));
  }
  if (offsets[0] > offsets[1] || offsets[1] > data_bytes) {
    return absl::DataLossError(absl::StrCat(
        "data offsets ", ShapeString(offsets), " in a data region of ",
        data_bytes, " bytes; the file is truncated or damaged"));
  }
  return Extent{offsets[0], offsets[1]};
}

absl::StatusOr<Entry> ParseEntry(const Json& json,
                                 absl::Span<const uint8_t> data) {
  Entry entry;
  OUNCE_ASSIGN_OR_RETURN(entry.tensor.dtype, json.GetString("dtype"));
  const SafetensorsDtype* dtype = FindSafetensorsDtype(entry.tensor.dtype);
  if (dtype == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown dtype \"", entry.tensor.dtype,
                     "\"; expected one of ", SafetensorsDtypeList()));
  }
  entry.tensor.codec = dtype->codec;
  OUNCE_ASSIGN_OR_RETURN(entry.tensor.shape, GetCounts(json, "shape"));
  OUNCE_ASSIGN_OR_RETURN(const int64_t bytes,
                         SafetensorsBytes(*dtype, entry.tensor.shape));
  OUNCE_ASSIGN_OR_RETURN(entry.extent,
                         GetExtent(json, static_cast<int64_t>(data.size())));
  const int64_t stored = entry.extent.end - entry.extent.begin;
  if (stored != bytes) {
    return absl::DataLossError(absl::StrCat(
        "shape ", ShapeString(entry.tensor.shape), " of ", dtype->name,
        " needs ", bytes, " bytes, but the data offsets hold ", stored));
  }
  entry.tensor.bytes = data.subspan(static_cast<size_t>(entry.extent.begin),
                                    static_cast<size_t>(bytes));
  return entry;
}

absl::Status CheckMetadata(const Json& metadata) {
  const Json::Object* object = metadata.AsObject();
  if (object == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"__metadata__\" is ", metadata.TypeName(), "; expected an object"));
  }
  for (const Json::Member& member : object->members()) {
    if (member.second.AsString() == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"__metadata__\": \"", member.first, "\" is ",
                       member.second.TypeName(), "; expected a string"));
    }
  }
  return absl::OkStatus();
}

// Sorts `entries` by place and checks that they fill the data region: a hole
// could hide data, an overlap means that one of two tensors is wrong.
absl::Status SortAndCheckTiling(int64_t data_bytes, int64_t data_offset,
                                std::vector<Entry>* entries) {
  std::stable_sort(entries->begin(), entries->end(),
                   [](const Entry& a, const Entry& b) {
                     return std::pair(a.extent.begin, a.extent.end) <
                            std::pair(b.extent.begin, b.extent.end);
                   });
  int64_t position = 0;
  for (const Entry& entry : *entries) {
    if (entry.extent.begin != position) {
      return absl::DataLossError(absl::StrCat(
          "tensor '", entry.tensor.name, "' starts at offset ",
          data_offset + entry.extent.begin, ", ",
          entry.extent.begin < position ? "inside" : "beyond the end of",
          " the tensor before it, which ends at ", data_offset + position));
    }
    position = entry.extent.end;
  }
  if (position != data_bytes) {
    return absl::DataLossError(
        absl::StrCat(data_bytes - position,
                     " bytes after the last tensor, which ends at "
                     "offset ",
                     data_offset + position, "; expected none"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WeightFile> ParseSafetensors(absl::Span<const uint8_t> file) {
  OUNCE_ASSIGN_OR_RETURN(const absl::string_view header, ReadHeader(file));
  OUNCE_ASSIGN_OR_RETURN(const Json json, ParseHeader(header));
  const size_t data_offset = size_t{kLengthBytes} + header.size();
  const absl::Span<const uint8_t> data = file.subspan(data_offset);
  std::vector<Entry> entries;
  // It starts with '{' and parsed: an object.
  for (const auto& [name, value] : json.AsObject()->members()) {
    if (name == kMetadataKey) {
      OUNCE_RETURN_IF_ERROR(CheckMetadata(value));
      continue;
    }
    OUNCE_ASSIGN_OR_RETURN(
        Entry entry,
        Annotate(ParseEntry(value, data), absl::StrCat("tensor '", name, "'")));
    entry.tensor.name = name;
    entries.push_back(std::move(entry));
  }
  OUNCE_RETURN_IF_ERROR(SortAndCheckTiling(static_cast<int64_t>(data.size()),
                                           static_cast<int64_t>(data_offset),
                                           &entries));
  WeightFile found;
  found.tensors.reserve(entries.size());
  for (Entry& entry : entries) {
    found.tensors.push_back(std::move(entry.tensor));
  }
  return found;
}

absl::StatusOr<Json::Object> ParseSafetensorsMetadata(
    absl::Span<const uint8_t> file) {
  OUNCE_ASSIGN_OR_RETURN(const absl::string_view header, ReadHeader(file));
  OUNCE_ASSIGN_OR_RETURN(const Json json, ParseHeader(header));
  const Json* metadata = json.Find(kMetadataKey);
  if (metadata == nullptr) return Json::Object();
  OUNCE_RETURN_IF_ERROR(CheckMetadata(*metadata));
  return *metadata->AsObject();
}

absl::StatusOr<std::unique_ptr<TensorSource>> OpenSafetensors(
    const std::string& path) {
  auto source = std::make_unique<MappedSource>();
  OUNCE_RETURN_IF_ERROR(source->AddFile(path, ParseSafetensors));
  return source;
}

}  // namespace ounce
