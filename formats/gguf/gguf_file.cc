#include "formats/gguf/gguf_file.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/checked.h"
#include "core/status_macros.h"
#include "formats/gguf/gguf_type.h"

namespace ounce {
namespace {

constexpr absl::string_view kMagic = "GGUF";
constexpr absl::string_view kAlignmentKey = "general.alignment";
constexpr int64_t kDefaultAlignment = 32;
constexpr int64_t kMaxAlignment = int64_t{1} << 30;
constexpr size_t kMaxKeyBytes = 65535;
constexpr uint32_t kMaxDimensions = 4;
// Of a key with its value: length, at least one character, type, value.
constexpr int64_t kMinValueBytes = 8 + 1 + 4 + 1;
// Of a tensor's entry: length, at least one character, number of dimensions,
// one dimension, type, offset.
constexpr int64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

struct Header {
  int64_t num_tensors = 0;
  int64_t num_values = 0;
};

absl::Status CheckVersion(uint32_t version) {
  if (version == 2 || version == 3) return absl::OkStatus();
  if (version == 1) {
    return absl::InvalidArgumentError(
        "GGUF version 1; expected 2 or 3: convert the model again, or run it "
        "through a newer `llama-quantize ... COPY`");
  }
  // Versions are small, so that a zero low half means swapped bytes.
  if ((version & 0xFFFF) == 0 && version != 0) {
    return absl::InvalidArgumentError(
        "a big-endian GGUF file; expected a little-endian one: convert it with "
        "gguf-py's gguf_convert_endian");
  }
  return absl::InvalidArgumentError(
      absl::StrCat("GGUF version ", version, " at offset 4; expected 2 or 3"));
}

absl::StatusOr<Header> ReadHeader(GgufCursor& cursor) {
  OUNCE_ASSIGN_OR_RETURN(const absl::Span<const uint8_t> magic,
                         cursor.Bytes(4, "the magic number"));
  const absl::string_view text(reinterpret_cast<const char*>(magic.data()), 4);
  if (text != kMagic) {
    return absl::InvalidArgumentError(
        absl::StrCat("the file starts with ", QuoteGguf(text),
                     "; expected 'GGUF': is this a GGUF file?"));
  }
  OUNCE_ASSIGN_OR_RETURN(const auto version,
                         cursor.Number<uint32_t>("the version"));
  OUNCE_RETURN_IF_ERROR(CheckVersion(version));
  Header header;
  OUNCE_ASSIGN_OR_RETURN(
      header.num_tensors,
      cursor.Count(kMinTensorBytes, "the number of tensors"));
  OUNCE_ASSIGN_OR_RETURN(header.num_values,
                         cursor.Count(kMinValueBytes, "the number of keys"));
  return header;
}

absl::StatusOr<absl::string_view> ReadName(GgufCursor& cursor,
                                           absl::string_view what) {
  const int64_t offset = cursor.offset();
  OUNCE_ASSIGN_OR_RETURN(const absl::string_view name, cursor.String(what));
  if (name.empty() || name.size() > kMaxKeyBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " of ", name.size(), " bytes at offset ", offset,
                     "; expected 1 to ", kMaxKeyBytes));
  }
  return name;
}

// A tensor's entry in the list.
struct Entry {
  GgufTensor tensor;
  int64_t num_bytes = 0;
  uint64_t offset = 0;  // Relative to the data section.
};

absl::Status ReadShape(GgufCursor& cursor, Shape& shape) {
  const int64_t offset = cursor.offset();
  OUNCE_ASSIGN_OR_RETURN(const auto rank,
                         cursor.Number<uint32_t>("the number of dimensions"));
  if (rank == 0 || rank > kMaxDimensions) {
    return absl::InvalidArgumentError(absl::StrCat(
        rank, " dimensions at offset ", offset, "; expected 1 to 4"));
  }
  shape.resize(rank);
  for (uint32_t i = 0; i < rank; ++i) {
    const int64_t place = cursor.offset();
    OUNCE_ASSIGN_OR_RETURN(const auto size,
                           cursor.Number<int64_t>("a dimension"));
    if (size <= 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("a dimension of ", size, " at offset ", place,
                       "; expected 1 to 2^63 - 1"));
    }
    shape[rank - 1 - i] = size;
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> TensorBytes(const GgufTensor& tensor,
                                    int64_t type_offset) {
  const GgufTypeInfo* type = FindGgufType(tensor.type);
  if (type == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "unknown tensor type ", tensor.type, " at offset ", type_offset,
        "; it is newer than this program, or one that ggml no longer has"));
  }
  if (tensor.shape.back() % type->block_size != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("shape ", ShapeString(tensor.shape), " of ", type->name,
                     " before offset ", type_offset,
                     "; expected rows of a multiple of ", type->block_size));
  }
  const std::optional<int64_t> elements = CheckedProduct(tensor.shape);
  const std::optional<int64_t> bytes =
      elements.has_value()
          ? CheckedMul(*elements / type->block_size, type->block_bytes)
          : std::nullopt;
  if (!bytes.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("shape ", ShapeString(tensor.shape), " before offset ",
                     type_offset, " has more than 2^63 - 1 bytes"));
  }
  return *bytes;
}

// What follows a tensor's name.
absl::Status ReadEntry(GgufCursor& cursor, Entry& entry) {
  OUNCE_RETURN_IF_ERROR(ReadShape(cursor, entry.tensor.shape));
  const int64_t type_offset = cursor.offset();
  OUNCE_ASSIGN_OR_RETURN(entry.tensor.type,
                         cursor.Number<uint32_t>("the tensor's type"));
  OUNCE_ASSIGN_OR_RETURN(entry.num_bytes,
                         TensorBytes(entry.tensor, type_offset));
  OUNCE_ASSIGN_OR_RETURN(entry.offset,
                         cursor.Number<uint64_t>("the tensor's offset"));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ReadAlignment(const GgufFile& file) {
  OUNCE_ASSIGN_OR_RETURN(const int64_t alignment,
                         file.Int(kAlignmentKey, kDefaultAlignment));
  const bool power_of_two = (alignment & (alignment - 1)) == 0;
  if (alignment < 8 || alignment > kMaxAlignment || !power_of_two) {
    return absl::InvalidArgumentError(
        absl::StrCat("key 'general.alignment' is ", alignment,
                     "; expected a power of two from 8 to 2^30"));
  }
  return alignment;
}

// Points every tensor at its bytes in `data`, which starts at `data_offset` of
// the file.
absl::Status PlaceTensors(absl::Span<const uint8_t> data, int64_t data_offset,
                          int64_t alignment, std::vector<Entry>& entries) {
  const auto data_bytes = static_cast<int64_t>(data.size());
  for (Entry& entry : entries) {
    const std::string name = QuoteGguf(entry.tensor.name);
    if (entry.offset % static_cast<uint64_t>(alignment) != 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tensor ", name, " starts at ", entry.offset,
          " in the data section; expected a multiple of ", alignment));
    }
    const auto offset = static_cast<int64_t>(entry.offset);
    if (!RangeFits(offset, entry.num_bytes, data_bytes)) {
      return absl::DataLossError(absl::StrCat(
          "tensor ", name, " has ", entry.num_bytes, " bytes at ", entry.offset,
          " in the data section, which starts at offset ", data_offset,
          " and has ", data_bytes, " bytes; the file is truncated or damaged"));
    }
    entry.tensor.bytes = data.subspan(static_cast<size_t>(offset),
                                      static_cast<size_t>(entry.num_bytes));
  }
  return absl::OkStatus();
}

absl::Status CheckOverlaps(const std::vector<Entry>& entries) {
  std::vector<const Entry*> by_offset;
  by_offset.reserve(entries.size());
  for (const Entry& entry : entries) by_offset.push_back(&entry);
  std::sort(
      by_offset.begin(), by_offset.end(),
      [](const Entry* a, const Entry* b) { return a->offset < b->offset; });
  for (size_t i = 1; i < by_offset.size(); ++i) {
    const Entry& before = *by_offset[i - 1];
    const uint64_t end =
        before.offset + static_cast<uint64_t>(before.num_bytes);
    if (by_offset[i]->offset < end) {
      return absl::DataLossError(absl::StrCat(
          "tensor ", QuoteGguf(by_offset[i]->tensor.name), " starts at ",
          by_offset[i]->offset, " in the data section, inside tensor ",
          QuoteGguf(before.tensor.name), ", which ends at ", end));
    }
  }
  return absl::OkStatus();
}

absl::Status KeyError(absl::string_view key, absl::string_view problem) {
  return absl::InvalidArgumentError(
      absl::StrCat("key ", QuoteGguf(key), " ", problem));
}

// Reads one number with `decode`; an error of it is completed with the key.
template <typename T, typename Decode>
absl::StatusOr<std::vector<T>> DecodeArray(absl::string_view key,
                                           const GgufValue& value,
                                           Decode decode) {
  std::vector<T> numbers;
  numbers.reserve(static_cast<size_t>(value.count));
  const int64_t size = GgufNumberBytes(value.element);
  for (int64_t i = 0; i < value.count; ++i) {
    absl::StatusOr<T> number =
        decode(value.element, value.bytes.data() + i * size);
    if (!number.ok()) {
      return KeyError(key,
                      absl::StrCat("at offset ", value.offset, ", element ", i,
                                   ", is ", number.status().message()));
    }
    numbers.push_back(*number);
  }
  return numbers;
}

}  // namespace

absl::StatusOr<GgufFile> GgufFile::Parse(absl::Span<const uint8_t> file) {
  GgufCursor cursor(file);
  OUNCE_ASSIGN_OR_RETURN(const Header header, ReadHeader(cursor));
  GgufFile result;
  OUNCE_RETURN_IF_ERROR(result.ReadValues(cursor, header.num_values));
  OUNCE_RETURN_IF_ERROR(result.ReadTensors(cursor, header.num_tensors));
  return result;
}

absl::Status GgufFile::ReadValues(GgufCursor& cursor, int64_t count) {
  // `count` is only a claim: the table grows with what is there.
  for (int64_t i = 0; i < count; ++i) {
    const int64_t offset = cursor.offset();
    OUNCE_ASSIGN_OR_RETURN(
        const absl::string_view key,
        Annotate(ReadName(cursor, "a key"), absl::StrCat("key ", i)));
    OUNCE_ASSIGN_OR_RETURN(
        const GgufValue value,
        Annotate(ReadGgufValue(cursor), absl::StrCat("key ", QuoteGguf(key))));
    if (!values_.try_emplace(key, value).second) {
      return KeyError(key, absl::StrCat("is there twice, again at offset ",
                                        offset, "; expected once"));
    }
  }
  return absl::OkStatus();
}

absl::Status GgufFile::ReadTensors(GgufCursor& cursor, int64_t count) {
  OUNCE_ASSIGN_OR_RETURN(const int64_t alignment, ReadAlignment(*this));
  std::vector<Entry> entries;  // Grows with what is there, not with `count`.
  absl::flat_hash_set<absl::string_view> names;
  for (int64_t i = 0; i < count; ++i) {
    Entry& entry = entries.emplace_back();
    const int64_t offset = cursor.offset();
    OUNCE_ASSIGN_OR_RETURN(const absl::string_view name,
                           ReadName(cursor, "a tensor's name"));
    if (!names.insert(name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor ", QuoteGguf(name), " is there twice, again at ",
                       "offset ", offset, "; expected once"));
    }
    entry.tensor.name = std::string(name);
    OUNCE_RETURN_IF_ERROR(Annotate(ReadEntry(cursor, entry),
                                   absl::StrCat("tensor ", QuoteGguf(name))));
  }
  if (entries.empty()) return absl::OkStatus();
  const int64_t data_offset = RoundUp(cursor.offset(), alignment);
  const absl::Span<const uint8_t> file = cursor.file();
  // Absent when the file ends within the padding before it.
  const absl::Span<const uint8_t> data =
      file.subspan(std::min(static_cast<size_t>(data_offset), file.size()));
  OUNCE_RETURN_IF_ERROR(PlaceTensors(data, data_offset, alignment, entries));
  OUNCE_RETURN_IF_ERROR(CheckOverlaps(entries));
  tensors_.reserve(entries.size());
  for (Entry& entry : entries) tensors_.push_back(std::move(entry.tensor));
  return absl::OkStatus();
}

bool GgufFile::IsArray(absl::string_view key) const {
  const auto it = values_.find(key);
  return it != values_.end() && it->second.type == GgufValueType::kArray;
}

absl::StatusOr<const GgufValue*> GgufFile::Find(
    absl::string_view key, absl::string_view expected) const {
  const auto it = values_.find(key);
  if (it != values_.end()) return &it->second;
  return KeyError(key, absl::StrCat("is missing; expected ", expected));
}

absl::StatusOr<const GgufValue*> GgufFile::FindArray(
    absl::string_view key, absl::string_view expected) const {
  OUNCE_ASSIGN_OR_RETURN(const GgufValue* value, Find(key, expected));
  if (value->type == GgufValueType::kArray) return value;
  return KeyError(
      key, absl::StrCat("at offset ", value->offset, " is ", value->TypeName(),
                        "; expected ", expected));
}

absl::StatusOr<std::string> GgufFile::String(absl::string_view key) const {
  OUNCE_ASSIGN_OR_RETURN(const GgufValue* value, Find(key, "a string"));
  if (value->type != GgufValueType::kString) {
    return KeyError(key,
                    absl::StrCat("at offset ", value->offset, " is ",
                                 value->TypeName(), "; expected a string"));
  }
  return std::string(reinterpret_cast<const char*>(value->bytes.data()),
                     value->bytes.size());
}

absl::StatusOr<int64_t> GgufFile::Int(absl::string_view key) const {
  OUNCE_ASSIGN_OR_RETURN(const GgufValue* value, Find(key, "an integer"));
  absl::StatusOr<int64_t> number =
      GgufInteger(value->type, value->bytes.data());
  if (number.ok()) return number;
  return KeyError(key, absl::StrCat("at offset ", value->offset, " is ",
                                    number.status().message()));
}

absl::StatusOr<double> GgufFile::Double(absl::string_view key) const {
  OUNCE_ASSIGN_OR_RETURN(const GgufValue* value, Find(key, "a float"));
  absl::StatusOr<double> number = GgufFloat(value->type, value->bytes.data());
  if (number.ok()) return number;
  return KeyError(key, absl::StrCat("at offset ", value->offset, " is ",
                                    number.status().message()));
}

absl::StatusOr<bool> GgufFile::Bool(absl::string_view key) const {
  OUNCE_ASSIGN_OR_RETURN(const GgufValue* value, Find(key, "a bool"));
  if (value->type == GgufValueType::kBool) return value->bytes[0] != 0;
  return KeyError(key, absl::StrCat("at offset ", value->offset, " is ",
                                    value->TypeName(), "; expected a bool"));
}

absl::StatusOr<std::string> GgufFile::String(absl::string_view key,
                                             absl::string_view fallback) const {
  return Has(key) ? String(key) : std::string(fallback);
}
absl::StatusOr<int64_t> GgufFile::Int(absl::string_view key,
                                      int64_t fallback) const {
  return Has(key) ? Int(key) : fallback;
}
absl::StatusOr<double> GgufFile::Double(absl::string_view key,
                                        double fallback) const {
  return Has(key) ? Double(key) : fallback;
}
absl::StatusOr<bool> GgufFile::Bool(absl::string_view key,
                                    bool fallback) const {
  return Has(key) ? Bool(key) : fallback;
}

absl::StatusOr<std::vector<absl::string_view>> GgufFile::Strings(
    absl::string_view key) const {
  OUNCE_ASSIGN_OR_RETURN(const GgufValue* value,
                         FindArray(key, "an array of strings"));
  std::vector<absl::string_view> strings;
  if (value->count == 0) return strings;
  if (value->element != GgufValueType::kString) {
    return KeyError(
        key, absl::StrCat("at offset ", value->offset, " is ",
                          value->TypeName(), "; expected an array of strings"));
  }
  strings.reserve(static_cast<size_t>(value->count));
  GgufCursor cursor(value->bytes);
  for (int64_t i = 0; i < value->count; ++i) {
    OUNCE_ASSIGN_OR_RETURN(const absl::string_view text,
                           cursor.String("a string in an array"));
    strings.push_back(text);
  }
  return strings;
}

absl::StatusOr<std::vector<int64_t>> GgufFile::Ints(
    absl::string_view key) const {
  OUNCE_ASSIGN_OR_RETURN(const GgufValue* value,
                         FindArray(key, "an array of integers"));
  return DecodeArray<int64_t>(key, *value, GgufInteger);
}

absl::StatusOr<std::vector<double>> GgufFile::Doubles(
    absl::string_view key) const {
  OUNCE_ASSIGN_OR_RETURN(const GgufValue* value,
                         FindArray(key, "an array of floats"));
  return DecodeArray<double>(key, *value, GgufFloat);
}

}  // namespace ounce
