// A small random generator whose numbers are the same on every platform, which
// the standard library's distributions are not.
// Source: xoshiro256** by Blackman and Vigna, arXiv:1805.01407; seeded by
// SplitMix64.
#ifndef OUNCE_CORE_RANDOM_H_
#define OUNCE_CORE_RANDOM_H_

#include <array>
#include <bit>
#include <cstdint>

namespace ounce {

class Random {
 public:
  explicit Random(uint64_t seed) {
    for (uint64_t& word : state_) {
      seed += 0x9E3779B97F4A7C15u;
      uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
      word = z ^ (z >> 31);
    }
  }

  uint64_t NextBits() {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // Uniform in [0, 1), a multiple of 2^-53.
  double NextDouble() {
    return static_cast<double>(NextBits() >> 11) * 0x1.0p-53;
  }

  // Uniform in [0, bound), `bound` >= 1; the bias is below bound / 2^64.
  uint64_t NextBelow(uint64_t bound) {
    return static_cast<uint64_t>(
        (static_cast<unsigned __int128>(NextBits()) * bound) >> 64);
  }

 private:
  std::array<uint64_t, 4> state_;
};

}  // namespace ounce

#endif  // OUNCE_CORE_RANDOM_H_
