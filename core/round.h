// Rounding in a form that every compiler vectorises.
#ifndef OUNCE_CORE_ROUND_H_
#define OUNCE_CORE_ROUND_H_

namespace ounce {

// To the nearest whole number, half to even.  Adding 1.5 * 2^23 leaves no room
// for a fraction, so that the adder rounds; no call of a library.  |value| <
// 2^22.
inline float RoundHalfEven(float value) {
  constexpr float kMagic = 12582912.0f;
  return (value + kMagic) - kMagic;
}

}  // namespace ounce

#endif  // OUNCE_CORE_ROUND_H_
