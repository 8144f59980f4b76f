// The "merges" of a byte-pair encoding as the file spells them; what they mean
// is up to text/bpe.h.
#ifndef OUNCE_TEXT_MERGE_LIST_H_
#define OUNCE_TEXT_MERGE_LIST_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/json_reader.h"

namespace ounce {

struct Merge {
  absl::string_view left;
  absl::string_view right;
};

// The ids of a merge's tokens, which are the vocabulary's.
struct MergeIds {
  int32_t left = 0;
  int32_t right = 0;
  int32_t merged = 0;
  int32_t rank = 0;  // Lower ones first; of equal ones the leftmost.
};

struct MergeList {
  std::vector<Merge> merges;  // Views of the text, as JsonReader gives them.
  // By merge, where its tokens are known; empty: they are to be looked up, and
  // the ranks are the places in the list.
  std::vector<MergeIds> ids;
  // kInvalidArgument: what stands behind the last of `merges` is no pair.
  absl::Status status;
};

// Reads the array of ["a", "b"] or "a b" that comes next, to its end.  Strings
// "#version..." count for nothing.  What is no JSON is an error of `reader`.
MergeList ReadMergeList(JsonReader* reader);

}  // namespace ounce

#endif  // OUNCE_TEXT_MERGE_LIST_H_
