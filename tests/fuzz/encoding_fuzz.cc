// Feeds hostile texts to the golden tokenizers.  An input is a byte that
// chooses one of them, then a text.  Every text must be encoded, to ids below
// vocab_size(), by itself and as a pair; a stream must decode to the same text
// as the whole.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/utf8.h"
#include "text/loader.h"
#include "text/streaming_decoder.h"
#include "text/tokenizer.h"

namespace ounce {
namespace {

constexpr std::array<absl::string_view, 7> kNames = {
    "gpt2-bytelevel-bpe", "llama3-bpe", "qwen2-bpe",           "llama2-sp-bpe",
    "bert-wordpiece",     "t5-unigram", "whitespace-wordlevel"};

void Require(bool condition) {
  if (!condition) std::abort();
}

std::unique_ptr<Tokenizer> Load(absl::string_view name) {
  std::ifstream file(absl::StrCat(OUNCE_SOURCE_DIR, "/tests/golden/tokenizers/",
                                  name, "/tokenizer.json"),
                     std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  auto tokenizer = ParseTokenizerJson(bytes.str());
  Require(tokenizer.ok());
  return *std::move(tokenizer);
}

const Tokenizer& Chosen(uint8_t choice) {
  static const auto* const tokenizers =
      new std::vector<std::unique_ptr<Tokenizer>>([] {
        std::vector<std::unique_ptr<Tokenizer>> loaded;
        for (const absl::string_view name : kNames)
          loaded.push_back(Load(name));
        return loaded;
      }());
  return *(*tokenizers)[choice % kNames.size()];
}

void CheckStream(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  for (const bool skips : {false, true}) {
    StreamingDecoder decoder(tokenizer, skips);
    std::string text;
    for (const int32_t id : ids) text += decoder.Push(id);
    text += decoder.Finish();
    Require(text == tokenizer.Decode(ids, skips));
    Require(IsValidUtf8(text));
  }
}

void CheckPair(const Tokenizer& tokenizer, absl::string_view text) {
  const size_t half = text.size() / 2;
  const auto pair =
      tokenizer.EncodePair(text.substr(0, half), text.substr(half), true);
  Require(pair.ok() && pair->ids.size() == pair->type_ids.size());
}

void RunInput(absl::string_view input) {
  if (input.empty()) return;
  const Tokenizer& tokenizer = Chosen(static_cast<uint8_t>(input.front()));
  const absl::string_view text = input.substr(1);
  const auto ids = tokenizer.Encode(text, true);
  Require(ids.ok());
  for (const int32_t id : *ids) {
    Require(id >= 0 && id < tokenizer.vocab_size());
  }
  CheckStream(tokenizer, *ids);
  CheckPair(tokenizer, text);
}

}  // namespace
}  // namespace ounce

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ounce::RunInput(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
