// Chooses the next token from logits.
// Source: top-p: Holtzman et al., arXiv:1904.09751; min-p: Nguyen et al.,
// arXiv:2407.01082; repetition penalty: Keskar et al., arXiv:1909.05858.
#ifndef OUNCE_RUNTIME_SAMPLER_H_
#define OUNCE_RUNTIME_SAMPLER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/random.h"

namespace ounce {

struct SamplerOptions {
  double temperature = 0.0;  // 0: the most probable token (greedy).
  int64_t top_k = 0;         // Keep the k most probable; 0: all.
  double top_p = 1.0;  // Keep the fewest whose probability sums to p; 1: all.
  double min_p = 0.0;  // Keep those above p times the most probable one's.
  // Divides positive and multiplies negative logits of tokens already seen.
  double repetition_penalty = 1.0;
  uint64_t seed = 0;
};

// kInvalidArgument naming the option that is out of range.
absl::Status CheckSamplerOptions(const SamplerOptions& options);

// The index of the largest value; ties go to the lowest index.
int32_t ArgMax(absl::Span<const float> values);

// Applied in this order: repetition penalty, temperature, top-k, top-p, min-p.
// The same options, seed and logits give the same tokens on every platform up
// to rounding in exp().  Not thread-safe.
class Sampler {
 public:
  // `options` must pass CheckSamplerOptions().
  explicit Sampler(const SamplerOptions& options)
      : options_(options), random_(options.seed) {}

  // `seen` are the ids of the sequence so far, for the repetition penalty.
  // kDataLoss: a logit is NaN or infinite.
  absl::StatusOr<int32_t> Sample(absl::Span<const float> logits,
                                 absl::Span<const int32_t> seen);

 private:
  struct Candidate {
    float logit;
    int32_t id;
  };
  void Penalize(absl::Span<const int32_t> seen);
  int32_t Draw();
  int32_t DrawFromAll();
  int32_t DrawFromBest();  // What top-k, top-p and min-p keep.
  void Collect();
  // The candidate of that rank, 0 being the most probable.  A draw looks at few
  // of a large vocabulary, so that they are put in order as they are asked for.
  const Candidate& Ranked(size_t rank);
  // The probability of `candidate`, relative to that of the most probable.
  double WeightOf(const Candidate& candidate) const;
  double SumWeights();  // Of all candidates.
  // Sets weights_, to single precision.
  void WeighAll();

  const SamplerOptions options_;
  Random random_;
  std::vector<float> logits_;
  std::vector<float> weights_;  // By id; see WeightOf().
  std::vector<Candidate> candidates_;
  size_t num_ranked_ = 0;  // Of candidates_, at their start.
  float max_logit_ = 0;
};

}  // namespace ounce

#endif  // OUNCE_RUNTIME_SAMPLER_H_
