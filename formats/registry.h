// The model formats we read.  Adding one is a folder beside this file and a row
// in registry.cc.
#ifndef OUNCE_FORMATS_REGISTRY_H_
#define OUNCE_FORMATS_REGISTRY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/tokenizer_asset.h"
#include "formats/model_file.h"

namespace ounce {

struct ModelFormat {
  absl::string_view name;
  absl::string_view description;  // What messages call such a model.
  // True when `path` is to be read as this format, whether or not that will
  // succeed.
  bool (*recognizes)(const std::string& path);
  absl::StatusOr<ModelFile> (*open)(const std::string& path,
                                    const OpenOptions& options);
  absl::StatusOr<TokenizerAsset> (*open_tokenizer)(const std::string& path);
};

absl::Span<const ModelFormat> AllFormats();

// kNotFound: there is nothing at `path`; kInvalidArgument: it is one file of a
// checkpoint, of which the folder is wanted; kUnimplemented: it is none of
// AllFormats(), which the message lists.
absl::StatusOr<const ModelFormat*> FindFormat(const std::string& path);

}  // namespace ounce

#endif  // OUNCE_FORMATS_REGISTRY_H_
