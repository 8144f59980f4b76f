#include "verify/embedding_distance.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/status_macros.h"
#include "verify/divergence.h"
#include "verify/encoder_pair.h"

namespace ounce {
namespace {

// Of one line, in the order of the columns that are resampled.
enum Column { kDistance, kChange, kPairs, kNumColumns };

// What the two models make of one line.
struct Embeddings {
  std::vector<float> of_float, of_compressed;
};

double Dot(absl::Span<const float> a, absl::Span<const float> b) {
  double sum = 0.0;
  for (size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * double{b[i]};
  return sum;
}

class Tally {
 public:
  absl::Status Add(Embeddings line) {
    const double distance =
        1.0 - CosineSimilarity(line.of_float, line.of_compressed);
    if (!std::isfinite(distance)) return LogitsNotFinite();
    double change = 0.0;
    const bool is_pair = !distances_.empty();
    if (is_pair) {
      change =
          std::abs(CosineSimilarity(line.of_float, last_.of_float) -
                   CosineSimilarity(line.of_compressed, last_.of_compressed));
    }
    rows_.insert(rows_.end(), {distance, change, is_pair ? 1.0 : 0.0});
    distances_.push_back(distance);
    last_ = std::move(line);
    return absl::OkStatus();
  }

  EmbeddingLoss Finish() {
    EmbeddingLoss loss;
    loss.lines = static_cast<int64_t>(distances_.size());
    const std::vector<Estimate> estimates =
        BootstrapMeans(rows_, kNumColumns, [](absl::Span<const double> means) {
          const double pairs = means[kPairs];
          return std::vector<double>{means[kDistance],
                                     pairs > 0 ? means[kChange] / pairs : 0.0};
        });
    loss.cosine_distance = estimates[0];
    loss.similarity_change = estimates[1];
    loss.distance_percentiles = PercentilesOf(&distances_);
    return loss;
  }

 private:
  Embeddings last_;
  std::vector<double> rows_;
  std::vector<double> distances_;
};

}  // namespace

double CosineSimilarity(absl::Span<const float> a, absl::Span<const float> b) {
  const double a_square = Dot(a, a);
  const double b_square = Dot(b, b);
  if (a_square == 0.0 || b_square == 0.0) {
    return a_square == b_square ? 1.0 : 0.0;
  }
  const double cosine = Dot(a, b) / std::sqrt(a_square * b_square);
  // Rounding may pass the ends; a NaN stays one.
  return std::isnan(cosine) ? cosine : std::clamp(cosine, -1.0, 1.0);
}

absl::StatusOr<EmbeddingLoss> CompareEmbeddings(
    const LineSubjects& subjects, absl::Span<const TextLine> lines,
    const LineOptions& options) {
  const Pooling pooling = subjects.models.model.spec.pooling;
  Tally tally;
  OUNCE_ASSIGN_OR_RETURN(
      const int64_t cut,
      ReadEachLine(subjects, lines, options,
                   [&](const TextLine&, const Encoding&, EncoderPair* pair) {
                     return tally.Add({Pool(pair->float_states(), pooling),
                                       Pool(pair->states(), pooling)});
                   }));
  EmbeddingLoss loss = tally.Finish();
  loss.lines_cut = cut;
  return loss;
}

}  // namespace ounce
