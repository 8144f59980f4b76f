// Tokenizers of every model type, of random components, against the reference:
// random Unicode texts and pairs, whole as well as truncated and padded
// (testdata/make_models.js).  OUNCE_MODELS_JSON names another file that the
// script wrote, for a longer comparison.
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"
#include "text/streaming_decoder.h"

namespace ounce {
namespace {

std::string ReadGolden() {
  const char* path = std::getenv("OUNCE_MODELS_JSON");
  if (path == nullptr) return ReadSource("tests/text/testdata/models.json");
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

std::string FileOf(const Json& test_case) {
  const Json* name = test_case.Find("golden");
  if (name == nullptr) return test_case.Find("file")->Dump();
  return ReadSource(absl::StrCat("tests/golden/tokenizers/", *name->AsString(),
                                 "/tokenizer.json"));
}

std::string DecodeStreaming(const Tokenizer& tokenizer,
                            const std::vector<int32_t>& ids) {
  StreamingDecoder decoder(tokenizer, /*skip_special_tokens=*/false);
  std::string text;
  for (const int32_t id : ids) text += decoder.Push(id);
  return text + decoder.Finish();
}

TextPair TextsOf(const Json& row) {
  TextPair texts{*row.Find("text")->AsString(), std::nullopt};
  if (const Json* pair = row.Find("pair")) texts.second = *pair->AsString();
  return texts;
}

void CheckWhole(const Tokenizer& tokenizer, const Json& row) {
  const TextPair texts = TextsOf(row);
  for (const bool adds : {false, true}) {
    const std::string suffix = adds ? "" : "_plain";
    ASSERT_OK_AND_ASSIGN(const Windows windows,
                         tokenizer.EncodeWindows(texts, {adds, std::nullopt}));
    ASSERT_EQ(windows.size(), 1u);
    EXPECT_EQ(windows[0].ids, IdsOf(*row.Find("ids" + suffix)));
    if (const Json* type_ids = row.Find("type_ids" + suffix)) {
      EXPECT_EQ(windows[0].type_ids, IdsOf(*type_ids));
    }
  }
  const std::vector<int32_t> plain = IdsOf(*row.Find("ids_plain"));
  const std::string& decoded = *row.Find("decoded")->AsString();
  EXPECT_EQ(tokenizer.Decode(plain, false), decoded);
  EXPECT_EQ(DecodeStreaming(tokenizer, plain), decoded);
  EXPECT_EQ(tokenizer.Decode(IdsOf(*row.Find("ids")), true),
            *row.Find("decoded_skip")->AsString());
}

// Truncated and padded as `settings`, a batch by itself.
void CheckWindows(const Tokenizer& tokenizer, const Json& settings,
                  const Json& row) {
  const Json* expected = row.Find("windows");
  if (expected == nullptr) return;
  EncodeOptions options;
  ASSERT_OK_AND_ASSIGN(options.truncation, ParseTruncation(settings));
  ASSERT_OK_AND_ASSIGN(const auto padding, ParsePadding(settings));
  auto windows = tokenizer.EncodeWindows(TextsOf(row), options);
  EXPECT_EQ(windows.ok(), !expected->is_null()) << windows.status();
  if (!windows.ok() || expected->is_null()) return;
  std::vector<Windows> batch = {*std::move(windows)};
  if (padding.has_value()) {
    ASSERT_OK(Pad(*padding, &batch));
  }
  ASSERT_EQ(batch[0].size(), expected->AsArray()->size());
  for (size_t i = 0; i < batch[0].size(); ++i) {
    const Json::Array& window = *(*expected->AsArray())[i].AsArray();
    EXPECT_EQ(batch[0][i].ids, IdsOf(window[0]));
    EXPECT_EQ(batch[0][i].type_ids, IdsOf(window[1]));
    EXPECT_EQ(batch[0][i].attention_mask, IdsOf(window[2]));
  }
}

TEST(ModelsGoldenTest, EveryRowIsThatOfTheReference) {
  const Json golden = ParseOrDie(ReadGolden());
  for (const Json& test_case : *golden.AsArray()) {
    const std::string file = FileOf(test_case);
    auto tokenizer = ParseTokenizerJson(file);
    ASSERT_THAT(tokenizer, IsOk()) << file;
    for (const Json& row : *test_case.Find("rows")->AsArray()) {
      CheckWhole(**tokenizer, row);
      CheckWindows(**tokenizer, test_case, row);
      ASSERT_FALSE(HasFailure()) << row.Dump() << "\n" << file.substr(0, 3000);
    }
  }
}

}  // namespace
}  // namespace ounce
