// `ounce run` of a decoder: a prompt continued, or a conversation.
#ifndef OUNCE_TOOLS_RUN_TEXT_H_
#define OUNCE_TOOLS_RUN_TEXT_H_

#include "absl/status/status.h"
#include "tools/command.h"
#include "tools/run_arguments.h"
#include "tools/run_model.h"

namespace ounce {

// Continues the prompt, or with --chat answers it or talks, and prints the
// text as it comes.
absl::Status RunText(const RunModel& run, const RunArguments& arguments,
                     const CommonOptions& common);

// Prints what the chat template makes of the conversation.  Needs only the
// tokenizer's files.
absl::Status ShowPrompt(const RunArguments& arguments,
                        const CommonOptions& common);

}  // namespace ounce

#endif  // OUNCE_TOOLS_RUN_TEXT_H_
