// Quantises the matrices of a block in the order in which it computes them, so
// that each is calibrated on what those before it really give.
#ifndef OUNCE_COMPRESS_BLOCK_QUANTIZE_H_
#define OUNCE_COMPRESS_BLOCK_QUANTIZE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "compress/block.h"
#include "compress/block_run.h"
#include "compress/block_statistics.h"
#include "kernels/kernel_context.h"

namespace ounce {

// Packs every tensor of `block`, which holds f32 values, and fills in their
// reports.  The values stay where `statistics` needs them.  Where a calibrated
// method fails, because a second moment is singular even with the most damping,
// inputs are NaN, no token reached an expert or `statistics` has none of it,
// the matrix is rounded to nearest and its report says why. At most
// `moment_bytes` of second moments are held at a time, or one matrix's.
// kInvalidArgument naming the tensor: a scale that its codec cannot hold.
absl::Status QuantizeBlock(BlockStatistics* statistics, int64_t moment_bytes,
                           KernelContext* context, Block* block);
// With the statistics of the block as it runs.
absl::Status QuantizeBlock(const BlockRun& run, int64_t moment_bytes,
                           Block* block);

}  // namespace ounce

#endif  // OUNCE_COMPRESS_BLOCK_QUANTIZE_H_
