// Failed system calls as statuses.
#ifndef OUNCE_CORE_ERRNO_STATUS_H_
#define OUNCE_CORE_ERRNO_STATUS_H_

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace ounce {

// "cannot `what` `path`: No such file or directory", with the code that matches
// `error_number` (kNotFound, kPermissionDenied, kResourceExhausted ...).
inline absl::Status ErrnoStatus(int error_number, absl::string_view what,
                                absl::string_view path) {
  return absl::ErrnoToStatus(error_number,
                             absl::StrCat("cannot ", what, " '", path, "'"));
}

}  // namespace ounce

#endif  // OUNCE_CORE_ERRNO_STATUS_H_
