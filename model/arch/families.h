// The families, one file of this folder each or several alike in one.  A new
// one is declared here and listed in registry.cc.
#ifndef OUNCE_MODEL_ARCH_FAMILIES_H_
#define OUNCE_MODEL_ARCH_FAMILIES_H_

#include "model/arch/registry.h"

namespace ounce {

extern const Architecture kAlbert;
extern const Architecture kBart;
extern const Architecture kBert;
extern const Architecture kBloom;
extern const Architecture kDistilBert;
extern const Architecture kElectra;
extern const Architecture kFalcon;
extern const Architecture kGemma;
extern const Architecture kGemma2;
extern const Architecture kGemma3Text;
extern const Architecture kGpt2;
extern const Architecture kGptJ;
extern const Architecture kGptNeoX;
extern const Architecture kGranite;
extern const Architecture kLlama;
extern const Architecture kMarian;
extern const Architecture kMbart;
extern const Architecture kMistral;
extern const Architecture kMixtral;
extern const Architecture kModernBert;
extern const Architecture kMt5;
extern const Architecture kOlmo2;
extern const Architecture kOpt;
extern const Architecture kPhi;
extern const Architecture kPhi3;
extern const Architecture kQwen2;
extern const Architecture kQwen2Moe;
extern const Architecture kQwen3;
extern const Architecture kQwen3Moe;
extern const Architecture kRoberta;
extern const Architecture kSmolLm3;
extern const Architecture kStarCoder2;
extern const Architecture kT5;
extern const Architecture kXlmRoberta;

}  // namespace ounce

#endif  // OUNCE_MODEL_ARCH_FAMILIES_H_
