// The decoders whose tokens spell bytes, of which several make a character.
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "core/utf8.h"
#include "text/byte_alphabet.h"
#include "text/decoder.h"
#include "text/decoder_stage.h"

namespace ounce {
namespace {

constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct NoSettings {};

// ---- ByteFallback

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte that a token <0xNN> stands for.
std::optional<char> ByteOf(absl::string_view token) {
  if (token.size() != 6 || !absl::StartsWith(token, "<0x") ||
      token.back() != '>') {
    return std::nullopt;
  }
  const int high = HexDigit(token[3]);
  const int low = HexDigit(token[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

class ByteFallbackStage : public WholeTokenStage {
 public:
  ByteFallbackStage(const NoSettings&, TokenSink* next)
      : WholeTokenStage(next) {}

 private:
  void OnToken(absl::string_view token) override {
    if (const std::optional<char> byte = ByteOf(token)) {
      bytes_.push_back(*byte);
      return;
    }
    OnFinish();
    PassOn(token);
  }

  void OnFinish() override {
    if (bytes_.empty()) return;
    if (IsValidUtf8(bytes_)) {
      PassOn(bytes_);
    } else {
      for (size_t i = 0; i < bytes_.size(); ++i) PassOn(kReplacement);
    }
    bytes_.clear();
  }

  std::string bytes_;  // Of the run of byte tokens so far.
};

// ---- ByteLevel

class ByteLevelStage : public WholeTokenStage {
 public:
  ByteLevelStage(const NoSettings&, TokenSink* next) : WholeTokenStage(next) {}

 private:
  void OnToken(absl::string_view token) override {
    AppendBytesOfToken(token, &bytes_);
    PassOnText(/*is_final=*/false);
  }
  void OnFinish() override {
    PassOnText(/*is_final=*/true);
    next()->EndToken();  // All tokens have become one.
  }

  void PassOnText(bool is_final) {
    text_.clear();
    bytes_.erase(0, AppendRepairedUtf8(bytes_, is_final, &text_));
    next()->Append(text_);
  }

  std::string bytes_;  // The start of a character that is not complete.
  std::string text_;
};

}  // namespace

DecoderOr ParseByteFallback(const Json&) {
  return std::make_unique<DecoderOf<ByteFallbackStage, NoSettings>>(
      NoSettings{});
}

DecoderOr ParseByteLevelDecoder(const Json&) {
  return std::make_unique<DecoderOf<ByteLevelStage, NoSettings>>(NoSettings{});
}

}  // namespace ounce
