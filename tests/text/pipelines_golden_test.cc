// Whole tokenizers of random components against the reference
// (testdata/make_pipelines.js).
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"
#include "text/streaming_decoder.h"

namespace ounce {
namespace {

std::string DecodeStreaming(const Tokenizer& tokenizer,
                            const std::vector<int32_t>& ids) {
  StreamingDecoder decoder(tokenizer, /*skip_special_tokens=*/false);
  std::string text;
  for (const int32_t id : ids) text += decoder.Push(id);
  return text + decoder.Finish();
}

void CheckRow(const Tokenizer& tokenizer, const Json& row) {
  const std::string& text = *row.Find("text")->AsString();
  const std::vector<int32_t> ids = IdsOf(*row.Find("ids"));
  const std::vector<int32_t> plain = IdsOf(*row.Find("ids_plain"));
  const std::string& decoded = *row.Find("decoded")->AsString();
  ASSERT_OK_AND_ASSIGN(const auto encoded, tokenizer.Encode(text, true));
  EXPECT_EQ(encoded, ids) << text;
  ASSERT_OK_AND_ASSIGN(const auto encoded_plain, tokenizer.Encode(text, false));
  EXPECT_EQ(encoded_plain, plain) << text;
  EXPECT_EQ(tokenizer.Decode(plain, false), decoded);
  EXPECT_EQ(DecodeStreaming(tokenizer, plain), decoded);
  EXPECT_EQ(tokenizer.Decode(ids, true), *row.Find("decoded_skip")->AsString());
}

TEST(PipelinesGoldenTest, EveryTextIsEncodedAsTheReferenceDoes) {
  const Json golden =
      ParseOrDie(ReadSource("tests/text/testdata/pipelines.json"));
  for (const Json& test_case : *golden.AsArray()) {
    const Json& file = *test_case.Find("file");
    auto tokenizer = ParseTokenizerJson(file.Dump());
    ASSERT_THAT(tokenizer, IsOk());
    for (const Json& row : *test_case.Find("rows")->AsArray()) {
      CheckRow(**tokenizer, row);
      ASSERT_FALSE(HasFailure()) << file.Dump();
    }
  }
}

}  // namespace
}  // namespace ounce
