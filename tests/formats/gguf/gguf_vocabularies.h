// Small GGUF vocabularies of every kind, for tests and as seeds of the fuzz
// target.
#ifndef OUNCE_TESTS_FORMATS_GGUF_GGUF_VOCABULARIES_H_
#define OUNCE_TESTS_FORMATS_GGUF_GGUF_VOCABULARIES_H_

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/formats/gguf/gguf_image.h"

namespace ounce {

// "ab" and "abc" by two merges, a control and a user's token.
inline GgufImage TinyBytePairGguf() {
  GgufImage image;
  image.Value("tokenizer.ggml.model", GgufString("gpt2"))
      .Value("tokenizer.ggml.pre", GgufString("gpt-2"))
      .Value("tokenizer.ggml.tokens",
             GgufStrings(
                 {"a", "b", "c", "\u0120", "ab", "abc", "<|end|>", "keep it"}))
      .Value("tokenizer.ggml.token_type", GgufInt32s({1, 1, 1, 1, 1, 1, 3, 4}))
      .Value("tokenizer.ggml.merges", GgufStrings({"a b", "ab c"}))
      .Value("tokenizer.ggml.eos_token_id", GgufUint32(6));
  return image;
}

// <unk>, <s>, </s>, all bytes, then pieces with scores.
inline GgufImage TinySentencePieceGguf() {
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  std::vector<int32_t> types = {2, 3, 3};
  std::vector<float> scores = {0, 0, 0};
  for (int byte = 0; byte < 256; ++byte) {
    tokens.push_back(absl::StrFormat("<0x%02X>", byte));
    types.push_back(6);
    scores.push_back(0);
  }
  for (const auto& [text, score] :
       std::vector<std::pair<std::string, float>>{{"\u2581a", -1.0f},
                                                  {"ab", -2.0f},
                                                  {"\u2581", -3.0f},
                                                  {"a", -4.0f},
                                                  {"b", -5.0f}}) {
    tokens.push_back(text);
    types.push_back(1);
    scores.push_back(score);
  }
  GgufImage image;
  image.Value("tokenizer.ggml.model", GgufString("llama"))
      .Value("tokenizer.ggml.tokens", GgufStrings(tokens))
      .Value("tokenizer.ggml.token_type", GgufInt32s(types))
      .Value("tokenizer.ggml.scores", GgufFloat32s(scores));
  return image;
}

inline GgufImage TinyWordPieceGguf() {
  GgufImage image;
  image.Value("tokenizer.ggml.model", GgufString("bert"))
      .Value("tokenizer.ggml.tokens",
             GgufStrings({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[unused0]",
                          "\u2581play", "ing", "\u2581!"}))
      .Value("tokenizer.ggml.token_type", GgufInt32s({3, 3, 3, 3, 1, 1, 1, 1}))
      .Value("tokenizer.ggml.unknown_token_id", GgufUint32(1))
      .Value("tokenizer.ggml.cls_token_id", GgufUint32(2))
      .Value("tokenizer.ggml.seperator_token_id", GgufUint32(3))
      .Value("tokenizer.ggml.padding_token_id", GgufUint32(0));
  return image;
}

inline GgufImage TinyUnigramGguf() {
  GgufImage image;
  image.Value("tokenizer.ggml.model", GgufString("t5"))
      .Value("tokenizer.ggml.tokens",
             GgufStrings(
                 {"<pad>", "</s>", "<unk>", "\u2581", "\u2581cat", "s", "c"}))
      .Value("tokenizer.ggml.token_type", GgufInt32s({3, 3, 2, 1, 1, 1, 1}))
      .Value("tokenizer.ggml.scores",
             GgufFloat32s({0, 0, 0, -2.0f, -3.0f, -4.0f, -5.0f}))
      .Value("tokenizer.ggml.remove_extra_whitespaces", GgufBool(true));
  return image;
}

}  // namespace ounce

#endif  // OUNCE_TESTS_FORMATS_GGUF_GGUF_VOCABULARIES_H_
