#include "text/pipeline.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/status_macros.h"
#include "core/utf8.h"

namespace ounce {
namespace {

// Collects what comes out of the last decoder.
class TextSink : public TokenSink {
 public:
  void Append(absl::string_view part) override {
    text_.append(part.data(), part.size());
  }
  void EndToken() override {}
  void Finish() override {}

  std::string* text() { return &text_; }

 private:
  std::string text_;
};

}  // namespace

class Pipeline::Stream : public DecodeStream {
 public:
  Stream(const Pipeline& pipeline, bool skip_special_tokens)
      : pipeline_(pipeline),
        skip_special_tokens_(skip_special_tokens),
        first_(pipeline.parts_.decoder->Open(&sink_)) {}

  void Push(int32_t id, std::string* text) override {
    const std::optional<absl::string_view> token =
        pipeline_.TokenOf(id, skip_special_tokens_);
    if (!token.has_value()) return;
    first_->Append(*token);
    first_->EndToken();
    MoveTo(text);
  }

  void Finish(std::string* text) override {
    first_->Finish();
    MoveTo(text);
  }

 private:
  void MoveTo(std::string* text) {
    text->append(*sink_.text());
    sink_.text()->clear();
  }

  const Pipeline& pipeline_;
  const bool skip_special_tokens_;
  TextSink sink_;
  const std::unique_ptr<TokenSink> first_;
};

absl::StatusOr<std::vector<int32_t>> Pipeline::Encode(
    absl::string_view text, bool add_special_tokens) const {
  OUNCE_ASSIGN_OR_RETURN(
      Windows windows,
      EncodeWindows({text, std::nullopt}, {add_special_tokens, std::nullopt}));
  return std::move(windows.front().ids);
}

absl::StatusOr<Windows> Pipeline::EncodeWindows(
    const TextPair& texts, const EncodeOptions& options) const {
  const Truncation* truncation =
      options.truncation.has_value() ? &*options.truncation : nullptr;
  const bool only_second =
      truncation != nullptr &&
      truncation->strategy == Truncation::Strategy::kOnlySecond;
  OUNCE_ASSIGN_OR_RETURN(
      std::vector<int32_t> ids,
      EncodeText(texts.first, only_second ? nullptr : truncation));
  Parts parts = {{Encoding(std::move(ids), 0)}};
  if (texts.second.has_value()) {
    OUNCE_ASSIGN_OR_RETURN(ids, EncodeText(*texts.second, truncation));
    parts.push_back({Encoding(std::move(ids), 1)});
  }
  OUNCE_RETURN_IF_ERROR(
      Annotate(TruncateParts(options, &parts), "truncating text"));
  if (parts_.post_processor != nullptr) {
    OUNCE_ASSIGN_OR_RETURN(
        parts, parts_.post_processor->Apply(std::move(parts),
                                            options.add_special_tokens));
  }
  return JoinParts(std::move(parts));
}

absl::Status Pipeline::TruncateParts(const EncodeOptions& options,
                                     Parts* parts) const {
  if (!options.truncation.has_value()) return absl::OkStatus();
  Truncation truncation = *options.truncation;
  if (options.add_special_tokens && parts_.post_processor != nullptr) {
    const int64_t num_added =
        parts_.post_processor->NumAdded(/*is_pair=*/parts->size() == 2);
    if (num_added > truncation.max_length) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the length is ", truncation.max_length, " and ", num_added,
          " special tokens are added; expected a length of as many or more"));
    }
    truncation.max_length -= num_added;
  }
  return Truncate(truncation, parts);
}

absl::StatusOr<std::vector<int32_t>> Pipeline::EncodeText(
    absl::string_view text, const Truncation* truncation) const {
  std::string repaired;
  if (!IsValidUtf8(text)) {
    AppendRepairedUtf8(text, /*is_final=*/true, &repaired);
    text = repaired;
  }
  TextPieces pieces(text);
  OUNCE_RETURN_IF_ERROR(Annotate(Cut(&pieces), "encoding text"));
  return Annotate(EncodePieces(pieces, truncation), "encoding text");
}

absl::Status Pipeline::Cut(TextPieces* pieces) const {
  OUNCE_RETURN_IF_ERROR(parts_.added_tokens.ExtractRaw(pieces));
  OUNCE_RETURN_IF_ERROR(Normalize(pieces));
  OUNCE_RETURN_IF_ERROR(parts_.added_tokens.ExtractNormalized(pieces));
  return parts_.pre_tokenizer == nullptr ? absl::OkStatus()
                                         : parts_.pre_tokenizer->Apply(pieces);
}

absl::Status Pipeline::Normalize(TextPieces* pieces) const {
  if (parts_.normalizer == nullptr) return absl::OkStatus();
  return pieces->Rewrite(
      [&](const TextPiece& piece, std::vector<TextPiece>* out) -> absl::Status {
        OUNCE_ASSIGN_OR_RETURN(std::string text,
                               parts_.normalizer->Normalize(piece.text));
        const bool is_first =
            piece.is_first && !(parts_.normalizer->MayDropStart() &&
                                parts_.normalizer->DropsStart(piece.text));
        out->push_back({pieces->Own(std::move(text)), kNoToken, is_first});
        return absl::OkStatus();
      });
}

absl::StatusOr<std::vector<int32_t>> Pipeline::EncodePieces(
    const TextPieces& pieces, const Truncation* truncation) const {
  const size_t max_length = truncation != nullptr
                                ? static_cast<size_t>(truncation->max_length)
                                : std::numeric_limits<size_t>::max();
  if (truncation != nullptr && truncation->side == Side::kLeft) {
    return EncodeLastPieces(pieces, max_length);
  }
  std::vector<int32_t> ids;
  const std::unique_ptr<WordEncoder> encoder = parts_.model->NewEncoder();
  for (const TextPiece& piece : pieces.pieces()) {
    if (piece.token_id != kNoToken) {
      ids.push_back(piece.token_id);
      continue;
    }
    OUNCE_RETURN_IF_ERROR(encoder->Encode(piece.text, &ids));
    if (ids.size() >= max_length) break;
  }
  return ids;
}

absl::StatusOr<std::vector<int32_t>> Pipeline::EncodeLastPieces(
    const TextPieces& pieces, size_t max_length) const {
  std::vector<int32_t> reversed;
  const std::unique_ptr<WordEncoder> encoder = parts_.model->NewEncoder();
  for (auto piece = pieces.pieces().rbegin(); piece != pieces.pieces().rend();
       ++piece) {
    if (piece->token_id != kNoToken) {
      reversed.push_back(piece->token_id);
      continue;
    }
    std::vector<int32_t> ids;
    OUNCE_RETURN_IF_ERROR(encoder->Encode(piece->text, &ids));
    reversed.insert(reversed.end(), ids.rbegin(), ids.rend());
    if (reversed.size() >= max_length) break;
  }
  std::reverse(reversed.begin(), reversed.end());
  return reversed;
}

std::optional<absl::string_view> Pipeline::TokenOf(
    int32_t id, bool skip_special_tokens) const {
  const AddedTokens& added = parts_.added_tokens;
  const std::string* text = added.TextOf(id);
  const std::optional<absl::string_view> token =
      text != nullptr ? std::optional<absl::string_view>(*text)
                      : parts_.model->vocabulary().TokenOf(id);
  // The reference goes by the text, not by the id: a special token that a
  // normalizer changes is not skipped.
  if (token.has_value() && skip_special_tokens && added.IsSpecialText(*token)) {
    return std::nullopt;
  }
  return token;
}

std::string Pipeline::Decode(absl::Span<const int32_t> ids,
                             bool skip_special_tokens) const {
  std::string text;
  Stream stream(*this, skip_special_tokens);
  for (const int32_t id : ids) stream.Push(id, &text);
  stream.Finish(&text);
  return text;
}

std::unique_ptr<DecodeStream> Pipeline::OpenDecodeStream(
    bool skip_special_tokens) const {
  return std::make_unique<Stream>(*this, skip_special_tokens);
}

int64_t Pipeline::vocab_size() const {
  return std::max(parts_.added_tokens.id_limit(),
                  parts_.model->vocabulary().id_limit());
}

std::optional<int32_t> Pipeline::TokenToId(absl::string_view token) const {
  if (const auto id = parts_.added_tokens.Find(token)) return id;
  return parts_.model->vocabulary().Find(token);
}

bool Pipeline::IsSpecial(int32_t id) const {
  return parts_.added_tokens.IsSpecial(id);
}

}  // namespace ounce
