#include "verify/sequence_to_sequence.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/status_macros.h"
#include "runtime/sampler.h"
#include "verify/encoder_pair.h"

namespace ounce {
namespace {

bool IsEnd(const ModelSpec& spec, int32_t id) {
  return absl::c_linear_search(spec.stop_ids, id);
}

// Both models with both of their halves.
class Comparison {
 public:
  Comparison(const LineSubjects& subjects, const LineOptions& options)
      : context_(options.context),
        tokenizer_(subjects.tokenizer),
        encoders_({*subjects.models.float_model.encoder,
                   *subjects.models.model.encoder},
                  subjects.context, options.context),
        float_decoder_(subjects.models.float_model, subjects.context,
                       options.context),
        decoder_(subjects.models.model, subjects.context, options.context,
                 {1, options.kv}),
        tally_(subjects.context) {}

  absl::Status AddLine(const TextLine& line) {
    int64_t cut = 0;
    OUNCE_ASSIGN_OR_RETURN(
        const Encoding source,
        EncodeCut({line.first, std::nullopt}, tokenizer_, context_, &cut));
    OUNCE_RETURN_IF_ERROR(encoders_.Read(source));
    OUNCE_RETURN_IF_ERROR(
        float_decoder_.SetSource(encoders_.float_states().hidden, {}));
    OUNCE_RETURN_IF_ERROR(decoder_.SetSource(encoders_.states().hidden, {}));
    std::vector<int32_t> target;
    if (line.second.has_value()) {
      OUNCE_ASSIGN_OR_RETURN(target, EncodeTarget(*line.second, spec(),
                                                  tokenizer_, context_, &cut));
    } else {
      OUNCE_ASSIGN_OR_RETURN(target, Write());
      ++written_;
    }
    lines_cut_ += cut > 0 ? 1 : 0;
    return AddTarget(target);
  }

  SequenceToSequenceLoss Finish() {
    return {tally_.Finish(), lines_cut_, written_};
  }

 private:
  const ModelSpec& spec() const { return decoder_.spec(); }

  // The float model's own text for the source.
  absl::StatusOr<std::vector<int32_t>> Write() {
    const GenerationSpec& rules = spec().generation;
    int64_t limit = std::min(kMaxWrittenTokens, context_);
    if (rules.max_tokens > 0) limit = std::min(limit, rules.max_tokens);
    std::vector<int32_t> text;
    int32_t last = rules.start_id;
    Matrix logits(1, spec().vocab);
    while (static_cast<int64_t>(text.size()) < limit) {
      OUNCE_RETURN_IF_ERROR(float_decoder_.Forward(
          absl::MakeConstSpan(&last, 1), &float_hidden_));
      float_decoder_.Logits(float_hidden_.view(), logits.view());
      for (const int32_t id : rules.suppressed_ids) {
        if (id < logits.cols()) logits.row(0)[id] = -INFINITY;
      }
      last = text.empty() && rules.forced_first_id >= 0
                 ? rules.forced_first_id
                 : ArgMax(logits.values());
      text.push_back(last);
      if (IsEnd(spec(), last)) break;
    }
    float_decoder_.Reset();
    return text;
  }

  // Row i of either model predicts target[i]: it has seen what is before.
  absl::Status AddTarget(const std::vector<int32_t>& target) {
    std::vector<int32_t> seen = {spec().generation.start_id};
    seen.insert(seen.end(), target.begin(), target.end() - 1);
    OUNCE_RETURN_IF_ERROR(float_decoder_.Forward(seen, &float_hidden_));
    OUNCE_RETURN_IF_ERROR(decoder_.Forward(seen, &hidden_));
    return tally_.AddUnit({&float_decoder_, float_hidden_.view()},
                          {&decoder_, hidden_.view()}, target);
  }

  const int64_t context_;
  const Tokenizer& tokenizer_;
  EncoderPair encoders_;
  Executor float_decoder_;
  Executor decoder_;
  PredictionTally tally_;
  Matrix float_hidden_, hidden_;
  int64_t lines_cut_ = 0;
  int64_t written_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<int32_t>> EncodeTarget(absl::string_view text,
                                                  const ModelSpec& spec,
                                                  const Tokenizer& tokenizer,
                                                  int64_t context,
                                                  int64_t* cut) {
  const int32_t first = spec.generation.forced_first_id;
  OUNCE_ASSIGN_OR_RETURN(
      std::vector<int32_t> ids,
      tokenizer.Encode(text, /*add_special_tokens=*/first < 0));
  if (first >= 0) ids.insert(ids.begin(), first);
  if (!spec.stop_ids.empty() && (ids.empty() || !IsEnd(spec, ids.back()))) {
    ids.push_back(spec.stop_ids.front());
  }
  if (ids.empty()) {
    return absl::InvalidArgumentError("the target has no token");
  }
  if (static_cast<int64_t>(ids.size()) > context) {
    ids.resize(static_cast<size_t>(context));
    ++*cut;
  }
  return ids;
}

absl::StatusOr<SequenceToSequenceLoss> CompareSequenceToSequence(
    const LineSubjects& subjects, absl::Span<const TextLine> lines,
    const LineOptions& options) {
  OUNCE_RETURN_IF_ERROR(CheckLineSubjects(subjects, options));
  if (subjects.models.model.spec.generation.start_id < 0) {
    return absl::InvalidArgumentError(
        "the model does not say what its decoder begins with; expected "
        "\"decoder_start_token_id\" in its config");
  }
  Comparison comparison(subjects, options);
  for (size_t i = 0; i < lines.size(); ++i) {
    OUNCE_RETURN_IF_ERROR(Annotate(comparison.AddLine(lines[i]),
                                   absl::StrCat("line ", lines[i].number)));
    ReportProgress(options.progress, static_cast<int64_t>(i) + 1,
                   static_cast<int64_t>(lines.size()));
  }
  return comparison.Finish();
}

}  // namespace ounce
