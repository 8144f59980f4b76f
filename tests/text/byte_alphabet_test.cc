#include "text/byte_alphabet.h"

#include <set>
#include <string>

#include "core/utf8.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

std::string CharacterOf(int byte) {
  const char bytes[] = {static_cast<char>(byte)};
  std::string out;
  AppendByteLevel(absl::string_view(bytes, 1), &out);
  return out;
}

TEST(ByteAlphabetTest, CharactersAreThoseOfGpt2) {
  // From bytes_to_unicode(): the first substitute is U+0100 for byte 0, a space
  // is the 33rd (U+0120), and U+0143 stands for the soft hyphen 0xAD.
  EXPECT_EQ(CharacterOf(0x00), "\u0100");
  EXPECT_EQ(CharacterOf(' '), "\u0120");
  EXPECT_EQ(CharacterOf('\n'), "\u010A");
  EXPECT_EQ(CharacterOf('!'), "!");
  EXPECT_EQ(CharacterOf('~'), "~");
  EXPECT_EQ(CharacterOf(0x7F), "\u0121");
  EXPECT_EQ(CharacterOf(0xA0), "\u0142");
  EXPECT_EQ(CharacterOf(0xA1), "\u00A1");
  EXPECT_EQ(CharacterOf(0xAD), "\u0143");
  EXPECT_EQ(CharacterOf(0xFF), "\u00FF");
}

TEST(ByteAlphabetTest, EveryByteHasItsOwnCharacterAndComesBack) {
  std::set<std::string> characters;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string character = CharacterOf(byte);
    characters.insert(character);
    std::string bytes;
    AppendBytesOfToken(character, &bytes);
    EXPECT_EQ(bytes, std::string(1, static_cast<char>(byte)));
  }
  EXPECT_EQ(characters.size(), 256u);
}

TEST(ByteAlphabetTest, SizeIsThatOfTheResult) {
  const std::string bytes = "a \u00E9\n中";
  std::string out;
  AppendByteLevel(bytes, &out);
  EXPECT_EQ(ByteLevelSize(bytes), out.size());
}

TEST(ByteAlphabetTest, TokenWithAForeignCharacterStaysAsItIs) {
  std::string bytes = "x";
  AppendBytesOfToken("\u0120a中", &bytes);
  EXPECT_EQ(bytes, "x\u0120a中");
  // U+0144 is the first character behind the alphabet; a space is not in it.
  bytes.clear();
  AppendBytesOfToken("\u0144", &bytes);
  AppendBytesOfToken("a b", &bytes);
  EXPECT_EQ(bytes, "\u0144a b");
}

}  // namespace
}  // namespace ounce
