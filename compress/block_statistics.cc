#include "compress/block_statistics.h"

#include <utility>

#include "calibrate/layer_inputs.h"
#include "core/status_macros.h"

namespace ounce {

absl::StatusOr<std::vector<BlockStatistics::Result>> LiveStatistics::Of(
    const Block& block, absl::Span<const InputGroup* const> groups) {
  std::vector<SharedInput> wanted;
  bool moments = false;
  for (const InputGroup* group : groups) {
    moments |= NeedsMoment(*group);
    wanted.push_back(SharedInputOf(*group));
  }
  const LayerWeights layer = block.Arrange();
  LayerRun run = {run_.executor, run_.context, &layer, block.layer(),
                  run_.inputs};
  LayerWeights float_layer;
  if (run_.float_inputs != nullptr) {
    float_layer = block.ArrangeFloat();
    run.float_layer = &float_layer;
    run.float_inputs = run_.float_inputs;
  }
  OUNCE_ASSIGN_OR_RETURN(std::vector<InputStatistics> statistics,
                         CollectInputs(run, wanted, moments));
  std::vector<Result> results;
  for (InputStatistics& inputs : statistics) {
    const absl::Status usable = CheckStatistics(inputs);
    results.push_back(usable.ok() ? Result(std::move(inputs)) : Result(usable));
  }
  return results;
}

absl::StatusOr<std::vector<BlockStatistics::Result>> StoredStatistics::Of(
    const Block& /*block*/, absl::Span<const InputGroup* const> groups) {
  std::vector<Result> results;
  for (const InputGroup* group : groups) {
    const BlockTensor& reader = *group->front();
    Result result =
        file_.Read(reader.plan->tensor->slot.name,
                   reader.plan->tensor->matrix.cols, NeedsMoment(*group));
    if (!result.ok() && !absl::IsFailedPrecondition(result.status())) {
      return result.status();
    }
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace ounce
