#include "tools/bench_report.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "core/packing/codec.h"
#include "tools/terminal.h"

namespace ounce {
namespace {

// The most threads that were measured.
const ThreadResult& MostThreads(const BenchResult& result) {
  return *std::max_element(result.threads.begin(), result.threads.end(),
                           [](const ThreadResult& a, const ThreadResult& b) {
                             return a.limits.threads < b.limits.threads;
                           });
}

// "pp512 @ 4096 x 4": 512 tokens of prompt after 4096, in four sequences;
// "tg128 from 512": 128 generated for a source of 512.
std::string TestName(const BenchResult& result, const BenchTest& test) {
  std::string name = absl::StrCat(test.generation ? "tg" : "pp", test.tokens);
  // A source has nothing before it.
  if (result.depth > 0 && (test.generation || !result.source_work)) {
    absl::StrAppend(&name, " @ ", result.depth);
  }
  if (test.source_tokens > 0) {
    absl::StrAppend(&name, " from ", test.source_tokens);
  }
  if (result.sequences > 1) absl::StrAppend(&name, " x ", result.sequences);
  return name;
}

double ReadGigabytes(const BenchTest& test) {
  return 1e-9 * test.bytes / test.seconds();
}

double GigaOps(const BenchTest& test) {
  return 2e-9 * test.products / test.seconds();
}

// Of the codec that most of the model's products are with.
double PeakGigaOps(const ModelWork& work, const MachineLimits& limits) {
  std::map<Codec, int64_t> products;
  for (const OpWork& op : work) products[op.codec] += op.products;
  const auto most = std::max_element(
      products.begin(), products.end(),
      [](const auto& a, const auto& b) { return a.second < b.second; });
  return 1e-9 * limits.peak_ops_per_s.at(most->first);
}

// Seconds of one repetition by op.
std::vector<double> OpSeconds(const BenchTest& test) {
  std::vector<double> seconds;
  for (const double total : test.run.op_times) {
    seconds.push_back(total / static_cast<double>(test.run.seconds.size()));
  }
  return seconds;
}

Json OpsJson(const BenchTest& test) {
  const std::vector<double> seconds = OpSeconds(test);
  Json::Object ops;
  for (size_t i = 0; i < kNumOps; ++i) {
    ops.Set(kOpNames[i],
            1e3 * seconds[i] / static_cast<double>(test.run.tokens));
  }
  return ops;
}

Json PeaksJson(const MachineLimits& limits) {
  Json::Object peaks;
  for (const auto& [codec, ops] : limits.peak_ops_per_s) {
    peaks.Set(GetCodecInfo(codec).name, 1e-9 * ops);
  }
  return peaks;
}

Json TestJson(const BenchResult& result, const MachineLimits& limits,
              const BenchTest& test, bool ops) {
  const double seconds = test.seconds();
  const auto tokens = static_cast<double>(test.run.tokens);
  Json::Object json;
  json.Set("test", test.generation ? "generate" : "prompt");
  json.Set("tokens", test.tokens);
  json.Set("batch", result.sequences);
  json.Set("depth", result.depth);
  if (test.source_tokens > 0) json.Set("source_tokens", test.source_tokens);
  json.Set("threads", limits.threads);
  json.Set("tokens_per_s", Json::Of({{"median", test.run.median()},
                                     {"low", test.run.slowest()},
                                     {"high", test.run.fastest()}}));
  json.Set("bytes_per_token", test.bytes / tokens);
  json.Set("gb_s", ReadGigabytes(test));
  json.Set("share_of_read", test.read_seconds / seconds);
  json.Set("gops", GigaOps(test));
  json.Set("share_of_peak", test.multiply_seconds / seconds);
  json.Set("roofline_tokens_per_s", tokens / test.least_seconds());
  json.Set("read_gb_s", 1e-9 * limits.read_bytes_per_s);
  json.Set("peak_gops_by_codec", PeaksJson(limits));
  if (ops) json.Set("op_ms_per_token", OpsJson(test));
  return json;
}

std::string ResultTable(const BenchResult& result) {
  std::vector<std::vector<std::string>> rows = {
      {"test", "threads", "tokens/s", "from", "to", "ms/token", "GB/s", "GOPS",
       "at most", "share"}};
  for (const ThreadResult& row : result.threads) {
    for (const BenchTest& test : row.tests) {
      const double rate = test.run.median();
      const bool reads = test.read_seconds >= test.multiply_seconds;
      rows.push_back(
          {TestName(result, test), absl::StrCat(row.limits.threads),
           FormatNumber(rate, 4), FormatNumber(test.run.slowest(), 4),
           FormatNumber(test.run.fastest(), 4), FormatNumber(1e3 / rate, 3),
           test.generation ? FormatNumber(ReadGigabytes(test), 3) : "",
           FormatNumber(GigaOps(test), 3),
           FormatNumber(
               static_cast<double>(test.run.tokens) / test.least_seconds(), 4),
           absl::StrFormat("%.0f %% of %s",
                           100 * test.least_seconds() / test.seconds(),
                           reads ? "read" : "peak")});
    }
  }
  return FormatTable(rows);
}

std::string LimitsText(const MachineLimits& limits) {
  std::string text = absl::StrFormat(
      "%d thread%s: reads the weights at %.1f GB/s at most", limits.threads,
      limits.threads == 1 ? "" : "s", 1e-9 * limits.read_bytes_per_s);
  for (const auto& [codec, ops] : limits.peak_ops_per_s) {
    absl::StrAppendFormat(&text, "; multiplies %s at %.0f GOPS",
                          GetCodecInfo(codec).name, 1e-9 * ops);
  }
  return absl::StrCat(text, "\n");
}

std::string OpsTable(const BenchResult& result, const MachineLimits& limits,
                     const BenchTest& test) {
  std::vector<std::vector<std::string>> rows = {
      {absl::StrCat(TestName(result, test), ", ", limits.threads,
                    limits.threads == 1 ? " thread" : " threads"),
       "ms/token", "share of time", "GB/s", "GOPS"}};
  const std::vector<double> seconds = OpSeconds(test);
  const auto tokens = static_cast<double>(test.run.tokens);
  for (size_t i = 0; i < kNumOps; ++i) {
    const OpWork& work = result.WorkOf(test)[i];
    const bool head = static_cast<Op>(i) == Op::kHead;
    const bool counted = work.products > 0 && (test.generation || !head);
    const double per_token = seconds[i] / tokens;
    // The sequences share one reading of the weights.
    const double read =
        static_cast<double>(work.bytes) / static_cast<double>(result.sequences);
    rows.push_back(
        {std::string(kOpNames[i]), FormatNumber(1e3 * per_token, 3),
         absl::StrFormat("%.1f %%", 100 * seconds[i] / test.seconds()),
         counted && test.generation ? FormatNumber(1e-9 * read / per_token, 3)
                                    : "",
         counted ? FormatNumber(
                       2e-9 * static_cast<double>(work.products) / per_token, 3)
                 : ""});
  }
  return absl::StrCat("\n", FormatTable(rows));
}

}  // namespace

std::string CpuName() {
  std::ifstream info("/proc/cpuinfo");
  std::string line;
  while (std::getline(info, line)) {
    const std::pair<absl::string_view, absl::string_view> entry =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (absl::StripAsciiWhitespace(entry.first) == "model name") {
      return std::string(absl::StripAsciiWhitespace(entry.second));
    }
  }
  return "unknown";
}

Json BenchJson(const BenchResult& result, bool ops) {
  const MachineLimits& limits = MostThreads(result).limits;
  Json::Array results;
  for (const ThreadResult& row : result.threads) {
    for (const BenchTest& test : row.tests) {
      results.push_back(TestJson(result, row.limits, test, ops));
    }
  }
  return Json::Of(
      {{"model", result.model},
       {"machine", Json::Of({{"cpu", result.cpu},
                             {"isa", result.isa},
                             {"threads", limits.threads},
                             {"read_gb_s", 1e-9 * limits.read_bytes_per_s},
                             {"peak_gops", PeakGigaOps(result.work, limits)}})},
       {"kv", result.kv.empty() ? Json() : Json(result.kv)},
       {"repetitions", result.repetitions},
       {"results", std::move(results)},
       {"first_token_ms", result.first_token_ms.has_value()
                              ? Json(*result.first_token_ms)
                              : Json()},
       {"kv_bytes", result.kv_bytes},
       {"peak_rss_bytes", result.peak_rss_bytes}});
}

std::string BenchText(const BenchResult& result, bool ops) {
  int64_t bytes = 0;
  for (const OpWork& op : result.work) bytes += op.bytes;
  std::string text = absl::StrFormat(
      "%s: %s, %s of weights read per token; %s, %s%s\n", result.model,
      result.architecture, FormatBytes(bytes), result.cpu, result.isa,
      result.kv.empty() ? "" : absl::StrCat(", kv ", result.kv));
  absl::StrAppend(&text, ResultTable(result));
  for (const ThreadResult& row : result.threads) {
    absl::StrAppend(&text, LimitsText(row.limits));
    for (const BenchTest& test : row.tests) {
      if (ops) absl::StrAppend(&text, OpsTable(result, row.limits, test));
    }
  }
  if (result.first_token_ms.has_value()) {
    absl::StrAppendFormat(&text, "first token %.0f ms after the start; ",
                          *result.first_token_ms);
  }
  absl::StrAppend(&text, "peak memory ", FormatBytes(result.peak_rss_bytes));
  if (!result.kv.empty()) {
    absl::StrAppend(&text, ", of which keys and values up to ",
                    FormatBytes(result.kv_bytes));
  }
  return absl::StrCat(text, "\n");
}

}  // namespace ounce
