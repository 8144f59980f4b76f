// Takes one tensor through pruning and quantisation, a panel of rows at a time.
#ifndef OUNCE_COMPRESS_TENSOR_PASS_H_
#define OUNCE_COMPRESS_TENSOR_PASS_H_

#include <array>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
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

  // Adds the sums over other weights of the tensor.
  TensorStats& operator+=(const TensorStats& part);
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

  // Lets the next Run() do `task` too, as one task of the pool that starts
  // before its own: work that is one long chain, and for which a thread beside
  // the pool would only take the pool's time at the wrong moment.
  void AddTask(std::function<void()> task) {
    tasks_.push_back(std::move(task));
  }

  // Compresses rows [begin, end), which start and end at row blocks or at the
  // end, pruning them first when `pruner` is not null.  `packed` receives the
  // bytes, which live until the call after the next, so that they can be
  // written during the next.  Adds to `stats`.
  // Errors as Read() and the plan's method, naming the tensor.
  absl::Status Run(const TensorPlan& plan, int64_t begin, int64_t end,
                   Pruner* pruner, absl::Span<const uint8_t>* packed,
                   TensorStats* stats);

 private:
  // One row block of the panel and its weights.
  struct Block {
    int64_t index;
    MatrixView<float> rows;
  };

  // Sizes the panel and the blocks' results for rows [begin, end) of `tensor`.
  // Only what is to be kept from visit to visit needs a place for all rows.
  void StartPanel(const BoundTensor& tensor, int64_t begin, int64_t end,
                  bool keep);
  // Visits every row block of the panel, and does the tasks.
  void ForEachBlock(absl::FunctionRef<void(const Block& block)> visit);
  // The first error of a block.
  absl::Status BlockStatus() const;
  // Widens one row block; false when it has a weight that is not finite.
  bool ReadBlock(const BoundTensor& tensor, const Block& block);
  // Sums the squares of one row block.
  void SumBlock(const Block& block);
  // Quantises and packs one row block.
  void PackBlock(const TensorPlan& plan, const Block& block, uint8_t* packed);
  // Of the panel's weights, when its blocks' are known.
  double SquareSum() const;

  ThreadPool& pool_;
  std::vector<std::function<void()>> tasks_;
  Matrix panel_;           // All rows, or one block a thread.
  bool recycles_ = false;  // The latter.
  int64_t panel_rows_ = 0;
  int64_t panel_begin_ = 0;                     // Its first row in the tensor.
  std::array<std::vector<uint8_t>, 2> packed_;  // Of this Run() and the last.
  std::vector<TensorStats> block_stats_;
  std::vector<absl::Status> block_status_;
};

}  // namespace ounce

#endif  // OUNCE_COMPRESS_TENSOR_PASS_H_
