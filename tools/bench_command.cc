// `ounce bench`: how fast a model runs here, and how fast it could at most.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "core/annotate.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "kernels/machine_limits.h"
#include "runtime/executor.h"
#include "runtime/speed.h"
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

// What the machine can do with one number of threads.
struct Limits {
  double read_bytes_per_s = 0.0;
  std::map<Codec, double> peak_ops;  // Per second, by codec of the model.
};

struct Test {
  std::string name;  // "pp512", "tg128".
  bool generation = false;
  SpeedRun run;
  double products = 0.0;  // Multiply-adds of one repetition.
  double bytes = 0.0;     // Read in one repetition: weights, keys, values.
  // What one repetition would take at the limits, in seconds.
  double ideal_seconds = 0.0;

  double seconds() const {
    return static_cast<double>(run.tokens) / run.median();
  }
  double share() const { return ideal_seconds / seconds(); }
};

struct ThreadResult {
  int64_t threads = 0;
  Limits limits;
  std::vector<Test> tests;
};

using Work = std::array<OpWork, kNumOps>;

struct BenchResult {
  Work work;
  double first_token_ms = 0.0;
  int64_t kv_bytes = 0;
  std::vector<ThreadResult> threads;
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

Limits MeasureLimits(const ModelWeights& weights, const Work& work,
                     KernelContext& context) {
  Limits limits;
  std::vector<absl::Span<const uint8_t>> parts;
  const auto add = [&](const PackedMatrix& matrix) {
    parts.push_back(
        absl::MakeConstSpan(matrix.data, static_cast<size_t>(matrix.bytes)));
  };
  for (const LayerWeights& layer : weights.layers) {
    for (const LinearWeights* linear :
         {&layer.query, &layer.key, &layer.value, &layer.output, &layer.gate,
          &layer.up, &layer.down}) {
      add(linear->weight);
    }
  }
  add(weights.head);
  limits.read_bytes_per_s = MeasureReadBandwidth(context, parts);
  for (const OpWork& op : work) {
    if (op.products == 0 || limits.peak_ops.count(op.codec) > 0) continue;
    limits.peak_ops[op.codec] = MeasurePeakOps(context, op.codec);
  }
  return limits;
}

// Adds what `tokens` tokens ask of one op, its matrices read `reads` times.
void AddOpWork(const OpWork& op, double tokens, double reads,
               const Limits& limits, Test* test) {
  if (op.products == 0) return;
  const double products = static_cast<double>(op.products) * tokens;
  test->products += products;
  test->bytes += static_cast<double>(op.bytes) * reads;
  if (!test->generation) {
    test->ideal_seconds += 2.0 * products / limits.peak_ops.at(op.codec);
  }
}

// Prompts: every token goes through the layers, the last also through the head.
// Generation: every step reads all weights once, for all sequences.
void CountTest(const BenchArguments& arguments, const ModelSpec& spec,
               const Work& work, const Limits& limits, KvType kv, Test* test) {
  const auto sequences = static_cast<double>(arguments.sequences);
  const auto tokens = static_cast<double>(test->run.tokens);
  const double steps = test->generation ? tokens / sequences : 1.0;
  for (size_t i = 0; i < kNumOps; ++i) {
    const bool head = static_cast<Op>(i) == Op::kHead;
    const double op_tokens = head && !test->generation ? sequences : tokens;
    AddOpWork(work[i], op_tokens, steps, limits, test);
  }
  if (!test->generation) return;
  const int64_t middle = arguments.depth + arguments.generate / 2;
  test->bytes += tokens * static_cast<double>(KvBytesRead(spec, kv, middle));
  test->ideal_seconds = test->bytes / limits.read_bytes_per_s;
}

absl::StatusOr<ThreadResult> MeasureThreads(const BenchArguments& arguments,
                                            const CommonOptions& common,
                                            KvType kv, const Work& work,
                                            const ModelWeights& weights) {
  OUNCE_ASSIGN_OR_RETURN(const Engine engine, CreateEngine(common));
  ThreadResult result;
  result.threads = common.threads;
  result.limits = MeasureLimits(weights, work, *engine.context);
  const int64_t longest = std::max(arguments.prompt, arguments.generate);
  Executor executor(weights, engine.context.get(), arguments.depth + longest,
                    {arguments.sequences, kv});
  const std::string suffix = absl::StrCat(
      arguments.depth > 0 ? absl::StrCat(" @ ", arguments.depth) : "",
      arguments.sequences > 1 ? absl::StrCat(" x ", arguments.sequences) : "");
  if (arguments.prompt > 0) {
    Test test;
    test.name = absl::StrCat("pp", arguments.prompt, suffix);
    OUNCE_ASSIGN_OR_RETURN(
        test.run, MeasurePrompt(&executor, arguments.depth, arguments.prompt,
                                arguments.repetitions));
    result.tests.push_back(std::move(test));
  }
  if (arguments.generate > 0) {
    Test test;
    test.name = absl::StrCat("tg", arguments.generate, suffix);
    test.generation = true;
    OUNCE_ASSIGN_OR_RETURN(
        test.run, MeasureGeneration(&executor, arguments.depth,
                                    arguments.generate, arguments.repetitions));
    result.tests.push_back(std::move(test));
  }
  for (Test& test : result.tests) {
    CountTest(arguments, weights.spec, work, result.limits, kv, &test);
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

Json TestJson(const Test& test) {
  const double seconds = test.seconds();
  return Json::Of(
      {{"name", test.name},
       {"tokens", test.run.tokens},
       {"tokens_per_s", Json::Of({{"median", test.run.median()},
                                  {"min", test.run.slowest()},
                                  {"max", test.run.fastest()}})},
       {"ops_per_s", 2.0 * test.products / seconds},
       {"bytes_per_token", test.bytes / static_cast<double>(test.run.tokens)},
       {"bytes_per_s", test.bytes / seconds},
       {"roofline_tokens_per_s",
        static_cast<double>(test.run.tokens) / test.ideal_seconds},
       {"roofline_share", test.share()}});
}

// Seconds of one repetition by op, and how near its limit each comes: products
// for prompts, bytes for generation.
std::vector<double> OpSeconds(const Test& test) {
  std::vector<double> seconds;
  for (const double total : test.run.op_times) {
    seconds.push_back(total / static_cast<double>(test.run.seconds.size()));
  }
  return seconds;
}

Json OpsJson(const Test& test) {
  const std::vector<double> seconds = OpSeconds(test);
  Json::Object ops;
  for (size_t i = 0; i < kNumOps; ++i) {
    ops.Set(kOpNames[i],
            1e3 * seconds[i] / static_cast<double>(test.run.tokens));
  }
  return ops;
}

Json ResultJson(const BenchArguments& arguments, const BenchResult& result,
                const LoadedModel& model, absl::string_view isa) {
  Json::Array runs;
  for (const ThreadResult& row : result.threads) {
    Json::Object peaks;
    for (const auto& [codec, ops] : row.limits.peak_ops) {
      peaks.Set(GetCodecInfo(codec).name, ops);
    }
    Json::Array tests;
    Json::Object ops;
    for (const Test& test : row.tests) {
      tests.push_back(TestJson(test));
      ops.Set(test.name, OpsJson(test));
    }
    Json::Object run;
    run.Set("threads", row.threads);
    run.Set("read_bytes_per_s", row.limits.read_bytes_per_s);
    run.Set("peak_ops_per_s", Json(std::move(peaks)));
    run.Set("tests", Json(std::move(tests)));
    if (arguments.ops) run.Set("op_ms_per_token", Json(std::move(ops)));
    runs.push_back(Json(std::move(run)));
  }
  return Json::Of({{"model", model.file.path},
                   {"isa", isa},
                   {"kv", arguments.kv},
                   {"sequences", arguments.sequences},
                   {"depth", arguments.depth},
                   {"repetitions", arguments.repetitions},
                   {"first_token_ms", result.first_token_ms},
                   {"kv_bytes", result.kv_bytes},
                   {"peak_rss_bytes", PeakResidentBytes()},
                   {"runs", runs}});
}

std::string ResultTable(const BenchResult& result) {
  std::vector<std::vector<std::string>> rows = {
      {"test", "threads", "tokens/s", "from", "to", "ms/token", "GB/s", "GOPS",
       "at most", "share"}};
  for (const ThreadResult& row : result.threads) {
    for (const Test& test : row.tests) {
      const double rate = test.run.median();
      rows.push_back(
          {test.name, absl::StrCat(row.threads), FormatNumber(rate, 4),
           FormatNumber(test.run.slowest(), 4),
           FormatNumber(test.run.fastest(), 4), FormatNumber(1e3 / rate, 3),
           test.generation ? FormatNumber(test.bytes / test.seconds() / 1e9, 3)
                           : "",
           FormatNumber(2e-9 * test.products / test.seconds(), 3),
           FormatNumber(
               static_cast<double>(test.run.tokens) / test.ideal_seconds, 4),
           absl::StrFormat("%.0f %%", 100 * test.share())});
    }
  }
  return FormatTable(rows);
}

std::string LimitsText(const ThreadResult& row) {
  std::string text = absl::StrFormat(
      "%d thread%s: reads the weights at %.1f GB/s at most", row.threads,
      row.threads == 1 ? "" : "s", 1e-9 * row.limits.read_bytes_per_s);
  for (const auto& [codec, ops] : row.limits.peak_ops) {
    absl::StrAppendFormat(&text, "; multiplies %s at %.0f GOPS",
                          GetCodecInfo(codec).name, 1e-9 * ops);
  }
  return absl::StrCat(text, "\n");
}

std::string OpsTable(const ThreadResult& row, const Work& work,
                     int64_t sequences) {
  std::string text;
  for (const Test& test : row.tests) {
    std::vector<std::vector<std::string>> rows = {
        {absl::StrCat(test.name, ", ", row.threads, " threads"), "ms/token",
         "share of time", "GB/s", "GOPS"}};
    const std::vector<double> seconds = OpSeconds(test);
    const auto tokens = static_cast<double>(test.run.tokens);
    for (size_t i = 0; i < kNumOps; ++i) {
      const bool head = static_cast<Op>(i) == Op::kHead;
      const bool counted = work[i].products > 0 && (test.generation || !head);
      const double per_token = seconds[i] / tokens;
      // The sequences share one reading of the weights.
      const double read =
          static_cast<double>(work[i].bytes) / static_cast<double>(sequences);
      rows.push_back(
          {std::string(kOpNames[i]), FormatNumber(1e3 * per_token, 3),
           absl::StrFormat("%.1f %%", 100 * seconds[i] / test.seconds()),
           counted && test.generation ? FormatNumber(1e-9 * read / per_token, 3)
                                      : "",
           counted ? FormatNumber(2e-9 * static_cast<double>(work[i].products) /
                                      per_token,
                                  3)
                   : ""});
    }
    absl::StrAppend(&text, "\n", FormatTable(rows));
  }
  return text;
}

void Print(const BenchArguments& arguments, const BenchResult& result,
           const LoadedModel& model, absl::string_view isa) {
  int64_t bytes = 0;
  for (const OpWork& op : result.work) bytes += op.bytes;
  std::cout << absl::StrFormat(
                   "%s: %s, %s of weights read per token; %s, kv %s\n",
                   model.file.path, model.file.spec.architecture,
                   FormatBytes(bytes), isa, arguments.kv)
            << ResultTable(result);
  for (const ThreadResult& row : result.threads) {
    std::cout << LimitsText(row);
    if (arguments.ops) {
      std::cout << OpsTable(row, result.work, arguments.sequences);
    }
  }
  std::cout << absl::StrFormat(
      "first token %.0f ms after the start; peak memory %s, of which keys and "
      "values up to %s\n",
      result.first_token_ms, FormatBytes(PeakResidentBytes()),
      FormatBytes(result.kv_bytes));
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
  const absl::string_view isa = IsaName(engine.context->table().isa);
  if (common.json) {
    std::cout << ResultJson(arguments, result, model, isa).Dump(1) << "\n";
  } else {
    Print(arguments, result, model, isa);
  }
  return kExitDone;
}

void Declare(CommandLine& line, BenchArguments* arguments) {
  line.Positional("MODEL", "Hugging Face folder or .oz file",
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
