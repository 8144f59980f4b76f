// Scales that lose least where it matters: a search like that of
// round_to_nearest.h, with a weight on each column's squared error.
#ifndef OUNCE_QUANTIZE_WEIGHTED_SCALES_H_
#define OUNCE_QUANTIZE_WEIGHTED_SCALES_H_

#include <vector>

#include "absl/types/span.h"
#include "quantize/coded_rows.h"

namespace ounce {

// Replaces each group's scale by the one of least
//   sum over its columns of importance[col] * (weight - nearest)^2
// among the present one, absmax scales times 0.6 to 1.2 (of both signs, where
// the grid is lopsided) and these refitted to the codes they give; of codecs
// with units, among all multiples.  Codes are left alone.  Scales of 0 stay.
// `importance` [cols] is not negative.
void ChooseWeightedScales(absl::Span<const float> importance,
                          const CodedRows& rows);

}  // namespace ounce

#endif  // OUNCE_QUANTIZE_WEIGHTED_SCALES_H_
