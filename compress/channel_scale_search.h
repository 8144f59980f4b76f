// Chooses channel scales for a block by what its output loses.
// Source: the search of AWQ, arXiv:2306.00978, section 3.2; SmoothQuant's
// alpha, arXiv:2211.10438, section 4, is found in the same way.
#ifndef OUNCE_COMPRESS_CHANNEL_SCALE_SEARCH_H_
#define OUNCE_COMPRESS_CHANNEL_SCALE_SEARCH_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "compress/block.h"
#include "compress/block_run.h"
#include "compress/compress_report.h"
#include "quantize/channel_scales.h"

namespace ounce {

// Tokens whose outputs a candidate is judged by.
inline constexpr int64_t kScaleSearchTokens = 2048;

// For each place of the block where channels can be scaled and whose scales
// reach a matrix that will be quantised, the scales of `rule` are tried with
// these matrices rounded to nearest, and those kept that move the block's
// output least, if any is better than none.  `block` must hold f32 values
// alone.  Adds a line for each place to `report`.  A place whose channels are
// NaN or infinite, or that no token reached, is left alone, with a warning.
absl::Status SearchChannelScales(const BlockRun& run, ScaleRule rule,
                                 Block* block, CompressReport* report);

}  // namespace ounce

#endif  // OUNCE_COMPRESS_CHANNEL_SCALE_SEARCH_H_
