// How far the vectors that a compressed model gives for texts are from the
// float one's, and how far that moves the similarity of two texts.
#ifndef OUNCE_VERIFY_EMBEDDING_DISTANCE_H_
#define OUNCE_VERIFY_EMBEDDING_DISTANCE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "verify/bootstrap.h"
#include "verify/text_lines.h"

namespace ounce {

// The cosine of the angle between two vectors of one size, -1 to 1, with f64
// sums; 1 if both are 0 and 0 if one is.
double CosineSimilarity(absl::Span<const float> a, absl::Span<const float> b);

struct EmbeddingLoss {
  int64_t lines = 0;
  int64_t lines_cut = 0;
  // 1 - the cosine similarity of a line's two embeddings; mean over lines.
  Estimate cosine_distance;
  Percentiles distance_percentiles;
  // |similarity by the float model - by the compressed one| of a line and the
  // line before it: what a search or a clustering sees.  Mean over such pairs,
  // resampled with the second line; 0 for one line.
  Estimate similarity_change;
};

// Embeddings by ModelSpec::pooling.
// kInvalidArgument: the models are not comparable; a line cannot be encoded.
// kDataLoss: a model's states are not finite.
absl::StatusOr<EmbeddingLoss> CompareEmbeddings(
    const LineSubjects& subjects, absl::Span<const TextLine> lines,
    const LineOptions& options);

}  // namespace ounce

#endif  // OUNCE_VERIFY_EMBEDDING_DISTANCE_H_
