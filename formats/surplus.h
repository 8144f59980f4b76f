// Tensors that a model file has and its architecture does not know.
#ifndef OUNCE_FORMATS_SURPLUS_H_
#define OUNCE_FORMATS_SURPLUS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "model/spec.h"

namespace ounce {

// kInvalidArgument, with some of their names, when there are any.
absl::Status CheckSurplus(absl::Span<const std::string> surplus,
                          const ModelSpec& spec);

}  // namespace ounce

#endif  // OUNCE_FORMATS_SURPLUS_H_
