#include "text/decoder.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "core/status_macros.h"
#include "text/config.h"
#include "text/decoder_stage.h"
#include "text/pattern.h"

namespace ounce {
namespace {

// ---- BPEDecoder

struct BpeDecoderSettings {
  std::string suffix;
};

class BpeDecoderStage : public WholeTokenStage {
 public:
  BpeDecoderStage(const BpeDecoderSettings& settings, TokenSink* next)
      : WholeTokenStage(next), suffix_(settings.suffix) {}

 private:
  void OnToken(absl::string_view token) override {
    PassOnHeld(" ");
    held_ = std::string(token);
  }
  void OnFinish() override { PassOnHeld(""); }

  void PassOnHeld(absl::string_view replacement) {
    if (!held_.has_value()) return;
    PassOn(absl::StrReplaceAll(*held_, {{suffix_, replacement}}));
    held_.reset();
  }

  const std::string& suffix_;
  std::optional<std::string> held_;  // The token that may be the last.
};

struct NoSettings {};

// ---- Fuse

class FuseStage : public TokenSink {
 public:
  FuseStage(const NoSettings&, TokenSink* next) : next_(next) {}
  void Append(absl::string_view part) override { next_->Append(part); }
  void EndToken() override {}
  void Finish() override {
    next_->EndToken();
    next_->Finish();
  }

 private:
  TokenSink* const next_;
};

// ---- Metaspace

struct MetaspaceSettings {
  std::string replacement;
  bool first_is_dropped = true;
};

class MetaspaceStage : public TokenSink {
 public:
  MetaspaceStage(const MetaspaceSettings& settings, TokenSink* next)
      : settings_(settings), next_(next) {}

  void Append(absl::string_view part) override {
    const bool drops = is_first_ && settings_.first_is_dropped;
    next_->Append(
        absl::StrReplaceAll(part, {{settings_.replacement, drops ? "" : " "}}));
  }
  void EndToken() override {
    is_first_ = false;
    next_->EndToken();
  }
  void Finish() override { next_->Finish(); }

 private:
  const MetaspaceSettings& settings_;
  TokenSink* const next_;
  bool is_first_ = true;
};

// ---- Replace

struct ReplaceSettings {
  Pattern pattern;
  std::string content;
};

class ReplaceStage : public WholeTokenStage {
 public:
  ReplaceStage(const ReplaceSettings& settings, TokenSink* next)
      : WholeTokenStage(next), settings_(settings) {}

 private:
  void OnToken(absl::string_view token) override {
    // A regular expression that gives up, which takes a hostile file, leaves
    // the token as it is: decoding has no errors.
    const auto replaced = settings_.pattern.Replace(token, settings_.content);
    PassOn(replaced.ok() ? absl::string_view(*replaced) : token);
  }

  const ReplaceSettings& settings_;
};

// ---- Strip

struct StripSettings {
  std::string content;  // One character.
  size_t start = 0;
  size_t stop = 0;
};

class StripStage : public TokenSink {
 public:
  StripStage(const StripSettings& settings, TokenSink* next)
      : settings_(settings), next_(next) {}

  void Append(absl::string_view part) override {
    while (at_start_ && num_taken_ < settings_.start &&
           absl::ConsumePrefix(&part, settings_.content)) {
      ++num_taken_;
    }
    if (part.empty()) return;
    at_start_ = false;
    PassOnBefore(part);
  }

  void EndToken() override {
    at_start_ = true;
    num_taken_ = num_held_ = 0;
    next_->EndToken();
  }
  void Finish() override { next_->Finish(); }

 private:
  // Passes on all but what may turn out to end the token.
  void PassOnBefore(absl::string_view part) {
    size_t num_trailing = 0;
    absl::string_view body = part;
    while (num_trailing < settings_.stop &&
           absl::ConsumeSuffix(&body, settings_.content)) {
      ++num_trailing;
    }
    // When nothing else follows, what is held already may still be the end.
    const size_t num_all = num_held_ + num_trailing;
    const size_t num_kept =
        body.empty() ? std::min(num_all, settings_.stop) : num_trailing;
    for (size_t i = num_kept; i < num_all; ++i) {
      next_->Append(settings_.content);
    }
    next_->Append(body);
    num_held_ = num_kept;
  }

  const StripSettings& settings_;
  TokenSink* const next_;
  bool at_start_ = true;
  size_t num_taken_ = 0;  // From the start of this token.
  size_t num_held_ = 0;   // Of the character, at the end of this token.
};

// ---- No decoder

class SpaceJoinerStage : public TokenSink {
 public:
  SpaceJoinerStage(const NoSettings&, TokenSink* next) : next_(next) {}
  void Append(absl::string_view part) override {
    PassOnSpace();
    next_->Append(part);
  }
  void EndToken() override {
    PassOnSpace();
    between_tokens_ = true;
  }
  void Finish() override { next_->Finish(); }

 private:
  void PassOnSpace() {
    if (between_tokens_) next_->Append(" ");
    between_tokens_ = false;
  }

  TokenSink* const next_;
  bool between_tokens_ = false;
};

// ---- Sequence

class SequenceStage : public TokenSink {
 public:
  SequenceStage(const std::vector<std::unique_ptr<Decoder>>& parts,
                TokenSink* next)
      : first_(next) {
    for (size_t i = parts.size(); i > 0; --i) {
      stages_.push_back(parts[i - 1]->Open(first_));
      first_ = stages_.back().get();
    }
  }
  void Append(absl::string_view part) override { first_->Append(part); }
  void EndToken() override { first_->EndToken(); }
  void Finish() override { first_->Finish(); }

 private:
  std::vector<std::unique_ptr<TokenSink>> stages_;
  TokenSink* first_;
};

absl::StatusOr<size_t> GetCount(const Json& config, absl::string_view key) {
  OUNCE_ASSIGN_OR_RETURN(const int64_t count, config.GetIntOr(key, 0));
  if (count < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", key, "\" is ", count, "; expected 0 or more"));
  }
  return static_cast<size_t>(count);
}

}  // namespace

DecoderOr ParseBpeDecoder(const Json& config) {
  BpeDecoderSettings settings;
  OUNCE_ASSIGN_OR_RETURN(settings.suffix, config.GetStringOr("suffix", "</w>"));
  if (settings.suffix.empty()) {
    return absl::InvalidArgumentError(
        "\"suffix\" is empty; expected the end-of-word suffix, as </w>");
  }
  return std::make_unique<DecoderOf<BpeDecoderStage, BpeDecoderSettings>>(
      std::move(settings));
}

DecoderOr ParseFuse(const Json&) {
  return std::make_unique<DecoderOf<FuseStage, NoSettings>>(NoSettings{});
}

DecoderOr ParseMetaspaceDecoder(const Json& config) {
  MetaspaceSettings settings;
  OUNCE_ASSIGN_OR_RETURN(settings.replacement,
                         GetCharacter(config, "replacement"));
  OUNCE_ASSIGN_OR_RETURN(const std::string scheme,
                         config.GetStringOr("prepend_scheme", "always"));
  OUNCE_ASSIGN_OR_RETURN(const bool adds,
                         config.GetBoolOr("add_prefix_space", true));
  settings.first_is_dropped = adds && scheme != "never";
  return std::make_unique<DecoderOf<MetaspaceStage, MetaspaceSettings>>(
      std::move(settings));
}

DecoderOr ParseReplaceDecoder(const Json& config) {
  OUNCE_ASSIGN_OR_RETURN(Pattern pattern, Pattern::Parse(config));
  OUNCE_ASSIGN_OR_RETURN(std::string content, config.GetString("content"));
  return std::make_unique<DecoderOf<ReplaceStage, ReplaceSettings>>(
      ReplaceSettings{std::move(pattern), std::move(content)});
}

DecoderOr ParseStripDecoder(const Json& config) {
  StripSettings settings;
  OUNCE_ASSIGN_OR_RETURN(settings.content, GetCharacter(config, "content"));
  OUNCE_ASSIGN_OR_RETURN(settings.start, GetCount(config, "start"));
  OUNCE_ASSIGN_OR_RETURN(settings.stop, GetCount(config, "stop"));
  return std::make_unique<DecoderOf<StripStage, StripSettings>>(
      std::move(settings));
}

std::unique_ptr<Decoder> MakeSpaceJoiner() {
  return std::make_unique<DecoderOf<SpaceJoinerStage, NoSettings>>(
      NoSettings{});
}

std::unique_ptr<Decoder> MakeSequence(
    std::vector<std::unique_ptr<Decoder>> parts) {
  return std::make_unique<
      DecoderOf<SequenceStage, std::vector<std::unique_ptr<Decoder>>>>(
      std::move(parts));
}

}  // namespace ounce
