// Calculate() and Negate() of operators.h.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"
#include "text/jinja/string_format.h"

namespace ounce::jinja {
namespace {

absl::Status TooLarge() {
  return absl::OutOfRangeError("the result is an integer beyond 64 bits");
}

absl::Status DivisionByZero() {
  return absl::InvalidArgumentError("division by zero");
}

absl::StatusOr<Value> Power(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) return DivisionByZero();
    return Value(
        std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  int64_t result = 1;
  // What is neither 0, 1 nor -1 overflows within 63 rounds.
  if (base == 0 || base == 1 || base == -1) {
    exponent = exponent == 0 ? 0 : 2 - exponent % 2;
  }
  for (; exponent > 0; --exponent) {
    if (__builtin_mul_overflow(result, base, &result)) return TooLarge();
  }
  return Value(result);
}

// // and % of Python: the quotient is rounded down, the rest has the divisor's
// sign.
absl::StatusOr<Value> Divide(absl::string_view symbol, int64_t left,
                             int64_t right) {
  if (right == 0) return DivisionByZero();
  if (symbol == "/") {
    return Value(static_cast<double>(left) / static_cast<double>(right));
  }
  if (right == -1) {
    if (symbol == "%") return Value(int64_t{0});
    if (left == std::numeric_limits<int64_t>::min()) return TooLarge();
    return Value(-left);
  }
  int64_t quotient = left / right;
  int64_t rest = left % right;
  if (rest != 0 && (rest < 0) != (right < 0)) {
    --quotient;
    rest += right;
  }
  return Value(symbol == "%" ? rest : quotient);
}

absl::StatusOr<Value> OfIntegers(absl::string_view symbol, int64_t left,
                                 int64_t right) {
  int64_t result = 0;
  bool overflow = false;
  if (symbol == "+") {
    overflow = __builtin_add_overflow(left, right, &result);
  } else if (symbol == "-") {
    overflow = __builtin_sub_overflow(left, right, &result);
  } else if (symbol == "*") {
    overflow = __builtin_mul_overflow(left, right, &result);
  } else {
    return symbol == "**" ? Power(left, right) : Divide(symbol, left, right);
  }
  if (overflow) return TooLarge();
  return Value(result);
}

// The rest of a division of floats, with the divisor's sign.
double FloatRest(double left, double right) {
  const double rest = std::fmod(left, right);
  if (rest == 0) return std::copysign(0.0, right);
  return (rest < 0) == (right < 0) ? rest : rest + right;
}

// Python's float floor division, which is exact where floor(left / right) is
// not.
double FloatFloorQuotient(double left, double right) {
  const double quotient = (left - FloatRest(left, right)) / right;
  if (quotient == 0) return std::copysign(0.0, left / right);
  const double floor = std::floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

absl::StatusOr<Value> OfFloats(absl::string_view symbol, double left,
                               double right) {
  if (symbol == "+") return Value(left + right);
  if (symbol == "-") return Value(left - right);
  if (symbol == "*") return Value(left * right);
  if (symbol == "**") {
    if (left < 0 && std::floor(right) != right) {
      return absl::UnimplementedError("a power that is a complex number");
    }
    if (left == 0 && right < 0) return DivisionByZero();
    const double power = std::pow(left, right);
    if (std::isinf(power) && std::isfinite(left) && std::isfinite(right)) {
      return absl::OutOfRangeError("the result is too large for a float");
    }
    return Value(power);
  }
  if (right == 0) return DivisionByZero();
  if (symbol == "/") return Value(left / right);
  return Value(symbol == "%" ? FloatRest(left, right)
                             : FloatFloorQuotient(left, right));
}

absl::Status Mismatch(absl::string_view symbol, const Value& left,
                      const Value& right) {
  OUNCE_RETURN_IF_ERROR(CheckDefined(left));
  OUNCE_RETURN_IF_ERROR(CheckDefined(right));
  return absl::InvalidArgumentError(
      absl::StrCat("'", symbol, "' between values of types ", left.type_name(),
                   " and ", right.type_name()));
}

// How often a sequence is repeated of which one takes `size` units, its cost
// spent.
absl::StatusOr<size_t> CheckRepeats(int64_t times, size_t size, Work* work) {
  if (times <= 0 || size == 0) return 0;
  if (times > std::numeric_limits<int32_t>::max() ||
      size > size_t{std::numeric_limits<int32_t>::max()}) {
    return absl::ResourceExhaustedError("a repetition beyond all limits");
  }
  OUNCE_RETURN_IF_ERROR(work->Spend(static_cast<size_t>(times) * size));
  return static_cast<size_t>(times);
}

absl::StatusOr<Value> Repeat(const Value& value, int64_t count, Work* work) {
  if (const Text* text = value.AsText()) {
    OUNCE_ASSIGN_OR_RETURN(const size_t times,
                           CheckRepeats(count, text->bytes.size(), work));
    std::string out;
    for (size_t i = 0; i < times; ++i) out += text->bytes;
    return Value(std::move(out));
  }
  const Sequence& sequence = *value.AsSequence();
  OUNCE_ASSIGN_OR_RETURN(
      const size_t times,
      CheckRepeats(count, kUnitsPerElement * sequence.items.size(), work));
  std::vector<Value> items;
  for (size_t i = 0; i < times; ++i) {
    items.insert(items.end(), sequence.items.begin(), sequence.items.end());
  }
  return MakeSequence(sequence.kind, std::move(items));
}

bool IsRepeatable(const Value& value) {
  return value.AsText() != nullptr ||
         value.AsSequence(SequenceKind::kList) != nullptr ||
         value.AsSequence(SequenceKind::kTuple) != nullptr;
}

// Beside a text that is marked safe, one that is not is escaped.
absl::StatusOr<Value> AppendTexts(const Text& left, const Text& right,
                                  Work* work) {
  const bool markup = left.is_markup || right.is_markup;
  const std::string a =
      markup && !left.is_markup ? EscapeHtml(left.bytes) : left.bytes;
  const std::string b =
      markup && !right.is_markup ? EscapeHtml(right.bytes) : right.bytes;
  OUNCE_RETURN_IF_ERROR(work->Spend(a.size() + b.size()));
  return Value(Text{absl::StrCat(a, b), markup});
}

absl::StatusOr<Value> Append(const Value& left, const Value& right,
                             Work* work) {
  if (left.AsText() != nullptr && right.AsText() != nullptr) {
    return AppendTexts(*left.AsText(), *right.AsText(), work);
  }
  const Sequence* const a = left.AsSequence();
  const Sequence* const b = right.AsSequence();
  if (a == nullptr || b == nullptr || a->kind != b->kind ||
      (a->kind != SequenceKind::kList && a->kind != SequenceKind::kTuple)) {
    return Mismatch("+", left, right);
  }
  OUNCE_RETURN_IF_ERROR(
      work->Spend(kUnitsPerElement * (a->items.size() + b->items.size())));
  std::vector<Value> items = a->items;
  items.insert(items.end(), b->items.begin(), b->items.end());
  return MakeSequence(a->kind, std::move(items));
}

bool IsMarkup(const Value& value) {
  return value.AsText() != nullptr && value.AsText()->is_markup;
}

}  // namespace

absl::StatusOr<Value> Calculate(absl::string_view symbol, const Value& left,
                                const Value& right, Work* work) {
  if (symbol != "+" && (IsMarkup(left) || IsMarkup(right))) {
    return absl::UnimplementedError(absl::StrCat(
        "'", symbol, "' with a string from `safe` or `escape`; use ~"));
  }
  if (symbol == "%" && left.AsText() != nullptr) {
    return FormatPercent(left.AsText()->bytes, right, work);
  }
  if (left.AsNumber().has_value() && right.AsNumber().has_value()) {
    const std::optional<int64_t> a = left.AsIndex(), b = right.AsIndex();
    if (a.has_value() && b.has_value()) return OfIntegers(symbol, *a, *b);
    return OfFloats(symbol, *left.AsNumber(), *right.AsNumber());
  }
  if (symbol == "+") return Append(left, right, work);
  if (symbol == "*") {
    if (IsRepeatable(left) && right.AsIndex().has_value()) {
      return Repeat(left, *right.AsIndex(), work);
    }
    if (IsRepeatable(right) && left.AsIndex().has_value()) {
      return Repeat(right, *left.AsIndex(), work);
    }
  }
  return Mismatch(symbol, left, right);
}

absl::StatusOr<Value> Negate(const Value& value) {
  OUNCE_RETURN_IF_ERROR(CheckDefined(value));
  if (const double* number = value.AsFloat()) return Value(-*number);
  if (const std::optional<int64_t> integer = value.AsIndex()) {
    if (*integer == std::numeric_limits<int64_t>::min()) return TooLarge();
    return Value(-*integer);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'-' before a value of type ", value.type_name()));
}

}  // namespace ounce::jinja
