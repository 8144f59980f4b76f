#include "text/jinja/operators.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "text/jinja/python_text.h"

namespace ounce::jinja {
namespace {

absl::Status NoOrder(const Value& left, const Value& right) {
  OUNCE_RETURN_IF_ERROR(CheckDefined(left));
  OUNCE_RETURN_IF_ERROR(CheckDefined(right));
  return absl::InvalidArgumentError(
      absl::StrCat("values of types ", left.type_name(), " and ",
                   right.type_name(), " have no order"));
}

absl::StatusOr<bool> EqualItems(const std::vector<Value>& left,
                                const std::vector<Value>& right, Work* work) {
  if (left.size() != right.size()) return false;
  for (size_t i = 0; i < left.size(); ++i) {
    OUNCE_ASSIGN_OR_RETURN(const bool equal, Equal(left[i], right[i], work));
    if (!equal) return false;
  }
  return true;
}

absl::StatusOr<bool> EqualDicts(const Dict& left, const Dict& right,
                                Work* work) {
  if (left.entries().size() != right.entries().size()) return false;
  for (const auto& [key, value] : left.entries()) {
    OUNCE_ASSIGN_OR_RETURN(const Value* const other, right.Find(key));
    if (other == nullptr) return false;
    OUNCE_ASSIGN_OR_RETURN(const bool equal, Equal(value, *other, work));
    if (!equal) return false;
  }
  return true;
}

absl::StatusOr<bool> EqualSequences(const Sequence& left, const Sequence& right,
                                    Work* work) {
  if (left.kind != right.kind) return false;
  if (left.kind != SequenceKind::kList && left.kind != SequenceKind::kTuple) {
    return absl::UnimplementedError("comparing views of a dict; use `|list`");
  }
  return EqualItems(left.items, right.items, work);
}

bool EqualNumbers(const Value& left, const Value& right) {
  const std::optional<int64_t> a = left.AsIndex(), b = right.AsIndex();
  if (a.has_value() && b.has_value()) return *a == *b;
  return *left.AsNumber() == *right.AsNumber();
}

bool LessNumbers(const Value& left, const Value& right) {
  const std::optional<int64_t> a = left.AsIndex(), b = right.AsIndex();
  if (a.has_value() && b.has_value()) return *a < *b;
  return *left.AsNumber() < *right.AsNumber();
}

absl::StatusOr<bool> LessItems(const std::vector<Value>& left,
                               const std::vector<Value>& right, Work* work) {
  for (size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
    OUNCE_ASSIGN_OR_RETURN(const bool equal, Equal(left[i], right[i], work));
    if (!equal) return Less(left[i], right[i], work);
  }
  return left.size() < right.size();
}

// Whether `value` is among the elements of an iterator, which is read up to it.
absl::StatusOr<bool> IteratorContains(Iterator* iterator, const Value& item,
                                      Work* work) {
  if (iterator->state == Iterator::State::kPartlyRead) {
    return absl::UnimplementedError(
        "an iterator used again after a part of it; use `|list` first");
  }
  if (iterator->state == Iterator::State::kDone) return false;
  iterator->state = Iterator::State::kDone;
  for (const Value& element : iterator->items) {
    OUNCE_ASSIGN_OR_RETURN(const bool equal, Equal(element, item, work));
    if (equal) {
      iterator->state = Iterator::State::kPartlyRead;
      return true;
    }
  }
  return false;
}

// Python's slice.indices(): the first index, the step and how many.
struct SliceIndices {
  int64_t first = 0;
  int64_t step = 1;
  int64_t count = 0;
};

absl::StatusOr<int64_t> SliceBound(const Value& bound, int64_t fallback,
                                   int64_t low, int64_t size) {
  if (bound.is_none()) return fallback;
  OUNCE_RETURN_IF_ERROR(CheckDefined(bound));
  const std::optional<int64_t> index = bound.AsIndex();
  if (!index.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a slice's bound is of type ", bound.type_name(), "; expected int"));
  }
  // `low` is 0, or -1 when going backwards; then the highest is one less too.
  if (*index < 0) return std::max(low, *index < -size ? low : *index + size);
  return std::min(*index, size + low);
}

absl::StatusOr<SliceIndices> Indices(const SliceBounds& bounds, int64_t size) {
  SliceIndices indices;
  if (!bounds.step.is_none()) {
    OUNCE_RETURN_IF_ERROR(CheckDefined(bounds.step));
    const std::optional<int64_t> step = bounds.step.AsIndex();
    if (!step.has_value() || *step == 0) {
      return absl::InvalidArgumentError(
          "a slice's step must be an integer other than 0");
    }
    // A longer step reaches no further element.
    indices.step = std::clamp<int64_t>(*step, -size - 1, size + 1);
  }
  const bool back = indices.step < 0;
  const int64_t low = back ? -1 : 0;
  OUNCE_ASSIGN_OR_RETURN(
      indices.first, SliceBound(bounds.start, back ? size - 1 : 0, low, size));
  OUNCE_ASSIGN_OR_RETURN(const int64_t stop,
                         SliceBound(bounds.stop, back ? -1 : size, low, size));
  const int64_t span = back ? indices.first - stop : stop - indices.first;
  const int64_t step = back ? -indices.step : indices.step;
  indices.count = span <= 0 ? 0 : (span + step - 1) / step;
  return indices;
}

Value SliceText(absl::string_view text, const SliceIndices& indices) {
  if (indices.step == 1) {
    const size_t first = CharOffset(text, indices.first);
    return text.substr(first, CharOffset(text.substr(first), indices.count));
  }
  const std::vector<absl::string_view> chars = SplitChars(text);
  std::string out;
  for (int64_t i = 0; i < indices.count; ++i) {
    absl::StrAppend(
        &out, chars[static_cast<size_t>(indices.first + i * indices.step)]);
  }
  return out;
}

std::optional<Value> ItemOfText(const Text& text, int64_t index) {
  const int64_t size = CountChars(text.bytes);
  if (index < -size || index >= size) return std::nullopt;
  const absl::string_view rest =
      absl::string_view(text.bytes)
          .substr(CharOffset(text.bytes, index < 0 ? index + size : index));
  return Value(rest.substr(0, CharOffset(rest, 1)));
}

}  // namespace

absl::Status CheckDefined(const Value& value) {
  const Undefined* const undefined = value.AsUndefined();
  if (undefined == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(undefined->what == nullptr
                                        ? "an undefined value is used"
                                        : *undefined->what);
}

absl::StatusOr<bool> Equal(const Value& left, const Value& right, Work* work) {
  OUNCE_RETURN_IF_ERROR(work->Spend(1));
  if (left.AsNumber().has_value() && right.AsNumber().has_value()) {
    return EqualNumbers(left, right);
  }
  if (left.AsText() != nullptr && right.AsText() != nullptr) {
    const std::string& a = left.AsText()->bytes;
    const std::string& b = right.AsText()->bytes;
    OUNCE_RETURN_IF_ERROR(work->Spend(std::min(a.size(), b.size()) / 16));
    return a == b;
  }
  if (left.AsSequence() != nullptr && right.AsSequence() != nullptr) {
    return EqualSequences(*left.AsSequence(), *right.AsSequence(), work);
  }
  if (left.AsDict() != nullptr && right.AsDict() != nullptr) {
    return EqualDicts(*left.AsDict(), *right.AsDict(), work);
  }
  if (left.AsRange() != nullptr && right.AsRange() != nullptr) {
    return absl::UnimplementedError("comparing ranges; use `|list`");
  }
  return (left.is_undefined() && right.is_undefined()) || left.IsSame(right);
}

absl::StatusOr<bool> Less(const Value& left, const Value& right, Work* work) {
  OUNCE_RETURN_IF_ERROR(work->Spend(1));
  if (left.AsNumber().has_value() && right.AsNumber().has_value()) {
    return LessNumbers(left, right);
  }
  if (left.AsText() != nullptr && right.AsText() != nullptr) {
    // The order of UTF-8 bytes is that of code points.
    const std::string& a = left.AsText()->bytes;
    const std::string& b = right.AsText()->bytes;
    OUNCE_RETURN_IF_ERROR(work->Spend(std::min(a.size(), b.size()) / 16));
    return a < b;
  }
  const Sequence* const a = left.AsSequence();
  const Sequence* const b = right.AsSequence();
  if (a == nullptr || b == nullptr || a->kind != b->kind ||
      (a->kind != SequenceKind::kList && a->kind != SequenceKind::kTuple)) {
    return NoOrder(left, right);
  }
  return LessItems(a->items, b->items, work);
}

absl::StatusOr<bool> Compare(absl::string_view symbol, const Value& left,
                             const Value& right, Work* work) {
  if (symbol == "<") return Less(left, right, work);
  if (symbol == ">") return Less(right, left, work);
  const bool negated = symbol == "!=" || symbol == "not in";
  if (symbol == "in" || symbol == "not in") {
    OUNCE_ASSIGN_OR_RETURN(const bool contains, Contains(right, left, work));
    return contains != negated;
  }
  if (symbol == "<=" || symbol == ">=") {
    const Value& low = symbol == "<=" ? left : right;
    const Value& high = symbol == "<=" ? right : left;
    OUNCE_ASSIGN_OR_RETURN(const bool less, Less(low, high, work));
    return less ? absl::StatusOr<bool>(true) : Equal(low, high, work);
  }
  OUNCE_ASSIGN_OR_RETURN(const bool equal, Equal(left, right, work));
  return equal != negated;
}

absl::StatusOr<bool> Contains(const Value& container, const Value& item,
                              Work* work) {
  if (const Text* text = container.AsText()) {
    const Text* const part = item.AsText();
    if (part == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("'in <string>' requires a string as its left operand, "
                       "not ",
                       item.type_name()));
    }
    OUNCE_RETURN_IF_ERROR(work->Spend(text->bytes.size()));
    return absl::StrContains(text->bytes, part->bytes);
  }
  if (const Dict* dict = container.AsDict()) {
    OUNCE_RETURN_IF_ERROR(work->Spend(1));
    if (item.is_undefined()) return false;
    OUNCE_ASSIGN_OR_RETURN(const Value* const found, dict->Find(item));
    return found != nullptr;
  }
  if (Iterator* iterator = container.AsIterator()) {
    return IteratorContains(iterator, item, work);
  }
  OUNCE_ASSIGN_OR_RETURN(const std::vector<Value> elements,
                         Elements(container, work));
  for (const Value& element : elements) {
    OUNCE_ASSIGN_OR_RETURN(const bool equal, Equal(element, item, work));
    if (equal) return true;
  }
  return false;
}

absl::StatusOr<std::vector<Value>> Elements(const Value& value, Work* work) {
  std::vector<Value> out;
  if (value.is_undefined()) return out;
  if (const Sequence* sequence = value.AsSequence()) {
    OUNCE_RETURN_IF_ERROR(
        work->Spend(kUnitsPerElement * sequence->items.size()));
    return sequence->items;
  }
  if (const Text* text = value.AsText()) {
    OUNCE_RETURN_IF_ERROR(work->Spend(kUnitsPerElement * text->bytes.size()));
    for (const absl::string_view c : SplitChars(text->bytes)) {
      out.emplace_back(c);
    }
    return out;
  }
  if (const Dict* dict = value.AsDict()) {
    OUNCE_RETURN_IF_ERROR(
        work->Spend(kUnitsPerElement * dict->entries().size()));
    for (const Dict::Entry& entry : dict->entries()) out.push_back(entry.first);
    return out;
  }
  if (const Range* range = value.AsRange()) {
    OUNCE_RETURN_IF_ERROR(
        work->Spend(kUnitsPerElement * static_cast<size_t>(range->size)));
    for (int64_t i = 0; i < range->size; ++i) {
      out.emplace_back(range->start + i * range->step);
    }
    return out;
  }
  if (Iterator* iterator = value.AsIterator()) {
    if (iterator->state == Iterator::State::kPartlyRead) {
      return absl::UnimplementedError(
          "an iterator used again after a part of it; use `|list` first");
    }
    if (iterator->state == Iterator::State::kDone) return out;
    iterator->state = Iterator::State::kDone;
    OUNCE_RETURN_IF_ERROR(
        work->Spend(kUnitsPerElement * iterator->items.size()));
    return iterator->items;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("a value of type ", value.type_name(), " is not iterable"));
}

absl::StatusOr<int64_t> Length(const Value& value, Work* work) {
  if (value.is_undefined()) return 0;
  if (const Text* text = value.AsText()) {
    OUNCE_RETURN_IF_ERROR(work->Spend(text->bytes.size()));
    return CountChars(text->bytes);
  }
  if (const Sequence* sequence = value.AsSequence()) {
    return static_cast<int64_t>(sequence->items.size());
  }
  if (const Dict* dict = value.AsDict()) {
    return static_cast<int64_t>(dict->entries().size());
  }
  if (const Range* range = value.AsRange()) return range->size;
  return absl::InvalidArgumentError(
      absl::StrCat("a value of type ", value.type_name(), " has no length"));
}

absl::StatusOr<std::optional<Value>> Item(const Value& object, const Value& key,
                                          Work* work) {
  if (const Dict* dict = object.AsDict()) {
    if (key.is_undefined()) return std::nullopt;
    const absl::StatusOr<const Value*> found = dict->Find(key);
    if (absl::IsInvalidArgument(found.status())) return std::nullopt;
    OUNCE_RETURN_IF_ERROR(found.status());
    return *found == nullptr ? std::nullopt : std::optional<Value>(**found);
  }
  const std::optional<int64_t> index = key.AsIndex();
  if (!index.has_value()) return std::nullopt;
  if (const Text* text = object.AsText()) {
    OUNCE_RETURN_IF_ERROR(work->Spend(text->bytes.size()));
    return ItemOfText(*text, *index);
  }
  const Sequence* const sequence = object.AsSequence();
  if (object.AsRange() != nullptr) {
    return absl::UnimplementedError("an element of a range; use `|list`");
  }
  if (sequence == nullptr || (sequence->kind != SequenceKind::kList &&
                              sequence->kind != SequenceKind::kTuple)) {
    return std::nullopt;
  }
  const auto size = static_cast<int64_t>(sequence->items.size());
  if (*index < -size || *index >= size) return std::nullopt;
  return sequence
      ->items[static_cast<size_t>(*index < 0 ? *index + size : *index)];
}

absl::StatusOr<Value> Slice(const Value& object, const SliceBounds& bounds,
                            Work* work) {
  OUNCE_RETURN_IF_ERROR(CheckDefined(object));
  if (const Text* text = object.AsText()) {
    OUNCE_RETURN_IF_ERROR(work->Spend(2 * text->bytes.size()));
    OUNCE_ASSIGN_OR_RETURN(const SliceIndices indices,
                           Indices(bounds, CountChars(text->bytes)));
    return SliceText(text->bytes, indices);
  }
  const Sequence* const sequence = object.AsSequence();
  if (sequence == nullptr || (sequence->kind != SequenceKind::kList &&
                              sequence->kind != SequenceKind::kTuple)) {
    if (object.AsRange() != nullptr) {
      return absl::UnimplementedError("a slice of a range; use `|list`");
    }
    return absl::InvalidArgumentError(
        absl::StrCat("a slice of a value of type ", object.type_name()));
  }
  OUNCE_ASSIGN_OR_RETURN(
      const SliceIndices indices,
      Indices(bounds, static_cast<int64_t>(sequence->items.size())));
  OUNCE_RETURN_IF_ERROR(
      work->Spend(kUnitsPerElement * static_cast<size_t>(indices.count)));
  std::vector<Value> items;
  for (int64_t i = 0; i < indices.count; ++i) {
    items.push_back(
        sequence->items[static_cast<size_t>(indices.first + i * indices.step)]);
  }
  return MakeSequence(sequence->kind, std::move(items));
}

}  // namespace ounce::jinja
