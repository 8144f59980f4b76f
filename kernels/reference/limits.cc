#include "kernels/reference/reference.h"

namespace ounce::reference {

void ReadBytes(int /*loop*/, const uint8_t* data, int64_t bytes) {
  uint8_t sum = 0;
  for (int64_t i = 0; i < bytes; ++i) sum ^= data[i];
  const volatile uint8_t kept = sum;
  static_cast<void>(kept);
}

int64_t MultiplyRegisters(Codec /*codec*/, int64_t rounds) {
  volatile float factor = 0.5f;
  const float a = factor;
  float sum = 0.0f;
  for (int64_t i = 0; i < rounds; ++i) sum = a * sum + a;
  factor = sum;
  return rounds;
}

}  // namespace ounce::reference
