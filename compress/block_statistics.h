// Where the quantisation of a block takes the statistics of its inputs from.
#ifndef OUNCE_COMPRESS_BLOCK_STATISTICS_H_
#define OUNCE_COMPRESS_BLOCK_STATISTICS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "calibrate/input_statistics.h"
#include "compress/block.h"
#include "compress/block_run.h"
#include "compress/input_groups.h"
#include "compress/statistics_file.h"

namespace ounce {

class BlockStatistics {
 public:
  // kFailedPrecondition: there are none to quantise with, and why.
  using Result = absl::StatusOr<InputStatistics>;

  virtual ~BlockStatistics() = default;
  // Of the inputs of `groups` of `block`, with second moments where a group
  // needs them.
  virtual absl::StatusOr<std::vector<Result>> Of(
      const Block& block, absl::Span<const InputGroup* const> groups) = 0;
  // Whether Of() takes the values of matrices that are packed already.
  virtual bool needs_values() const { return false; }
};

// Runs the block as it is at the time, and in float beside it where the float
// model's inputs are given.
class LiveStatistics : public BlockStatistics {
 public:
  explicit LiveStatistics(const BlockRun& run) : run_(run) {}
  absl::StatusOr<std::vector<Result>> Of(
      const Block& block, absl::Span<const InputGroup* const> groups) override;
  bool needs_values() const override { return run_.float_inputs != nullptr; }

 private:
  const BlockRun run_;
};

// Takes them from a file, where those of a group may be missing.
class StoredStatistics : public BlockStatistics {
 public:
  // `file` must outlive it.
  explicit StoredStatistics(const StatisticsFile& file) : file_(file) {}
  absl::StatusOr<std::vector<Result>> Of(
      const Block& block, absl::Span<const InputGroup* const> groups) override;

 private:
  const StatisticsFile& file_;
};

}  // namespace ounce

#endif  // OUNCE_COMPRESS_BLOCK_STATISTICS_H_
