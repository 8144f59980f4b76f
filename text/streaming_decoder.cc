#include "text/streaming_decoder.h"

#include <vector>

namespace ounce {
namespace {

// Decodes all ids at the end.
class CollectingStream : public DecodeStream {
 public:
  CollectingStream(const Tokenizer& tokenizer, bool skip_special_tokens)
      : tokenizer_(tokenizer), skip_special_tokens_(skip_special_tokens) {}

  void Push(int32_t id, std::string*) override { ids_.push_back(id); }
  void Finish(std::string* text) override {
    text->append(tokenizer_.Decode(ids_, skip_special_tokens_));
  }

 private:
  const Tokenizer& tokenizer_;
  const bool skip_special_tokens_;
  std::vector<int32_t> ids_;
};

}  // namespace

std::unique_ptr<DecodeStream> Tokenizer::OpenDecodeStream(
    bool skip_special_tokens) const {
  return std::make_unique<CollectingStream>(*this, skip_special_tokens);
}

StreamingDecoder::StreamingDecoder(const Tokenizer& tokenizer,
                                   bool skip_special_tokens)
    : tokenizer_(tokenizer),
      skip_special_tokens_(skip_special_tokens),
      stream_(tokenizer.OpenDecodeStream(skip_special_tokens)) {}

std::string StreamingDecoder::Push(int32_t id) {
  std::string text;
  stream_->Push(id, &text);
  return text;
}

std::string StreamingDecoder::Finish() {
  std::string text;
  stream_->Finish(&text);
  stream_ = tokenizer_.OpenDecodeStream(skip_special_tokens_);
  return text;
}

}  // namespace ounce
