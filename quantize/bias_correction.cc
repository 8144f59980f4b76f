#include "quantize/bias_correction.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/check.h"

namespace ounce {

absl::Status CorrectBias(const RestoredRows& rows,
                         absl::Span<const float> mean_input,
                         absl::Span<float> bias) {
  OUNCE_DCHECK(rows.weight.rows == rows.restored.rows);
  OUNCE_DCHECK(rows.weight.cols == rows.restored.cols);
  OUNCE_DCHECK(rows.weight.rows == static_cast<int64_t>(bias.size()));
  OUNCE_DCHECK(rows.weight.cols == static_cast<int64_t>(mean_input.size()));
  for (size_t c = 0; c < mean_input.size(); ++c) {
    if (std::isfinite(mean_input[c])) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "the mean input of column ", c, " is ", mean_input[c],
        "; expected a finite number, which other calibration data may give"));
  }
  std::vector<float> corrected(bias.begin(), bias.end());
  for (size_t r = 0; r < corrected.size(); ++r) {
    const float* weight = rows.weight.row(static_cast<int64_t>(r));
    const float* restored = rows.restored.row(static_cast<int64_t>(r));
    double sum = double{bias[r]};
    for (size_t c = 0; c < mean_input.size(); ++c) {
      sum += (double{weight[c]} - double{restored[c]}) * double{mean_input[c]};
    }
    corrected[r] = static_cast<float>(sum);
    if (std::isfinite(corrected[r])) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the bias of row ", r, " would become ", sum,
                     "; expected a finite number: keep this tensor in float"));
  }
  std::copy(corrected.begin(), corrected.end(), bias.begin());
  return absl::OkStatus();
}

}  // namespace ounce
