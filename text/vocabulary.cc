#include "text/vocabulary.h"

#include <algorithm>
#include <array>
#include <bit>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/status_macros.h"
#include "text/config.h"
#include "text/quote.h"

namespace ounce {
namespace {

// Tokens whose memory is fetched at the same time: more than a CPU can wait
// for at once, few enough to stay in the first-level cache.
constexpr size_t kBatch = 64;

}  // namespace

absl::StatusOr<Vocabulary> Vocabulary::Read(JsonReader* reader) {
  Vocabulary vocabulary;
  absl::Status status;
  reader->BeginObject();
  absl::string_view token;
  Json id;
  while (reader->NextKey(&token) && reader->ReadValue(&id)) {
    if (status.ok()) status = vocabulary.Add(token, id);
  }
  OUNCE_RETURN_IF_ERROR(status);
  absl::string_view repeated;
  if (!vocabulary.Index(&repeated)) reader->FailOnRepeated(repeated);
  OUNCE_RETURN_IF_ERROR(vocabulary.SortById());
  return vocabulary;
}

absl::Status Vocabulary::Add(absl::string_view token, const Json& value) {
  const absl::StatusOr<int32_t> id = ToTokenId(value);
  if (!id.ok()) {
    return Annotate(id.status(),
                    absl::StrCat("\"vocab\" token ", Quote(token)));
  }
  // A JSON text has less than 4 GiB.
  entries_.push_back({*id, static_cast<uint32_t>(text_.size()),
                      static_cast<uint32_t>(token.size())});
  text_.insert(text_.end(), token.begin(), token.end());
  return absl::OkStatus();
}

bool Vocabulary::Index(absl::string_view* repeated) {
  slots_.resize(std::bit_ceil(2 * entries_.size() + 1));
  std::array<uint64_t, kBatch> hashes;
  for (size_t first = 0; first < entries_.size(); first += kBatch) {
    const size_t count = std::min(kBatch, entries_.size() - first);
    for (size_t i = 0; i < count; ++i) {
      hashes[i] = HashOf(TextOf(entries_[first + i]));
      __builtin_prefetch(&slots_[hashes[i] & (slots_.size() - 1)], /*rw=*/1);
    }
    for (size_t i = 0; i < count; ++i) {
      const Entry& entry = entries_[first + i];
      *repeated = TextOf(entry);
      if (!Insert(entry, hashes[i])) return false;
    }
  }
  return true;
}

bool Vocabulary::Insert(const Entry& entry, uint64_t hash) {
  Slot& slot = slots_[SlotOf(TextOf(entry), hash)];
  if (slot.entry.id != kNoId) return false;
  slot = {TagOf(hash), entry};
  return true;
}

size_t Vocabulary::SlotOf(absl::string_view token, uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  size_t index = hash & mask;
  while (slots_[index].entry.id != kNoId &&
         (slots_[index].tag != TagOf(hash) ||
          TextOf(slots_[index].entry) != token)) {
    index = (index + 1) & mask;
  }
  return index;
}

std::optional<int32_t> Vocabulary::Find(absl::string_view token,
                                        uint64_t hash) const {
  const int32_t id = slots_[SlotOf(token, hash)].entry.id;
  return id == kNoId ? std::nullopt : std::optional<int32_t>(id);
}

void Vocabulary::FindAll(absl::Span<const absl::string_view> tokens,
                         absl::Span<std::optional<int32_t>> ids) const {
  std::array<uint64_t, kBatch> hashes;
  for (size_t first = 0; first < tokens.size(); first += kBatch) {
    const auto batch = tokens.subspan(first, kBatch);
    for (size_t i = 0; i < batch.size(); ++i) {
      hashes[i] = HashOf(batch[i]);
      __builtin_prefetch(&slots_[hashes[i] & (slots_.size() - 1)]);
    }
    for (size_t i = 0; i < batch.size(); ++i) {
      const Slot& slot = slots_[hashes[i] & (slots_.size() - 1)];
      __builtin_prefetch(text_.data() + slot.entry.offset);
    }
    for (size_t i = 0; i < batch.size(); ++i) {
      ids[first + i] = Find(batch[i], hashes[i]);
    }
  }
}

absl::Status Vocabulary::SortById() {
  const auto is_less = [](const Entry& a, const Entry& b) {
    return a.id < b.id;
  };
  if (!std::is_sorted(entries_.begin(), entries_.end(), is_less)) {
    std::stable_sort(entries_.begin(), entries_.end(), is_less);
  }
  const auto same = std::adjacent_find(
      entries_.begin(), entries_.end(),
      [](const Entry& a, const Entry& b) { return a.id == b.id; });
  if (same == entries_.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "\"vocab\" gives id ", same->id, " to both ", Quote(TextOf(same[0])),
      " and ", Quote(TextOf(same[1])), "; expected distinct ids"));
}

std::optional<absl::string_view> Vocabulary::TokenOf(int32_t id) const {
  if (id < 0) return std::nullopt;
  const auto index = static_cast<size_t>(id);
  if (index < entries_.size() && entries_[index].id == id) {
    return TextOf(entries_[index]);
  }
  const auto entry =
      std::lower_bound(entries_.begin(), entries_.end(), id,
                       [](const Entry& a, int32_t b) { return a.id < b; });
  if (entry == entries_.end() || entry->id != id) return std::nullopt;
  return TextOf(*entry);
}

}  // namespace ounce
