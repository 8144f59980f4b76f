// The two hashes Ounce stores: XXH3-128 for what it wrote itself (fast, against
// damage), SHA-256 for files of others (against confusion and forgery).
// Source: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md;
// FIPS 180-4.
#ifndef OUNCE_CORE_HASH_H_
#define OUNCE_CORE_HASH_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace ounce {

struct Hash128 {
  uint64_t low = 0;
  uint64_t high = 0;

  friend bool operator==(const Hash128& a, const Hash128& b) = default;
  // 32 lowercase digits, the high half first (xxhsum's canonical form).
  std::string Hex() const;
};

Hash128 Xxh3(absl::Span<const uint8_t> bytes);

// XXH3-128 of bytes that come in parts.
class Xxh3Stream {
 public:
  Xxh3Stream();
  ~Xxh3Stream();
  void Update(absl::Span<const uint8_t> bytes);
  Hash128 Finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// SHA-256 of bytes that come in parts.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  void Update(absl::Span<const uint8_t> bytes);
  // 64 lowercase hexadecimal digits.  Call once, last.
  std::string FinishHex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string Sha256Hex(absl::string_view bytes);

}  // namespace ounce

#endif  // OUNCE_CORE_HASH_H_
