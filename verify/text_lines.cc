#include "verify/text_lines.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

absl::StatusOr<TextLine> ParseLine(absl::string_view line, bool labelled) {
  std::vector<absl::string_view> fields = absl::StrSplit(line, '\t');
  TextLine result;
  if (labelled && fields.size() > 1) {
    result.label = fields.back();
    fields.pop_back();
  } else if (labelled) {
    return absl::InvalidArgumentError(
        "no tab; expected a text, a tab and its label");
  }
  if (fields.size() > 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        fields.size(), " texts with tabs between; expected one or two",
        labelled ? " before the label" : ""));
  }
  result.first = fields[0];
  if (fields.size() == 2) result.second = fields[1];
  return result;
}

}  // namespace

absl::StatusOr<std::vector<TextLine>> ParseTextLines(absl::string_view text,
                                                     bool labelled) {
  std::vector<TextLine> lines;
  int64_t number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    absl::ConsumeSuffix(&line, "\r");
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    absl::StatusOr<TextLine> parsed = ParseLine(line, labelled);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": ", parsed.status().message()));
    }
    parsed->number = number;
    lines.push_back(*parsed);
  }
  if (!lines.empty()) return lines;
  return absl::InvalidArgumentError(
      "no lines; expected a text on each line of the file");
}

absl::Status CheckLineSubjects(const LineSubjects& subjects,
                               const LineOptions& options) {
  OUNCE_RETURN_IF_ERROR(CheckComparable(subjects.models));
  const int64_t limit = std::min(subjects.models.float_model.spec.max_context,
                                 subjects.models.model.spec.max_context);
  if (options.context >= 1 && options.context <= limit) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("context ", options.context,
                                                 "; expected 1 to ", limit,
                                                 ", the model's limit"));
}

absl::StatusOr<Encoding> EncodeCut(const TextPair& texts,
                                   const Tokenizer& tokenizer, int64_t context,
                                   int64_t* cut) {
  EncodeOptions options;
  options.truncation.emplace().max_length = context;
  OUNCE_ASSIGN_OR_RETURN(Windows windows,
                         tokenizer.EncodeWindows(texts, options));
  if (windows.empty() || windows.front().size() == 0) {
    return absl::InvalidArgumentError("the text has no token");
  }
  if (windows.size() > 1) ++*cut;
  return std::move(windows.front());
}

}  // namespace ounce
