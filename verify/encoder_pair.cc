#include "verify/encoder_pair.h"

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/status_macros.h"

namespace ounce {

absl::Status EncoderPair::Read(const Encoding& text) {
  // A model that knows one kind of tokens gets that for either of two texts, as
  // its reference does.
  const bool typed = executor_.spec().token_types > 1;
  const SequenceTokens tokens = {0, text.ids, nullptr,
                                 typed ? text.type_ids.data() : nullptr};
  OUNCE_RETURN_IF_ERROR(
      float_executor_.Forward({tokens}, HiddenRows::kAll, &float_hidden_));
  return executor_.Forward({tokens}, HiddenRows::kAll, &hidden_);
}

absl::StatusOr<int64_t> ReadEachLine(
    const LineSubjects& subjects, absl::Span<const TextLine> lines,
    const LineOptions& options,
    absl::FunctionRef<absl::Status(const TextLine&, const Encoding&,
                                   EncoderPair*)>
        add) {
  OUNCE_RETURN_IF_ERROR(CheckLineSubjects(subjects, options));
  EncoderPair encoders(subjects.models, subjects.context, options.context);
  int64_t cut = 0;
  int64_t done = 0;
  const auto read = [&](const TextLine& line) -> absl::Status {
    OUNCE_ASSIGN_OR_RETURN(
        const Encoding text,
        EncodeCut({line.first, line.second}, subjects.tokenizer,
                  options.context, &cut));
    OUNCE_RETURN_IF_ERROR(encoders.Read(text));
    return add(line, text, &encoders);
  };
  for (const TextLine& line : lines) {
    OUNCE_RETURN_IF_ERROR(
        Annotate(read(line), absl::StrCat("line ", line.number)));
    ReportProgress(options.progress, ++done,
                   static_cast<int64_t>(lines.size()));
  }
  return cut;
}

}  // namespace ounce
