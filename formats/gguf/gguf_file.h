// A GGUF file: typed key/values that describe a model, then its tensors.
// Versions 2 and 3 are read, in little-endian order; version 1 (32-bit counts)
// and big-endian files are refused by name.
// Source: ggml, docs/gguf.md.
#ifndef OUNCE_FORMATS_GGUF_GGUF_FILE_H_
#define OUNCE_FORMATS_GGUF_GGUF_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "formats/gguf/gguf_value.h"

namespace ounce {

struct GgufTensor {
  std::string name;
  // Outermost first, [out, in]: ggml's `ne` reversed.  1 to 4 dimensions, none
  // of them 0; the last is a multiple of the type's block.
  Shape shape;
  uint32_t type = 0;                // One that FindGgufType() knows.
  absl::Span<const uint8_t> bytes;  // Exactly those of the shape.
};

// Immutable; may be used from several threads.  Points into the file's bytes,
// which must outlive it.
class GgufFile {
 public:
  // Reads everything but the elements of arrays, whose bounds it checks; takes
  // time in the number of keys, strings and tensors, and memory in that of keys
  // and tensors alone.
  // kDataLoss: truncated, a count or length beyond the file's end, tensors that
  // overlap.  kInvalidArgument: not GGUF, a version or byte order that we do
  // not read, an unknown type, a key or tensor twice, an alignment, shape or
  // offset that breaks a rule.  Each with the key or tensor and the offset.
  static absl::StatusOr<GgufFile> Parse(absl::Span<const uint8_t> file);

  // In the order of the file's list.
  absl::Span<const GgufTensor> tensors() const { return tensors_; }

  bool Has(absl::string_view key) const { return values_.contains(key); }
  // False also when there is no such key.
  bool IsArray(absl::string_view key) const;

  // Values of keys.  kInvalidArgument: absent, of another type, or out of
  // range; names the key, what was expected and what was found.  Any integer
  // type serves for Int() and Ints(), either float type for Double() and
  // Doubles().  Strings are bytes, which need not be UTF-8.
  absl::StatusOr<std::string> String(absl::string_view key) const;
  absl::StatusOr<int64_t> Int(absl::string_view key) const;
  absl::StatusOr<double> Double(absl::string_view key) const;
  absl::StatusOr<bool> Bool(absl::string_view key) const;
  // The same with `fallback` for a key that is absent.
  absl::StatusOr<std::string> String(absl::string_view key,
                                     absl::string_view fallback) const;
  absl::StatusOr<int64_t> Int(absl::string_view key, int64_t fallback) const;
  absl::StatusOr<double> Double(absl::string_view key, double fallback) const;
  absl::StatusOr<bool> Bool(absl::string_view key, bool fallback) const;

  // Arrays, decoded at each call.  The views point into the file.
  absl::StatusOr<std::vector<absl::string_view>> Strings(
      absl::string_view key) const;
  absl::StatusOr<std::vector<int64_t>> Ints(absl::string_view key) const;
  absl::StatusOr<std::vector<double>> Doubles(absl::string_view key) const;

 private:
  GgufFile() = default;

  absl::Status ReadValues(GgufCursor& cursor, int64_t count);
  absl::Status ReadTensors(GgufCursor& cursor, int64_t count);
  absl::StatusOr<const GgufValue*> Find(absl::string_view key,
                                        absl::string_view expected) const;
  absl::StatusOr<const GgufValue*> FindArray(absl::string_view key,
                                             absl::string_view expected) const;

  absl::flat_hash_map<absl::string_view, GgufValue> values_;
  std::vector<GgufTensor> tensors_;
};

}  // namespace ounce

#endif  // OUNCE_FORMATS_GGUF_GGUF_FILE_H_
