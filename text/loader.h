// Reads `tokenizer.json` into a Pipeline.  Adding a component type is a Parse
// function and one row of a table in loader.cc.
#ifndef OUNCE_TEXT_LOADER_H_
#define OUNCE_TEXT_LOADER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "text/tokenizer.h"

namespace ounce {

// `text` is the whole file.  Settings that a component does not have are
// ignored. kInvalidArgument: not JSON, nested too deeply, or a component is
// malformed; the message leads to it ("decoder: Sequence[2]: Strip: ...").
// kUnimplemented: a type without a row, with the list of those that have one.
absl::StatusOr<std::unique_ptr<Tokenizer>> ParseTokenizerJson(
    absl::string_view text);

}  // namespace ounce

#endif  // OUNCE_TEXT_LOADER_H_
