// A JSON value, and a parser for documents that may be hostile: depth and size
// are bounded and a repeated key is an error instead of a silent last-one-wins.
// json.cc is the only file that sees the JSON library, which writes; what reads
// is core/json_reader.h.
// Source: RFC 8259.
#ifndef OUNCE_CORE_JSON_H_
#define OUNCE_CORE_JSON_H_

#include <cstddef>
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

namespace ounce {

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;

  // Members in the order of the document, found by key in constant time.
  class Object {
   public:
    const std::vector<Member>& members() const { return members_; }
    size_t size() const { return members_.size(); }
    const Json* Find(absl::string_view key) const;
    // Sets `key`, replacing an earlier value.
    void Set(absl::string_view key, Json value);

   private:
    std::vector<Member> members_;
    absl::flat_hash_map<std::string, size_t> index_;
  };

  Json() = default;  // null
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(int64_t{value}) {}
  Json(int64_t value) : value_(value) {}
  Json(uint64_t value);  // Above INT64_MAX it becomes a double.
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(absl::string_view value) : value_(std::string(value)) {}
  Json(Array value);
  Json(Object value);
  // An object from literals: Json::Of({{"name", "x"}, {"bits", 4}}).
  static Json Of(std::vector<Member> members);

  bool is_null() const;
  // Each returns nullptr or nullopt when the value is of another type.  AsInt
  // accepts a double without a fraction, AsDouble an integer.
  std::optional<bool> AsBool() const;
  std::optional<int64_t> AsInt() const;
  std::optional<double> AsDouble() const;
  const std::string* AsString() const;
  const Array* AsArray() const;
  const Object* AsObject() const;
  // "null", "boolean", "integer", "number", "string", "array" or "object".
  absl::string_view TypeName() const;

  // The member `key` of an object; nullptr when this is no object or has none.
  const Json* Find(absl::string_view key) const;

  // Typed members of an object.  kInvalidArgument naming the key when it is
  // missing or of another type; the Or forms give `fallback` for a missing or
  // null member but still refuse a wrong type.
  absl::StatusOr<int64_t> GetInt(absl::string_view key) const;
  absl::StatusOr<double> GetDouble(absl::string_view key) const;
  absl::StatusOr<std::string> GetString(absl::string_view key) const;
  absl::StatusOr<int64_t> GetIntOr(absl::string_view key,
                                   int64_t fallback) const;
  absl::StatusOr<double> GetDoubleOr(absl::string_view key,
                                     double fallback) const;
  absl::StatusOr<bool> GetBoolOr(absl::string_view key, bool fallback) const;
  absl::StatusOr<std::string> GetStringOr(absl::string_view key,
                                          absl::string_view fallback) const;

  // The document as text: on one line, or indented by `indent` spaces a level.
  // Bytes that are not UTF-8 become U+FFFD; NaN and infinities become null.
  std::string Dump(int indent = -1) const;

 private:
  // Shared and immutable, so that copying a Json is cheap whatever its size.
  std::variant<std::monostate, bool, int64_t, double, std::string,
               std::shared_ptr<const Array>, std::shared_ptr<const Object>>
      value_;
};

struct JsonLimits {
  size_t max_bytes = size_t{1} << 30;  // Of the text.
  int max_depth = 64;                  // Of nested arrays and objects.
};

// kInvalidArgument: not JSON or text after the value, with the byte offset;
// deeper or longer than `limits`; a key repeated within one object, naming it.
absl::StatusOr<Json> ParseJson(absl::string_view text,
                               const JsonLimits& limits = {});

}  // namespace ounce

#endif  // OUNCE_CORE_JSON_H_
