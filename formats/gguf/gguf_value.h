// The values of a GGUF file's key/value section, and the cursor that reads
// them: every length is checked against the bytes that are left before it is
// used, and nothing is copied.
// Source: ggml, docs/gguf.md, "File Structure".
#ifndef OUNCE_FORMATS_GGUF_GGUF_VALUE_H_
#define OUNCE_FORMATS_GGUF_GGUF_VALUE_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace ounce {

static_assert(std::endian::native == std::endian::little,
              "numbers are used as they lie in the file, little endian");

// The numbers are those in the file.
enum class GgufValueType : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

// A value whose bounds have been checked.  Points into the file.
struct GgufValue {
  GgufValueType type = GgufValueType::kUint8;
  GgufValueType element = GgufValueType::kUint8;  // Of an array.
  int64_t count = 0;                              // Of an array's elements.
  int64_t offset = 0;                             // Of `bytes` in the file.
  // A number's bytes, a string's characters, an array's elements one after the
  // other, strings with their lengths in front.
  absl::Span<const uint8_t> bytes;

  // "uint32", "array of string", for messages.
  std::string TypeName() const;
};

// Bytes of a number or a bool; 0 for strings and arrays.
int64_t GgufNumberBytes(GgufValueType type);

// Names and keys as messages show them: quoted, not printable bytes escaped,
// and not longer than 80 bytes.
std::string QuoteGguf(absl::string_view bytes);

class GgufCursor {
 public:
  explicit GgufCursor(absl::Span<const uint8_t> file) : file_(file) {}

  int64_t offset() const { return offset_; }
  int64_t left() const { return static_cast<int64_t>(file_.size()) - offset_; }
  absl::Span<const uint8_t> file() const { return file_; }

  // The next bytes.  kDataLoss: fewer are left; names `what` and the offset.
  absl::StatusOr<absl::Span<const uint8_t>> Bytes(int64_t count,
                                                  absl::string_view what);
  // A length in 8 bytes, then as many characters.
  absl::StatusOr<absl::string_view> String(absl::string_view what);
  template <typename T>
  absl::StatusOr<T> Number(absl::string_view what) {
    const auto bytes = Bytes(sizeof(T), what);
    if (!bytes.ok()) return bytes.status();
    T number;
    std::memcpy(&number, bytes->data(), sizeof(T));
    return number;
  }
  // A count in 8 bytes of things that take at least `min_bytes` each.
  absl::StatusOr<int64_t> Count(int64_t min_bytes, absl::string_view what);

 private:
  absl::Span<const uint8_t> file_;
  int64_t offset_ = 0;
};

// A type and a value of that type.  Walks over all elements of arrays of
// strings and of arrays (which may nest 8 deep), allocates nothing.
// kDataLoss: the file ends before the value does.  kInvalidArgument: a type
// that does not exist, arrays nested too deep, a bool other than 0 and 1.
absl::StatusOr<GgufValue> ReadGgufValue(GgufCursor& cursor);

// An integer of `type`, which lies at `bytes`.  kInvalidArgument: `type` is no
// integer, or the value exceeds int64_t.
absl::StatusOr<int64_t> GgufInteger(GgufValueType type, const uint8_t* bytes);
// A float32 or float64.  kInvalidArgument: `type` is neither.
absl::StatusOr<double> GgufFloat(GgufValueType type, const uint8_t* bytes);

}  // namespace ounce

#endif  // OUNCE_FORMATS_GGUF_GGUF_VALUE_H_
