#include "tools/fill_mask.h"

#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/json.h"
#include "core/status_macros.h"
#include "text/tokenizer_settings.h"
#include "tools/probabilities.h"
#include "tools/terminal.h"
#include "tools/text_batches.h"

namespace ounce {
namespace {

constexpr size_t kDefaultTop = 5;

struct MaskToken {
  std::string text;
  int32_t id;
};

// What the small files beside the vocabulary name, else what BERT's or
// RoBERTa's vocabulary has.
absl::StatusOr<MaskToken> FindMaskToken(const RunModel& run) {
  OUNCE_ASSIGN_OR_RETURN(const TokenizerSettings settings,
                         TokenizerSettings::Read(run.model.file.tokenizer));
  std::vector<std::string> names;
  const std::optional<AddedToken> named = settings.TokenIn(Role::kMask, {});
  if (named.has_value()) names.push_back(named->content);
  names.insert(names.end(), {"[MASK]", "<mask>"});
  for (const std::string& name : names) {
    const std::optional<int32_t> id = run.tokenizer->TokenToId(name);
    if (id.has_value()) return MaskToken{name, *id};
  }
  return absl::InvalidArgumentError(
      "the tokenizer has no mask token: tokenizer_config.json names none, and "
      "the vocabulary has neither [MASK] nor <mask>");
}

// What could stand for one mask.
struct Filling {
  size_t position;  // Of the mask among the ids.
  std::vector<double> probabilities;
  std::vector<size_t> ranked;  // Ids.
};

class MaskFiller {
 public:
  MaskFiller(const RunModel& run, MaskToken mask, size_t top)
      : run_(run), mask_(std::move(mask)), top_(top) {}

  absl::StatusOr<std::vector<Filling>> Fill(const TextResult& result) const {
    std::vector<Filling> fillings;
    const std::vector<int32_t>& ids = result.text.encoding.ids;
    Matrix logits(1, run_.spec().vocab);
    for (size_t t = 0; t < ids.size(); ++t) {
      if (ids[t] != mask_.id) continue;
      const auto row = static_cast<int64_t>(t);
      result.executor.Logits(result.states.hidden.Rows(row, row + 1),
                             logits.view());
      Filling filling = {t, {}, {}};
      OUNCE_ASSIGN_OR_RETURN(filling.probabilities,
                             Softmax(std::as_const(logits).values()));
      filling.ranked = Largest(filling.probabilities, top_);
      fillings.push_back(std::move(filling));
    }
    if (!fillings.empty()) return fillings;
    return absl::InvalidArgumentError(absl::StrCat(
        "text ", result.text.number, " has no ", mask_.text,
        "; write it where a word is to be found, as in \"Paris is the ",
        mask_.text, " of France.\""));
  }

  void Print(const std::vector<Filling>& fillings) const {
    for (size_t m = 0; m < fillings.size(); ++m) {
      const std::string heading = fillings.size() == 1
                                      ? mask_.text
                                      : absl::StrCat(mask_.text, " ", m + 1);
      std::vector<std::vector<std::string>> rows = {
          {Printable(heading), "probability"}};
      for (const size_t id : fillings[m].ranked) {
        rows.push_back({Printable(TextOf(id)),
                        FormatProbability(fillings[m].probabilities[id])});
      }
      std::cout << (m > 0 ? "\n" : "") << FormatTable(rows);
    }
  }

  void PrintJson(const std::vector<Filling>& fillings,
                 const EncodedText& text) const {
    Json::Array masks;
    for (const Filling& filling : fillings) {
      Json::Array candidates;
      for (const size_t id : filling.ranked) {
        std::vector<int32_t> filled = text.encoding.ids;
        filled[filling.position] = static_cast<int32_t>(id);
        candidates.push_back(
            Json::Of({{"token", TextOf(id)},
                      {"id", static_cast<int64_t>(id)},
                      {"probability", filling.probabilities[id]},
                      {"text", run_.tokenizer->Decode(filled, true)}}));
      }
      masks.push_back(std::move(candidates));
    }
    std::cout << Json::Of({{"masks", std::move(masks)},
                           {"dropped_tokens", text.dropped_tokens}})
                     .Dump()
              << "\n";
  }

 private:
  std::string TextOf(size_t id) const {
    const auto token = static_cast<int32_t>(id);
    return run_.tokenizer->Decode({&token, 1}, false);
  }

  const RunModel& run_;
  const MaskToken mask_;
  const size_t top_;
};

}  // namespace

absl::Status FillMasks(const RunModel& run, const RunArguments& arguments,
                       const CommonOptions& common) {
  OUNCE_ASSIGN_OR_RETURN(MaskToken mask, FindMaskToken(run));
  const MaskFiller filler(
      run, std::move(mask),
      arguments.top > 0 ? static_cast<size_t>(arguments.top) : kDefaultTop);
  return ForEachText(
      run, arguments, common, [&](const TextResult& result) -> absl::Status {
        OUNCE_ASSIGN_OR_RETURN(const std::vector<Filling> fillings,
                               filler.Fill(result));
        if (common.json) {
          filler.PrintJson(fillings, result.text);
          return absl::OkStatus();
        }
        if (result.text.number > 1) std::cout << "\n";
        filler.Print(fillings);
        return absl::OkStatus();
      });
}

}  // namespace ounce
