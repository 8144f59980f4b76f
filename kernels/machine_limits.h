// What this machine can do at most, measured: the yardsticks that speeds are
// given as shares of.
#ifndef OUNCE_KERNELS_MACHINE_LIMITS_H_
#define OUNCE_KERNELS_MACHINE_LIMITS_H_

#include <cstdint>

#include "absl/types/span.h"
#include "core/packing/packed_matrix.h"
#include "kernels/kernel_context.h"

namespace ounce {

// Bytes per second that the context's threads together read from `parts`, each
// once per pass: the best pass of the best of several read loops.
double MeasureReadBandwidth(KernelContext& context,
                            absl::Span<const absl::Span<const uint8_t>> parts);

// Multiplications and additions per second (a multiply-add counts as two) that
// the context's threads reach on registers alone, with the instructions of the
// products with `codec`.
double MeasurePeakOps(KernelContext& context, Codec codec);

}  // namespace ounce

#endif  // OUNCE_KERNELS_MACHINE_LIMITS_H_
