// A tokenizer small enough to follow by hand: 'a' ... 'z' are ids 10 ... 35, a
// blank is 2, "xy" is one token, 40, and the beginning of a text is 1 unless it
// has none.
#ifndef OUNCE_TESTS_VERIFY_LETTER_TOKENIZER_H_
#define OUNCE_TESTS_VERIFY_LETTER_TOKENIZER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "text/tokenizer.h"

namespace ounce {

class LetterTokenizer : public Tokenizer {
 public:
  explicit LetterTokenizer(bool has_beginning = true)
      : has_beginning_(has_beginning) {}

  absl::StatusOr<std::vector<int32_t>> Encode(
      absl::string_view text, bool add_special_tokens) const override {
    std::vector<int32_t> ids;
    if (add_special_tokens && has_beginning_) ids.push_back(1);
    for (size_t i = 0; i < text.size(); ++i) {
      if (text.substr(i, 2) == "xy") {
        ids.push_back(40);
        ++i;
      } else if (text[i] == ' ') {
        ids.push_back(2);
      } else if (text[i] >= 'a' && text[i] <= 'z') {
        ids.push_back(10 + (text[i] - 'a'));
      } else {
        return absl::InvalidArgumentError("no letter");
      }
    }
    return ids;
  }
  std::string Decode(absl::Span<const int32_t>, bool) const override {
    return "";
  }
  int64_t vocab_size() const override { return 41; }
  std::optional<int32_t> TokenToId(absl::string_view) const override {
    return std::nullopt;
  }
  bool IsSpecial(int32_t id) const override { return id == 1; }

 private:
  const bool has_beginning_;
};

}  // namespace ounce

#endif  // OUNCE_TESTS_VERIFY_LETTER_TOKENIZER_H_
