#include "tools/embed.h"

#include <cmath>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/status_macros.h"
#include "runtime/heads.h"
#include "tools/text_batches.h"

namespace ounce {
namespace {

enum class PoolingChoice { kMean, kFirst, kPooler };

absl::StatusOr<PoolingChoice> ChoosePooling(const RunArguments& arguments,
                                            const ModelSpec& spec) {
  const std::string& name = arguments.pooling;
  if (name.empty()) {
    return spec.pooling == Pooling::kFirst ? PoolingChoice::kFirst
                                           : PoolingChoice::kMean;
  }
  if (name == "mean") return PoolingChoice::kMean;
  if (name == "cls") return PoolingChoice::kFirst;
  if (name != "pooler") {
    return UsageError(absl::InvalidArgumentError(
        absl::StrCat("--pooling ", name, "; expected mean, cls or pooler")));
  }
  if (spec.head == HeadKind::kNone && spec.transform.present) {
    return PoolingChoice::kPooler;
  }
  return UsageError(absl::InvalidArgumentError(
      "--pooling pooler, and the model has no pooler; give mean or cls"));
}

std::vector<float> Vector(const TextResult& result, PoolingChoice choice) {
  if (choice != PoolingChoice::kPooler) {
    return Pool(result.states, choice == PoolingChoice::kFirst
                                   ? Pooling::kFirst
                                   : Pooling::kMean);
  }
  const Matrix pooled = result.executor.heads().Pooled(result.states);
  return {pooled.values().begin(), pooled.values().end()};
}

// The fewest digits that give back every float.
std::string Digits(float value) { return absl::StrFormat("%.9g", value); }

void Print(const std::vector<float>& vector, bool json) {
  std::string line = json ? "[" : "";
  for (size_t i = 0; i < vector.size(); ++i) {
    absl::StrAppend(&line, i == 0 ? "" : json ? ", " : " ", Digits(vector[i]));
  }
  std::cout << line << (json ? "]\n" : "\n");
}

}  // namespace

absl::Status Embed(const RunModel& run, const RunArguments& arguments,
                   const CommonOptions& common) {
  OUNCE_ASSIGN_OR_RETURN(const PoolingChoice choice,
                         ChoosePooling(arguments, run.spec()));
  const bool normalize = arguments.normalize || run.spec().unit_embedding;
  return ForEachText(
      run, arguments, common, [&](const TextResult& result) -> absl::Status {
        std::vector<float> vector = Vector(result, choice);
        if (normalize) MakeUnit(&vector);
        for (const float value : vector) {
          if (std::isfinite(value)) continue;
          return absl::DataLossError(
              "the model's hidden states are not finite; check its file with "
              "`ounce inspect --check`");
        }
        Print(vector, common.json);
        return absl::OkStatus();
      });
}

}  // namespace ounce
