// The tokens of a model: text to id and back.
#ifndef OUNCE_TEXT_VOCABULARY_H_
#define OUNCE_TEXT_VOCABULARY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/json_reader.h"

namespace ounce {

// Immutable; thread-safe.  Views it hands out live as long as it does, also
// when it is moved.
class Vocabulary {
 public:
  // Reads the object {token: id, ...} that comes next, to its end whatever ids
  // it has.  What is no JSON is an error of `reader`.
  // kInvalidArgument: an id out of range, or two tokens with one id.
  static absl::StatusOr<Vocabulary> Read(JsonReader* reader);

  // Reads the array [[token, score], ...] that comes next, to its end: the ids
  // are the positions, a unigram model's scores go to `scores`.  Of equal
  // tokens Find() gives the last.  Errors as above.
  static absl::StatusOr<Vocabulary> ReadScored(JsonReader* reader,
                                               std::vector<double>* scores);

  struct Token {
    absl::string_view text;
    int32_t id = 0;
  };
  enum class Repeats { kRefuse, kLastWins };
  // Copies `tokens`, whose ids are below kMaxTokenIds.  A text that is there
  // twice is an error, or Find() gives its last id.
  // kInvalidArgument: that, two texts with one id, or 4 GiB of text.
  static absl::StatusOr<Vocabulary> Create(absl::Span<const Token> tokens,
                                           Repeats repeats = Repeats::kRefuse);

  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;

  std::optional<int32_t> Find(absl::string_view token) const {
    return Find(token, HashOf(token));
  }
  // Sets each of `ids` to Find() of the token beside it.  Memory is waited for
  // once for many tokens, which are scattered over it.
  void FindAll(absl::Span<const absl::string_view> tokens,
               absl::Span<std::optional<int32_t>> ids) const;
  // nullopt: no token has this id.
  std::optional<absl::string_view> TokenOf(int32_t id) const;

  // Calls `visit` with every token and its id, by ascending id.
  void ForEach(absl::FunctionRef<void(absl::string_view, int32_t)> visit) const;

  size_t size() const { return entries_.size(); }
  // One more than the largest id; 0 when there is none.
  int32_t id_limit() const {
    return entries_.empty() ? 0 : entries_.back().id + 1;
  }

 private:
  struct Entry {
    int32_t id = 0;
    uint32_t offset = 0;  // In text_.
    uint32_t size = 0;
  };
  struct Slot {
    uint32_t tag = 0;  // Bits of the hash that are not in the slot's place.
    Entry entry = {kNoId, 0, 0};
  };
  static constexpr int32_t kNoId = -1;

  Vocabulary() = default;
  // Differs from process to process, so that no file can make tokens collide.
  static uint64_t HashOf(absl::string_view token) {
    return absl::Hash<absl::string_view>()(token);
  }
  static uint32_t TagOf(uint64_t hash) {
    return static_cast<uint32_t>(hash >> 32);
  }
  absl::string_view TextOf(const Entry& entry) const {
    return {text_.data() + entry.offset, entry.size};
  }
  // The slot of `token`, or the empty one that it would have.
  size_t SlotOf(absl::string_view token, uint64_t hash) const;
  std::optional<int32_t> Find(absl::string_view token, uint64_t hash) const;

  absl::Status Add(absl::string_view token, const Json& id);
  absl::Status AddScored(JsonReader* reader, std::vector<double>* scores);
  void Append(absl::string_view token, int32_t id);
  // Fills slots_.  False when a token is there twice, which `*repeated` is;
  // without `repeated` the last of its ids stays.
  bool Index(absl::string_view* repeated);
  bool Insert(const Entry& entry, uint64_t hash, bool replaces);
  absl::Status SortById();

  std::vector<char> text_;  // Of all tokens, one behind the other.
  // By id.  Ids may have gaps as large as a hostile file likes, so that an id
  // is only where an entry is looked for first.
  std::vector<Entry> entries_;
  // Open addressing with linear probing; at most half of a power of two of
  // slots is filled.
  std::vector<Slot> slots_ = std::vector<Slot>(1);
};

}  // namespace ounce

#endif  // OUNCE_TEXT_VOCABULARY_H_
