#include "text/vocabulary.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/status_macros.h"
#include "text/config.h"
#include "text/quote.h"
#include "text/score.h"

namespace ounce {
namespace {

// Tokens whose memory is fetched at the same time: more than a CPU can wait
// for at once, few enough to stay in the first-level cache.
constexpr size_t kBatch = 64;

struct ScoredToken {
  absl::string_view token;
  double score = 0;
  bool is_well_formed = false;
};

// [token, score], read whole also when it is something else.
ScoredToken ReadScoredToken(JsonReader* reader) {
  ScoredToken piece;
  Json other;
  if (!reader->IsNextArray()) {
    reader->ReadValue(&other);
    return piece;
  }
  bool has_token = false;
  bool has_score = false;
  int size = 0;
  reader->BeginArray();
  for (; reader->NextElement(); ++size) {
    absl::string_view number;
    if (size == 0 && reader->IsNextString()) {
      has_token = reader->ReadString(&piece.token);
    } else if (size == 1 && reader->IsNextNumber()) {
      if (!reader->ReadNumberText(&number)) continue;
      const std::optional<double> score = ReadScore(number);
      has_score = score.has_value();
      piece.score = score.value_or(0);
    } else {
      reader->ReadValue(&other);
    }
  }
  piece.is_well_formed = has_token && has_score && size == 2;
  return piece;
}

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

absl::StatusOr<Vocabulary> Vocabulary::Create(absl::Span<const Token> tokens,
                                              Repeats repeats) {
  Vocabulary vocabulary;
  vocabulary.entries_.reserve(tokens.size());
  for (const Token& token : tokens) {
    if (token.text.size() >
        std::numeric_limits<uint32_t>::max() - vocabulary.text_.size()) {
      return absl::InvalidArgumentError("the tokens have more than 4 GiB");
    }
    vocabulary.Append(token.text, token.id);
  }
  absl::string_view repeated;
  const bool refuses = repeats == Repeats::kRefuse;
  if (!vocabulary.Index(refuses ? &repeated : nullptr)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the token ", Quote(repeated), " is there twice"));
  }
  OUNCE_RETURN_IF_ERROR(vocabulary.SortById());
  return vocabulary;
}

absl::Status Vocabulary::Add(absl::string_view token, const Json& value) {
  const absl::StatusOr<int32_t> id = ToTokenId(value);
  if (!id.ok()) {
    return Annotate(id.status(),
                    absl::StrCat("\"vocab\" token ", Quote(token)));
  }
  Append(token, *id);
  return absl::OkStatus();
}

void Vocabulary::Append(absl::string_view token, int32_t id) {
  // A JSON text has less than 4 GiB.
  entries_.push_back({id, static_cast<uint32_t>(text_.size()),
                      static_cast<uint32_t>(token.size())});
  text_.insert(text_.end(), token.begin(), token.end());
}

absl::StatusOr<Vocabulary> Vocabulary::ReadScored(JsonReader* reader,
                                                  std::vector<double>* scores) {
  Vocabulary vocabulary;
  absl::Status status;
  reader->BeginArray();
  while (reader->NextElement()) {
    // Also what stands behind an error is read, to the end of the array.
    status.Update(vocabulary.AddScored(reader, scores));
  }
  OUNCE_RETURN_IF_ERROR(status);
  vocabulary.Index(/*repeated=*/nullptr);
  return vocabulary;
}

absl::Status Vocabulary::AddScored(JsonReader* reader,
                                   std::vector<double>* scores) {
  const size_t index = entries_.size();
  const ScoredToken piece = ReadScoredToken(reader);
  if (!piece.is_well_formed) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"vocab\"[", index, "] is no piece; expected [token, score]"));
  }
  if (index >= static_cast<size_t>(kMaxTokenIds)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"vocab\" has more than ", kMaxTokenIds, " pieces"));
  }
  Append(piece.token, static_cast<int32_t>(index));
  scores->push_back(piece.score);
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
      if (repeated != nullptr) *repeated = TextOf(entry);
      if (!Insert(entry, hashes[i], repeated == nullptr)) return false;
    }
  }
  return true;
}

bool Vocabulary::Insert(const Entry& entry, uint64_t hash, bool replaces) {
  Slot& slot = slots_[SlotOf(TextOf(entry), hash)];
  if (slot.entry.id != kNoId && !replaces) return false;
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

void Vocabulary::ForEach(
    absl::FunctionRef<void(absl::string_view, int32_t)> visit) const {
  for (const Entry& entry : entries_) visit(TextOf(entry), entry.id);
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
