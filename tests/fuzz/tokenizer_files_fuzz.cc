// Feeds the loaders of older tokenizer files hostile ones.  An input is a byte
// that says which, and parts with a NUL between them, the last one to the end:
//   'S' <config> <text> <tokenizer.model>
//   'M' <config> <text> <vocab.json> <source.spm>
//   'B' <config> <text> <vocab.json> <merges.txt>
//   'W' <config> <text> <vocab.txt>
// with `tokenizer_config.json` as <config>.  Whatever loads must encode without
// crashing, give ids below vocab_size(), and decode a stream to the same text
// as the whole.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/tokenizer_asset.h"
#include "text/streaming_decoder.h"
#include "text/tokenizer.h"

namespace ounce {
namespace {

// Longer ones cost time and find nothing new.
constexpr size_t kMaxTextBytes = 4096;

struct Mode {
  char name;
  TokenizerKind kind;
  std::vector<const char*> files;  // In the order of the input.
};

const std::vector<Mode>& Modes() {
  static const auto* const modes = new std::vector<Mode>{
      {'S', TokenizerKind::kSentencePiece, {"tokenizer.model"}},
      {'M', TokenizerKind::kSentencePiece, {"vocab.json", "source.spm"}},
      {'B', TokenizerKind::kBpeFiles, {"vocab.json", "merges.txt"}},
      {'W', TokenizerKind::kWordPieceFiles, {"vocab.txt"}},
  };
  return *modes;
}

void Require(bool condition) {
  if (!condition) std::abort();
}

// The input up to the next NUL, which goes with it.
absl::string_view TakePart(absl::string_view* input) {
  const size_t end = std::min(input->find('\0'), input->size());
  const absl::string_view part = input->substr(0, end);
  input->remove_prefix(std::min(end + 1, input->size()));
  return part;
}

void CheckText(const Tokenizer& tokenizer, absl::string_view text) {
  for (const bool adds : {false, true}) {
    const auto ids = tokenizer.Encode(text, adds);
    if (!ids.ok()) continue;
    for (const int32_t id : *ids) {
      Require(id >= 0 && id < tokenizer.vocab_size());
    }
    StreamingDecoder decoder(tokenizer, adds);
    std::string decoded;
    for (const int32_t id : *ids) decoded += decoder.Push(id);
    decoded += decoder.Finish();
    Require(decoded == tokenizer.Decode(*ids, adds));
  }
}

void RunInput(absl::string_view input) {
  if (input.empty()) return;
  for (const Mode& mode : Modes()) {
    if (mode.name != input.front()) continue;
    input.remove_prefix(1);
    TokenizerAsset asset;
    asset.kind = mode.kind;
    const absl::string_view config = TakePart(&input);
    if (!config.empty()) {
      asset.files.push_back({"tokenizer_config.json", std::string(config)});
    }
    const absl::string_view text = TakePart(&input).substr(0, kMaxTextBytes);
    for (size_t i = 0; i < mode.files.size(); ++i) {
      const bool is_last = i + 1 == mode.files.size();
      const absl::string_view bytes = is_last ? input : TakePart(&input);
      asset.files.push_back({mode.files[i], std::string(bytes)});
    }
    const auto tokenizer = Tokenizer::Create(asset);
    if (tokenizer.ok()) CheckText(**tokenizer, text);
    return;
  }
}

}  // namespace
}  // namespace ounce

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ounce::RunInput(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
