#include "compress/damping_ladder.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace ounce {
namespace {

constexpr int kSteps = 4;
// Where the rule asked for none.
constexpr double kFirstDamping = 0.001;

}  // namespace

absl::StatusOr<DampedQuantizer> ClimbDampingLadder(
    const QuantizeRule& rule, MatrixView<const float> second_moment,
    KernelContext* context) {
  double damping = rule.options.damping;
  absl::Status status;
  for (int step = 0; step <= kSteps; ++step) {
    auto created = rule.method->create_calibrated(second_moment, rule.options,
                                                  damping, context);
    if (created.ok()) {
      return DampedQuantizer{
          *std::move(created),
          step == 0
              ? std::string(rule.method->name)
              : absl::StrCat(rule.method->name, " with damping ", damping)};
    }
    status = created.status();
    if (!absl::IsFailedPrecondition(status)) return status;
    damping = damping > 0 ? damping * 10 : kFirstDamping;
  }
  return status;
}

}  // namespace ounce
