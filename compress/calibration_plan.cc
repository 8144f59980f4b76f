#include "compress/calibration_plan.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "calibrate/block_evaluator.h"
#include "calibrate/input_statistics.h"
#include "compress/channel_scale_search.h"
#include "core/errno_status.h"
#include "core/status_macros.h"
#include "kernels/gram.h"
#include "model/tensor_table.h"

namespace ounce {
namespace {

// The program, its libraries' buffers, the tokenizer, the writer.
constexpr int64_t kProgramBytes = int64_t{96} << 20;
// Second moments beside the largest, for layers with many experts.
constexpr int64_t kSpareMomentBytes = int64_t{256} << 20;
// Of a channel scale search.
constexpr double kCandidates = 21.0;

// Sums over the matrices of one layer.
struct LayerNeeds {
  int64_t weights = 0;
  int64_t packed_bytes = 0;
  int64_t largest_moment = 0;   // Bytes of one matrix's.
  int64_t largest_weights = 0;  // Of one calibrated matrix.
  double moment_work = 0.0;     // Multiply-adds per token.
  double quantize_work = 0.0;   // Multiply-adds.
  double propagate_work = 0.0;  // The same, where errors are propagated.
};

void Add(const TensorPlan& row, LayerNeeds* needs) {
  const PackedMatrix& matrix = row.tensor->matrix;
  const int64_t weights = matrix.rows * matrix.cols;
  needs->weights += weights;
  needs->packed_bytes += row.bytes;
  if (row.quantize == nullptr || !row.quantize->method->calibrated()) return;
  needs->largest_moment =
      std::max(needs->largest_moment, SecondMomentBytes(matrix.cols));
  needs->largest_weights = std::max(needs->largest_weights, weights);
  const auto in = static_cast<double>(matrix.cols);
  // Matrices that share an input share its moments: a half is a fair mean.
  needs->moment_work += 0.25 * in * in;
  needs->quantize_work += static_cast<double>(weights) * in *
                              (1.0 + row.quantize->options.refine_sweeps) +
                          in * in * in;
  if (row.quantize->options.error_propagation > 0) {
    needs->propagate_work +=
        2.0 * static_cast<double>(weights) * in + in * in * in / 3.0;
  }
}

std::vector<LayerNeeds> NeedsOf(const Plan& plan) {
  std::map<int64_t, LayerNeeds> layers;
  for (const TensorPlan& row : plan.tensors) {
    const std::optional<int64_t> layer = LayerOf(row.tensor->slot.name);
    if (layer.has_value()) Add(row, &layers[*layer]);
  }
  std::vector<LayerNeeds> needs;
  for (const auto& [layer, sums] : layers) needs.push_back(sums);
  return needs;
}

// Multiply-adds per second of a product like those that take the time.
double MeasureRate(KernelContext* context) {
  constexpr int64_t kTokens = 256;
  constexpr int64_t kWidth = 1024;
  const Matrix x(kTokens, kWidth);
  Matrix sum(kWidth, kWidth);
  double seconds = 0.0;
  // Twice: the first run pays for memory.
  for (int run = 0; run < 2; ++run) {
    const auto start = std::chrono::steady_clock::now();
    AddGram(*context, x.view(), sum.view());
    seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
  }
  return 0.5 * kTokens * kWidth * kWidth / std::max(seconds, 1e-6);
}

double EstimateWork(const std::vector<LayerNeeds>& layers, const Recipe& recipe,
                    double tokens) {
  const double sample = std::min<double>(tokens, kScaleSearchTokens);
  double work = 0.0;
  for (const LayerNeeds& layer : layers) {
    const auto weights = static_cast<double>(layer.weights);
    // A pass for each stage's inputs, each a part longer, and the last.
    work += 2.1 * weights * tokens + layer.moment_work * tokens +
            layer.quantize_work;
    // The float model beside it, drifts, and weights times them and solved.
    if (recipe.propagates_error()) {
      work += 2.1 * weights * tokens + 2.0 * layer.moment_work * tokens +
              layer.propagate_work;
    }
    work += static_cast<double>(recipe.channel_scales.size()) * weights *
            (tokens + 4 * kCandidates * sample);
  }
  return work;
}

absl::Status CheckServed(const ModelSpec& spec) {
  if (spec.has_encoder()) {
    return absl::UnimplementedError(
        "calibration does not serve models of an encoder and a decoder; take "
        "recipe int8 or int4, or methods without calibration");
  }
  if (spec.layer_groups > 0) {
    return absl::UnimplementedError(
        "calibration does not serve models whose layers share weights; take "
        "recipe int8 or int4, or methods without calibration");
  }
  return absl::OkStatus();
}

// A layer in f32, which stays until all of it is packed, and what works on it.
int64_t BlockBytes(const LayerNeeds& layer, const Recipe& recipe) {
  const int64_t held = layer.weights * 4 + layer.packed_bytes;
  const int64_t search = recipe.channel_scales.empty() ? 0 : layer.weights * 4;
  // The quantiser's copies: of the weights two, of the moments three.
  int64_t quantize = layer.largest_weights * 8 + layer.largest_moment * 4;
  // The drift, a factor, and what is rounded in the place of the weights.
  if (recipe.propagates_error()) {
    quantize += layer.largest_weights * 4 + layer.largest_moment * 2;
  }
  return held + std::max(search, quantize);
}

int64_t Widest(const ModelSpec& spec) {
  return std::max(
      {spec.width, spec.ffn, spec.heads * spec.head_dim, spec.experts.ffn});
}

// Of a window on its way through a layer.
int64_t WindowFloats(const ModelSpec& spec, const Recipe& recipe,
                     int64_t tokens) {
  const int64_t widest = Widest(spec);
  // An input in the float model, and what the other differs by.
  const int64_t beside = recipe.propagates_error() ? 2 * widest : 0;
  return tokens * (8 * spec.width + 4 * widest + beside);
}

}  // namespace

absl::StatusOr<CalibrationPlan> PlanCalibration(const ModelSpec& spec,
                                                const Plan& plan,
                                                const Recipe& recipe,
                                                const CalibrationNeeds& needs,
                                                KernelContext* context) {
  OUNCE_RETURN_IF_ERROR(CheckServed(spec));
  const std::vector<LayerNeeds> layers = NeedsOf(plan);
  CalibrationPlan result;
  int64_t block = 0;
  int64_t moment = 0;
  for (const LayerNeeds& layer : layers) {
    block = std::max(block, BlockBytes(layer, recipe));
    moment = std::max(moment, layer.largest_moment);
  }
  const int64_t tokens = needs.stored_statistics ? 0 : needs.tokens;
  const int64_t context_tokens = needs.stored_statistics ? 0 : needs.context;
  const int64_t scratch =
      WindowFloats(spec, recipe, context_tokens) * 4 +
      context->pool().num_threads() * int64_t{128} * Widest(spec) * 4;
  const int64_t sample =
      recipe.channel_scales.empty()
          ? 0
          // One window at least.
          : BlockEvaluator::MemoryBytes(
                std::max(kScaleSearchTokens, context_tokens), spec.width);
  // Of the float model too where errors are propagated.
  const int64_t stream =
      tokens * spec.width * 4 * (recipe.propagates_error() ? 2 : 1);
  result.moment_bytes = moment;
  result.memory_bytes =
      kProgramBytes + plan.memory_bytes + block + scratch + sample + stream;
  // The file's pages, which are copied and given back.
  if (needs.stored_statistics) result.memory_bytes += moment;
  result.disk_bytes = plan.bytes;
  if (needs.max_ram_bytes > 0 && result.memory_bytes > needs.max_ram_bytes) {
    result.spill = true;
    result.memory_bytes -= stream;
    result.disk_bytes += stream;
  }
  if (needs.max_ram_bytes > 0 && result.memory_bytes > needs.max_ram_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "calibrating needs ", result.memory_bytes,
        " bytes of memory, even with activations in a file, and --max-ram "
        "allows ",
        needs.max_ram_bytes,
        "; allow more, or take recipe int8 or int4, which need little"));
  }
  const int64_t spare = needs.max_ram_bytes > 0
                            ? needs.max_ram_bytes - result.memory_bytes
                            : kSpareMomentBytes;
  result.moment_bytes += std::min(spare, kSpareMomentBytes);
  if (spec.experts.experts > 0) {
    result.memory_bytes += std::min(spare, kSpareMomentBytes);
  }
  result.seconds = EstimateWork(layers, recipe, static_cast<double>(tokens)) /
                   MeasureRate(context);
  return result;
}

absl::Status CheckDiskSpace(const std::string& path, int64_t bytes) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "."
                             : slash == 0               ? "/"
                                                        : path.substr(0, slash);
  struct statvfs info;
  if (statvfs(folder.c_str(), &info) != 0) {
    return ErrnoStatus(errno, "look at", folder);
  }
  const auto free =
      static_cast<double>(info.f_bavail) * static_cast<double>(info.f_frsize);
  if (free >= static_cast<double>(bytes)) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("'", folder, "' has room for ", static_cast<int64_t>(free),
                   " bytes and ", bytes, " are needed; write elsewhere"));
}

}  // namespace ounce
