// Assertions on our own invariants.  Anything that comes from outside the
// program is reported as a Status instead.
#ifndef OUNCE_CORE_CHECK_H_
#define OUNCE_CORE_CHECK_H_

#include <cassert>

// Checked in debug builds only; kernels use it for shapes their callers
// promised.
#define OUNCE_DCHECK(condition) assert(condition)

#endif  // OUNCE_CORE_CHECK_H_
