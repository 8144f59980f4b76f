// The rewriting rules that SentencePiece models carry: a trie of byte strings,
// each with the text that replaces it.
// Source: google/sentencepiece, src/normalizer.cc and the double-array trie of
// Darts-clone; what is looked up, and when, is the reference's
// (spm_precompiled 0.1.4 and src/normalizers/precompiled.rs).
#ifndef OUNCE_TEXT_CHARACTER_MAP_H_
#define OUNCE_TEXT_CHARACTER_MAP_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace ounce {

// Immutable; thread-safe.
class CharacterMap {
 public:
  // `bytes`, all integers little-endian:
  //   uint32  size of the trie in bytes
  //   uint32  units of the trie: bits 0..7 the byte that leads here, 8 whether
  //           a value follows, 10..30 where to go on (times 256 when bit 9 is
  //           set); a value is an offset in what follows
  //   texts, each ended by a NUL
  // kInvalidArgument: the trie is empty or longer than `bytes`, or the texts
  // are not UTF-8 or one has more than 1024 bytes.  A unit that leads out of
  // the trie, or a value that is no offset of a character, is as if it were not
  // there.
  static absl::StatusOr<CharacterMap> Parse(absl::string_view bytes);

  // `text` with every user-perceived character of up to five bytes replaced by
  // what its shortest beginning in the trie stands for, and the other
  // characters one by one.  Linear in `text` and what it becomes.
  // REQUIRES: `text` is valid UTF-8; so is the result.
  std::string Apply(absl::string_view text) const;

 private:
  CharacterMap() = default;
  std::optional<absl::string_view> Find(absl::string_view chunk) const;
  std::optional<absl::string_view> TextAt(uint32_t offset) const;
  // Appends what becomes of one user-perceived character.
  void AppendMapped(absl::string_view grapheme, std::string* out) const;
  void AppendMappedAscii(char byte, std::string* out) const;

  std::vector<uint32_t> units_;
  std::string texts_;
  // Of each ASCII character by itself; most have none.
  std::array<std::optional<std::string>, 128> ascii_;
};

}  // namespace ounce

#endif  // OUNCE_TEXT_CHARACTER_MAP_H_
