#include "text/tokenizer.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A tokenizer that knows nothing of pairs: one id a byte, 9 for what is added.
class Bytes : public Tokenizer {
 public:
  absl::StatusOr<std::vector<int32_t>> Encode(absl::string_view text,
                                              bool adds) const override {
    std::vector<int32_t> ids(text.begin(), text.end());
    if (adds) ids.push_back(9);
    return ids;
  }
  std::string Decode(absl::Span<const int32_t>, bool) const override {
    return "";
  }
  int64_t vocab_size() const override { return 128; }
  std::optional<int32_t> TokenToId(absl::string_view) const override {
    return std::nullopt;
  }
  bool IsSpecial(int32_t) const override { return false; }
};

TEST(TokenizerTest, OtherTokenizersPutNothingBetweenAPair) {
  ASSERT_OK_AND_ASSIGN(const Encoding pair,
                       Bytes().EncodePair("ab", "c", true));
  EXPECT_THAT(pair.ids, ElementsAre('a', 'b', 9, 'c', 9));
  EXPECT_THAT(pair.type_ids, ElementsAre(0, 0, 0, 1, 1));
  EXPECT_FALSE(Bytes().batch_settings().truncation.has_value());
}

TEST(TokenizerTest, OtherTokenizersAreTruncatedToo) {
  EncodeOptions options;
  options.add_special_tokens = false;
  options.truncation = Truncation{2};
  ASSERT_OK_AND_ASSIGN(const Windows windows,
                       Bytes().EncodeWindows({"abc", std::nullopt}, options));
  EXPECT_THAT(windows.front().ids, ElementsAre('a', 'b'));
  EXPECT_THAT(windows.back().ids, ElementsAre('c'));
}

constexpr char kParts[] = R"("model": {"type": "WordLevel", "unk_token": "a",
    "vocab": {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4, "f": 5, "g": 6, "h": 7}},
  "pre_tokenizer": {"type": "WhitespaceSplit"},
  "truncation": {"direction": "Right", "max_length": 4,
                 "strategy": "LongestFirst", "stride": 1},
  "padding": {"strategy": {"Fixed": 6}, "direction": "Right",
              "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0,
              "pad_token": "a"})";

TEST(TokenizerTest, OverflowEndsWithTheWordThatReachesTheLength) {
  // What tokenizers 0.23.2 gives.
  auto tokenizer = LoadWith(kParts);
  ASSERT_THAT(tokenizer, IsOk());
  EncodeOptions options;
  options.truncation = (*tokenizer)->batch_settings().truncation;
  ASSERT_OK_AND_ASSIGN(
      Windows windows,
      (*tokenizer)->EncodeWindows({"a b c d e f g h", std::nullopt}, options));
  ASSERT_EQ(windows.size(), 1u);
  EXPECT_THAT(windows.front().ids, ElementsAre(0, 1, 2, 3));
  ASSERT_OK_AND_ASSIGN(
      windows,
      (*tokenizer)
          ->EncodeWindows({"a b c d e f g h", "e f g h a b c d"}, options));
  ASSERT_EQ(windows.size(), 9u);
  EXPECT_THAT(windows[0].ids, ElementsAre(0, 1, 4, 5));
  EXPECT_THAT(windows[0].type_ids, ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(windows[3].ids, ElementsAre(1, 2, 6, 7));
  EXPECT_THAT(windows[8].ids, ElementsAre(0, 1, 6, 7));
}

TEST(TokenizerTest, EncodeGivesTheWholeTextWhateverTheFileSays) {
  auto tokenizer = LoadWith(kParts);
  ASSERT_THAT(tokenizer, IsOk());
  ASSERT_OK_AND_ASSIGN(const auto ids,
                       (*tokenizer)->Encode("a b c d e f g h", true));
  EXPECT_EQ(ids.size(), 8u);
  EXPECT_EQ((*tokenizer)->batch_settings().padding->length, 6);
}

}  // namespace
}  // namespace ounce
