// Where the time of a forward pass goes.
#ifndef OUNCE_RUNTIME_OP_TIMES_H_
#define OUNCE_RUNTIME_OP_TIMES_H_

#include <array>
#include <chrono>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace ounce {

enum class Op : uint8_t {
  kEmbedding,  // Rows of the embedding, angles of the positions.
  kNorm,       // Norms with the quantisation of their outputs.
  kQkv,        // Query, key and value products.
  kRotary,     // Rotation; storing keys and values.
  kAttention,  // Attention with the quantisation of its output.
  kOutput,     // Output product and residual.
  kRouter,     // Which experts a token takes.
  kGateUp,     // Gate and up products with the activation.
  kDown,       // Quantisation of its input, down product and residual.
  kHead,       // The logits.
};
inline constexpr size_t kNumOps = 10;

inline constexpr std::array<absl::string_view, kNumOps> kOpNames = {
    "embedding", "norm",   "qkv",     "rotary", "attention",
    "output",    "router", "gate_up", "down",   "head"};

// Seconds by Op.
using OpTimes = std::array<double, kNumOps>;

// Adds the time until it ends to one entry; does nothing when `times` is null.
class OpTimer {
 public:
  OpTimer(OpTimes* times, Op op) : times_(times), op_(op) {
    if (times_ != nullptr) start_ = std::chrono::steady_clock::now();
  }
  ~OpTimer() {
    if (times_ == nullptr) return;
    (*times_)[static_cast<size_t>(op_)] +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start_)
            .count();
  }
  OpTimer(const OpTimer&) = delete;
  OpTimer& operator=(const OpTimer&) = delete;

 private:
  OpTimes* const times_;
  const Op op_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace ounce

#endif  // OUNCE_RUNTIME_OP_TIMES_H_
