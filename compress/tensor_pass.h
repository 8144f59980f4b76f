// Takes one tensor through pruning and quantisation, a panel of rows at a time.
#ifndef OUNCE_COMPRESS_TENSOR_PASS_H_
#define OUNCE_COMPRESS_TENSOR_PASS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "compress/plan.h"
#include "core/tensor.h"
#include "core/thread_pool.h"
#include "prune/pruner.h"

namespace ounce {

// Sums over the weights of a tensor so far.
struct TensorStats {
  double square_sum = 0.0;  // Of the original weights.
  double error_sum = 0.0;   // Of squared differences to what is stored.
  int64_t pruned = 0;       // Weights that are 0 after pruning.
  int64_t zeros = 0;        // Stored weights that are exactly 0.
  int64_t weights = 0;
  int64_t tiny_scales = 0;  // See QuantizeResult.

  // 10 log10(square_sum / error_sum); infinite for an exact copy.
  double snr_db() const;
  double sparsity() const;
};

// Memory is reused from panel to panel and tensor to tensor.  Not thread-safe;
// deterministic for any number of threads.
class TensorPass {
 public:
  explicit TensorPass(ThreadPool* pool) : pool_(*pool) {}

  // Rows of a panel: whole row blocks, about 4 MiB of floats.
  static int64_t PanelRows(int64_t cols);
  // The most memory a pass over this tensor takes.
  static int64_t MemoryBytes(const TensorPlan& plan);

  // Widens rows [begin, end) of `tensor`.  The result lives until the next
  // call. kInvalidArgument: a weight is NaN or infinite.
  absl::StatusOr<MatrixView<float>> Read(const BoundTensor& tensor,
                                         int64_t begin, int64_t end);

  // Compresses rows [begin, end), which start and end at row blocks or at the
  // end, pruning them first when `pruner` is not null.  `packed` receives the
  // bytes and lives until the next call.  Adds to `stats`.
  // Errors as Read() and the plan's method, naming the tensor.
  absl::Status Run(const TensorPlan& plan, int64_t begin, int64_t end,
                   Pruner* pruner, absl::Span<const uint8_t>* packed,
                   TensorStats* stats);

 private:
  // Of the panel's weights.
  double PanelSquareSum();
  // Quantises and packs one row block of the panel.
  void RunBlock(const TensorPlan& plan, int64_t block);

  ThreadPool& pool_;
  Matrix panel_;
  std::vector<uint8_t> packed_;
  std::vector<TensorStats> block_stats_;
  std::vector<absl::Status> block_status_;
};

}  // namespace ounce

#endif  // OUNCE_COMPRESS_TENSOR_PASS_H_
