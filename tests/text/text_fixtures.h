// Small tokenizers and their parts for the tests of text/.
#ifndef OUNCE_TESTS_TEXT_TEXT_FIXTURES_H_
#define OUNCE_TESTS_TEXT_TEXT_FIXTURES_H_

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/json.h"
#include "core/json_reader.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "text/decoder.h"
#include "text/loader.h"
#include "text/pre_tokenizer.h"
#include "text/text_pieces.h"
#include "text/token_model.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace ounce {

// JSON that the test itself wrote.
inline Json ParseOrDie(absl::string_view text) {
  auto json = ParseJson(text);
  EXPECT_THAT(json, IsOk());
  return json.ok() ? *std::move(json) : Json();
}

// The vocabulary that the test itself wrote.
inline absl::StatusOr<Vocabulary> ReadVocabulary(absl::string_view text) {
  JsonReader reader(text);
  absl::StatusOr<Vocabulary> vocabulary = Vocabulary::Read(&reader);
  OUNCE_RETURN_IF_ERROR(reader.Finish());
  return vocabulary;
}

// A file of the source tree.
inline std::string ReadSource(absl::string_view path) {
  std::ifstream file(absl::StrCat(OUNCE_SOURCE_DIR, "/", path),
                     std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

inline std::vector<int32_t> IdsOf(const Json& array) {
  std::vector<int32_t> ids;
  for (const Json& id : *array.AsArray()) {
    ids.push_back(static_cast<int32_t>(*id.AsInt()));
  }
  return ids;
}

inline std::vector<std::string> StringsOf(const Json& array) {
  std::vector<std::string> strings;
  for (const Json& text : *array.AsArray()) strings.push_back(*text.AsString());
  return strings;
}

// The words that `pre_tokenizer` cuts `text` into.
inline std::vector<std::string> WordsOf(const PreTokenizer& pre_tokenizer,
                                        absl::string_view text) {
  TextPieces pieces(text);
  EXPECT_THAT(pre_tokenizer.Apply(&pieces), IsOk());
  std::vector<std::string> words;
  for (const TextPiece& piece : pieces.pieces()) words.emplace_back(piece.text);
  return words;
}

// The text that `decoder` makes of `tokens`.
inline std::string DecodeTokens(const Decoder& decoder,
                                const std::vector<std::string>& tokens) {
  class Sink : public TokenSink {
   public:
    explicit Sink(std::string* text) : text_(text) {}
    void Append(absl::string_view part) override {
      text_->append(part.data(), part.size());
    }
    void EndToken() override {}
    void Finish() override {}

   private:
    std::string* const text_;
  };
  std::string text;
  Sink sink(&text);
  const auto stage = decoder.Open(&sink);
  for (const std::string& token : tokens) {
    stage->Append(token);
    stage->EndToken();
  }
  stage->Finish();
  return text;
}

// The ids of one word.
inline absl::StatusOr<std::vector<int32_t>> EncodeWord(const TokenModel& model,
                                                       absl::string_view word) {
  std::vector<int32_t> ids;
  OUNCE_RETURN_IF_ERROR(model.NewEncoder()->Encode(word, &ids));
  return ids;
}

// A file with these members beside "version".
inline absl::StatusOr<std::unique_ptr<Tokenizer>> LoadWith(
    absl::string_view members) {
  return ParseTokenizerJson(
      absl::StrCat("{\"version\": \"1.0\", ", members, "}"));
}

}  // namespace ounce

#endif  // OUNCE_TESTS_TEXT_TEXT_FIXTURES_H_
