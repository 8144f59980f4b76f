// `ounce run` of a classifier of tokens: what each is, and the entities they
// form. Source: the labels B-X, I-X of Ramshaw and Marcus,
// arXiv:cmp-lg/9505040, section 3; grouped as the "simple" strategy of
// huggingface/transformers' TokenClassificationPipeline does.
#ifndef OUNCE_TOOLS_TAG_TOKENS_H_
#define OUNCE_TOOLS_TAG_TOKENS_H_

#include "absl/status/status.h"
#include "tools/command.h"
#include "tools/run_arguments.h"
#include "tools/run_model.h"

namespace ounce {

// Prints the label of each token but the special ones, then the entities; with
// --json a JSON object a line.  Errors as ForEachText(); kDataLoss: a logit is
// not finite.
absl::Status TagTokens(const RunModel& run, const RunArguments& arguments,
                       const CommonOptions& common);

}  // namespace ounce

#endif  // OUNCE_TOOLS_TAG_TOKENS_H_
