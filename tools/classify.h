// `ounce run` of a classifier of texts: labels and their probabilities.
#ifndef OUNCE_TOOLS_CLASSIFY_H_
#define OUNCE_TOOLS_CLASSIFY_H_

#include "absl/status/status.h"
#include "tools/command.h"
#include "tools/run_arguments.h"
#include "tools/run_model.h"

namespace ounce {

// Prints the labels of each text, the most probable first: a table for one
// text, a line for each of several, or with --json a JSON object a line.
// Errors as ForEachText(); kDataLoss: a logit is not finite.
absl::Status Classify(const RunModel& run, const RunArguments& arguments,
                      const CommonOptions& common);

}  // namespace ounce

#endif  // OUNCE_TOOLS_CLASSIFY_H_
