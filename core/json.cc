#include "core/json.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/json_reader.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

using Library = nlohmann::ordered_json;

Library ToLibrary(const Json& value) {
  if (const Json::Object* object = value.AsObject()) {
    Library out = Library::object();
    // Straight into the library's list of members: its own way looks each key
    // up in the whole list, and ours are different ones.
    auto& members = out.get_ref<Library::object_t&>();
    members.reserve(object->size());
    for (const Json::Member& member : object->members()) {
      members.emplace_back(member.first, ToLibrary(member.second));
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
  JsonReader reader(text, limits);
  Json value;
  reader.ReadValue(&value);
  OUNCE_RETURN_IF_ERROR(reader.Finish());
  return value;
}

}  // namespace ounce
