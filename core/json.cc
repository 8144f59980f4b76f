#include "core/json.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

using Library = nlohmann::ordered_json;

constexpr size_t kMaxMessageBytes = 200;

// Builds the tree from the library's event parser, which does not recurse, so
// that the depth limit is reached before the stack is.
class Builder : public nlohmann::json_sax<Library> {
 public:
  explicit Builder(const JsonLimits& limits) : limits_(limits) {}

  bool null() override { return Add(Json()); }
  bool boolean(bool value) override { return Add(Json(value)); }
  bool number_integer(number_integer_t value) override {
    return Add(Json(int64_t{value}));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return Add(Json(uint64_t{value}));
  }
  bool number_float(number_float_t value, const string_t&) override {
    return Add(Json(value));
  }
  bool string(string_t& value) override { return Add(Json(std::move(value))); }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return Push(/*is_object=*/true); }
  bool start_array(size_t) override { return Push(/*is_object=*/false); }
  bool end_object() override { return Pop(); }
  bool end_array() override { return Pop(); }

  bool key(string_t& key) override {
    Frame& frame = stack_.back();
    if (frame.object.Find(key) != nullptr) {
      error_ = absl::StrCat("key \"", key, "\" is given twice in one object");
      return false;
    }
    frame.key = std::move(key);
    return true;
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // The library repeats the text it stumbled over, however long.
    error_ = absl::StrCat(
        "not JSON at byte ", position, ": ",
        absl::string_view(error.what()).substr(0, kMaxMessageBytes));
    return false;
  }

  const std::string& error() const { return error_; }
  Json Take() { return std::move(root_); }

 private:
  struct Frame {
    bool is_object = false;
    std::string key;
    Json::Array array;
    Json::Object object;
  };

  bool Add(Json value) {
    if (stack_.empty()) {
      root_ = std::move(value);
    } else if (stack_.back().is_object) {
      stack_.back().object.Set(stack_.back().key, std::move(value));
    } else {
      stack_.back().array.push_back(std::move(value));
    }
    return true;
  }

  bool Push(bool is_object) {
    if (stack_.size() >= static_cast<size_t>(limits_.max_depth)) {
      error_ =
          absl::StrCat("nested deeper than ", limits_.max_depth, " levels");
      return false;
    }
    stack_.emplace_back();
    stack_.back().is_object = is_object;
    return true;
  }

  bool Pop() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    return Add(frame.is_object ? Json(std::move(frame.object))
                               : Json(std::move(frame.array)));
  }

  const JsonLimits limits_;
  std::vector<Frame> stack_;
  Json root_;
  std::string error_;
};

Library ToLibrary(const Json& value) {
  if (const Json::Object* object = value.AsObject()) {
    Library out = Library::object();
    for (const Json::Member& member : object->members()) {
      out.push_back({member.first, ToLibrary(member.second)});
    }
    return out;
  }
  if (const Json::Array* array = value.AsArray()) {
    Library out = Library::array();
    for (const Json& element : *array) out.push_back(ToLibrary(element));
    return out;
  }
  if (const std::string* text = value.AsString()) return *text;
  if (const std::optional<bool> flag = value.AsBool()) return *flag;
  if (value.TypeName() == "integer") return *value.AsInt();
  if (const std::optional<double> number = value.AsDouble()) return *number;
  return nullptr;
}

absl::Status WrongType(absl::string_view key, absl::string_view wanted,
                       const Json* found) {
  if (found == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", key, "\" is missing; expected ", wanted));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", key, "\" is of type ", found->TypeName(), "; expected ", wanted));
}

bool Absent(const Json* value) { return value == nullptr || value->is_null(); }

}  // namespace

const Json* Json::Object::Find(absl::string_view key) const {
  const auto it = index_.find(key);
  return it == index_.end() ? nullptr : &members_[it->second].second;
}

void Json::Object::Set(absl::string_view key, Json value) {
  const auto [it, inserted] = index_.try_emplace(key, members_.size());
  if (inserted) {
    members_.emplace_back(std::string(key), std::move(value));
  } else {
    members_[it->second].second = std::move(value);
  }
}

Json::Json(uint64_t value) {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  if (value <= kMax) {
    value_ = static_cast<int64_t>(value);
  } else {
    value_ = static_cast<double>(value);
  }
}

Json::Json(Array value)
    : value_(std::make_shared<const Array>(std::move(value))) {}
Json::Json(Object value)
    : value_(std::make_shared<const Object>(std::move(value))) {}

Json Json::Of(std::vector<Member> members) {
  Object object;
  for (Member& member : members) object.Set(member.first, member.second);
  return Json(std::move(object));
}

bool Json::is_null() const {
  return std::holds_alternative<std::monostate>(value_);
}

std::optional<bool> Json::AsBool() const {
  const bool* value = std::get_if<bool>(&value_);
  return value != nullptr ? std::optional<bool>(*value) : std::nullopt;
}

std::optional<int64_t> Json::AsInt() const {
  if (const int64_t* value = std::get_if<int64_t>(&value_)) return *value;
  if (const double* value = std::get_if<double>(&value_)) {
    // 2^53: beyond it a double no longer holds every integer.
    if (std::abs(*value) <= 9007199254740992.0 &&
        *value == std::trunc(*value)) {
      return static_cast<int64_t>(*value);
    }
  }
  return std::nullopt;
}

std::optional<double> Json::AsDouble() const {
  if (const double* value = std::get_if<double>(&value_)) return *value;
  if (const int64_t* value = std::get_if<int64_t>(&value_)) {
    return static_cast<double>(*value);
  }
  return std::nullopt;
}

const std::string* Json::AsString() const {
  return std::get_if<std::string>(&value_);
}

const Json::Array* Json::AsArray() const {
  const auto* value = std::get_if<std::shared_ptr<const Array>>(&value_);
  return value != nullptr ? value->get() : nullptr;
}

const Json::Object* Json::AsObject() const {
  const auto* value = std::get_if<std::shared_ptr<const Object>>(&value_);
  return value != nullptr ? value->get() : nullptr;
}

absl::string_view Json::TypeName() const {
  constexpr absl::string_view kNames[] = {
      "null", "boolean", "integer", "number", "string", "array", "object"};
  return kNames[value_.index()];
}

const Json* Json::Find(absl::string_view key) const {
  const Object* object = AsObject();
  return object != nullptr ? object->Find(key) : nullptr;
}

absl::StatusOr<int64_t> Json::GetInt(absl::string_view key) const {
  const Json* member = Find(key);
  if (member != nullptr) {
    if (const std::optional<int64_t> value = member->AsInt()) return *value;
  }
  return WrongType(key, "an integer", member);
}

absl::StatusOr<double> Json::GetDouble(absl::string_view key) const {
  const Json* member = Find(key);
  if (member != nullptr) {
    if (const std::optional<double> value = member->AsDouble()) return *value;
  }
  return WrongType(key, "a number", member);
}

absl::StatusOr<std::string> Json::GetString(absl::string_view key) const {
  const Json* member = Find(key);
  if (member != nullptr) {
    if (const std::string* value = member->AsString()) return *value;
  }
  return WrongType(key, "a string", member);
}

absl::StatusOr<int64_t> Json::GetIntOr(absl::string_view key,
                                       int64_t fallback) const {
  return Absent(Find(key)) ? fallback : GetInt(key);
}

absl::StatusOr<double> Json::GetDoubleOr(absl::string_view key,
                                         double fallback) const {
  return Absent(Find(key)) ? fallback : GetDouble(key);
}

absl::StatusOr<bool> Json::GetBoolOr(absl::string_view key,
                                     bool fallback) const {
  const Json* member = Find(key);
  if (Absent(member)) return fallback;
  if (const std::optional<bool> value = member->AsBool()) return *value;
  return WrongType(key, "true or false", member);
}

absl::StatusOr<std::string> Json::GetStringOr(
    absl::string_view key, absl::string_view fallback) const {
  if (Absent(Find(key))) return std::string(fallback);
  return GetString(key);
}

std::string Json::Dump(int indent) const {
  return ToLibrary(*this).dump(indent, ' ', /*ensure_ascii=*/false,
                               Library::error_handler_t::replace);
}

absl::StatusOr<Json> ParseJson(absl::string_view text,
                               const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("JSON text of ", text.size(), " bytes; at most ",
                     limits.max_bytes, " are read"));
  }
  Builder builder(limits);
  // The event interface reports errors to parse_error() and throws nothing.
  if (!Library::sax_parse(text.begin(), text.end(), &builder)) {
    return absl::InvalidArgumentError(builder.error());
  }
  return builder.Take();
}

}  // namespace ounce
