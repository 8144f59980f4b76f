#include "tools/tag_tokens.h"

#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/status_macros.h"
#include "tools/entities.h"
#include "tools/probabilities.h"
#include "tools/terminal.h"
#include "tools/text_batches.h"
#include "tools/token_spans.h"

namespace ounce {
namespace {

// The tokens of a text that are not special.
struct TaggedText {
  std::vector<int32_t> ids;
  std::vector<std::string> texts;
  std::vector<std::optional<TokenSpan>> spans;
  std::vector<TokenLabel> labels;
  std::vector<Entity> entities;
};

absl::StatusOr<TaggedText> Tag(const RunModel& run, const TextResult& result) {
  TaggedText tagged;
  const Matrix logits = result.executor.heads().LabelLogits(result.states);
  const std::vector<int32_t>& ids = result.text.encoding.ids;
  for (size_t t = 0; t < ids.size(); ++t) {
    if (run.tokenizer->IsSpecial(ids[t])) continue;
    const absl::Span<const float> row(logits.row(static_cast<int64_t>(t)),
                                      static_cast<size_t>(logits.cols()));
    OUNCE_ASSIGN_OR_RETURN(const std::vector<double> probabilities,
                           LabelProbabilities(row, run.spec().multi_label));
    const size_t best = Largest(probabilities, 1).front();
    tagged.ids.push_back(ids[t]);
    tagged.texts.push_back(run.tokenizer->Decode({&ids[t], 1}, false));
    tagged.labels.push_back({run.spec().labels[best], probabilities[best]});
  }
  tagged.spans = FindTokenSpans(result.text.text, tagged.texts);
  tagged.entities = GroupEntities(tagged.labels);
  return tagged;
}

std::string TextOf(const RunModel& run, const TaggedText& tagged,
                   const Entity& entity) {
  return run.tokenizer->Decode(
      absl::MakeConstSpan(tagged.ids)
          .subspan(entity.begin, entity.end - entity.begin),
      true);
}

void PrintTables(const RunModel& run, const TaggedText& tagged) {
  std::vector<std::vector<std::string>> rows = {
      {"token", "text", "label", "probability"}};
  for (size_t i = 0; i < tagged.ids.size(); ++i) {
    const std::optional<TokenSpan>& span = tagged.spans[i];
    rows.push_back({Printable(tagged.texts[i]),
                    span.has_value() ? Printable(span->text) : "",
                    Printable(tagged.labels[i].label),
                    FormatProbability(tagged.labels[i].probability)});
  }
  std::cout << FormatTable(rows, {1, 2});
  if (tagged.entities.empty()) return;
  rows = {{"entity", "kind", "probability"}};
  for (const Entity& entity : tagged.entities) {
    rows.push_back({Printable(TextOf(run, tagged, entity)),
                    Printable(entity.kind),
                    FormatProbability(entity.probability)});
  }
  std::cout << "\n" << FormatTable(rows, {1});
}

void PrintJson(const RunModel& run, const TaggedText& tagged,
               const EncodedText& text) {
  Json::Array tokens;
  for (size_t i = 0; i < tagged.ids.size(); ++i) {
    const std::optional<TokenSpan>& span = tagged.spans[i];
    tokens.push_back(
        Json::Of({{"token", tagged.texts[i]},
                  {"id", int64_t{tagged.ids[i]}},
                  {"label", tagged.labels[i].label},
                  {"probability", tagged.labels[i].probability},
                  {"start", span.has_value() ? Json(span->begin) : Json()},
                  {"end", span.has_value() ? Json(span->end) : Json()}}));
  }
  Json::Array entities;
  for (const Entity& entity : tagged.entities) {
    entities.push_back(Json::Of(
        {{"text", TextOf(run, tagged, entity)},
         {"kind", entity.kind},
         {"probability", entity.probability},
         {"first_token", static_cast<int64_t>(entity.begin)},
         {"tokens", static_cast<int64_t>(entity.end - entity.begin)}}));
  }
  std::cout << Json::Of({{"tokens", std::move(tokens)},
                         {"entities", std::move(entities)},
                         {"dropped_tokens", text.dropped_tokens}})
                   .Dump()
            << "\n";
}

}  // namespace

absl::Status TagTokens(const RunModel& run, const RunArguments& arguments,
                       const CommonOptions& common) {
  return ForEachText(
      run, arguments, common, [&](const TextResult& result) -> absl::Status {
        OUNCE_ASSIGN_OR_RETURN(const TaggedText tagged, Tag(run, result));
        if (common.json) {
          PrintJson(run, tagged, result.text);
          return absl::OkStatus();
        }
        if (result.text.number > 1) std::cout << "\n";
        PrintTables(run, tagged);
        return absl::OkStatus();
      });
}

}  // namespace ounce
