#include "text/jinja/value.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "text/jinja/callable.h"
#include "text/jinja/loop.h"
#include "text/jinja/python_text.h"
#include "text/jinja/work.h"

namespace ounce::jinja {
namespace {

absl::Status CheckDepth(int depth) {
  if (depth <= kMaxValueDepth) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("values nested more than ", kMaxValueDepth, " levels deep"));
}

int DepthOf(const std::vector<Value>& items) {
  int depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  return depth + 1;
}

absl::string_view SequenceName(SequenceKind kind) {
  switch (kind) {
    case SequenceKind::kList:
      return "list";
    case SequenceKind::kTuple:
      return "tuple";
    case SequenceKind::kItems:
      return "dict_items";
    case SequenceKind::kKeys:
      return "dict_keys";
    case SequenceKind::kValues:
      return "dict_values";
  }
  return "list";
}

absl::StatusOr<Value> FromJsonObject(const Json::Object& object) {
  Dict dict;
  for (const Json::Member& member : object.members()) {
    OUNCE_ASSIGN_OR_RETURN(Value value, FromJson(member.second));
    OUNCE_RETURN_IF_ERROR(dict.Set(Value(member.first), std::move(value)));
  }
  return MakeDict(std::move(dict));
}

absl::StatusOr<Value> FromJsonArray(const Json::Array& array) {
  std::vector<Value> items;
  items.reserve(array.size());
  for (const Json& element : array) {
    OUNCE_ASSIGN_OR_RETURN(items.emplace_back(), FromJson(element));
  }
  return MakeSequence(SequenceKind::kList, std::move(items));
}

}  // namespace

const Sequence* Value::AsSequence(SequenceKind kind) const {
  const Sequence* const sequence = AsSequence();
  return sequence != nullptr && sequence->kind == kind ? sequence : nullptr;
}

std::optional<int64_t> Value::AsIndex() const {
  if (const int64_t* value = AsInt()) return *value;
  if (const bool* value = AsBool()) return *value ? 1 : 0;
  return std::nullopt;
}

std::optional<double> Value::AsNumber() const {
  if (const double* value = AsFloat()) return *value;
  const std::optional<int64_t> index = AsIndex();
  if (index.has_value()) return static_cast<double>(*index);
  return std::nullopt;
}

absl::string_view Value::type_name() const {
  if (is_undefined()) return "Undefined";
  if (is_none()) return "NoneType";
  if (AsBool() != nullptr) return "bool";
  if (AsInt() != nullptr) return "int";
  if (AsFloat() != nullptr) return "float";
  if (AsRange() != nullptr) return "range";
  if (const Text* text = AsText()) return text->is_markup ? "Markup" : "str";
  if (const Sequence* sequence = AsSequence()) {
    return SequenceName(sequence->kind);
  }
  if (AsDict() != nullptr) return "dict";
  if (AsIterator() != nullptr) return "generator";
  if (AsNamespace() != nullptr) return "Namespace";
  if (AsLoop() != nullptr) return "LoopContext";
  return "function";
}

int Value::depth() const {
  if (const Sequence* sequence = AsSequence()) return sequence->depth;
  if (const Dict* dict = AsDict()) return dict->depth();
  if (const Iterator* iterator = AsIterator()) return iterator->depth;
  if (const Loop* loop = AsLoop()) return loop->value_depth();
  if (const Callable* callable = AsCallable()) {
    return callable->receiver.depth() + 1;
  }
  return 0;
}

bool Value::truth() const {
  if (is_undefined() || is_none()) return false;
  if (const std::optional<double> number = AsNumber()) return *number != 0;
  if (const Range* range = AsRange()) return range->size > 0;
  if (const Text* text = AsText()) return !text->bytes.empty();
  if (const Sequence* sequence = AsSequence()) return !sequence->items.empty();
  if (const Dict* dict = AsDict()) return !dict->entries().empty();
  return true;
}

bool Value::IsSame(const Value& other) const {
  if (data_.index() != other.data_.index()) return false;
  return std::visit(
      [&other](const auto& mine) {
        using T = std::decay_t<decltype(mine)>;
        if constexpr (std::is_same_v<T, None>) {
          return true;
        } else if constexpr (std::is_same_v<T, bool> ||
                             std::is_same_v<T,
                                            std::shared_ptr<const Sequence>> ||
                             std::is_same_v<T, std::shared_ptr<const Dict>> ||
                             std::is_same_v<T,
                                            std::shared_ptr<const Callable>> ||
                             std::is_same_v<T, std::shared_ptr<Iterator>> ||
                             std::is_same_v<T, std::shared_ptr<Namespace>> ||
                             std::is_same_v<T, std::shared_ptr<Loop>>) {
          return mine == std::get<T>(other.data_);
        } else {
          return false;
        }
      },
      data_);
}

const Value* Dict::Find(absl::string_view key) const {
  const auto found = index_.find(absl::StrCat("s", key));
  return found == index_.end() ? nullptr : &entries_[found->second].second;
}

absl::StatusOr<const Value*> Dict::Find(const Value& key) const {
  OUNCE_ASSIGN_OR_RETURN(const std::string hash, HashKey(key));
  const auto found = index_.find(hash);
  return found == index_.end() ? nullptr : &entries_[found->second].second;
}

absl::Status Dict::Set(const Value& key, Value value) {
  OUNCE_ASSIGN_OR_RETURN(std::string hash, HashKey(key));
  depth_ = std::max(depth_, value.depth() + 1);
  const auto [at, is_new] =
      index_.try_emplace(std::move(hash), entries_.size());
  if (is_new) {
    entries_.emplace_back(key, std::move(value));
  } else {
    entries_[at->second].second = std::move(value);
  }
  return absl::OkStatus();
}

const Value* Namespace::Find(absl::string_view name) const {
  for (const auto& [key, value] : attributes) {
    if (key == name) return &value;
  }
  return nullptr;
}

void Namespace::Set(absl::string_view name, Value value) {
  for (auto& [key, old] : attributes) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  attributes.emplace_back(name, std::move(value));
}

absl::StatusOr<std::string> HashKey(const Value& key) {
  if (const Text* text = key.AsText()) return absl::StrCat("s", text->bytes);
  if (const std::optional<int64_t> index = key.AsIndex()) {
    return absl::StrCat("i", *index);
  }
  if (const double* number = key.AsFloat()) {
    // Doubles from 2^63 on are no int64 and print as floats.
    if (std::floor(*number) == *number && std::abs(*number) < 0x1p63) {
      return absl::StrCat("i", static_cast<int64_t>(*number));
    }
    return absl::StrCat("f", FloatRepr(*number));
  }
  if (key.is_none()) return "n";
  if (key.AsSequence(SequenceKind::kTuple) != nullptr || key.is_undefined()) {
    return absl::UnimplementedError(absl::StrCat(
        "a value of type ", key.type_name(), " as a key; we have strings, ",
        "numbers, booleans and None"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("a value of type ", key.type_name(), " cannot be a key"));
}

absl::StatusOr<Value> MakeSequence(SequenceKind kind,
                                   std::vector<Value> items) {
  const int depth = DepthOf(items);
  OUNCE_RETURN_IF_ERROR(CheckDepth(depth));
  return Value(std::make_shared<const Sequence>(
      Sequence{kind, std::move(items), depth}));
}

absl::StatusOr<Value> MakeDict(Dict dict) {
  OUNCE_RETURN_IF_ERROR(CheckDepth(dict.depth()));
  return Value(std::make_shared<const Dict>(std::move(dict)));
}

absl::StatusOr<Value> MakeIterator(std::vector<Value> items) {
  const int depth = DepthOf(items);
  OUNCE_RETURN_IF_ERROR(CheckDepth(depth));
  return Value(std::make_shared<Iterator>(
      Iterator{std::move(items), Iterator::State::kFresh, depth}));
}

Value MakeUndefined(std::string what) {
  return Undefined{std::make_shared<const std::string>(std::move(what))};
}

absl::StatusOr<Value> FromJson(const Json& json) {
  if (json.is_null()) return None{};
  if (const std::optional<bool> value = json.AsBool()) return Value(*value);
  if (const std::string* value = json.AsString()) return Value(*value);
  if (const Json::Array* value = json.AsArray()) return FromJsonArray(*value);
  if (const Json::Object* value = json.AsObject()) {
    return FromJsonObject(*value);
  }
  if (json.TypeName() == "integer") return Value(*json.AsInt());
  return Value(*json.AsDouble());
}

}  // namespace ounce::jinja
