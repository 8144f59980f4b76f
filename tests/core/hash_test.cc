#include "core/hash.h"

#include <vector>

#include "gtest/gtest.h"

namespace ounce {
namespace {

absl::Span<const uint8_t> Bytes(absl::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// The pseudorandom buffer of xxHash's own sanity check.
std::vector<uint8_t> XxhashTestBuffer(size_t size) {
  std::vector<uint8_t> buffer;
  uint64_t generator = 2654435761u;
  for (size_t i = 0; i < size; ++i) {
    buffer.push_back(static_cast<uint8_t>(generator >> 56));
    generator *= 11400714785074694797u;
  }
  return buffer;
}

// As `xxh128sum` prints them; the last is a vector of cli/xsum_sanity_check.c.
TEST(Xxh3Test, GivesThePublishedHashes) {
  EXPECT_EQ(Xxh3({}).Hex(), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(Xxh3(Bytes("a")).Hex(), "a96faf705af16834e6c632b61e964e1f");
  EXPECT_EQ(Xxh3(Bytes("abc")).Hex(), "06b05ab6733a618578af5f94892f3950");
  const Hash128 hash = Xxh3(XxhashTestBuffer(2367));
  EXPECT_EQ(hash.low, 0xCB37AEB9E5D361EDu);
  EXPECT_EQ(hash.high, 0xE89C0F6FF369B427u);
}

TEST(Xxh3Test, PartsGiveTheHashOfTheWhole) {
  const std::vector<uint8_t> buffer = XxhashTestBuffer(2367);
  const absl::Span<const uint8_t> whole = buffer;
  for (const size_t part : {1u, 64u, 1000u, 2367u}) {
    Xxh3Stream stream;
    for (size_t begin = 0; begin < whole.size(); begin += part) {
      stream.Update(whole.subspan(begin, part));
    }
    stream.Update({});
    EXPECT_EQ(stream.Finish(), Xxh3(whole)) << part;
  }
}

// FIPS 180-4 example values.
TEST(Sha256Test, GivesThePublishedHashes) {
  EXPECT_EQ(Sha256Hex(""),
            "e3b0c44298fc1c149afbf4c8996fb924"
            "27ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"),
            "ba7816bf8f01cfea414140de5dae2223"
            "b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(
      Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256Test, HashesAMillionLettersInParts) {
  const std::string part(1000, 'a');
  Sha256Stream stream;
  for (int i = 0; i < 1000; ++i) stream.Update(Bytes(part));
  EXPECT_EQ(stream.FinishHex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace ounce
