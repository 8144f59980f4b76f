// Tokens of a text put together to the things they name.
// Source: the labels B-X (begins) and I-X (goes on) of Ramshaw and Marcus,
// arXiv:cmp-lg/9505040, section 3, grouped as the "simple" strategy of
// huggingface/transformers' TokenClassificationPipeline groups them.
#ifndef OUNCE_TOOLS_ENTITIES_H_
#define OUNCE_TOOLS_ENTITIES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace ounce {

struct TokenLabel {
  std::string label;  // "B-PER", "I-PER", "O", or any other.
  double probability = 0.0;
};

struct Entity {
  std::string kind;  // "PER"
  size_t begin = 0;  // Tokens [begin, end).
  size_t end = 0;
  double probability = 0.0;  // The mean of its tokens'.
};

// Neighbours of one kind are one entity, unless the later begins another.  A
// label without a prefix is its own kind and goes on; "O" is none.
std::vector<Entity> GroupEntities(absl::Span<const TokenLabel> tokens);

}  // namespace ounce

#endif  // OUNCE_TOOLS_ENTITIES_H_
