// The proof of loss as a person reads it.
#ifndef OUNCE_TOOLS_VERIFY_REPORT_TEXT_H_
#define OUNCE_TOOLS_VERIFY_REPORT_TEXT_H_

#include <string>

#include "verify/report.h"

namespace ounce {

// What was measured, the tensors with the largest error, the gates.
std::string VerifyText(const VerifyReport& report);

}  // namespace ounce

#endif  // OUNCE_TOOLS_VERIFY_REPORT_TEXT_H_
