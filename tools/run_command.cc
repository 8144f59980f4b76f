// `ounce run`: a model does what it is made for.
#include "core/status_macros.h"
#include "tools/classify.h"
#include "tools/command.h"
#include "tools/embed.h"
#include "tools/fill_mask.h"
#include "tools/run_arguments.h"
#include "tools/run_model.h"
#include "tools/run_text.h"
#include "tools/tag_tokens.h"
#include "tools/translate.h"

namespace ounce {
namespace {

absl::Status RunModelOf(const RunArguments& arguments,
                        const CommonOptions& common) {
  if (arguments.chat.show_prompt) return ShowPrompt(arguments, common);
  OUNCE_ASSIGN_OR_RETURN(const RunModel run, OpenRunModel(arguments, common));
  switch (KindOf(run.spec(), arguments)) {
    case RunKind::kContinue:
      return RunText(run, arguments, common);
    case RunKind::kTranslate:
      return Translate(run, arguments, common);
    case RunKind::kClassify:
      return Classify(run, arguments, common);
    case RunKind::kTag:
      return TagTokens(run, arguments, common);
    case RunKind::kFillMask:
      return FillMasks(run, arguments, common);
    case RunKind::kEmbed:
      return Embed(run, arguments, common);
  }
  return absl::InternalError("a kind of model without a way to run it");
}

absl::StatusOr<ExitCode> Run(const RunArguments& arguments,
                             const CommonOptions& common) {
  OUNCE_RETURN_IF_ERROR(UsageError(CheckRunArguments(arguments)));
  OUNCE_RETURN_IF_ERROR(RunModelOf(arguments, common));
  return kExitDone;
}

}  // namespace

Command RunCommand() {
  return MakeCommand<RunArguments>(
      "run",
      "Continue a prompt or talk; translate; classify, fill in or embed texts",
      DeclareRun, Run);
}

}  // namespace ounce
