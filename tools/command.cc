#include "tools/command.h"

#include "absl/strings/cord.h"

namespace ounce {
namespace {

constexpr absl::string_view kUsagePayload = "ounce/usage";

}  // namespace

absl::Status UsageError(const absl::Status& status) {
  absl::Status marked = status;
  if (!marked.ok()) marked.SetPayload(kUsagePayload, absl::Cord());
  return marked;
}

bool IsUsageError(const absl::Status& status) {
  return status.GetPayload(kUsagePayload).has_value();
}

absl::string_view ToolVersion() { return OUNCE_VERSION; }

}  // namespace ounce
