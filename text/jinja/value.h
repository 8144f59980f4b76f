// The values of a template: Python's, as far as chat templates can see them.
// All are immutable but a namespace's attributes, as in the sandbox that
// published templates are rendered in.
#ifndef OUNCE_TEXT_JINJA_VALUE_H_
#define OUNCE_TEXT_JINJA_VALUE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/json.h"

namespace ounce::jinja {

class Value;
class Dict;
class Loop;
struct Callable;
struct Iterator;
struct Namespace;
struct Sequence;

enum class SequenceKind : uint8_t { kList, kTuple, kItems, kKeys, kValues };

// An empty place: a name, key or attribute that nobody set.  It prints as
// nothing; most uses of it are errors that repeat `what`.
struct Undefined {
  std::shared_ptr<const std::string> what;
};

struct None {};

struct Text {
  std::string bytes;  // Valid UTF-8.
  // Marked safe by `safe` or `escape`: what `+` joins to it is escaped, as by
  // Python's Markup.  Other operations that would escape are refused.
  bool is_markup = false;
};

struct Range {
  int64_t start = 0;
  int64_t stop = 0;
  int64_t step = 1;
  int64_t size = 0;
};

// Copies share what they hold.
class Value {
 public:
  Value() = default;  // Undefined.
  Value(Undefined undefined) : data_(std::move(undefined)) {}
  Value(None none) : data_(none) {}
  Value(bool value) : data_(value) {}
  Value(int64_t value) : data_(value) {}
  Value(double value) : data_(value) {}
  Value(const char* text) : Value(std::string(text)) {}
  Value(std::string text)
      : data_(std::make_shared<const Text>(Text{std::move(text), false})) {}
  Value(absl::string_view text) : Value(std::string(text)) {}
  Value(Text text) : data_(std::make_shared<const Text>(std::move(text))) {}
  Value(Range range) : data_(range) {}
  template <typename T>
  Value(std::shared_ptr<T> shared) : data_(std::move(shared)) {}

  bool is_undefined() const { return Is<Undefined>(); }
  bool is_none() const { return Is<None>(); }

  // Each gives nullptr when the value is of another type.
  const Undefined* AsUndefined() const {
    return std::get_if<Undefined>(&data_);
  }
  const bool* AsBool() const { return std::get_if<bool>(&data_); }
  const int64_t* AsInt() const { return std::get_if<int64_t>(&data_); }
  const double* AsFloat() const { return std::get_if<double>(&data_); }
  const Text* AsText() const { return Shared<const Text>(); }
  const Sequence* AsSequence() const { return Shared<const Sequence>(); }
  const Dict* AsDict() const { return Shared<const Dict>(); }
  const Range* AsRange() const { return std::get_if<Range>(&data_); }
  const Callable* AsCallable() const { return Shared<const Callable>(); }
  Iterator* AsIterator() const { return Shared<Iterator>(); }
  Namespace* AsNamespace() const { return Shared<Namespace>(); }
  Loop* AsLoop() const { return Shared<Loop>(); }

  // A sequence of this kind, or nullptr.
  const Sequence* AsSequence(SequenceKind kind) const;
  // True, False or an integer, as Python counts them.
  std::optional<int64_t> AsIndex() const;
  // Any number.
  std::optional<double> AsNumber() const;

  // Python's name of the type: "str", "int", "dict", "NoneType" ...
  absl::string_view type_name() const;
  // 0 for what holds no other values, else 1 more than the deepest of them.
  int depth() const;
  // Python's bool().
  bool truth() const;
  // The same object: for lists, dicts, namespaces and functions; None and
  // booleans by value.  Never for numbers and strings.
  bool IsSame(const Value& other) const;

 private:
  template <typename T>
  bool Is() const {
    return std::holds_alternative<T>(data_);
  }
  template <typename T>
  T* Shared() const {
    const auto* const shared = std::get_if<std::shared_ptr<T>>(&data_);
    return shared == nullptr ? nullptr : shared->get();
  }

  std::variant<Undefined, None, bool, int64_t, double, Range,
               std::shared_ptr<const Text>, std::shared_ptr<const Sequence>,
               std::shared_ptr<const Dict>, std::shared_ptr<const Callable>,
               std::shared_ptr<Iterator>, std::shared_ptr<Namespace>,
               std::shared_ptr<Loop>>
      data_;
};

// A list, a tuple, or the view that dict.items(), keys() or values() gives.
struct Sequence {
  SequenceKind kind = SequenceKind::kList;
  std::vector<Value> items;
  int depth = 1;
};

// Members in the order they were set, found by key in constant time.
class Dict {
 public:
  using Entry = std::pair<Value, Value>;

  const std::vector<Entry>& entries() const { return entries_; }
  int depth() const { return depth_; }
  const Value* Find(absl::string_view key) const;
  // kInvalidArgument: `key` is of a type that cannot be one (a list);
  // kUnimplemented: a tuple.
  absl::StatusOr<const Value*> Find(const Value& key) const;
  // Sets `key`, replacing an earlier value but not its place.
  absl::Status Set(const Value& key, Value value);

 private:
  std::vector<Entry> entries_;
  // By HashKey().
  absl::flat_hash_map<std::string, size_t> index_;
  int depth_ = 1;
};

// What a filter such as `map` gives: it can be gone through once.
struct Iterator {
  enum class State : uint8_t { kFresh, kPartlyRead, kDone };
  std::vector<Value> items;
  State state = State::kFresh;
  int depth = 1;
};

struct Namespace {
  std::vector<std::pair<std::string, Value>> attributes;

  const Value* Find(absl::string_view name) const;
  void Set(absl::string_view name, Value value);
};

// A text by which two keys are equal when Python's are: 1, 1.0 and True are the
// same key.  Errors as Dict::Find().
absl::StatusOr<std::string> HashKey(const Value& key);

// kResourceExhausted: nested deeper than kMaxValueDepth.
absl::StatusOr<Value> MakeSequence(SequenceKind kind, std::vector<Value> items);
absl::StatusOr<Value> MakeDict(Dict dict);
absl::StatusOr<Value> MakeIterator(std::vector<Value> items);
// Undefined with a remark such as "'x' is undefined".
Value MakeUndefined(std::string what);

// Members, elements and numbers as they are.  Errors as MakeSequence().
absl::StatusOr<Value> FromJson(const Json& json);

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_VALUE_H_
