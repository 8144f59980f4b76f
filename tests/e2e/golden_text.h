// Golden checkpoints with a tokenizer whose words are ids, so that a text makes
// a model see just the ids whose outputs transformers wrote down: "t7 t12" is
// 7, 12.
#ifndef OUNCE_TESTS_E2E_GOLDEN_TEXT_H_
#define OUNCE_TESTS_E2E_GOLDEN_TEXT_H_

#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/json.h"
#include "formats/safetensors/safetensors_reader.h"
#include "gtest/gtest.h"
#include "tests/util/program.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {

constexpr int32_t kGoldenVocab = 320;

struct IdTokenizer {
  // Special tokens in place of "t7" ...
  std::map<int32_t, std::string> specials = {};
  // A component of tokenizer.json; empty: no ids are added, and the second
  // text of a pair has type ids of 1.
  std::string post_processor = "";
};

inline std::string IdTokenizerJson(const IdTokenizer& tokenizer) {
  Json::Object vocab;
  Json::Array added;
  for (int32_t id = 0; id < kGoldenVocab; ++id) {
    const auto special = tokenizer.specials.find(id);
    if (special == tokenizer.specials.end()) {
      vocab.Set(absl::StrCat("t", id), int64_t{id});
      continue;
    }
    vocab.Set(special->second, int64_t{id});
    added.push_back(Json::Of({{"id", int64_t{id}},
                              {"content", special->second},
                              {"single_word", false},
                              {"lstrip", false},
                              {"rstrip", false},
                              {"normalized", false},
                              {"special", true}}));
  }
  const Json model = Json::Of({{"type", "WordLevel"},
                               {"vocab", Json(std::move(vocab))},
                               {"unk_token", "t3"}});
  const std::string processor = !tokenizer.post_processor.empty()
                                    ? tokenizer.post_processor
                                    : R"({"type": "TemplateProcessing",
               "single": [{"Sequence": {"id": "A", "type_id": 0}}],
               "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                        {"Sequence": {"id": "B", "type_id": 1}}],
               "special_tokens": {}})";
  return absl::StrCat(R"({"version": "1.0", "truncation": null,
      "padding": null, "normalizer": null, "decoder": null,
      "pre_tokenizer": {"type": "WhitespaceSplit"}, "added_tokens": )",
                      Json(std::move(added)).Dump(),
                      ", \"post_processor\": ", processor,
                      ", \"model\": ", model.Dump(), "}");
}

inline std::string GoldenPath(const std::string& name) {
  return absl::StrCat(OUNCE_SOURCE_DIR "/tests/golden/models/", name);
}

// Copies the golden checkpoint `name` to `folder` and adds the tokenizer.
inline void WriteGoldenModel(const std::string& name,
                             const IdTokenizer& tokenizer,
                             const std::string& folder) {
  std::filesystem::create_directories(folder);
  for (const char* file :
       {"config.json", "generation_config.json", "model.safetensors"}) {
    const std::string path = GoldenPath(name) + "/" + file;
    if (std::filesystem::exists(path)) std::filesystem::copy(path, folder);
  }
  WriteWholeFile(folder + "/tokenizer.json", IdTokenizerJson(tokenizer));
}

inline void ReplaceInFile(const std::string& path, const std::string& from,
                          const std::string& to) {
  std::string text = ReadWholeFile(path);
  const size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  WriteWholeFile(path, text);
}

template <typename T>
std::vector<T> TensorValues(const TensorSource& source,
                            const std::string& name) {
  const StoredTensor* tensor = source.Find(name);
  if (tensor == nullptr) return {};
  std::vector<T> values(tensor->bytes.size() / sizeof(T));
  std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
  return values;
}

// A row of golden inputs, padding left out, as text; a pair where its token
// types are two.
struct GoldenText {
  std::string first, second;
  size_t tokens = 0;
};

inline GoldenText TextOfRow(const TensorSource& golden, size_t row) {
  const auto ids = TensorValues<int64_t>(golden, "input_ids");
  const auto mask = TensorValues<int64_t>(golden, "attention_mask");
  const auto types = TensorValues<int64_t>(golden, "token_type_ids");
  const size_t tokens = static_cast<size_t>(golden.Find("input_ids")->shape[1]);
  GoldenText text;
  for (size_t i = row * tokens; i < (row + 1) * tokens; ++i) {
    if (mask[i] == 0) continue;
    const bool is_second = !types.empty() && types[i] == 1;
    absl::StrAppend(is_second ? &text.second : &text.first, " t", ids[i]);
    ++text.tokens;
  }
  return text;
}

inline std::vector<double> SoftmaxOf(const std::vector<float>& logits,
                                     size_t begin, size_t count) {
  double sum = 0.0;
  std::vector<double> shares;
  for (size_t i = begin; i < begin + count; ++i) {
    shares.push_back(std::exp(double{logits[i]}));
    sum += shares.back();
  }
  for (double& share : shares) share /= sum;
  return shares;
}

inline Json JsonOf(const std::string& text) {
  const absl::StatusOr<Json> json = ParseJson(text);
  EXPECT_OK(json) << text;
  return json.ok() ? *json : Json();
}

// One a line.
inline std::vector<Json> JsonLines(const std::string& text) {
  std::vector<Json> lines;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = text.find('\n', begin);
    lines.push_back(JsonOf(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return lines;
}

inline std::vector<double> NumbersOf(const Json& array) {
  std::vector<double> numbers;
  if (array.AsArray() == nullptr) return numbers;
  for (const Json& item : *array.AsArray()) {
    numbers.push_back(item.AsDouble().value_or(NAN));
  }
  return numbers;
}

}  // namespace ounce

#endif  // OUNCE_TESTS_E2E_GOLDEN_TEXT_H_
