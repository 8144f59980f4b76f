#include "verify/text_comparison.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "runtime/executor.h"

namespace ounce {
namespace {

absl::Status CheckOptions(const ModelWeights& float_model,
                          const ModelWeights& model, int64_t num_ids,
                          const TextOptions& options) {
  if (float_model.spec.vocab != model.spec.vocab) {
    return absl::InvalidArgumentError(
        absl::StrCat("the models have vocabularies of ", float_model.spec.vocab,
                     " and ", model.spec.vocab, " tokens; expected the same"));
  }
  const int64_t limit =
      std::min(float_model.spec.max_context, model.spec.max_context);
  if (options.context < 2 || options.context > limit) {
    return absl::InvalidArgumentError(absl::StrCat("context ", options.context,
                                                   "; expected 2 to ", limit,
                                                   ", the model's limit"));
  }
  if (options.score_from < 1 || options.score_from >= options.context) {
    return absl::InvalidArgumentError(
        absl::StrCat("score-from ", options.score_from, "; expected 1 to ",
                     options.context - 1));
  }
  if (num_ids < options.context) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the text has ", num_ids, " tokens; expected at least one window of ",
        options.context, ": give more text or a smaller context"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PredictionLoss> CompareOnText(const ModelWeights& float_model,
                                             const ModelWeights& model,
                                             absl::Span<const int32_t> ids,
                                             const TextOptions& options,
                                             KernelContext* context) {
  const auto num_ids = static_cast<int64_t>(ids.size());
  OUNCE_RETURN_IF_ERROR(CheckOptions(float_model, model, num_ids, options));
  int64_t windows = num_ids / options.context;
  if (options.max_windows > 0) windows = std::min(windows, options.max_windows);
  Executor float_executor(float_model, context, options.context);
  Executor executor(model, context, options.context, {1, options.kv});
  PredictionTally tally(context);
  Matrix float_hidden, hidden;
  for (int64_t w = 0; w < windows; ++w) {
    const auto window = ids.subspan(static_cast<size_t>(w * options.context),
                                    static_cast<size_t>(options.context));
    float_executor.Reset();
    executor.Reset();
    OUNCE_RETURN_IF_ERROR(float_executor.Forward(window, &float_hidden));
    OUNCE_RETURN_IF_ERROR(executor.Forward(window, &hidden));
    // The output at position i predicts token i + 1.
    const auto rows = [&](const Matrix& states) {
      return states.view().Rows(options.score_from - 1, options.context - 1);
    };
    OUNCE_RETURN_IF_ERROR(tally.AddUnit(
        {&float_executor, rows(float_hidden)}, {&executor, rows(hidden)},
        window.subspan(static_cast<size_t>(options.score_from))));
    ReportProgress(options.progress, w + 1, windows);
  }
  return tally.Finish();
}

}  // namespace ounce
