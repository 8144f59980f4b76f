// The decoders whose tokens are parts of words, as models for speech and for
// understanding have them.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "core/status_macros.h"
#include "text/decoder.h"
#include "text/decoder_stage.h"

namespace ounce {
namespace {

struct CleanupRule {
  absl::string_view from;
  absl::string_view to;
};

// One after the other, each on what those before it left.
constexpr CleanupRule kCleanup[] = {
    {" .", "."},   {" ?", "?"},     {" !", "!"},     {" ,", ","},
    {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},   {" do not", " don't"},
    {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
};

void CleanUp(std::string* text) {
  if (text->find(' ') == std::string::npos) return;
  for (const auto& [from, to] : kCleanup) {
    absl::StrReplaceAll({{from, to}}, text);
  }
}

// ---- WordPiece

struct WordPieceSettings {
  std::string prefix;
  bool cleanup = true;
};

class WordPieceStage : public WholeTokenStage {
 public:
  WordPieceStage(const WordPieceSettings& settings, TokenSink* next)
      : WholeTokenStage(next), settings_(settings) {}

 private:
  void OnToken(absl::string_view token) override {
    std::string text(token);
    if (!is_first_) {
      text = absl::ConsumePrefix(&token, settings_.prefix)
                 ? std::string(token)
                 : absl::StrCat(" ", token);
    }
    if (settings_.cleanup) CleanUp(&text);
    PassOn(text);
    is_first_ = false;
  }

  const WordPieceSettings& settings_;
  bool is_first_ = true;
};

// ---- CTC

struct CtcSettings {
  std::string pad_token;
  std::string delimiter;
  bool cleanup = true;
};

class CtcStage : public WholeTokenStage {
 public:
  CtcStage(const CtcSettings& settings, TokenSink* next)
      : WholeTokenStage(next), settings_(settings) {}

 private:
  void OnToken(absl::string_view token) override {
    if (token == previous_) return;
    previous_ = std::string(token);
    std::string text(token);
    Replace(settings_.pad_token, "", &text);
    if (settings_.cleanup) {
      CleanUp(&text);
      Replace(settings_.delimiter, " ", &text);
    }
    if (!text.empty()) PassOn(text);
  }

  static void Replace(absl::string_view from, absl::string_view to,
                      std::string* text) {
    absl::StrReplaceAll({{from, to}}, text);
  }

  const CtcSettings& settings_;
  std::optional<std::string> previous_;
};

// The reference lets an empty one match between all characters; no file has it.
absl::Status RequireToken(absl::string_view key, absl::string_view token) {
  if (!token.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("\"", key, "\" is empty; expected a token"));
}

}  // namespace

DecoderOr ParseWordPieceDecoder(const Json& config) {
  WordPieceSettings settings;
  OUNCE_ASSIGN_OR_RETURN(settings.prefix, config.GetStringOr("prefix", "##"));
  OUNCE_ASSIGN_OR_RETURN(settings.cleanup, config.GetBoolOr("cleanup", true));
  return std::make_unique<DecoderOf<WordPieceStage, WordPieceSettings>>(
      std::move(settings));
}

DecoderOr ParseCtc(const Json& config) {
  CtcSettings settings;
  OUNCE_ASSIGN_OR_RETURN(settings.pad_token,
                         config.GetStringOr("pad_token", "<pad>"));
  OUNCE_ASSIGN_OR_RETURN(settings.delimiter,
                         config.GetStringOr("word_delimiter_token", "|"));
  OUNCE_ASSIGN_OR_RETURN(settings.cleanup, config.GetBoolOr("cleanup", true));
  OUNCE_RETURN_IF_ERROR(RequireToken("pad_token", settings.pad_token));
  OUNCE_RETURN_IF_ERROR(
      RequireToken("word_delimiter_token", settings.delimiter));
  return std::make_unique<DecoderOf<CtcStage, CtcSettings>>(
      std::move(settings));
}

}  // namespace ounce
