#include "text/byte_alphabet.h"

#include <array>
#include <cstdint>

#include "core/utf8.h"

namespace ounce {
namespace {

constexpr char32_t kFirstSubstitute = 0x100;
constexpr size_t kAlphabetEnd = 0x144;  // One past the largest character.

constexpr bool StandsForItself(size_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
         byte >= 0xAE;
}

struct Alphabet {
  std::array<char32_t, 256> character_of = {};
  std::array<int16_t, kAlphabetEnd> byte_of = {};  // -1: outside.
};

constexpr Alphabet MakeAlphabet() {
  Alphabet alphabet;
  for (int16_t& byte : alphabet.byte_of) byte = -1;
  char32_t substitute = kFirstSubstitute;
  for (size_t byte = 0; byte < 256; ++byte) {
    const char32_t character =
        StandsForItself(byte) ? static_cast<char32_t>(byte) : substitute++;
    alphabet.character_of[byte] = character;
    alphabet.byte_of[character] = static_cast<int16_t>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = MakeAlphabet();

char32_t CharacterOf(char byte) {
  return kAlphabet.character_of[static_cast<uint8_t>(byte)];
}

}  // namespace

void AppendByteLevel(absl::string_view bytes, std::string* out) {
  for (const char byte : bytes) AppendUtf8(CharacterOf(byte), out);
}

size_t ByteLevelSize(absl::string_view bytes) {
  size_t size = 0;
  for (const char byte : bytes) size += CharacterOf(byte) < 0x80 ? 1 : 2;
  return size;
}

void AppendBytesOfToken(absl::string_view token, std::string* out) {
  const size_t size = out->size();
  for (size_t i = 0; i < token.size();) {
    const Utf8Char c = DecodeUtf8(token, i);
    const int byte = c.value < kAlphabetEnd ? kAlphabet.byte_of[c.value] : -1;
    if (byte < 0) {
      out->resize(size);
      out->append(token.data(), token.size());
      return;
    }
    out->push_back(static_cast<char>(byte));
    i += c.num_bytes;
  }
}

}  // namespace ounce
