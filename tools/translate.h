// `ounce run` of an encoder-decoder: a text made of a source text.
#ifndef OUNCE_TOOLS_TRANSLATE_H_
#define OUNCE_TOOLS_TRANSLATE_H_

#include "absl/status/status.h"
#include "tools/command.h"
#include "tools/run_arguments.h"
#include "tools/run_model.h"

namespace ounce {

// Prints what the model makes of the source, as it comes if there is one beam,
// of several sources a line each; an empty source gives an empty line.  With
// --json a JSON object, a line each of several.  A usage error: options that
// exclude each other, or a language that the tokenizer has not.
absl::Status Translate(const RunModel& run, const RunArguments& arguments,
                       const CommonOptions& common);

}  // namespace ounce

#endif  // OUNCE_TOOLS_TRANSLATE_H_
