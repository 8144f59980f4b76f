// Feeds the tokenizer hostile files and hostile texts.  An input is
//   'J' <tokenizer.json> NUL <text>   a file and a text, or
//   any other byte, then <text>       a text for one of two built-in files.
// Whatever loads must encode without crashing, also as a pair that is truncated
// and padded as the file says, give ids below vocab_size(), and decode a stream
// to the same text as the whole.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/utf8.h"
#include "text/loader.h"
#include "text/padding.h"
#include "text/streaming_decoder.h"
#include "text/tokenizer.h"

namespace ounce {
namespace {

// Bounds the time that a regular expression from a hostile file can take.
constexpr size_t kMaxTextBytes = 2048;

// Byte level, as GPT-2; most characters are unknown.
constexpr char kByteLevel[] = R"({"version": "1.0",
  "added_tokens": [
    {"content": "<|end|>", "special": true, "normalized": false},
    {"content": "  ", "lstrip": true, "rstrip": true, "normalized": true},
    {"content": "ab", "single_word": true, "normalized": false}],
  "normalizer": {"type": "NFC"},
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": true},
  "decoder": {"type": "ByteLevel"},
  "model": {"type": "BPE", "unk_token": "?", "fuse_unk": true,
    "vocab": {"?": 0, "a": 1, "b": 2, "Ġ": 3, "Ã": 4, "©": 5, "ab": 6, "Ġab": 7,
              "Ċ": 8, "ð": 9, "Ł": 10},
    "merges": ["a b", "Ġ ab"]}})";

// With byte fallback, as Llama 2.
constexpr char kByteFallback[] = R"({"version": "1.0",
  "added_tokens": [{"content": "<s>", "special": true, "normalized": false}],
  "normalizer": {"type": "Sequence", "normalizers": [
    {"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
  "decoder": {"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
    {"type": "ByteFallback"}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
  "model": {"type": "BPE", "unk_token": "<unk>", "byte_fallback": true,
    "vocab": {"<unk>": 0, "▁": 1, "a": 2, "b": 3, "▁a": 4, "▁▁": 5,
              "<0xC3>": 6, "<0xA9>": 7, "<0xFF>": 8},
    "merges": ["▁ a", "▁ ▁"]}})";

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckStream(const Tokenizer& tokenizer, const std::vector<int32_t>& ids,
                 bool skip_special_tokens) {
  StreamingDecoder decoder(tokenizer, skip_special_tokens);
  std::string text;
  for (const int32_t id : ids) text += decoder.Push(id);
  text += decoder.Finish();
  Require(text == tokenizer.Decode(ids, skip_special_tokens));
  Require(IsValidUtf8(text));
}

void CheckText(const Tokenizer& tokenizer, absl::string_view text) {
  for (const bool adds : {false, true}) {
    const auto ids = tokenizer.Encode(text, adds);
    if (ids.ok()) CheckStream(tokenizer, *ids, adds);
  }
  // The bytes of the text as ids, in and out of range.
  std::vector<int32_t> ids;
  for (const char byte : text) ids.push_back(static_cast<int8_t>(byte));
  CheckStream(tokenizer, ids, false);
}

// The halves of the text as a pair.
void CheckPair(const Tokenizer& tokenizer, absl::string_view text) {
  const size_t half = text.size() / 2;
  const BatchSettings& settings = tokenizer.batch_settings();
  const auto windows = tokenizer.EncodeWindows(
      {text.substr(0, half), text.substr(half)}, {true, settings.truncation});
  if (!windows.ok()) return;
  std::vector<Windows> batch = {*windows};
  const bool is_padded = settings.padding.has_value() &&
                         settings.padding->length.value_or(0) < 4096 &&
                         settings.padding->multiple_of < 4096 &&
                         Pad(*settings.padding, &batch).ok();
  for (const Encoding& window : batch.front()) {
    Require(window.ids.size() == window.type_ids.size());
    Require(window.ids.size() == window.attention_mask.size());
    Require(!is_padded || static_cast<int64_t>(window.ids.size()) >=
                              settings.padding->length.value_or(0));
  }
}

const Tokenizer& BuiltIn(bool byte_level) {
  static const auto* const tokenizers =
      new std::vector<std::unique_ptr<Tokenizer>>([] {
        std::vector<std::unique_ptr<Tokenizer>> loaded;
        for (const char* file : {kByteFallback, kByteLevel}) {
          auto tokenizer = ParseTokenizerJson(file);
          Require(tokenizer.ok());
          loaded.push_back(*std::move(tokenizer));
        }
        return loaded;
      }());
  return *(*tokenizers)[byte_level ? 1 : 0];
}

void RunInput(absl::string_view input) {
  if (input.empty()) return;
  const char mode = input.front();
  input.remove_prefix(1);
  if (mode != 'J') {
    const Tokenizer& tokenizer = BuiltIn((mode & 1) != 0);
    const auto ids = tokenizer.Encode(input, true);
    Require(ids.ok());
    for (const int32_t id : *ids) {
      Require(id >= 0 && id < tokenizer.vocab_size());
    }
    CheckText(tokenizer, input);
    return;
  }
  const size_t end = std::min(input.find('\0'), input.size());
  const auto tokenizer = ParseTokenizerJson(input.substr(0, end));
  if (!tokenizer.ok()) return;
  const absl::string_view text =
      input.substr(std::min(end + 1, input.size()), kMaxTextBytes);
  CheckText(**tokenizer, text);
  CheckPair(**tokenizer, text);
}

}  // namespace
}  // namespace ounce

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ounce::RunInput(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
