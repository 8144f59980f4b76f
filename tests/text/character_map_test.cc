#include "text/character_map.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"
#include "text/normalizer.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

// A double-array trie written by hand.  A unit holds its byte, whether a value
// follows (bit 8) and where its children are (from bit 10 on, xor the byte).
class Trie {
 public:
  explicit Trie(size_t num_units) : units_(num_units) {}
  // The unit at `at`: children at its position xor `offset`.
  Trie& Node(size_t at, uint32_t byte, bool has_value, uint32_t offset) {
    units_[at] = byte | (has_value ? 1u << 8 : 0) | offset << 10;
    return *this;
  }
  Trie& Value(size_t at, uint32_t value) {
    units_[at] = value | 1u << 31;
    return *this;
  }
  std::string Bytes(absl::string_view texts) const {
    std::string bytes;
    AppendUnit(static_cast<uint32_t>(4 * units_.size()), &bytes);
    for (const uint32_t unit : units_) AppendUnit(unit, &bytes);
    bytes.append(texts.data(), texts.size());
    return bytes;
  }

 private:
  static void AppendUnit(uint32_t unit, std::string* bytes) {
    for (int shift = 0; shift < 32; shift += 8) {
      bytes->push_back(static_cast<char>(unit >> shift & 0xFF));
    }
  }
  std::vector<uint32_t> units_;
};

// "a" -> "xyz", and "b" followed by U+0301 (CC 81) -> "q".
std::string SmallMap() {
  Trie trie(512);
  trie.Node(0, 0, false, 256);         // Children at 256 ^ byte.
  trie.Node(256 ^ 'a', 'a', true, 1);  // Value at 256 ^ 'a' ^ 1.
  trie.Value(256 ^ 'a' ^ 1, 0);
  trie.Node(256 ^ 'b', 'b', false, 4);  // Children at 256 ^ 'b' ^ 4 ^ byte.
  trie.Node(256 ^ 'b' ^ 4 ^ 0xCC, 0xCC, false, 16);
  trie.Node(256 ^ 'b' ^ 4 ^ 0xCC ^ 16 ^ 0x81, 0x81, true, 1);
  trie.Value(256 ^ 'b' ^ 4 ^ 0xCC ^ 16 ^ 0x81 ^ 1, 4);
  return trie.Bytes(absl::string_view("xyz\0q\0", 6));
}

TEST(CharacterMapTest, ReplacesWhatTheTrieHas) {
  ASSERT_OK_AND_ASSIGN(const CharacterMap map, CharacterMap::Parse(SmallMap()));
  EXPECT_EQ(map.Apply("cab"), "cxyzb");
  EXPECT_EQ(map.Apply("b\u0301c"), "qc");
  EXPECT_EQ(map.Apply(""), "");
}

TEST(CharacterMapTest, TheShortestBeginningStandsForAShortGrapheme) {
  // As the reference: "a" with an accent is looked up whole, its beginning "a"
  // is found, and the accent is lost.
  ASSERT_OK_AND_ASSIGN(const CharacterMap map, CharacterMap::Parse(SmallMap()));
  EXPECT_EQ(map.Apply("a\u0301"), "xyz");
  // Six bytes are too long: character by character.
  EXPECT_EQ(map.Apply("a\u0301\u0301\u0301"), "xyz\u0301\u0301\u0301");
}

TEST(CharacterMapTest, TruncatedAtAnyByteItIsAnErrorOrHarmless) {
  const std::string bytes = SmallMap();
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto map = CharacterMap::Parse(bytes.substr(0, size));
    if (size < 4 + 4 * 512) {
      EXPECT_THAT(map,
                  StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
    } else {
      ASSERT_THAT(map, IsOk());
      EXPECT_EQ(map->Apply("c"), "c");
      map->Apply("ab\u0301");
    }
  }
}

TEST(CharacterMapTest, OffsetsOutOfRangeAreAsIfNotThere) {
  // The root's children lie beyond the end.
  ASSERT_OK_AND_ASSIGN(
      const CharacterMap far,
      CharacterMap::Parse(Trie(1).Node(0, 0, false, 1 << 20).Bytes("")));
  EXPECT_EQ(far.Apply("abc"), "abc");
  // The value lies beyond the end, points behind the texts, or into a
  // character.
  for (const uint32_t value : {3u, 1u, 0x7FFFFFFFu}) {
    Trie trie(256);
    trie.Node(0, 0, false, 0).Node('a', 'a', true, 1).Value('a' ^ 1, value);
    ASSERT_OK_AND_ASSIGN(const CharacterMap map,
                         CharacterMap::Parse(trie.Bytes("\u00E9")));
    EXPECT_EQ(map.Apply("a"), "a") << value;
  }
  Trie trie(98);
  trie.Node(0, 0, false, 0).Node('a', 'a', true, 1 << 19);
  ASSERT_OK_AND_ASSIGN(const CharacterMap map,
                       CharacterMap::Parse(trie.Bytes("")));
  EXPECT_EQ(map.Apply("a"), "a");
}

TEST(CharacterMapTest, AValueAtTheEndOfTheTextsIsEmpty) {
  Trie trie(256);
  trie.Node(0, 0, false, 0).Node('a', 'a', true, 1).Value('a' ^ 1, 2);
  ASSERT_OK_AND_ASSIGN(const CharacterMap map,
                       CharacterMap::Parse(trie.Bytes("\u00E9")));
  EXPECT_EQ(map.Apply("bab"), "bb");
}

TEST(CharacterMapTest, BadBytesAreErrors) {
  EXPECT_THAT(CharacterMap::Parse("abc"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("3 bytes; expected a trie")));
  EXPECT_THAT(CharacterMap::Parse(absl::string_view("\0\0\0\0x", 5)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("a trie of 0 bytes")));
  EXPECT_THAT(CharacterMap::Parse("\xFF\xFF\xFF\xFFxxxx"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("of which 4 are there")));
  EXPECT_THAT(
      CharacterMap::Parse(Trie(1).Bytes("\xC3")),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not UTF-8")));
}

TEST(CharacterMapTest, TheNormalizerReadsBase64) {
  const Json config =
      Json::Of({{"precompiled_charsmap", absl::Base64Escape(SmallMap())}});
  auto normalizer = ParsePrecompiled(config);
  ASSERT_THAT(normalizer, IsOk());
  ASSERT_OK_AND_ASSIGN(const std::string text, (*normalizer)->Normalize("a"));
  EXPECT_EQ(text, "xyz");
  for (const char* bad :
       {R"({"precompiled_charsmap": "*"})", R"({"precompiled_charsmap": ""})",
        R"({"precompiled_charsmap": null})", "{}"}) {
    EXPECT_THAT(ParsePrecompiled(ParseOrDie(bad)),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("precompiled_charsmap")));
  }
}

}  // namespace
}  // namespace ounce
