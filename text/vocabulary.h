// The tokens of a model: text to id and back.
#ifndef OUNCE_TEXT_VOCABULARY_H_
#define OUNCE_TEXT_VOCABULARY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/json.h"

namespace ounce {

// Immutable; thread-safe.
class Vocabulary {
 public:
  // From an object {token: id, ...}.
  // kInvalidArgument: not such an object, an id out of range, or two tokens
  // with one id.
  static absl::StatusOr<Vocabulary> Parse(const Json& object);

  std::optional<int32_t> Find(absl::string_view token) const;
  // nullptr: no token has this id.
  const std::string* TokenOf(int32_t id) const;

  size_t size() const { return ids_.size(); }
  // One more than the largest id; 0 when there is none.
  int32_t id_limit() const { return id_limit_; }

 private:
  Vocabulary() = default;

  absl::flat_hash_map<std::string, int32_t> ids_;
  // By id.  Ids may have gaps as large as a hostile file likes, so that this is
  // no array.
  absl::flat_hash_map<int32_t, std::string> tokens_;
  int32_t id_limit_ = 0;
};

}  // namespace ounce

#endif  // OUNCE_TEXT_VOCABULARY_H_
