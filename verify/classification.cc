#include "verify/classification.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/status_macros.h"
#include "runtime/sampler.h"
#include "verify/divergence.h"
#include "verify/encoder_pair.h"

namespace ounce {
namespace {

constexpr size_t kMaxLabelsShown = 10;

// Sums over one line, in the order of the columns that are resampled.
enum Column { kCount, kKl, kFlips, kFloatRight, kRight, kNumColumns };

absl::StatusOr<size_t> FindLabel(absl::string_view name,
                                 const std::vector<std::string>& labels) {
  const auto found = std::find(labels.begin(), labels.end(), name);
  if (found != labels.end()) {
    return static_cast<size_t>(found - labels.begin());
  }
  size_t index;
  if (absl::SimpleAtoi(name, &index) && index < labels.size()) return index;
  const auto shown = absl::MakeConstSpan(labels).subspan(
      0, std::min(labels.size(), kMaxLabelsShown));
  return absl::InvalidArgumentError(
      absl::StrCat("label \"", name, "\"; expected a number from 0 to ",
                   labels.size() - 1, " or one of ", absl::StrJoin(shown, ", "),
                   shown.size() < labels.size() ? ", ..." : ""));
}

absl::Span<const float> Row(const Matrix& matrix, int64_t row) {
  return absl::MakeConstSpan(matrix.row(row),
                             static_cast<size_t>(matrix.cols()));
}

class Tally {
 public:
  explicit Tally(bool independent) : independent_(independent) {}

  // An item of the line at hand.
  absl::Status Add(absl::Span<const float> float_logits,
                   absl::Span<const float> logits, const Verdict* gold) {
    const double kl = independent_ ? CompareLabelSets(float_logits, logits)
                                   : CompareLogits(float_logits, logits, 0).kl;
    if (!std::isfinite(kl)) return LogitsNotFinite();
    const Verdict float_verdict = Decide(float_logits, independent_);
    const Verdict verdict = Decide(logits, independent_);
    const bool flip = float_verdict != verdict;
    line_[kCount] += 1.0;
    line_[kKl] += kl;
    line_[kFlips] += flip ? 1.0 : 0.0;
    num_flips_ += flip;
    kl_.push_back(kl);
    if (gold == nullptr) return absl::OkStatus();
    line_[kFloatRight] += float_verdict == *gold ? 1.0 : 0.0;
    line_[kRight] += verdict == *gold ? 1.0 : 0.0;
    return absl::OkStatus();
  }

  void EndLine() {
    rows_.insert(rows_.end(), line_.begin(), line_.end());
    line_.assign(kNumColumns, 0.0);
  }

  bool empty() const { return kl_.empty(); }

  ClassificationLoss Finish(bool labelled) {
    ClassificationLoss loss;
    loss.lines = static_cast<int64_t>(rows_.size()) / kNumColumns;
    loss.items = static_cast<int64_t>(kl_.size());
    loss.num_flips = num_flips_;
    const std::vector<Estimate> estimates =
        BootstrapMeans(rows_, kNumColumns, [](absl::Span<const double> means) {
          const double count = means[kCount];
          return std::vector<double>{
              means[kKl] / count, means[kFlips] / count,
              means[kFloatRight] / count, means[kRight] / count,
              (means[kRight] - means[kFloatRight]) / count};
        });
    loss.kl = estimates[0];
    loss.flips = estimates[1];
    loss.kl_percentiles = PercentilesOf(&kl_);
    if (!labelled) return loss;
    loss.accuracy_float = estimates[2];
    loss.accuracy = estimates[3];
    loss.accuracy_difference = estimates[4];
    return loss;
  }

 private:
  const bool independent_;
  std::vector<double> line_ = std::vector<double>(kNumColumns);
  std::vector<double> rows_;
  std::vector<double> kl_;
  int64_t num_flips_ = 0;
};

// The labels of `line`, if it has any.
absl::StatusOr<std::optional<Verdict>> Gold(const TextLine& line,
                                            const ModelSpec& spec) {
  if (!line.label.has_value()) return std::nullopt;
  if (spec.head == HeadKind::kTokenLabels) {
    return absl::InvalidArgumentError(
        "the model labels tokens, and a line's label is of its text; leave "
        "labels out");
  }
  if (spec.labels.size() == 1) {
    return absl::InvalidArgumentError(
        "the model gives a score and no label; leave labels out");
  }
  OUNCE_ASSIGN_OR_RETURN(Verdict verdict, ParseVerdict(*line.label, spec));
  return verdict;
}

// The items of `text`, which `encoders` have read.
absl::Status AddItems(const Tokenizer& tokenizer, const Encoding& text,
                      const std::optional<Verdict>& gold, EncoderPair* encoders,
                      Tally* tally) {
  const Matrix float_logits =
      encoders->float_executor().heads().LabelLogits(encoders->float_states());
  const Matrix logits =
      encoders->executor().heads().LabelLogits(encoders->states());
  const bool tokens =
      encoders->executor().spec().head == HeadKind::kTokenLabels;
  for (int64_t row = 0; row < logits.rows(); ++row) {
    const auto index = static_cast<size_t>(row);
    if (tokens && tokenizer.IsSpecial(text.ids[index])) continue;
    OUNCE_RETURN_IF_ERROR(tally->Add(Row(float_logits, row), Row(logits, row),
                                     gold.has_value() ? &*gold : nullptr));
  }
  tally->EndLine();
  return absl::OkStatus();
}

}  // namespace

bool HasIndependentLabels(const ModelSpec& spec) {
  return spec.multi_label || spec.labels.size() == 1;
}

Verdict Decide(absl::Span<const float> logits, bool independent) {
  Verdict verdict(logits.size());
  if (!independent) {
    verdict[static_cast<size_t>(ArgMax(logits))] = true;
    return verdict;
  }
  for (size_t i = 0; i < logits.size(); ++i) verdict[i] = logits[i] > 0.0f;
  return verdict;
}

absl::StatusOr<Verdict> ParseVerdict(absl::string_view text,
                                     const ModelSpec& spec) {
  Verdict verdict(spec.labels.size());
  text = absl::StripAsciiWhitespace(text);
  if (!HasIndependentLabels(spec)) {
    OUNCE_ASSIGN_OR_RETURN(const size_t index, FindLabel(text, spec.labels));
    verdict[index] = true;
    return verdict;
  }
  if (text.empty()) return verdict;
  for (const absl::string_view name : absl::StrSplit(text, ',')) {
    OUNCE_ASSIGN_OR_RETURN(
        const size_t index,
        FindLabel(absl::StripAsciiWhitespace(name), spec.labels));
    verdict[index] = true;
  }
  return verdict;
}

absl::StatusOr<ClassificationLoss> CompareClassification(
    const LineSubjects& subjects, absl::Span<const TextLine> lines,
    const LineOptions& options) {
  const ModelSpec& spec = subjects.models.model.spec;
  Tally tally(HasIndependentLabels(spec));
  bool labelled = true;
  OUNCE_ASSIGN_OR_RETURN(
      const int64_t cut,
      ReadEachLine(subjects, lines, options,
                   [&](const TextLine& line, const Encoding& text,
                       EncoderPair* encoders) -> absl::Status {
                     OUNCE_ASSIGN_OR_RETURN(const std::optional<Verdict> gold,
                                            Gold(line, spec));
                     labelled = labelled && gold.has_value();
                     return AddItems(subjects.tokenizer, text, gold, encoders,
                                     &tally);
                   }));
  if (tally.empty()) {
    return absl::InvalidArgumentError(
        "no line has a token that is not special; give other texts");
  }
  ClassificationLoss loss = tally.Finish(labelled);
  loss.lines_cut = cut;
  return loss;
}

}  // namespace ounce
