// Which matrices of a block read one input, in the order it computes them.
#ifndef OUNCE_COMPRESS_INPUT_GROUPS_H_
#define OUNCE_COMPRESS_INPUT_GROUPS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "calibrate/layer_inputs.h"
#include "compress/block.h"

namespace ounce {

// Matrices that read one input; never empty.
using InputGroup = std::vector<BlockTensor*>;
// Groups whose inputs are known once all stages before are done.
using InputStage = std::vector<InputGroup>;

// Of the matrices of `block` that `keep` takes; its data must not move while
// the result is used.
std::vector<InputStage> InputStagesOf(
    absl::FunctionRef<bool(const BlockTensor&)> keep, Block* block);

// Whether any matrix of the group is quantised by a method that takes second
// moments; by one that takes statistics at all.
bool NeedsMoment(const InputGroup& group);
bool NeedsStatistics(const InputGroup& group);

// One past the last of the groups from `begin` on whose second moments take no
// more than `moment_bytes` together; at least one group.
size_t EndOfPart(absl::Span<const InputGroup> groups, size_t begin,
                 int64_t moment_bytes);

// The group by the data that the running layer points to.
SharedInput SharedInputOf(const InputGroup& group);

}  // namespace ounce

#endif  // OUNCE_COMPRESS_INPUT_GROUPS_H_
