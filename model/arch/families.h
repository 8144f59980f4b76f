// The families, one file of this folder each or several alike in one.  A new
// one is declared here and listed in registry.cc.
#ifndef OUNCE_MODEL_ARCH_FAMILIES_H_
#define OUNCE_MODEL_ARCH_FAMILIES_H_

#include "model/arch/registry.h"

namespace ounce {

extern const Architecture kLlama;
extern const Architecture kMistral;

}  // namespace ounce

#endif  // OUNCE_MODEL_ARCH_FAMILIES_H_
