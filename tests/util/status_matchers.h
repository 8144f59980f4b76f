// GoogleTest matchers for absl::Status, which Abseil itself ships only since
// May 2024: failing assertions print the status, not "false".
#ifndef OUNCE_TESTS_UTIL_STATUS_MATCHERS_H_
#define OUNCE_TESTS_UTIL_STATUS_MATCHERS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/status_macros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ounce {

inline const absl::Status& StatusOf(const absl::Status& status) {
  return status;
}
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}

MATCHER_P2(StatusIs, code, message_matcher,
           std::string("has code ") + absl::StatusCodeToString(code)) {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code &&
         ::testing::ExplainMatchResult(message_matcher,
                                       std::string(StatusOf(arg).message()),
                                       result_listener);
}

MATCHER_P(IsOkAndHolds, value_matcher, "is OK and holds a matching value") {
  *result_listener << arg.status().ToString();
  return arg.ok() &&
         ::testing::ExplainMatchResult(value_matcher, *arg, result_listener);
}

#define ASSERT_OK(expr) ASSERT_THAT(expr, ::ounce::IsOk())
#define EXPECT_OK(expr) EXPECT_THAT(expr, ::ounce::IsOk())

#define ASSERT_OK_AND_ASSIGN(lhs, expr) \
  ASSERT_OK_AND_ASSIGN_(OUNCE_CONCAT_(ounce_statusor_, __LINE__), lhs, expr)
#define ASSERT_OK_AND_ASSIGN_(tmp, lhs, expr) \
  auto tmp = (expr);                          \
  ASSERT_THAT(tmp, ::ounce::IsOk());          \
  lhs = *std::move(tmp)

}  // namespace ounce

#endif  // OUNCE_TESTS_UTIL_STATUS_MATCHERS_H_
