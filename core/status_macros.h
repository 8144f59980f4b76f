// Early returns for absl::Status and absl::StatusOr.  Abseil ships these only
// since May 2026; the packaged 20220623 release has none.
#ifndef OUNCE_CORE_STATUS_MACROS_H_
#define OUNCE_CORE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns the status of `expr` from the enclosing function unless it is OK.
// The line number in the name lets `expr` hold a lambda that uses it again.
#define OUNCE_RETURN_IF_ERROR(expr) \
  OUNCE_RETURN_IF_ERROR_(OUNCE_CONCAT_(ounce_status_, __LINE__), expr)
#define OUNCE_RETURN_IF_ERROR_(tmp, expr)                 \
  do {                                                    \
    if (absl::Status tmp = (expr); !tmp.ok()) return tmp; \
  } while (false)

// OUNCE_ASSIGN_OR_RETURN(auto x, F()) declares `x` from F(), or returns F()'s
// error.  Expands to several statements: never use it as the body of an `if`.
#define OUNCE_ASSIGN_OR_RETURN(lhs, expr) \
  OUNCE_ASSIGN_OR_RETURN_(OUNCE_CONCAT_(ounce_statusor_, __LINE__), lhs, expr)
#define OUNCE_ASSIGN_OR_RETURN_(tmp, lhs, expr)  \
  auto tmp = (expr);                             \
  if (!tmp.ok()) return std::move(tmp).status(); \
  lhs = *std::move(tmp)
#define OUNCE_CONCAT_(a, b) OUNCE_CONCAT_INNER_(a, b)
#define OUNCE_CONCAT_INNER_(a, b) a##b

#endif  // OUNCE_CORE_STATUS_MACROS_H_
