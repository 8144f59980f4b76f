// What `ounce bench` measured, and how it is shown.
#ifndef OUNCE_TOOLS_BENCH_REPORT_H_
#define OUNCE_TOOLS_BENCH_REPORT_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/packing/packed_matrix.h"
#include "runtime/speed.h"

namespace ounce {

// By Op.
using ModelWork = std::array<OpWork, kNumOps>;

// What the machine can do with one number of threads.
struct MachineLimits {
  int64_t threads = 0;
  double read_bytes_per_s = 0.0;
  std::map<Codec, double> peak_ops_per_s;  // Of the codecs of the model.
};

// One prompt or generation with one number of threads.
struct BenchTest {
  bool generation = false;
  int64_t tokens = 0;         // Per sequence.
  int64_t source_tokens = 0;  // That generation sees of an encoder.
  SpeedRun run;
  // Of one repetition: multiply-adds, bytes of weights, keys and values read,
  // and the seconds that either would take at its limit alone.
  double products = 0.0;
  double bytes = 0.0;
  double multiply_seconds = 0.0;
  double read_seconds = 0.0;

  // Of the median repetition.
  double seconds() const {
    return static_cast<double>(run.tokens) / run.median();
  }
  // The roofline: the slower of the two limits.
  double least_seconds() const {
    return std::max(multiply_seconds, read_seconds);
  }
};

struct ThreadResult {
  MachineLimits limits;
  std::vector<BenchTest> tests;
};

struct BenchResult {
  std::string model;
  std::string architecture;
  std::string cpu;
  std::string isa;
  std::string kv;  // Empty: the model keeps none.
  int64_t sequences = 1;
  int64_t depth = 0;
  int64_t repetitions = 0;
  ModelWork work;
  // Of an encoder-decoder: what a token of the source asks; its prompts are
  // sources.
  std::optional<ModelWork> source_work;
  std::optional<double> first_token_ms;  // Of models that generate.
  int64_t kv_bytes = 0;
  int64_t peak_rss_bytes = 0;
  std::vector<ThreadResult> threads;

  const ModelWork& WorkOf(const BenchTest& test) const {
    return source_work.has_value() && !test.generation ? *source_work : work;
  }
};

// The model of the CPU as the system calls it, "unknown" where it does not say.
std::string CpuName();

// `ops`: also the time of each op.
Json BenchJson(const BenchResult& result, bool ops);
std::string BenchText(const BenchResult& result, bool ops);

}  // namespace ounce

#endif  // OUNCE_TOOLS_BENCH_REPORT_H_
