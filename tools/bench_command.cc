// `ounce bench`: how fast a model runs here, and how fast it could at most.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/status_macros.h"
#include "kernels/machine_limits.h"
#include "runtime/executor.h"
#include "runtime/speed.h"
#include "tools/bench_report.h"
#include "tools/command.h"
#include "tools/command_line.h"
#include "tools/loaded_model.h"
#include "tools/terminal.h"

namespace ounce {
namespace {

using Clock = std::chrono::steady_clock;

struct BenchArguments {
  std::string model;
  int64_t prompt = 512;
  int64_t generate = 128;
  int64_t sequences = 1;
  int64_t depth = 0;
  int64_t repetitions = 5;
  std::string threads;  // "1,2"; empty: --threads.
  std::string kv = "f16";
  bool ops = false;
};

absl::StatusOr<std::vector<int64_t>> ThreadCounts(
    const BenchArguments& arguments, const CommonOptions& common) {
  if (arguments.threads.empty())
    return std::vector<int64_t>{common.num_threads()};
  std::vector<int64_t> counts;
  for (const absl::string_view text : absl::StrSplit(arguments.threads, ',')) {
    int64_t count;
    if (!absl::SimpleAtoi(text, &count) || count < 1 || count > 1024) {
      return absl::InvalidArgumentError(
          absl::StrCat("-t ", arguments.threads,
                       ": expected thread counts from 1 to 1024 with commas "
                       "between, such as 1,2"));
    }
    counts.push_back(count);
  }
  return counts;
}

MachineLimits MeasureLimits(const ModelWeights& weights, const ModelWork& work,
                            KernelContext& context) {
  MachineLimits limits;
  std::vector<absl::Span<const uint8_t>> parts;
  const auto add = [&](const PackedMatrix& matrix) {
    parts.push_back(
        absl::MakeConstSpan(matrix.data, static_cast<size_t>(matrix.bytes)));
  };
  for (const LayerWeights& layer : weights.layers) {
    for (const PackedMatrix* matrix : MatricesOf(layer)) add(*matrix);
  }
  add(weights.head.weight);
  limits.read_bytes_per_s = MeasureReadBandwidth(context, parts);
  for (const OpWork& op : work) {
    if (op.products == 0 || limits.peak_ops_per_s.count(op.codec) > 0) continue;
    limits.peak_ops_per_s[op.codec] = MeasurePeakOps(context, op.codec);
  }
  return limits;
}

// Prompts: every token goes through the layers, the last also through the head.
// Generation: every step reads all weights once, for all sequences.
void CountTest(const BenchArguments& arguments, const ModelSpec& spec,
               const ModelWork& work, const MachineLimits& limits, KvType kv,
               BenchTest* test) {
  const auto sequences = static_cast<double>(arguments.sequences);
  const auto tokens = static_cast<double>(test->run.tokens);
  const double steps = test->generation ? tokens / sequences : 1.0;
  for (size_t i = 0; i < kNumOps; ++i) {
    if (work[i].products == 0) continue;
    const bool head = static_cast<Op>(i) == Op::kHead;
    const double op_tokens = head && !test->generation ? sequences : tokens;
    const double products = static_cast<double>(work[i].products) * op_tokens;
    test->products += products;
    test->bytes += static_cast<double>(work[i].bytes) * steps;
    test->multiply_seconds +=
        2.0 * products / limits.peak_ops_per_s.at(work[i].codec);
  }
  if (test->generation) {
    const int64_t middle = arguments.depth + arguments.generate / 2;
    test->bytes += tokens * static_cast<double>(KvBytesRead(spec, kv, middle));
  }
  test->read_seconds = test->bytes / limits.read_bytes_per_s;
}

absl::StatusOr<ThreadResult> MeasureThreads(const BenchArguments& arguments,
                                            const CommonOptions& common,
                                            KvType kv, const ModelWork& work,
                                            const ModelWeights& weights) {
  OUNCE_ASSIGN_OR_RETURN(const Engine engine, CreateEngine(common));
  ThreadResult result;
  result.limits = MeasureLimits(weights, work, *engine.context);
  result.limits.threads = common.threads;
  const int64_t longest = std::max(arguments.prompt, arguments.generate);
  Executor executor(weights, engine.context.get(), arguments.depth + longest,
                    {arguments.sequences, kv});
  for (const bool generation : {false, true}) {
    BenchTest test;
    test.generation = generation;
    test.tokens = generation ? arguments.generate : arguments.prompt;
    if (test.tokens == 0) continue;
    const auto measure = generation ? MeasureGeneration : MeasurePrompt;
    OUNCE_ASSIGN_OR_RETURN(test.run,
                           measure(&executor, arguments.depth, test.tokens,
                                   arguments.repetitions));
    CountTest(arguments, weights.spec, work, result.limits, kv, &test);
    result.tests.push_back(std::move(test));
  }
  return result;
}

// From the command's start: the file mapped and checked, the tokenizer built,
// and a prompt of one token run to its logits.
absl::StatusOr<double> FirstTokenMs(const LoadedModel& model,
                                    KernelContext& context, KvType kv,
                                    Clock::time_point start) {
  if (model.file.tokenizer.kind != TokenizerKind::kNone) {
    OUNCE_RETURN_IF_ERROR(CreateTokenizer(model.file).status());
  }
  Executor executor(model.weights, &context, 1, {1, kv});
  OUNCE_RETURN_IF_ERROR(MeasurePrompt(&executor, 0, 1, 0).status());
  return 1e3 * std::chrono::duration<double>(Clock::now() - start).count();
}

absl::StatusOr<ExitCode> Run(const BenchArguments& arguments,
                             const CommonOptions& common) {
  const Clock::time_point start = Clock::now();
  const std::optional<KvType> kv = ParseKvType(arguments.kv);
  if (!kv.has_value()) {
    return UsageError(absl::InvalidArgumentError(
        absl::StrCat("--kv ", arguments.kv, "; expected f32, f16 or int8")));
  }
  absl::StatusOr<std::vector<int64_t>> counts = ThreadCounts(arguments, common);
  if (!counts.ok()) return UsageError(counts.status());
  if (arguments.prompt == 0 && arguments.generate == 0) {
    return UsageError(absl::InvalidArgumentError(
        "-p 0 and -n 0 leave nothing to measure; give one of them"));
  }
  OUNCE_ASSIGN_OR_RETURN(const Engine engine, CreateEngine(common));
  OUNCE_ASSIGN_OR_RETURN(
      const LoadedModel model,
      LoadModel(arguments.model, false, common, engine.pool.get()));
  const int64_t positions =
      arguments.depth + std::max(arguments.prompt, arguments.generate);
  const std::optional<int64_t> kv_bytes =
      KvCache::Bytes(model.weights.spec, *kv, positions);
  BenchResult result;
  result.model = model.file.path;
  result.architecture = model.file.spec.architecture;
  result.cpu = CpuName();
  result.isa = std::string(IsaName(engine.context->table().isa));
  result.kv = arguments.kv;
  result.sequences = arguments.sequences;
  result.depth = arguments.depth;
  result.repetitions = arguments.repetitions;
  result.work = CountWork(model.weights);
  result.kv_bytes = kv_bytes.value_or(0) * arguments.sequences;
  OUNCE_ASSIGN_OR_RETURN(result.first_token_ms,
                         FirstTokenMs(model, *engine.context, *kv, start));
  for (const int64_t count : *counts) {
    CommonOptions options = common;
    options.threads = count;
    OUNCE_ASSIGN_OR_RETURN(
        ThreadResult row,
        MeasureThreads(arguments, options, *kv, result.work, model.weights));
    result.threads.push_back(std::move(row));
  }
  result.peak_rss_bytes = PeakResidentBytes();
  if (common.json) {
    std::cout << BenchJson(result, arguments.ops).Dump(1) << "\n";
  } else {
    std::cout << BenchText(result, arguments.ops);
  }
  return kExitDone;
}

void Declare(CommandLine& line, BenchArguments* arguments) {
  line.Positional("MODEL", "Hugging Face folder, .gguf or .oz file",
                  &arguments->model);
  line.Option("-p,--prompt", "Tokens of the prompt; default 512, 0: none", 0,
              kMaxCount, &arguments->prompt);
  line.Option("-n,--tokens", "Tokens to generate; default 128, 0: none", 0,
              kMaxCount, &arguments->generate);
  line.Option("-b,--sequences", "Sequences that run side by side; default 1", 1,
              1024, &arguments->sequences);
  line.Option("-d,--depth", "Tokens that are there before; default 0", 0,
              kMaxCount, &arguments->depth);
  line.Option("-r,--repetitions", "Of each test; default 5", 1, 1000,
              &arguments->repetitions);
  line.Option("-t,--thread-counts",
              "Thread counts to measure, such as 1,2; default --threads",
              &arguments->threads);
  line.Option("--kv", "Type of keys and values: f16 (default), f32 or int8",
              &arguments->kv);
  line.Flag("--ops", "Show where the time goes", &arguments->ops);
}

}  // namespace

Command BenchCommand() {
  return MakeCommand<BenchArguments>("bench", "Measure speed", Declare, Run);
}

}  // namespace ounce
