#include "compress/calibration.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/hash.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "runtime/executor.h"
#include "runtime/sampler.h"

namespace ounce {
namespace {

constexpr int64_t kDefaultContext = 512;
// Windows that are sampled side by side: enough that weights are read once for
// many.
constexpr int64_t kSampledTogether = 16;

using IdWindows = std::vector<std::vector<int32_t>>;

std::string HashOf(const IdWindows& windows) {
  static_assert(std::endian::native == std::endian::little);
  Sha256Stream hash;
  for (const std::vector<int32_t>& window : windows) {
    hash.Update({reinterpret_cast<const uint8_t*>(window.data()),
                 window.size() * sizeof(int32_t)});
  }
  return hash.FinishHex();
}

Calibration Complete(IdWindows windows, const CalibrationOptions& options,
                     int64_t context, bool own_text) {
  Calibration calibration;
  calibration.sha256 = HashOf(windows);
  calibration.windows = std::move(windows);
  calibration.options = options;
  calibration.options.context = context;
  calibration.own_text = own_text;
  return calibration;
}

// Keeps windows of at most `tokens` tokens together, drawn by `seed`, in the
// order of the text.
void DrawWindows(int64_t tokens, uint64_t seed, IdWindows* windows) {
  std::vector<size_t> order(windows->size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  Random random(seed);
  for (size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[random.NextBelow(i)]);
  }
  std::vector<size_t> kept;
  int64_t total = 0;
  for (const size_t index : order) {
    const auto size = static_cast<int64_t>((*windows)[index].size());
    if (total + size > tokens && !kept.empty()) continue;
    total += size;
    kept.push_back(index);
  }
  std::sort(kept.begin(), kept.end());
  IdWindows drawn;
  for (const size_t index : kept) {
    drawn.push_back(std::move((*windows)[index]));
  }
  *windows = std::move(drawn);
}

IdWindows CutIntoWindows(absl::Span<const int32_t> ids, int64_t context) {
  IdWindows windows;
  while (!ids.empty()) {
    const auto window = ids.subspan(0, static_cast<size_t>(context));
    ids.remove_prefix(window.size());
    windows.emplace_back(window.begin(), window.end());
  }
  return windows;
}

absl::StatusOr<IdWindows> EncodeLines(absl::string_view text,
                                      const Tokenizer& tokenizer,
                                      int64_t context) {
  IdWindows windows;
  EncodeOptions options;
  options.truncation.emplace();
  options.truncation->max_length = context;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::ConsumeSuffix(&line, "\r");
    if (line.find_first_not_of(" \t") == absl::string_view::npos) continue;
    OUNCE_ASSIGN_OR_RETURN(const std::vector<Encoding> encoded,
                           tokenizer.EncodeWindows({line, {}}, options));
    if (!encoded.front().ids.empty()) windows.push_back(encoded.front().ids);
  }
  return windows;
}

}  // namespace

int64_t Calibration::total_tokens() const {
  int64_t tokens = 0;
  for (const std::vector<int32_t>& window : windows) {
    tokens += static_cast<int64_t>(window.size());
  }
  return tokens;
}

CalibrationSource SourceOf(const Calibration& calibration) {
  return {calibration.sha256, calibration.total_tokens(),
          calibration.options.context, calibration.options.seed,
          calibration.own_text};
}

absl::StatusOr<int64_t> CalibrationContext(const CalibrationOptions& options,
                                           const ModelSpec& spec) {
  if (options.tokens < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.tokens, " calibration tokens; give at least 1"));
  }
  const int64_t most = spec.max_context;
  if (options.context == 0) {
    return std::min({kDefaultContext, most, options.tokens});
  }
  if (options.context < 1 || options.context > most) {
    return absl::InvalidArgumentError(
        absl::StrCat("a calibration context of ", options.context,
                     " tokens; expected 1 to ", most));
  }
  // One window is not to have more than all are allowed.
  return std::min(options.context, options.tokens);
}

absl::StatusOr<Calibration> CalibrateOnText(absl::string_view text,
                                            const Tokenizer& tokenizer,
                                            const ModelSpec& spec,
                                            const CalibrationOptions& options) {
  OUNCE_ASSIGN_OR_RETURN(const int64_t context,
                         CalibrationContext(options, spec));
  IdWindows windows;
  if (spec.causal) {
    OUNCE_ASSIGN_OR_RETURN(
        const std::vector<int32_t> ids,
        tokenizer.Encode(text, /*add_special_tokens=*/false));
    windows = CutIntoWindows(ids, context);
  } else {
    OUNCE_ASSIGN_OR_RETURN(windows, EncodeLines(text, tokenizer, context));
  }
  if (windows.empty()) {
    return absl::InvalidArgumentError(
        "the calibration text has no token; give text like that which the "
        "model will see");
  }
  DrawWindows(options.tokens, options.seed, &windows);
  return Complete(std::move(windows), options, context, false);
}

namespace {

// Samples `windows` side by side, each of `context` tokens.
absl::Status SampleTogether(Executor* executor, int64_t context,
                            absl::Span<std::vector<int32_t>> windows,
                            Random* random) {
  const int64_t vocab = executor->spec().vocab;
  std::vector<Sampler> samplers;
  for (size_t i = 0; i < windows.size(); ++i) {
    SamplerOptions options;
    options.temperature = 1.0;
    options.seed = random->NextBits();
    samplers.emplace_back(options);
    windows[i] = {
        static_cast<int32_t>(random->NextBelow(static_cast<uint64_t>(vocab)))};
    executor->Reset(static_cast<int64_t>(i));
  }
  Matrix hidden;
  Matrix logits(static_cast<int64_t>(windows.size()), vocab);
  for (int64_t t = 1; t < context; ++t) {
    std::vector<SequenceTokens> batch;
    for (size_t i = 0; i < windows.size(); ++i) {
      batch.push_back({static_cast<int64_t>(i),
                       absl::MakeConstSpan(&windows[i].back(), 1)});
    }
    OUNCE_RETURN_IF_ERROR(
        executor->Forward(batch, HiddenRows::kLastOfEach, &hidden));
    executor->Logits(hidden.view(), logits.view());
    for (size_t i = 0; i < windows.size(); ++i) {
      OUNCE_ASSIGN_OR_RETURN(
          const int32_t id,
          samplers[i].Sample(
              {logits.row(static_cast<int64_t>(i)), static_cast<size_t>(vocab)},
              windows[i]));
      windows[i].push_back(id);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Calibration> CalibrateOnOwnText(
    const ModelWeights& weights, const CalibrationOptions& options,
    const ProgressCallback& progress, KernelContext* context) {
  const ModelSpec& spec = weights.spec;
  if (!spec.causal || spec.has_encoder() ||
      spec.head != HeadKind::kLanguageModel) {
    return absl::UnimplementedError(
        "the model writes no text to calibrate on; give --calibrate FILE");
  }
  OUNCE_ASSIGN_OR_RETURN(const int64_t length,
                         CalibrationContext(options, spec));
  const int64_t count = std::max<int64_t>(1, options.tokens / length);
  ExecutorOptions executor_options;
  executor_options.sequences = std::min(count, kSampledTogether);
  Executor executor(weights, context, length, executor_options);
  IdWindows windows(static_cast<size_t>(count));
  Random random(options.seed);
  for (int64_t begin = 0; begin < count; begin += kSampledTogether) {
    const int64_t end = std::min(count, begin + kSampledTogether);
    OUNCE_RETURN_IF_ERROR(SampleTogether(
        &executor, length,
        absl::MakeSpan(windows).subspan(static_cast<size_t>(begin),
                                        static_cast<size_t>(end - begin)),
        &random));
    ReportProgress(progress, end, count);
  }
  return Complete(std::move(windows), options, length, true);
}

absl::StatusOr<Calibration> RestoreOwnText(
    std::vector<std::vector<int32_t>> windows, const ModelSpec& spec,
    const CalibrationOptions& options) {
  OUNCE_ASSIGN_OR_RETURN(const int64_t context,
                         CalibrationContext(options, spec));
  const auto fits = [&](const std::vector<int32_t>& window) {
    return !window.empty() && static_cast<int64_t>(window.size()) <= context &&
           std::all_of(window.begin(), window.end(),
                       [&](int32_t id) { return id >= 0 && id < spec.vocab; });
  };
  if (windows.empty() || !std::all_of(windows.begin(), windows.end(), fits)) {
    return absl::InvalidArgumentError(
        "the calibration text of the interrupted run is not the model's; start "
        "anew without --resume");
  }
  return Complete(std::move(windows), options, context, true);
}

}  // namespace ounce
