// How long work reports how far it is, without knowing who watches.
#ifndef OUNCE_CORE_PROGRESS_H_
#define OUNCE_CORE_PROGRESS_H_

#include <cstdint>
#include <functional>

namespace ounce {

// Called from the thread that does the work with `done` growing to `total`,
// both in the work's own unit.  Empty: nobody watches.
using ProgressCallback = std::function<void(int64_t done, int64_t total)>;

inline void ReportProgress(const ProgressCallback& progress, int64_t done,
                           int64_t total) {
  if (progress) progress(done, total);
}

}  // namespace ounce

#endif  // OUNCE_CORE_PROGRESS_H_
