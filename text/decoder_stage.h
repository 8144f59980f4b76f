// Bases for the stages of decoders: what of a token's flow a stage must see.
#ifndef OUNCE_TEXT_DECODER_STAGE_H_
#define OUNCE_TEXT_DECODER_STAGE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "text/decoder.h"

namespace ounce {

// A stage that sees each token whole.
class WholeTokenStage : public TokenSink {
 public:
  explicit WholeTokenStage(TokenSink* next) : next_(next) {}

  void Append(absl::string_view part) final {
    token_.append(part.data(), part.size());
  }
  void EndToken() final {
    OnToken(token_);
    token_.clear();
  }
  void Finish() final {
    OnFinish();
    next_->Finish();
  }

 protected:
  virtual void OnToken(absl::string_view token) = 0;
  virtual void OnFinish() {}

  void PassOn(absl::string_view token) {
    next_->Append(token);
    next_->EndToken();
  }
  TokenSink* next() { return next_; }

 private:
  TokenSink* const next_;
  std::string token_;
};

// A decoder whose stages are objects of type Stage, made from these settings.
template <typename Stage, typename Settings>
class DecoderOf : public Decoder {
 public:
  explicit DecoderOf(Settings settings) : settings_(std::move(settings)) {}
  std::unique_ptr<TokenSink> Open(TokenSink* next) const override {
    return std::make_unique<Stage>(settings_, next);
  }

 private:
  const Settings settings_;
};

}  // namespace ounce

#endif  // OUNCE_TEXT_DECODER_STAGE_H_
