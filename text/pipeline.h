// The tokenizer that `tokenizer.json` describes: a chain of components.
//
//   text -> added tokens (raw) -> normalizer -> added tokens (normalised)
//        -> pre-tokenizer -> model -> post-processor -> ids
//   ids  -> tokens -> decoder -> text
#ifndef OUNCE_TEXT_PIPELINE_H_
#define OUNCE_TEXT_PIPELINE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/decoder.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"
#include "text/token_model.h"
#include "text/tokenizer.h"

namespace ounce {

struct PipelineParts {
  explicit PipelineParts(AddedTokens tokens)
      : added_tokens(std::move(tokens)) {}

  AddedTokens added_tokens;
  std::unique_ptr<TokenModel> model;
  std::unique_ptr<Decoder> decoder;
  // Each of these may be null: the step is left out.
  std::unique_ptr<Normalizer> normalizer;
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  std::unique_ptr<PostProcessor> post_processor;
  BatchSettings batch_settings;
};

class Pipeline : public Tokenizer {
 public:
  explicit Pipeline(PipelineParts parts) : parts_(std::move(parts)) {}

  absl::StatusOr<std::vector<int32_t>> Encode(
      absl::string_view text, bool add_special_tokens) const override;
  absl::StatusOr<Windows> EncodeWindows(
      const TextPair& texts, const EncodeOptions& options) const override;
  const BatchSettings& batch_settings() const override {
    return parts_.batch_settings;
  }
  std::string Decode(absl::Span<const int32_t> ids,
                     bool skip_special_tokens) const override;
  std::unique_ptr<DecodeStream> OpenDecodeStream(
      bool skip_special_tokens) const override;
  int64_t vocab_size() const override;
  std::optional<int32_t> TokenToId(absl::string_view token) const override;
  bool IsSpecial(int32_t id) const override;

 private:
  class Stream;
  absl::Status Cut(TextPieces* pieces) const;
  absl::Status Normalize(TextPieces* pieces) const;
  // The ids of a text without those of the post-processor; with `truncation`
  // only up to the word in which they reach its length.
  absl::StatusOr<std::vector<int32_t>> EncodeText(
      absl::string_view text, const Truncation* truncation) const;
  absl::StatusOr<std::vector<int32_t>> EncodePieces(
      const TextPieces& pieces, const Truncation* truncation) const;
  absl::StatusOr<std::vector<int32_t>> EncodeLastPieces(
      const TextPieces& pieces, size_t max_length) const;
  absl::Status TruncateParts(const EncodeOptions& options, Parts* parts) const;
  // What a decoder sees for `id`; nullopt: nothing.
  std::optional<absl::string_view> TokenOf(int32_t id,
                                           bool skip_special_tokens) const;

  const PipelineParts parts_;
};

}  // namespace ounce

#endif  // OUNCE_TEXT_PIPELINE_H_
