#include "verify/text_comparison.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "runtime/executor.h"
#include "verify/divergence.h"

namespace ounce {
namespace {

// Positions whose logits are held at a time: with a vocabulary of 128k entries
// two such blocks take 32 MiB.
constexpr int64_t kLogitRows = 32;

// Sums over one window, in the order of the columns that are resampled.
enum Column { kKl, kSameTop1, kNllFloat, kNll, kNumColumns };

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

class Comparison {
 public:
  Comparison(const ModelWeights& float_model, const ModelWeights& model,
             const TextOptions& options, KernelContext* context)
      : options_(options),
        context_(*context),
        float_executor_(float_model, context, options.context),
        executor_(model, context, options.context, {1, options.kv}),
        vocab_(model.spec.vocab) {}

  absl::Status AddWindow(absl::Span<const int32_t> ids) {
    float_executor_.Reset();
    executor_.Reset();
    OUNCE_RETURN_IF_ERROR(float_executor_.Forward(ids, &float_hidden_));
    OUNCE_RETURN_IF_ERROR(executor_.Forward(ids, &hidden_));
    std::vector<double> sums(kNumColumns);
    // The output at position i predicts token i + 1.
    for (int64_t begin = options_.score_from - 1; begin < options_.context - 1;
         begin += kLogitRows) {
      const int64_t end = std::min(options_.context - 1, begin + kLogitRows);
      OUNCE_RETURN_IF_ERROR(AddPositions(ids, begin, end, &sums));
    }
    const auto scored =
        static_cast<double>(options_.context - options_.score_from);
    for (const double sum : sums) rows_.push_back(sum / scored);
    return absl::OkStatus();
  }

  TextComparison Finish() {
    TextComparison result;
    result.windows = static_cast<int64_t>(rows_.size()) / kNumColumns;
    result.tokens_scored = static_cast<int64_t>(kl_.size());
    const std::vector<Estimate> estimates =
        BootstrapMeans(rows_, kNumColumns, [](absl::Span<const double> means) {
          return std::vector<double>{
              means[kKl], means[kSameTop1], std::exp(means[kNllFloat]),
              std::exp(means[kNll]), std::exp(means[kNll] - means[kNllFloat])};
        });
    result.kl = estimates[0];
    result.same_top1 = estimates[1];
    result.ppl_float = estimates[2];
    result.ppl = estimates[3];
    result.ppl_ratio = estimates[4];
    std::sort(kl_.begin(), kl_.end());
    result.kl_p50 = Quantile(kl_, 0.5);
    result.kl_p90 = Quantile(kl_, 0.9);
    result.kl_p99 = Quantile(kl_, 0.99);
    result.kl_p999 = Quantile(kl_, 0.999);
    result.kl_max = kl_.back();
    return result;
  }

 private:
  absl::Status AddPositions(absl::Span<const int32_t> ids, int64_t begin,
                            int64_t end, std::vector<double>* sums) {
    const int64_t count = end - begin;
    float_logits_.Resize(count, vocab_);
    logits_.Resize(count, vocab_);
    float_executor_.Logits(float_hidden_.view().Rows(begin, end),
                           float_logits_.view());
    executor_.Logits(hidden_.view().Rows(begin, end), logits_.view());
    positions_.resize(static_cast<size_t>(count));
    context_.pool().Run(count, [&](int64_t i, int) {
      const auto vocab = static_cast<size_t>(vocab_);
      positions_[static_cast<size_t>(i)] =
          CompareLogits(absl::MakeConstSpan(float_logits_.row(i), vocab),
                        absl::MakeConstSpan(logits_.row(i), vocab),
                        ids[static_cast<size_t>(begin + i + 1)]);
    });
    for (const Divergence& position : positions_) {
      if (!std::isfinite(position.kl) || !std::isfinite(position.nll)) {
        return absl::DataLossError(
            "a model's logits are not finite; check its file with "
            "`ounce inspect --check`");
      }
      (*sums)[kKl] += position.kl;
      (*sums)[kSameTop1] += position.same_top1 ? 1.0 : 0.0;
      (*sums)[kNllFloat] += position.nll_float;
      (*sums)[kNll] += position.nll;
      kl_.push_back(position.kl);
    }
    return absl::OkStatus();
  }

  const TextOptions& options_;
  KernelContext& context_;
  Executor float_executor_;
  Executor executor_;
  const int64_t vocab_;
  Matrix float_hidden_, hidden_, float_logits_, logits_;
  std::vector<Divergence> positions_;
  std::vector<double> rows_;  // kNumColumns means per window.
  std::vector<double> kl_;    // Per position.
};

}  // namespace

absl::StatusOr<TextComparison> CompareOnText(const ModelWeights& float_model,
                                             const ModelWeights& model,
                                             absl::Span<const int32_t> ids,
                                             const TextOptions& options,
                                             KernelContext* context) {
  const auto num_ids = static_cast<int64_t>(ids.size());
  OUNCE_RETURN_IF_ERROR(CheckOptions(float_model, model, num_ids, options));
  int64_t windows = num_ids / options.context;
  if (options.max_windows > 0) windows = std::min(windows, options.max_windows);
  Comparison comparison(float_model, model, options, context);
  for (int64_t w = 0; w < windows; ++w) {
    OUNCE_RETURN_IF_ERROR(comparison.AddWindow(
        ids.subspan(static_cast<size_t>(w * options.context),
                    static_cast<size_t>(options.context))));
    ReportProgress(options.progress, w + 1, windows);
  }
  return comparison.Finish();
}

}  // namespace ounce
