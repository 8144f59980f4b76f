// Each component by itself against the reference (testdata/make_components.js).
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"

namespace ounce {
namespace {

const Json& Golden() {
  static const Json& golden =
      *new Json(ParseOrDie(ReadSource("tests/text/testdata/components.json")));
  return golden;
}

// A tokenizer with one component, `config`, and `words` as its vocabulary. With
// "ignore_merges" each of them is one token, so that ids show the words that
// the model was given; any other word is an error.
std::unique_ptr<Tokenizer> LoadWithWords(
    absl::string_view step, const Json& config,
    const std::vector<std::string>& words) {
  Json::Object vocab;
  for (const std::string& word : words) {
    if (vocab.Find(word) == nullptr) {
      vocab.Set(word, Json(static_cast<int64_t>(vocab.size())));
    }
  }
  const Json file =
      Json::Of({{std::string(step), config},
                {"model", Json::Of({{"type", "BPE"},
                                    {"vocab", Json(vocab)},
                                    {"merges", Json(Json::Array{})},
                                    {"ignore_merges", true}})}});
  auto tokenizer = ParseTokenizerJson(file.Dump());
  EXPECT_THAT(tokenizer, IsOk()) << config.Dump();
  return tokenizer.ok() ? *std::move(tokenizer) : nullptr;
}

// The words of `text`, by way of their ids; one word, the error, if there is
// one.
std::vector<std::string> WordsThrough(absl::string_view step,
                                      const Json& config,
                                      const std::vector<std::string>& expected,
                                      absl::string_view text) {
  const auto tokenizer = LoadWithWords(step, config, expected);
  if (tokenizer == nullptr) return {"no tokenizer"};
  const auto ids = tokenizer->Encode(text, false);
  if (!ids.ok()) return {ids.status().ToString()};
  std::vector<std::string> words;
  for (const int32_t id : *ids) words.push_back(tokenizer->Decode({id}, false));
  return words;
}

TEST(ComponentsGoldenTest, PreTokenizersCutAsTheReferenceDoes) {
  const std::vector<std::string> texts = StringsOf(*Golden().Find("texts"));
  for (const Json& row : *Golden().Find("pre_tokenizers")->AsArray()) {
    const Json& config = *row.Find("config");
    const Json::Array& words = *row.Find("words")->AsArray();
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::vector<std::string> expected = StringsOf(words[i]);
      EXPECT_EQ(WordsThrough("pre_tokenizer", config, expected, texts[i]),
                expected)
          << config.Dump() << " of " << texts[i];
    }
  }
}

TEST(ComponentsGoldenTest, NormalizersRewriteAsTheReferenceDoes) {
  const std::vector<std::string> texts = StringsOf(*Golden().Find("texts"));
  for (const Json& row : *Golden().Find("normalizers")->AsArray()) {
    const Json& config = *row.Find("config");
    const std::vector<std::string> normalized =
        StringsOf(*row.Find("normalized"));
    for (size_t i = 0; i < texts.size(); ++i) {
      std::vector<std::string> expected;
      // An empty text has no word at all, and so nothing that shows.
      if (!normalized[i].empty()) expected.push_back(normalized[i]);
      if (texts[i].empty()) expected.clear();
      EXPECT_EQ(WordsThrough("normalizer", config, expected, texts[i]),
                expected)
          << config.Dump() << " of " << texts[i];
    }
  }
}

TEST(ComponentsGoldenTest, DecodersJoinAsTheReferenceDoes) {
  const Json::Array& lists = *Golden().Find("token_lists")->AsArray();
  for (const Json& row : *Golden().Find("decoders")->AsArray()) {
    const Json& config = *row.Find("config");
    const std::vector<std::string> decoded = StringsOf(*row.Find("decoded"));
    for (size_t i = 0; i < lists.size(); ++i) {
      const std::vector<std::string> tokens = StringsOf(lists[i]);
      const auto tokenizer = LoadWithWords("decoder", config, tokens);
      ASSERT_NE(tokenizer, nullptr);
      std::vector<int32_t> ids;
      for (const std::string& token : tokens) {
        ids.push_back(*tokenizer->TokenToId(token));
      }
      EXPECT_EQ(tokenizer->Decode(ids, false), decoded[i])
          << config.Dump() << " of list " << i;
    }
  }
}

}  // namespace
}  // namespace ounce
