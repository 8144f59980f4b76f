#include "tools/entities.h"

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace ounce {

std::vector<Entity> GroupEntities(absl::Span<const TokenLabel> tokens) {
  std::vector<Entity> entities;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const absl::string_view label = tokens[i].label;
    if (label == "O") continue;
    const bool begins = absl::StartsWith(label, "B-");
    const bool has_prefix = begins || absl::StartsWith(label, "I-");
    const absl::string_view kind = has_prefix ? label.substr(2) : label;
    if (begins || entities.empty() || entities.back().end != i ||
        entities.back().kind != kind) {
      entities.push_back({std::string(kind), i, i, 0.0});
    }
    Entity& entity = entities.back();
    entity.end = i + 1;
    entity.probability += tokens[i].probability;
  }
  for (Entity& entity : entities) {
    entity.probability /= static_cast<double>(entity.end - entity.begin);
  }
  return entities;
}

}  // namespace ounce
