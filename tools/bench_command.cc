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
  int64_t prompt = -1;    // -1: the default, which Resolve() puts in place.
  int64_t generate = -1;  // The same.
  int64_t sequences = 1;
  int64_t depth = 0;
  int64_t repetitions = 5;
  std::string threads;  // "1,2"; empty: --threads.
  std::string kv;       // Empty: the default.
  bool ops = false;
};

constexpr int64_t kDefaultPrompt = 512;
constexpr int64_t kDefaultGenerate = 128;

// Puts what the line left open as the model needs it.  An error: what it says
// means nothing to such a model, or leaves nothing to measure.
absl::StatusOr<BenchArguments> Resolve(BenchArguments arguments,
                                       const ModelSpec& spec) {
  if (!spec.causal && (arguments.generate > 0 || arguments.depth > 0 ||
                       !arguments.kv.empty())) {
    return absl::InvalidArgumentError(
        absl::StrCat("-n, -d and --kv do not apply to ", arguments.model,
                     ", an encoder, which generates nothing; leave them out"));
  }
  const bool reads_texts = !spec.causal || spec.has_encoder();
  if (arguments.prompt < 0) {
    arguments.prompt = reads_texts ? std::min(kDefaultPrompt, spec.max_context)
                                   : kDefaultPrompt;
  }
  if (!spec.causal) {
    arguments.generate = 0;
  } else if (arguments.generate < 0) {
    arguments.generate = kDefaultGenerate;
  }
  if (arguments.prompt > 0) return arguments;
  if (spec.has_encoder()) {
    return absl::InvalidArgumentError(
        "-p 0 leaves no source to generate from; give at least 1");
  }
  if (arguments.generate > 0) return arguments;
  return absl::InvalidArgumentError(
      "-p 0 and -n 0 leave nothing to measure; give one of them");
}

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

MachineLimits MeasureLimits(const ModelWeights& weights,
                            const BenchResult& result, KernelContext& context) {
  MachineLimits limits;
  std::vector<absl::Span<const uint8_t>> parts;
  const auto add = [&](const PackedMatrix& matrix) {
    parts.push_back(
        absl::MakeConstSpan(matrix.data, static_cast<size_t>(matrix.bytes)));
  };
  const ModelWeights* const encoder = weights.encoder.get();
  for (const ModelWeights* half : {encoder, &weights}) {
    if (half == nullptr) continue;
    for (const LayerWeights& layer : half->layers) {
      for (const PackedMatrix* matrix : MatricesOf(layer)) add(*matrix);
    }
  }
  if (weights.head.weight.bytes > 0) add(weights.head.weight);
  limits.read_bytes_per_s = MeasureReadBandwidth(context, parts);
  for (const ModelWork& work :
       {result.work, result.source_work.value_or(ModelWork())}) {
    for (const OpWork& op : work) {
      if (op.products == 0 || limits.peak_ops_per_s.count(op.codec) > 0) {
        continue;
      }
      limits.peak_ops_per_s[op.codec] = MeasurePeakOps(context, op.codec);
    }
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
    if (test->source_tokens > 0) {
      test->bytes += tokens * static_cast<double>(KvBytesRead(
                                  spec, kv, test->source_tokens - 1));
    }
  }
  test->read_seconds = test->bytes / limits.read_bytes_per_s;
}

absl::Status MeasureTests(const BenchArguments& arguments,
                          const ModelWeights& weights, KernelContext* context,
                          KvType kv, std::vector<BenchTest>* tests) {
  const bool has_source = weights.spec.has_encoder();
  const int64_t longest = has_source
                              ? arguments.generate
                              : std::max(arguments.prompt, arguments.generate);
  Executor executor(weights, context,
                    std::max<int64_t>(1, arguments.depth + longest),
                    {arguments.sequences, kv});
  if (arguments.prompt > 0) {
    BenchTest test;
    test.tokens = arguments.prompt;
    if (has_source) {
      Executor encoder(*weights.encoder, context, arguments.prompt,
                       {arguments.sequences});
      OUNCE_ASSIGN_OR_RETURN(test.run,
                             MeasureEncoding(&encoder, &executor, test.tokens,
                                             arguments.repetitions));
    } else {
      OUNCE_ASSIGN_OR_RETURN(
          test.run, MeasurePrompt(&executor, arguments.depth, test.tokens,
                                  arguments.repetitions));
    }
    tests->push_back(std::move(test));
  }
  if (arguments.generate > 0) {
    BenchTest test;
    test.generation = true;
    test.tokens = arguments.generate;
    test.source_tokens = has_source ? arguments.prompt : 0;
    OUNCE_ASSIGN_OR_RETURN(
        test.run, MeasureGeneration(&executor, arguments.depth, test.tokens,
                                    arguments.repetitions));
    tests->push_back(std::move(test));
  }
  return absl::OkStatus();
}

absl::StatusOr<ThreadResult> MeasureThreads(const BenchArguments& arguments,
                                            const CommonOptions& common,
                                            KvType kv,
                                            const BenchResult& result,
                                            const ModelWeights& weights) {
  OUNCE_ASSIGN_OR_RETURN(const Engine engine, CreateEngine(common));
  ThreadResult row;
  row.limits = MeasureLimits(weights, result, *engine.context);
  row.limits.threads = common.threads;
  OUNCE_RETURN_IF_ERROR(
      MeasureTests(arguments, weights, engine.context.get(), kv, &row.tests));
  for (BenchTest& test : row.tests) {
    CountTest(arguments, weights.spec, result.WorkOf(test), row.limits, kv,
              &test);
  }
  return row;
}

// From the command's start: the file mapped and checked, the tokenizer built,
// and a prompt of one token, for a source of one token if there is an encoder,
// run to its logits.
absl::StatusOr<double> FirstTokenMs(const LoadedModel& model,
                                    KernelContext& context, KvType kv,
                                    Clock::time_point start) {
  if (model.file.tokenizer.kind != TokenizerKind::kNone) {
    OUNCE_RETURN_IF_ERROR(CreateTokenizer(model.file).status());
  }
  Executor executor(model.weights, &context, 1, {1, kv});
  if (model.weights.spec.has_encoder()) {
    Executor encoder(*model.weights.encoder, &context, 1);
    OUNCE_RETURN_IF_ERROR(MeasureEncoding(&encoder, &executor, 1, 0).status());
  }
  OUNCE_RETURN_IF_ERROR(MeasurePrompt(&executor, 0, 1, 0).status());
  return 1e3 * std::chrono::duration<double>(Clock::now() - start).count();
}

// What is known before anything is measured.
BenchResult Describe(const BenchArguments& arguments, const LoadedModel& model,
                     const KernelContext& context, KvType kv) {
  const ModelSpec& spec = model.weights.spec;
  BenchResult result;
  result.model = model.file.path;
  result.architecture = spec.architecture;
  result.cpu = CpuName();
  result.isa = std::string(IsaName(context.table().isa));
  result.sequences = arguments.sequences;
  result.depth = arguments.depth;
  result.repetitions = arguments.repetitions;
  result.work = CountWork(model.weights);
  if (spec.has_encoder()) result.source_work = CountSourceWork(model.weights);
  if (!spec.causal) return result;
  result.kv = std::string(KvTypeName(kv));
  const int64_t positions =
      spec.has_encoder()
          ? arguments.depth + arguments.generate + arguments.prompt
          : arguments.depth + std::max(arguments.prompt, arguments.generate);
  result.kv_bytes =
      KvCache::Bytes(spec, kv, positions).value_or(0) * arguments.sequences;
  return result;
}

absl::StatusOr<ExitCode> Run(const BenchArguments& given,
                             const CommonOptions& common) {
  const Clock::time_point start = Clock::now();
  std::optional<KvType> kv = KvType::kF16;
  if (!given.kv.empty()) kv = ParseKvType(given.kv);
  if (!kv.has_value()) {
    return UsageError(absl::InvalidArgumentError(
        absl::StrCat("--kv ", given.kv, "; expected f32, f16 or int8")));
  }
  absl::StatusOr<std::vector<int64_t>> counts = ThreadCounts(given, common);
  if (!counts.ok()) return UsageError(counts.status());
  OUNCE_ASSIGN_OR_RETURN(const Engine engine, CreateEngine(common));
  OUNCE_ASSIGN_OR_RETURN(
      const LoadedModel model,
      LoadModel(given.model, false, common, engine.pool.get()));
  const ModelSpec& spec = model.weights.spec;
  absl::StatusOr<BenchArguments> resolved = Resolve(given, spec);
  if (!resolved.ok()) return UsageError(resolved.status());
  const BenchArguments& arguments = *resolved;
  // An encoder keeps its keys as `run` does.
  if (!spec.causal) kv = ExecutorOptions().kv;
  BenchResult result = Describe(arguments, model, *engine.context, *kv);
  if (spec.causal) {
    OUNCE_ASSIGN_OR_RETURN(result.first_token_ms,
                           FirstTokenMs(model, *engine.context, *kv, start));
  }
  for (const int64_t count : *counts) {
    CommonOptions options = common;
    options.threads = count;
    OUNCE_ASSIGN_OR_RETURN(
        ThreadResult row,
        MeasureThreads(arguments, options, *kv, result, model.weights));
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
  line.Option("-p,--prompt",
              "Tokens of the prompt, of each text or of the source; "
              "default 512, 0: none",
              0, kMaxCount, &arguments->prompt);
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
