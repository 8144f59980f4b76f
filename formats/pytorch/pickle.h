// Reads a Python pickle as data.  Nothing in it is executed: what the pickle
// would call becomes a value that says what is called with what, and only names
// that the caller lists may be called at all.
// Source: the opcodes' definitions in CPython's Lib/pickletools.py, protocols 2
// to 5.  Their text forms of protocols 0 and 1, extension codes and buffers
// outside the pickle are refused: no file of weights has them.
#ifndef OUNCE_FORMATS_PYTORCH_PICKLE_H_
#define OUNCE_FORMATS_PYTORCH_PICKLE_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace ounce {

// A value's index in its Pickle.
using PickleId = uint32_t;

struct PickleValue {
  enum class Kind : uint8_t {
    kNone,
    kBool,         // `integer` is 0 or 1.
    kInteger,      // Fits `integer`.
    kLongInteger,  // Does not; its value is not read.
    kFloat,        // `real`.
    kString,       // `text`, valid UTF-8.
    kBytes,        // `text`.
    kTuple,        // `items`.
    kList,         // `items`.
    kDict,         // `items`: key, value, key, value ... as written.
    kGlobal,       // `text` is "module.name", one of the names allowed.
    kCall,         // `items`: a kGlobal and a kTuple of its arguments.
    kPersistent,   // `items`: the id of an object outside the pickle.
  };
  Kind kind = Kind::kNone;
  int64_t integer = 0;
  double real = 0.0;
  // Points into the pickle, for a kGlobal into the names allowed.
  absl::string_view text;
  std::vector<PickleId> items;
};

// "a tuple", for messages.
absl::string_view KindName(PickleValue::Kind kind);

struct PickleOptions {
  // "module.name" of what may be named and called.  They outlive the Pickle.
  absl::Span<const absl::string_view> globals;
  // An honest file takes about 45 opcodes, 15 values and 250 bytes a tensor:
  // these leave room for 130,000 of them, and bound what a hostile one takes to
  // about 300 MB.
  int64_t max_bytes = int64_t{64} << 20;
  int64_t max_opcodes = int64_t{8} << 20;
  int64_t max_values = int64_t{2} << 20;
};

// Immutable.  No value holds itself, directly or through others; how deeply
// they nest is not limited.
class Pickle {
 public:
  // The whole of `bytes` is one pickle; they outlive the result.
  // kInvalidArgument: a name that is not among the globals, an opcode that no
  // file of weights has, a value used as what it is not, a value that holds
  // itself, a limit exceeded.  kDataLoss: truncated, or bytes after its end.
  // Each with the opcode and its offset.
  static absl::StatusOr<Pickle> Parse(absl::Span<const uint8_t> bytes,
                                      const PickleOptions& options);

  PickleId root() const { return root_; }
  const PickleValue& at(PickleId id) const { return values_[id]; }

 private:
  Pickle(std::vector<PickleValue> values, PickleId root)
      : values_(std::move(values)), root_(root) {}

  std::vector<PickleValue> values_;
  PickleId root_;
};

}  // namespace ounce

#endif  // OUNCE_FORMATS_PYTORCH_PICKLE_H_
