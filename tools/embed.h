// `ounce run` of an encoder without a head: the vector that stands for a text.
// Source: sentence embeddings, arXiv:1908.10084, section 3.
#ifndef OUNCE_TOOLS_EMBED_H_
#define OUNCE_TOOLS_EMBED_H_

#include "absl/status/status.h"
#include "tools/command.h"
#include "tools/run_arguments.h"
#include "tools/run_model.h"

namespace ounce {

// Prints a vector a line: numbers, or with --json an array.  A usage error: a
// --pooling that does not exist or that the model has not.  Other errors as
// ForEachText().
absl::Status Embed(const RunModel& run, const RunArguments& arguments,
                   const CommonOptions& common);

}  // namespace ounce

#endif  // OUNCE_TOOLS_EMBED_H_
