#include "formats/gguf/gguf_value.h"

#include <iterator>
#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

constexpr int kMaxArrayDepth = 8;
constexpr size_t kMaxQuotedBytes = 80;
constexpr int64_t kLengthBytes = 8;

struct TypeInfo {
  absl::string_view name;
  int64_t bytes;  // 0: not a number.
};

// By the type's number.
constexpr TypeInfo kTypes[] = {
    {"uint8", 1},  {"int8", 1},    {"uint16", 2}, {"int16", 2},  {"uint32", 4},
    {"int32", 4},  {"float32", 4}, {"bool", 1},   {"string", 0}, {"array", 0},
    {"uint64", 8}, {"int64", 8},   {"float64", 8}};

const TypeInfo& Info(GgufValueType type) {
  return kTypes[static_cast<size_t>(type)];
}

absl::StatusOr<GgufValueType> ReadType(GgufCursor& cursor) {
  const int64_t offset = cursor.offset();
  OUNCE_ASSIGN_OR_RETURN(const auto type,
                         cursor.Number<uint32_t>("a value's type"));
  if (type >= std::size(kTypes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("value type ", type, " at offset ", offset,
                     "; expected 0 (uint8) to 12 (float64)"));
  }
  return static_cast<GgufValueType>(type);
}

struct ArrayHeader {
  GgufValueType element;
  int64_t count;
};

absl::StatusOr<ArrayHeader> ReadArrayHeader(GgufCursor& cursor) {
  ArrayHeader header;
  OUNCE_ASSIGN_OR_RETURN(header.element, ReadType(cursor));
  int64_t min_bytes = Info(header.element).bytes;
  if (header.element == GgufValueType::kString) min_bytes = kLengthBytes;
  if (header.element == GgufValueType::kArray) min_bytes = 4 + kLengthBytes;
  OUNCE_ASSIGN_OR_RETURN(header.count,
                         cursor.Count(min_bytes, "an array's length"));
  return header;
}

absl::Status SkipElements(GgufCursor& cursor, const ArrayHeader& header,
                          int depth) {
  if (header.element == GgufValueType::kString) {
    for (int64_t i = 0; i < header.count; ++i) {
      const auto element = cursor.String("a string in an array");
      if (!element.ok()) return element.status();
    }
    return absl::OkStatus();
  }
  if (header.element != GgufValueType::kArray) {
    // Count() has seen that they fit, so that the product does too.
    return cursor
        .Bytes(header.count * Info(header.element).bytes, "an array's elements")
        .status();
  }
  if (depth == kMaxArrayDepth) {
    return absl::InvalidArgumentError(
        absl::StrCat("arrays nested more than ", kMaxArrayDepth,
                     " deep at offset ", cursor.offset()));
  }
  for (int64_t i = 0; i < header.count; ++i) {
    OUNCE_ASSIGN_OR_RETURN(const ArrayHeader nested, ReadArrayHeader(cursor));
    OUNCE_RETURN_IF_ERROR(SkipElements(cursor, nested, depth + 1));
  }
  return absl::OkStatus();
}

template <typename T>
T Load(const uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

}  // namespace

std::string GgufValue::TypeName() const {
  if (type != GgufValueType::kArray) return std::string(Info(type).name);
  return absl::StrCat("array of ", Info(element).name);
}

int64_t GgufNumberBytes(GgufValueType type) { return Info(type).bytes; }

std::string QuoteGguf(absl::string_view bytes) {
  const bool cut = bytes.size() > kMaxQuotedBytes;
  return absl::StrCat("'", absl::CHexEscape(bytes.substr(0, kMaxQuotedBytes)),
                      cut ? "..." : "", "'");
}

absl::StatusOr<absl::Span<const uint8_t>> GgufCursor::Bytes(
    int64_t count, absl::string_view what) {
  if (count > left()) {
    return absl::DataLossError(
        absl::StrCat("truncated: ", what, " at offset ", offset_, " needs ",
                     count, " bytes, but ", left(), " are left in the file"));
  }
  const auto bytes =
      file_.subspan(static_cast<size_t>(offset_), static_cast<size_t>(count));
  offset_ += count;
  return bytes;
}

absl::StatusOr<absl::string_view> GgufCursor::String(absl::string_view what) {
  OUNCE_ASSIGN_OR_RETURN(const int64_t size, Count(1, what));
  OUNCE_ASSIGN_OR_RETURN(const absl::Span<const uint8_t> bytes,
                         Bytes(size, what));
  return absl::string_view(reinterpret_cast<const char*>(bytes.data()),
                           bytes.size());
}

absl::StatusOr<int64_t> GgufCursor::Count(int64_t min_bytes,
                                          absl::string_view what) {
  const int64_t offset = offset_;
  OUNCE_ASSIGN_OR_RETURN(const auto count, Number<uint64_t>(what));
  if (count > static_cast<uint64_t>(left() / min_bytes)) {
    return absl::DataLossError(absl::StrCat(
        what, " at offset ", offset, " says ", count, ", but ", left(),
        " bytes are left in the file; it is truncated or damaged"));
  }
  return static_cast<int64_t>(count);
}

absl::StatusOr<GgufValue> ReadGgufValue(GgufCursor& cursor) {
  GgufValue value;
  OUNCE_ASSIGN_OR_RETURN(value.type, ReadType(cursor));
  if (value.type == GgufValueType::kString) {
    OUNCE_ASSIGN_OR_RETURN(const absl::string_view text,
                           cursor.String("a string"));
    value.bytes = absl::MakeConstSpan(
        reinterpret_cast<const uint8_t*>(text.data()), text.size());
    value.offset = cursor.offset() - static_cast<int64_t>(text.size());
    return value;
  }
  if (value.type == GgufValueType::kArray) {
    OUNCE_ASSIGN_OR_RETURN(const ArrayHeader header, ReadArrayHeader(cursor));
    value.element = header.element;
    value.count = header.count;
    value.offset = cursor.offset();
    OUNCE_RETURN_IF_ERROR(SkipElements(cursor, header, /*depth=*/1));
    value.bytes = cursor.file().subspan(
        static_cast<size_t>(value.offset),
        static_cast<size_t>(cursor.offset() - value.offset));
    return value;
  }
  value.offset = cursor.offset();
  OUNCE_ASSIGN_OR_RETURN(value.bytes,
                         cursor.Bytes(Info(value.type).bytes, "a number"));
  if (value.type == GgufValueType::kBool && value.bytes[0] > 1) {
    return absl::InvalidArgumentError(absl::StrCat("a bool of ", value.bytes[0],
                                                   " at offset ", value.offset,
                                                   "; expected 0 or 1"));
  }
  return value;
}

absl::StatusOr<int64_t> GgufInteger(GgufValueType type, const uint8_t* bytes) {
  switch (type) {
    case GgufValueType::kUint8:
      return Load<uint8_t>(bytes);
    case GgufValueType::kInt8:
      return Load<int8_t>(bytes);
    case GgufValueType::kUint16:
      return Load<uint16_t>(bytes);
    case GgufValueType::kInt16:
      return Load<int16_t>(bytes);
    case GgufValueType::kUint32:
      return Load<uint32_t>(bytes);
    case GgufValueType::kInt32:
      return Load<int32_t>(bytes);
    case GgufValueType::kInt64:
      return Load<int64_t>(bytes);
    case GgufValueType::kUint64: {
      const auto value = Load<uint64_t>(bytes);
      if (value <= uint64_t{std::numeric_limits<int64_t>::max()}) {
        return static_cast<int64_t>(value);
      }
      return absl::InvalidArgumentError(
          absl::StrCat(value, "; expected at most 2^63 - 1"));
    }
    default:
      return absl::InvalidArgumentError(
          absl::StrCat(Info(type).name, "; expected an integer"));
  }
}

absl::StatusOr<double> GgufFloat(GgufValueType type, const uint8_t* bytes) {
  if (type == GgufValueType::kFloat32) return double{Load<float>(bytes)};
  if (type == GgufValueType::kFloat64) return Load<double>(bytes);
  return absl::InvalidArgumentError(
      absl::StrCat(Info(type).name, "; expected a float"));
}

}  // namespace ounce
