// The two 16-bit float formats as their bit patterns, converted exactly as the
// hardware does: widening is exact, narrowing rounds half to even.
// Source: IEEE 754-2008 (binary16); bfloat16 is the upper half of binary32.
#ifndef OUNCE_CORE_HALF_H_
#define OUNCE_CORE_HALF_H_

#include <bit>
#include <cstdint>

namespace ounce {

// The smallest magnitude that binary16 holds at full precision, and its
// largest.
constexpr float kF16MinNormal = 6.103515625e-05f;
constexpr float kF16Max = 65504.0f;

inline float BF16ToF32(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

inline uint16_t F32ToBF16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) {
    return static_cast<uint16_t>((bits >> 16) | 0x0040u);  // Keep NaN a NaN.
  }
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

inline float F16ToF32(uint16_t bits) {
  // Shift exponent and fraction into place, then multiply by 2^112 to mend the
  // exponent bias; the multiplication also normalises subnormals.
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t magnitude = static_cast<uint32_t>(bits & 0x7FFFu) << 13;
  if (magnitude >= 0x0F800000u) {  // Infinity or NaN.
    return std::bit_cast<float>(sign | magnitude | 0x70000000u);
  }
  const float scaled = std::bit_cast<float>(magnitude) * 0x1.0p112f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(scaled));
}

inline uint16_t F32ToF16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<uint16_t>(sign | 0x7E00u);
  if (magnitude >= 0x477FF000u) {  // Rounds to 65536 or more.
    return static_cast<uint16_t>(sign | 0x7C00u);
  }
  if (magnitude < 0x38800000u) {  // Subnormal: let the adder round at 2^-24.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(
        sign | (std::bit_cast<uint32_t>(shifted) - 0x3F000000u));
  }
  const uint32_t rounded = magnitude + 0xFFFu + ((magnitude >> 13) & 1u);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

}  // namespace ounce

#endif  // OUNCE_CORE_HALF_H_
