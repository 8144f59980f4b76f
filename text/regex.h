// Regular expressions with the meaning Oniguruma gives them, run by PCRE2.
// regex.cc is the only file that sees that library.
#ifndef OUNCE_TEXT_REGEX_H_
#define OUNCE_TEXT_REGEX_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace ounce {

// Bytes [begin, end) of a text.
struct TextRange {
  size_t begin = 0;
  size_t end = 0;
};

// Immutable; matching is thread-safe.
class Regex {
 public:
  // kInvalidArgument: `pattern` does not compile; the message says where.
  static absl::StatusOr<Regex> Compile(absl::string_view pattern);

  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  // Appends the successive matches in `text`, leftmost first.  An empty match
  // just behind another match is not one.
  // REQUIRES: `text` is valid UTF-8.
  // kInvalidArgument: matching took too many steps or too much memory.
  absl::Status FindAll(absl::string_view text,
                       std::vector<TextRange>* matches) const;

 private:
  struct Code;
  Regex(std::unique_ptr<Code> code, absl::string_view pattern);

  std::unique_ptr<Code> code_;
  std::string pattern_;
};

}  // namespace ounce

#endif  // OUNCE_TEXT_REGEX_H_
