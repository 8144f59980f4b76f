#include "text/score.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace ounce {
namespace {

constexpr int kMaxPower = 308;
// Exponents beyond it, which only a hostile file has, all give 0 or infinity.
constexpr int64_t kMaxExponent = int64_t{1} << 40;

// 10^n, correctly rounded; n from 0 to kMaxPower.
double PowerOfTen(int64_t n) {
  static const std::array<double, kMaxPower + 1>& powers = *[] {
    auto* table = new std::array<double, kMaxPower + 1>;
    for (int i = 0; i <= kMaxPower; ++i) {
      const std::string text = "1e" + std::to_string(i);
      (*table)[static_cast<size_t>(i)] = std::strtod(text.c_str(), nullptr);
    }
    return table;
  }();
  return powers[static_cast<size_t>(n)];
}

// A number as its digits, as many as fit, and where the point is.
struct Decimal {
  uint64_t significand = 0;
  int64_t exponent = 0;
};

// Takes the leading digits of `text`.  Those that do not fit are left out, but
// count as places before the point.
void TakeDigits(absl::string_view* text, bool behind_point, Decimal* number) {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  bool is_full = false;
  while (!text->empty() && (*text)[0] >= '0' && (*text)[0] <= '9') {
    const auto digit = static_cast<uint64_t>((*text)[0] - '0');
    text->remove_prefix(1);
    is_full = is_full || number->significand > kMax / 10 ||
              (number->significand == kMax / 10 && digit > kMax % 10);
    if (!is_full) number->significand = number->significand * 10 + digit;
    if (is_full != behind_point) number->exponent += is_full ? 1 : -1;
  }
}

Decimal ReadDecimal(absl::string_view text) {
  Decimal number;
  TakeDigits(&text, /*behind_point=*/false, &number);
  if (absl::ConsumePrefix(&text, ".")) {
    TakeDigits(&text, /*behind_point=*/true, &number);
  }
  if (absl::ConsumePrefix(&text, "e") || absl::ConsumePrefix(&text, "E")) {
    const bool is_negative = absl::StartsWith(text, "-");
    int64_t exponent = 0;
    if (!absl::SimpleAtoi(text, &exponent)) {
      exponent = is_negative ? -kMaxExponent : kMaxExponent;
    }
    number.exponent += std::clamp(exponent, -kMaxExponent, kMaxExponent);
  }
  return number;
}

// The significand times the power of ten, rounded after each of the two.
std::optional<double> Scale(Decimal number) {
  auto value = static_cast<double>(number.significand);
  if (value == 0.0) return value;
  while (number.exponent < -kMaxPower && value != 0.0) {
    value /= PowerOfTen(kMaxPower);
    number.exponent += kMaxPower;
  }
  if (value == 0.0) return value;
  if (number.exponent > kMaxPower) return std::nullopt;
  value = number.exponent >= 0 ? value * PowerOfTen(number.exponent)
                               : value / PowerOfTen(-number.exponent);
  if (std::isinf(value)) return std::nullopt;
  return value;
}

}  // namespace

std::optional<double> ReadScore(absl::string_view number) {
  const bool is_negative = absl::ConsumePrefix(&number, "-");
  const std::optional<double> value = Scale(ReadDecimal(number));
  if (!value.has_value() || !is_negative) return value;
  return -*value;
}

}  // namespace ounce
