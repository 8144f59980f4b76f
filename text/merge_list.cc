#include "text/merge_list.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace ounce {
namespace {

// ["a","b"] and its comma.
constexpr size_t kMinMergeBytes = 10;
// More than published tokenizers have.  Memory that is not written to costs
// nothing; moving a growing list does.
constexpr size_t kMaxReserved = size_t{1} << 19;

// "a b", with exactly one space.
bool ParseLine(absl::string_view line, Merge* merge) {
  const size_t space = line.find(' ');
  if (space == absl::string_view::npos) return false;
  *merge = {line.substr(0, space), line.substr(space + 1)};
  return !absl::StrContains(merge->right, ' ');
}

// ["a", "b"], read whole also when it is something else.
bool ReadPair(JsonReader* reader, Merge* merge) {
  size_t num_strings = 0;
  bool is_pair = true;
  reader->BeginArray();
  while (reader->NextElement()) {
    absl::string_view text;
    Json other;
    if (reader->IsNextString()) {
      reader->ReadString(&text);
      (num_strings == 0 ? merge->left : merge->right) = text;
      ++num_strings;
    } else {
      is_pair = false;
      reader->ReadValue(&other);
    }
  }
  return is_pair && num_strings == 2;
}

enum class Element { kMerge, kComment, kOther };

Element ReadElement(JsonReader* reader, Merge* merge) {
  if (reader->IsNextArray()) {
    return ReadPair(reader, merge) ? Element::kMerge : Element::kOther;
  }
  absl::string_view line;
  Json other;
  if (!reader->IsNextString()) {
    reader->ReadValue(&other);
    return Element::kOther;
  }
  reader->ReadString(&line);
  if (absl::StartsWith(line, "#version")) return Element::kComment;
  return ParseLine(line, merge) ? Element::kMerge : Element::kOther;
}

}  // namespace

MergeList ReadMergeList(JsonReader* reader) {
  MergeList list;
  list.merges.reserve(
      std::min(reader->bytes_left() / kMinMergeBytes, kMaxReserved));
  reader->BeginArray();
  while (reader->NextElement()) {
    Merge merge;
    const Element element = ReadElement(reader, &merge);
    if (!list.status.ok()) continue;
    if (element == Element::kMerge) {
      list.merges.push_back(merge);
    } else if (element == Element::kOther) {
      list.status = absl::InvalidArgumentError(
          absl::StrCat("\"merges\"[", list.merges.size(),
                       "] is no pair; expected [\"a\", \"b\"] or \"a b\""));
    }
  }
  return list;
}

}  // namespace ounce
