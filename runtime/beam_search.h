// Beam search: the texts that a decoder finds most probable as a whole, several
// of them followed side by side.
// Source: as huggingface/transformers 5.12 does it (GenerationMixin
// ._beam_search()); length penalty: Wu et al., arXiv:1609.08144, section 7, in
// its simpler form.
#ifndef OUNCE_RUNTIME_BEAM_SEARCH_H_
#define OUNCE_RUNTIME_BEAM_SEARCH_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/tensor.h"
#include "runtime/executor.h"
#include "runtime/generation_rules.h"

namespace ounce {

struct BeamOptions {
  int64_t beams = 4;  // Texts that are followed; at least 1.
  // A text's score is its log-probability / tokens^this.  Above 0 favours long
  // texts, below 0 short ones.
  double length_penalty = 1.0;
  // Ends as soon as as many texts as beams are done; false: when the best text
  // that is not could not enter the list of those that are.
  bool early_stopping = false;
};

// A text that a search found.
struct BeamText {
  std::vector<int32_t> ids;  // Without start and stop id.
  double score = 0.0;
  int64_t tokens = 0;    // A stop id counts.
  bool stopped = false;  // By a stop id.
};

// The search itself, which knows no model.  Not thread-safe.
class BeamSearch {
 public:
  struct Beam {
    std::vector<int32_t> ids;  // With the start id.
    double log_probability = 0.0;
    int64_t parent = 0;  // Its place among the beams before the last step.
  };

  BeamSearch(const BeamOptions& options, GenerationRules rules);

  // What is to be continued, the most probable first; at first only the start.
  // Empty: the search is over.
  const std::vector<Beam>& beams() const { return beams_; }

  // Takes the log-probabilities of what follows each of beams(),
  // [beams, vocab], which the rules change.
  void Step(MatrixView<float> log_probabilities);

  // Texts that are done, the best first, at most as many as beams.  Not empty
  // once the search is over, unless nothing may follow the start.
  const std::vector<BeamText>& done() const { return done_; }

 private:
  struct Candidate {
    double score;
    int64_t beam;
    int32_t id;
  };
  // The best continuations, in order.
  std::vector<Candidate> BestOf(MatrixView<const float> scores) const;
  bool IsStop(int32_t id) const;
  double Penalized(double log_probability, int64_t tokens) const;
  void Finish(const Candidate& candidate, bool stopped);
  // Nothing may follow any beam: they are done as they are.
  void FinishBeams();
  void AddDone(BeamText text);
  // Whether the beams may still change the outcome.
  bool CanImprove(int64_t tokens) const;

  const BeamOptions options_;
  const GenerationRules rules_;
  std::vector<Beam> beams_;
  std::vector<BeamText> done_;
};

// Runs a search on `decoder`, whose sequence 0 has a source and is at its
// start; it has at least options.beams sequences and a capacity of
// rules.max_tokens.  All beams go through the model together.
// kDataLoss: a logit is not finite; other errors as Executor::Forward().
absl::StatusOr<BeamText> SearchBeams(const BeamOptions& options,
                                     const GenerationRules& rules,
                                     Executor* decoder);

// x = log(softmax(x)), row by row.  False: a value is not finite.
bool LogSoftmax(MatrixView<float> x);

}  // namespace ounce

#endif  // OUNCE_RUNTIME_BEAM_SEARCH_H_
