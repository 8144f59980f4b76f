// tests/golden/metrics.json: values that numpy, scipy and others give, made by
// make_metrics.py beside it.
#ifndef OUNCE_TESTS_VERIFY_GOLDEN_METRICS_H_
#define OUNCE_TESTS_VERIFY_GOLDEN_METRICS_H_

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/json.h"

namespace ounce {

// The whole file; null when it cannot be read.
inline Json GoldenMetrics() {
  std::ifstream file(OUNCE_SOURCE_DIR "/tests/golden/metrics.json");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const absl::StatusOr<Json> json = ParseJson(text);
  return json.ok() ? *json : Json();
}

inline std::vector<double> Numbers(const Json& list) {
  std::vector<double> numbers;
  for (const Json& element : *list.AsArray()) {
    numbers.push_back(*element.AsDouble());
  }
  return numbers;
}

}  // namespace ounce

#endif  // OUNCE_TESTS_VERIFY_GOLDEN_METRICS_H_
