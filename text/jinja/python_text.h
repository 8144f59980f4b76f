// Python's str over UTF-8: positions and lengths count characters (code
// points), as templates expect.
// Source: the Python 3 library reference, "Text Sequence Type", and Unicode.
#ifndef OUNCE_TEXT_JINJA_PYTHON_TEXT_H_
#define OUNCE_TEXT_JINJA_PYTHON_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "text/jinja/work.h"

namespace ounce::jinja {

// Everywhere below `text` is valid UTF-8 and so is what is returned.

// str.isspace() of one character, which is also what `\s` matches.
bool IsPythonSpace(char32_t value);

absl::string_view StripLeft(absl::string_view text);
absl::string_view StripRight(absl::string_view text);
absl::string_view Strip(absl::string_view text);
// Those of the characters of `chars`.
enum class Side { kLeft, kRight, kBoth };
absl::string_view StripChars(absl::string_view text, absl::string_view chars,
                             Side side);

int64_t CountChars(absl::string_view text);
// The byte at which character `index` starts; the size when there are fewer.
size_t CharOffset(absl::string_view text, int64_t index);
std::vector<absl::string_view> SplitChars(absl::string_view text);

// str.split() without and with a separator, which is not empty; at most
// `max_splits` cuts, from the end when `from_right`, any number when negative.
struct SplitOptions {
  int64_t max_splits = -1;
  bool from_right = false;
};
std::vector<absl::string_view> SplitSpace(absl::string_view text,
                                          const SplitOptions& options);
std::vector<absl::string_view> SplitOn(absl::string_view text,
                                       absl::string_view separator,
                                       const SplitOptions& options);
std::vector<absl::string_view> SplitLines(absl::string_view text,
                                          bool keep_ends);

// str.replace(): at most `count` times, always when negative.  Spends the
// bytes.
struct Replacement {
  absl::string_view old;
  absl::string_view by;
  int64_t count = -1;
};
absl::StatusOr<std::string> Replace(absl::string_view text,
                                    const Replacement& replacement, Work* work);

// Case mappings.  kUnimplemented: a character whose mapping is several
// characters or depends on its neighbours (a final sigma).
enum class TextCase { kLower, kUpper, kTitle, kCapitalize };
absl::StatusOr<std::string> ChangeCase(absl::string_view text, TextCase to);

// repr(): a literal between quotes.
void AppendRepr(absl::string_view text, std::string* out);
// repr() of a float: the fewest digits that are read back unchanged.
std::string FloatRepr(double value);
// What markupsafe.escape() makes of a text: & < > ' and " become entities.
std::string EscapeHtml(absl::string_view text);
// A JSON string as json.dumps() writes it.
void AppendJsonString(absl::string_view text, bool ensure_ascii,
                      std::string* out);

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_PYTHON_TEXT_H_
