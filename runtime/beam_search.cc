#include "runtime/beam_search.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

// Which of the decoder's sequences holds which beam, as beams come and go.
class Slots {
 public:
  explicit Slots(Executor* decoder)
      : decoder_(*decoder), taken_(static_cast<size_t>(decoder->sequences())) {}

  int64_t of(size_t beam) const { return slots_[beam]; }

  // The first child of a beam goes on in its sequence; each other gets a copy
  // in a sequence whose beam has no child.
  void Follow(const std::vector<BeamSearch::Beam>& beams) {
    std::vector<int64_t> next(beams.size(), kNone);
    std::fill(taken_.begin(), taken_.end(), false);
    for (size_t b = 0; b < beams.size(); ++b) {
      const int64_t slot = slots_[static_cast<size_t>(beams[b].parent)];
      if (taken_[static_cast<size_t>(slot)]) continue;
      taken_[static_cast<size_t>(slot)] = true;
      next[b] = slot;
    }
    for (size_t b = 0; b < beams.size(); ++b) {
      if (next[b] != kNone) continue;
      next[b] = std::find(taken_.begin(), taken_.end(), false) - taken_.begin();
      taken_[static_cast<size_t>(next[b])] = true;
      decoder_.CopySequence(slots_[static_cast<size_t>(beams[b].parent)],
                            next[b]);
    }
    slots_ = std::move(next);
  }

 private:
  static constexpr int64_t kNone = -1;

  Executor& decoder_;
  std::vector<int64_t> slots_ = {0};  // By beam.
  std::vector<bool> taken_;           // By slot.
};

absl::Status ScoreNext(const std::vector<BeamSearch::Beam>& beams,
                       const Slots& slots, Executor* decoder, Matrix* scores) {
  std::vector<SequenceTokens> batch;
  for (size_t b = 0; b < beams.size(); ++b) {
    batch.push_back(
        {slots.of(b), absl::MakeConstSpan(&beams[b].ids.back(), 1)});
  }
  Matrix hidden;
  OUNCE_RETURN_IF_ERROR(
      decoder->Forward(batch, HiddenRows::kLastOfEach, &hidden));
  scores->Resize(hidden.rows(), decoder->spec().vocab);
  decoder->Logits(hidden.view(), scores->view());
  if (LogSoftmax(scores->view())) return absl::OkStatus();
  return absl::DataLossError(
      "the model's logits are not finite; check its file with "
      "`ounce inspect --check`");
}

}  // namespace

bool LogSoftmax(MatrixView<float> x) {
  for (int64_t r = 0; r < x.rows; ++r) {
    const absl::Span<float> row(x.row(r), static_cast<size_t>(x.cols));
    float largest = row.front();
    bool finite = true;
    for (const float value : row) {
      finite &= std::isfinite(value);
      largest = std::max(largest, value);
    }
    if (!finite) return false;
    double sum = 0.0;
    for (const float value : row) {
      sum += static_cast<double>(std::exp(value - largest));
    }
    const double log_sum = double{largest} + std::log(sum);
    for (float& value : row) value = static_cast<float>(value - log_sum);
  }
  return true;
}

BeamSearch::BeamSearch(const BeamOptions& options, GenerationRules rules)
    : options_(options), rules_(std::move(rules)) {
  if (rules_.max_tokens > 0) beams_.push_back({{rules_.start_id}, 0.0, 0});
}

bool BeamSearch::IsStop(int32_t id) const {
  return std::find(rules_.stop_ids.begin(), rules_.stop_ids.end(), id) !=
         rules_.stop_ids.end();
}

double BeamSearch::Penalized(double log_probability, int64_t tokens) const {
  return log_probability /
         std::pow(static_cast<double>(tokens), options_.length_penalty);
}

std::vector<BeamSearch::Candidate> BeamSearch::BestOf(
    MatrixView<const float> scores) const {
  // Enough that as many as beams are left when each beam's best are stop ids.
  const auto kept = static_cast<size_t>(options_.beams) *
                    std::max<size_t>(2, rules_.stop_ids.size() + 1);
  const auto better = [](const Candidate& a, const Candidate& b) {
    if (a.score != b.score) return a.score > b.score;
    return a.beam != b.beam ? a.beam < b.beam : a.id < b.id;
  };
  std::vector<Candidate> best;  // A heap, the worst on top.
  for (int64_t b = 0; b < scores.rows; ++b) {
    const double before = beams_[static_cast<size_t>(b)].log_probability;
    for (int64_t id = 0; id < scores.cols; ++id) {
      const float score = scores.at(b, id);
      if (score == kBlocked) continue;
      const double total = before + double{score};
      if (best.size() == kept && total <= best.front().score) continue;
      best.push_back({total, b, static_cast<int32_t>(id)});
      std::push_heap(best.begin(), best.end(), better);
      if (best.size() <= kept) continue;
      std::pop_heap(best.begin(), best.end(), better);
      best.pop_back();
    }
  }
  std::sort_heap(best.begin(), best.end(), better);
  return best;
}

void BeamSearch::AddDone(BeamText text) {
  const auto place = std::find_if(
      done_.begin(), done_.end(),
      [&](const BeamText& other) { return other.score < text.score; });
  done_.insert(place, std::move(text));
  if (static_cast<int64_t>(done_.size()) > options_.beams) done_.pop_back();
}

void BeamSearch::Finish(const Candidate& candidate, bool stopped) {
  const Beam& beam = beams_[static_cast<size_t>(candidate.beam)];
  BeamText text;
  text.ids.assign(beam.ids.begin() + 1, beam.ids.end());
  if (!stopped) text.ids.push_back(candidate.id);
  text.tokens = static_cast<int64_t>(beam.ids.size());
  text.score = Penalized(candidate.score, text.tokens);
  text.stopped = stopped;
  AddDone(std::move(text));
}

void BeamSearch::FinishBeams() {
  for (const Beam& beam : beams_) {
    const auto tokens = static_cast<int64_t>(beam.ids.size()) - 1;
    if (tokens == 0) continue;
    AddDone({{beam.ids.begin() + 1, beam.ids.end()},
             Penalized(beam.log_probability, tokens),
             tokens,
             false});
  }
  beams_.clear();
}

bool BeamSearch::CanImprove(int64_t tokens) const {
  if (static_cast<int64_t>(done_.size()) < options_.beams) return true;
  return !options_.early_stopping &&
         Penalized(beams_.front().log_probability, tokens) > done_.back().score;
}

void BeamSearch::Step(MatrixView<float> log_probabilities) {
  for (int64_t b = 0; b < log_probabilities.rows; ++b) {
    ApplyRules(rules_, beams_[static_cast<size_t>(b)].ids,
               absl::MakeSpan(log_probabilities.row(b),
                              static_cast<size_t>(log_probabilities.cols)));
  }
  const std::vector<Candidate> best = BestOf(log_probabilities);
  if (best.empty()) return FinishBeams();
  const auto tokens = static_cast<int64_t>(beams_.front().ids.size());
  const bool is_last = tokens >= rules_.max_tokens;
  std::vector<Beam> next;
  for (size_t rank = 0; rank < best.size(); ++rank) {
    const Candidate& candidate = best[rank];
    const bool stopped = IsStop(candidate.id);
    if (stopped || is_last) {
      // The others are there only to be continued.
      if (rank < static_cast<size_t>(options_.beams)) {
        Finish(candidate, stopped);
      }
    } else if (static_cast<int64_t>(next.size()) < options_.beams) {
      Beam beam = {beams_[static_cast<size_t>(candidate.beam)].ids,
                   candidate.score, candidate.beam};
      beam.ids.push_back(candidate.id);
      next.push_back(std::move(beam));
    }
  }
  beams_ = std::move(next);
  if (!beams_.empty() && !CanImprove(tokens)) beams_.clear();
}

absl::StatusOr<BeamText> SearchBeams(const BeamOptions& options,
                                     const GenerationRules& rules,
                                     Executor* decoder) {
  BeamSearch search(options, rules);
  Slots slots(decoder);
  Matrix scores;
  while (!search.beams().empty()) {
    OUNCE_RETURN_IF_ERROR(ScoreNext(search.beams(), slots, decoder, &scores));
    search.Step(scores.view());
    slots.Follow(search.beams());
  }
  return search.done().empty() ? BeamText() : search.done().front();
}

}  // namespace ounce
