#include "text/jinja/loop.h"

#include <algorithm>

#include "core/status_macros.h"

namespace ounce::jinja {

Loop::Loop(std::vector<Value> items, int64_t nesting, Keeps keeps)
    : items_(std::move(items)), keeps_(std::move(keeps)), nesting_(nesting) {
  for (const Value& item : items_) {
    value_depth_ = std::max(value_depth_, item.depth() + 1);
  }
}

absl::StatusOr<std::optional<Value>> Loop::Take() {
  while (taken_ < items_.size()) {
    const Value& item = items_[taken_++];
    if (keeps_ == nullptr) return item;
    OUNCE_ASSIGN_OR_RETURN(const bool keeps, keeps_(item));
    if (keeps) return item;
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<Value>> Loop::Next() {
  OUNCE_RETURN_IF_ERROR(Peek().status());
  if (!after_.has_value()) return std::nullopt;
  previous_ = std::move(current_);
  current_ = std::move(after_);
  after_.reset();
  ++index_;
  return current_;
}

void Loop::Close() {
  keeps_ = nullptr;
  taken_ = items_.size();
}

absl::StatusOr<bool> Loop::Peek() {
  if (!after_.has_value()) {
    OUNCE_ASSIGN_OR_RETURN(after_, Take());
  }
  return after_.has_value();
}

absl::StatusOr<int64_t> Loop::Length() {
  if (keeps_ != nullptr) {
    // The rest is decided now, once.
    std::vector<Value> rest;
    while (true) {
      OUNCE_ASSIGN_OR_RETURN(std::optional<Value> item, Take());
      if (!item.has_value()) break;
      rest.push_back(*std::move(item));
    }
    items_ = std::move(rest);
    taken_ = 0;
    keeps_ = nullptr;
  }
  return index_ + 1 + (after_.has_value() ? 1 : 0) +
         static_cast<int64_t>(items_.size() - taken_);
}

absl::StatusOr<std::optional<Value>> Loop::Attribute(absl::string_view name) {
  if (name == "index") return Value(index_ + 1);
  if (name == "index0") return Value(index_);
  if (name == "first") return Value(index_ == 0);
  if (name == "depth") return Value(nesting_ + 1);
  if (name == "depth0") return Value(nesting_);
  if (name == "last") {
    OUNCE_ASSIGN_OR_RETURN(const bool more, Peek());
    return Value(!more);
  }
  if (name == "nextitem") {
    OUNCE_ASSIGN_OR_RETURN(const bool more, Peek());
    return more ? *after_ : MakeUndefined("there is no next item");
  }
  if (name == "previtem") {
    return previous_.has_value() ? *previous_
                                 : MakeUndefined("there is no previous item");
  }
  if (name == "length" || name == "revindex" || name == "revindex0") {
    OUNCE_ASSIGN_OR_RETURN(const int64_t length, Length());
    if (name == "length") return Value(length);
    return Value(length - index_ - (name == "revindex" ? 0 : 1));
  }
  return std::nullopt;
}

}  // namespace ounce::jinja
