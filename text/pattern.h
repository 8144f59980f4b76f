// What a splitting or replacing component looks for: a literal text, a regular
// expression, or a property of single characters.
// Source: `Pattern` of huggingface/tokenizers.
#ifndef OUNCE_TEXT_PATTERN_H_
#define OUNCE_TEXT_PATTERN_H_

#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/json.h"
#include "text/regex.h"

namespace ounce {

// A stretch of the text that matches, or one between two matches.
struct Segment {
  TextRange range;
  bool is_match = false;
};

class Pattern {
 public:
  using CharacterTest = bool (*)(char32_t);

  // Every occurrence of `text`; an empty one occurs between all characters.
  static Pattern Literal(absl::string_view text);
  static absl::StatusOr<Pattern> FromRegex(absl::string_view regex);
  // Every single character that passes `test`.
  static Pattern Characters(CharacterTest test);
  // {"String": "..."} or {"Regex": "..."}.
  static absl::StatusOr<Pattern> Parse(const Json& config);

  // Appends segments that cover `text` without gaps, in order; none when `text`
  // is empty.  Two matches may be adjacent, and a match may be empty.
  // REQUIRES: `text` is valid UTF-8.
  absl::Status Cut(absl::string_view text, std::vector<Segment>* out) const;

  // `text` with every match replaced by `replacement`, taken literally.
  absl::StatusOr<std::string> Replace(absl::string_view text,
                                      absl::string_view replacement) const;

 private:
  using Kind = std::variant<std::string, Regex, CharacterTest>;
  explicit Pattern(Kind kind) : kind_(std::move(kind)) {}
  absl::Status FindAll(absl::string_view text,
                       std::vector<TextRange>* matches) const;

  Kind kind_;
};

}  // namespace ounce

#endif  // OUNCE_TEXT_PATTERN_H_
