// `ounce run` of a masked language model: what could stand for a mask token.
// Source: arXiv:1810.04805, section 3.1.
#ifndef OUNCE_TOOLS_FILL_MASK_H_
#define OUNCE_TOOLS_FILL_MASK_H_

#include "absl/status/status.h"
#include "tools/command.h"
#include "tools/run_arguments.h"
#include "tools/run_model.h"

namespace ounce {

// Prints the most probable tokens for each mask of each text; with --json a
// JSON object a line.  kInvalidArgument: a text has no mask, or the tokenizer
// none to write; other errors as ForEachText().
absl::Status FillMasks(const RunModel& run, const RunArguments& arguments,
                       const CommonOptions& common);

}  // namespace ounce

#endif  // OUNCE_TOOLS_FILL_MASK_H_
