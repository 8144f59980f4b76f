#include "tools/text_batches.h"

#include <filesystem>
#include <iostream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/status_macros.h"
#include "tools/terminal.h"

namespace ounce {
namespace {

// Puts `texts` through the encoder together.
absl::Status RunBatch(
    const std::vector<EncodedText>& texts, Executor* executor,
    absl::FunctionRef<absl::Status(const TextResult&)> visit) {
  // Models that tell no kinds apart ignore what the tokenizer says of them.
  const bool has_types = executor->spec().token_types > 1;
  std::vector<SequenceTokens> batch;
  for (const EncodedText& text : texts) {
    batch.push_back({static_cast<int64_t>(batch.size()), text.encoding.ids,
                     nullptr,
                     has_types ? text.encoding.type_ids.data() : nullptr});
  }
  Matrix hidden;
  OUNCE_RETURN_IF_ERROR(executor->Forward(batch, HiddenRows::kAll, &hidden));
  int64_t row = 0;
  for (const EncodedText& text : texts) {
    const int64_t end = row + static_cast<int64_t>(text.encoding.size());
    OUNCE_RETURN_IF_ERROR(visit(
        {text, {std::as_const(hidden).view().Rows(row, end)}, *executor}));
    row = end;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TextSource> TextSource::Open(const RunArguments& arguments) {
  TextSource source;
  if (!arguments.file.empty()) {
    source.file_ = std::make_unique<std::ifstream>(arguments.file);
    source.lines_ = source.file_.get();
    std::error_code ignored;
    // A folder opens, and gives nothing.
    if (!*source.file_ ||
        std::filesystem::is_directory(arguments.file, ignored)) {
      return absl::NotFoundError(
          absl::StrCat("cannot read '", arguments.file, "'"));
    }
  } else if (arguments.prompt == "-") {
    source.lines_ = &std::cin;
  } else {
    source.text_ = arguments.prompt;
  }
  return source;
}

std::optional<std::string> TextSource::Next() {
  if (lines_ == nullptr) return std::exchange(text_, std::nullopt);
  std::string line;
  if (!std::getline(*lines_, line)) return std::nullopt;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

std::string TextEncoder::Name() const {
  return arguments_.has_lines() ? absl::StrCat("line ", number_) : "the text";
}

absl::StatusOr<EncodedText> TextEncoder::EncodeUnnamed(
    const std::string& text) const {
  TextPair texts = {text, std::nullopt};
  if (arguments_.is_given("--pair")) texts.second = arguments_.pair;
  EncodedText encoded;
  encoded.number = number_;
  encoded.text = text;
  OUNCE_ASSIGN_OR_RETURN(Windows windows, run_.tokenizer->EncodeWindows(
                                              texts, {true, std::nullopt}));
  encoded.encoding = std::move(windows.front());
  const auto size = static_cast<int64_t>(encoded.encoding.size());
  if (size == 0) {
    return absl::InvalidArgumentError(
        "no tokens: it is empty, and the tokenizer adds none");
  }
  if (size <= run_.limit) return encoded;
  if (!arguments_.truncate) {
    return absl::InvalidArgumentError(
        absl::StrCat(size, " tokens, and the model takes ", run_.limit,
                     run_.spec().position == PositionKind::kRelative
                         ? "; shorten it, raise --context"
                         : "; shorten it",
                     ", or give --truncate to have it cut"));
  }
  Truncation truncation =
      run_.tokenizer->batch_settings().truncation.value_or(Truncation());
  truncation.max_length = run_.limit;
  truncation.stride = 0;
  OUNCE_ASSIGN_OR_RETURN(
      windows, run_.tokenizer->EncodeWindows(texts, {true, truncation}));
  encoded.encoding = std::move(windows.front());
  encoded.dropped_tokens = size - static_cast<int64_t>(encoded.encoding.size());
  return encoded;
}

absl::StatusOr<EncodedText> TextEncoder::Encode(const std::string& text) {
  ++number_;
  OUNCE_ASSIGN_OR_RETURN(EncodedText encoded,
                         Annotate(EncodeUnnamed(text), Name()));
  if (encoded.dropped_tokens > 0) {
    Remark(common_, absl::StrCat("warning: ", Name(), ": cut to ",
                                 encoded.encoding.size(), " tokens, ",
                                 encoded.dropped_tokens, " fewer than it has"));
  }
  return encoded;
}

absl::Status ForEachText(
    const RunModel& run, const RunArguments& arguments,
    const CommonOptions& common,
    absl::FunctionRef<absl::Status(const TextResult&)> visit) {
  OUNCE_ASSIGN_OR_RETURN(TextSource source, TextSource::Open(arguments));
  TextEncoder encoder(run, arguments, common);
  const int64_t together = arguments.has_lines() ? arguments.batch : 1;
  Executor executor(run.model.weights, run.engine.context.get(), run.limit,
                    {.sequences = together});
  std::vector<EncodedText> texts;
  for (bool more = true; more;) {
    const std::optional<std::string> text = source.Next();
    more = text.has_value();
    if (more) {
      OUNCE_ASSIGN_OR_RETURN(EncodedText encoded, encoder.Encode(*text));
      texts.push_back(std::move(encoded));
    }
    if (texts.empty()) continue;
    if (more && static_cast<int64_t>(texts.size()) < together) continue;
    OUNCE_RETURN_IF_ERROR(RunBatch(texts, &executor, visit));
    texts.clear();
  }
  return absl::OkStatus();
}

}  // namespace ounce
