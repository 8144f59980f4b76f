// The tensors that a state dict's pickle describes, over the storages that the
// archive holds beside it.
#ifndef OUNCE_FORMATS_PYTORCH_STATE_DICT_H_
#define OUNCE_FORMATS_PYTORCH_STATE_DICT_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "formats/mapped_source.h"
#include "formats/pytorch/pickle.h"
#include "formats/pytorch/zip_archive.h"

namespace ounce {

// Every name that the pickle of a state dict may have.
absl::Span<const absl::string_view> StateDictGlobals();

struct StateDictContext {
  const ZipArchive& archive;
  absl::string_view folder;  // Of the storages: "name/data/".
  int64_t max_gathered_bytes = 0;
};

// As ParsePytorch().  `pickle` was parsed with StateDictGlobals().
absl::StatusOr<WeightFile> ReadStateDict(const Pickle& pickle,
                                         const StateDictContext& context);

}  // namespace ounce

#endif  // OUNCE_FORMATS_PYTORCH_STATE_DICT_H_
