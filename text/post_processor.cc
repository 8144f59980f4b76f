#include "text/post_processor.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/annotate.h"
#include "core/checked.h"
#include "core/status_macros.h"
#include "text/config.h"
#include "text/quote.h"

namespace ounce {
namespace {

void SetTypeIds(int32_t type_id, Encoding* encoding) {
  std::fill(encoding->type_ids.begin(), encoding->type_ids.end(), type_id);
}

class NoPostProcessor : public PostProcessor {
 public:
  absl::StatusOr<Parts> Apply(Parts parts, bool) const override {
    return parts;
  }
  int64_t NumAdded(bool) const override { return 0; }
};

// ---- TemplateProcessing

constexpr size_t kNoText = static_cast<size_t>(-1);

// A text, or special tokens.
struct TemplatePart {
  size_t text_index = kNoText;
  std::vector<int32_t> ids;
  int32_t type_id = 0;
};

using TemplateParts = std::vector<TemplatePart>;

class Template : public PostProcessor {
 public:
  Template(TemplateParts single, absl::StatusOr<TemplateParts> pair)
      : single_(std::move(single)), pair_(std::move(pair)) {}

  absl::StatusOr<Parts> Apply(Parts parts,
                              bool add_special_tokens) const override {
    if (parts.empty() || parts.size() > 2) {
      return absl::InvalidArgumentError(
          absl::StrCat("TemplateProcessing behind another post-processor that "
                       "makes ",
                       parts.size(), " parts; expected 1 or 2"));
    }
    if (parts.size() == 2) OUNCE_RETURN_IF_ERROR(pair_.status());
    Parts out;
    for (const TemplatePart& part : parts.size() == 2 ? *pair_ : single_) {
      if (part.text_index == kNoText) {
        if (!add_special_tokens) continue;
        out.push_back({Encoding(part.ids, part.type_id)});
      } else {
        // Only the first window's: the reference leaves the others as they are.
        SetTypeIds(part.type_id, &parts[part.text_index].front());
        out.push_back(parts[part.text_index]);
      }
    }
    return out;
  }

  int64_t NumAdded(bool is_pair) const override {
    if (is_pair && !pair_.ok()) return 0;
    int64_t count = 0;
    for (const TemplatePart& part : is_pair ? *pair_ : single_) {
      count += static_cast<int64_t>(part.ids.size());
    }
    return count;
  }

 private:
  const TemplateParts single_;
  const absl::StatusOr<TemplateParts> pair_;
};

// ---- BertProcessing, RobertaProcessing

struct ClsSep {
  int32_t cls = 0;
  int32_t sep = 0;
};

class ClsSepProcessor : public PostProcessor {
 public:
  ClsSepProcessor(ClsSep tokens, bool is_roberta)
      : tokens_(tokens), is_roberta_(is_roberta) {}

  absl::StatusOr<Parts> Apply(Parts parts,
                              bool add_special_tokens) const override {
    for (size_t i = 0; i < parts.size(); ++i) {
      if (is_roberta_) SetTypeIds(0, &parts[i].front());
      if (!add_special_tokens) continue;
      for (Encoding& window : parts[i]) window = Surround(window, i == 0);
    }
    return parts;
  }

  int64_t NumAdded(bool is_pair) const override {
    if (!is_pair) return 2;
    return is_roberta_ ? 4 : 3;
  }

 private:
  Encoding Surround(const Encoding& text, bool is_first) const {
    const int32_t type_id = is_first || is_roberta_ ? 0 : 1;
    Encoding out;
    if (is_first) {
      out = Encoding({tokens_.cls}, type_id);
    } else if (is_roberta_) {
      out = Encoding({tokens_.sep}, type_id);
    }
    out.Append(text);
    out.Append(Encoding({tokens_.sep}, type_id));
    if (is_roberta_) SetTypeIds(0, &out);
    return out;
  }

  const ClsSep tokens_;
  const bool is_roberta_;
};

// ---- Sequence

class PostProcessorSequence : public PostProcessor {
 public:
  explicit PostProcessorSequence(
      std::vector<std::unique_ptr<PostProcessor>> steps)
      : steps_(std::move(steps)) {}
  absl::StatusOr<Parts> Apply(Parts parts,
                              bool add_special_tokens) const override {
    for (const auto& step : steps_) {
      OUNCE_ASSIGN_OR_RETURN(parts,
                             step->Apply(std::move(parts), add_special_tokens));
    }
    return parts;
  }
  int64_t NumAdded(bool is_pair) const override {
    int64_t count = 0;
    for (const auto& step : steps_) count += step->NumAdded(is_pair);
    return count;
  }

 private:
  const std::vector<std::unique_ptr<PostProcessor>> steps_;
};

// ---- Reading

absl::StatusOr<std::vector<int32_t>> FindSpecialToken(const Json& config,
                                                      const std::string& name) {
  const Json* tokens = config.Find("special_tokens");
  const Json* token = tokens != nullptr ? tokens->Find(name) : nullptr;
  const Json* ids = token != nullptr ? token->Find("ids") : nullptr;
  if (ids == nullptr || ids->AsArray() == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"special_tokens\" has no \"ids\" for ", Quote(name),
                     ", which the template uses"));
  }
  std::vector<int32_t> out;
  for (const Json& json : *ids->AsArray()) {
    OUNCE_ASSIGN_OR_RETURN(const int32_t id,
                           Annotate(ToTokenId(json), Quote(name)));
    out.push_back(id);
  }
  return out;
}

absl::StatusOr<int32_t> ParseTypeId(const Json& part) {
  const Json* id = part.Find("type_id");
  return id == nullptr ? 0 : Annotate(ToTokenId(*id), "\"type_id\"");
}

// {"Sequence": {"id": "A", "type_id": 0}}
// or {"SpecialToken": {"id": name, "type_id": 0}}.
absl::StatusOr<TemplatePart> ParsePart(const Json& config, const Json& part,
                                       size_t num_texts) {
  TemplatePart out;
  if (const Json* special = part.Find("SpecialToken")) {
    OUNCE_ASSIGN_OR_RETURN(const std::string name, special->GetString("id"));
    OUNCE_ASSIGN_OR_RETURN(out.ids, FindSpecialToken(config, name));
    OUNCE_ASSIGN_OR_RETURN(out.type_id, ParseTypeId(*special));
    return out;
  }
  const Json* sequence = part.Find("Sequence");
  const Json* id = sequence != nullptr ? sequence->Find("id") : nullptr;
  const std::string* name = id != nullptr ? id->AsString() : nullptr;
  if (name != nullptr && *name == "A") out.text_index = 0;
  if (name != nullptr && *name == "B" && num_texts == 2) out.text_index = 1;
  if (out.text_index == kNoText) {
    return absl::InvalidArgumentError(
        absl::StrCat("a part is neither a SpecialToken nor the Sequence A",
                     num_texts == 2 ? " or B" : ""));
  }
  OUNCE_ASSIGN_OR_RETURN(out.type_id, ParseTypeId(*sequence));
  return out;
}

absl::StatusOr<TemplateParts> ParseTemplate(const Json& config,
                                            absl::string_view key,
                                            size_t num_texts) {
  const std::string where = absl::StrCat("\"", key, "\"");
  const Json* list = config.Find(key);
  if (list == nullptr || list->AsArray() == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        where, " is missing or no array; expected the parts of a template"));
  }
  TemplateParts parts;
  for (const Json& json : *list->AsArray()) {
    OUNCE_ASSIGN_OR_RETURN(TemplatePart part,
                           Annotate(ParsePart(config, json, num_texts), where));
    parts.push_back(std::move(part));
  }
  return parts;
}

// ["[CLS]", 101]
absl::StatusOr<int32_t> ParseTokenPair(const Json& config,
                                       absl::string_view key) {
  const Json* pair = config.Find(key);
  if (pair == nullptr || pair->AsArray() == nullptr ||
      pair->AsArray()->size() != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", key, "\" is missing or no pair [token, id]"));
  }
  return Annotate(ToTokenId(pair->AsArray()->back()), Quote(key));
}

PostProcessorOr ParseClsSep(const Json& config, bool is_roberta) {
  ClsSep tokens;
  OUNCE_ASSIGN_OR_RETURN(tokens.cls, ParseTokenPair(config, "cls"));
  OUNCE_ASSIGN_OR_RETURN(tokens.sep, ParseTokenPair(config, "sep"));
  return std::make_unique<ClsSepProcessor>(tokens, is_roberta);
}

Encoding Joined(const Encoding& a, const Encoding& b) {
  Encoding out = a;
  out.Append(b);
  return out;
}

// The order is the reference's (Encoding::merge_with).
Windows JoinTwo(const Windows& left, const Windows& right) {
  Windows out = {Joined(left.front(), right.front())};
  for (const Encoding& a : absl::MakeConstSpan(left).subspan(1)) {
    for (const Encoding& b : right) out.push_back(Joined(a, b));
  }
  for (const Encoding& b : absl::MakeConstSpan(right).subspan(1)) {
    out.push_back(Joined(left.front(), b));
  }
  return out;
}

absl::Status CheckNumIds(const Parts& parts) {
  int64_t num_windows = 1;
  int64_t longest = 0;
  for (const Windows& part : parts) {
    size_t size = 0;
    for (const Encoding& window : part) size = std::max(size, window.size());
    longest += static_cast<int64_t>(size);
    num_windows = CheckedMul(num_windows, static_cast<int64_t>(part.size()))
                      .value_or(kMaxWindowIds + 1);
  }
  const auto num_ids = CheckedMul(num_windows, longest);
  // One window is as long as the text.
  if (num_windows == 1 || (num_ids.has_value() && *num_ids <= kMaxWindowIds)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      num_windows, " windows of a pair, of up to ", longest,
      " ids, are too many; truncate one of the texts only, or use a shorter "
      "stride"));
}

}  // namespace

PostProcessorOr ParseByteLevelPostProcessor(const Json&) {
  return std::make_unique<NoPostProcessor>();
}

PostProcessorOr ParseTemplateProcessing(const Json& config) {
  OUNCE_ASSIGN_OR_RETURN(TemplateParts single,
                         ParseTemplate(config, "single", 1));
  return std::make_unique<Template>(
      std::move(single),
      Annotate(ParseTemplate(config, "pair", 2), "TemplateProcessing"));
}

PostProcessorOr ParseBertProcessing(const Json& config) {
  return ParseClsSep(config, /*is_roberta=*/false);
}

PostProcessorOr ParseRobertaProcessing(const Json& config) {
  return ParseClsSep(config, /*is_roberta=*/true);
}

std::unique_ptr<PostProcessor> MakeSequence(
    std::vector<std::unique_ptr<PostProcessor>> parts) {
  return std::make_unique<PostProcessorSequence>(std::move(parts));
}

absl::StatusOr<Windows> JoinParts(Parts parts) {
  if (parts.size() == 1) return std::move(parts.front());
  OUNCE_RETURN_IF_ERROR(CheckNumIds(parts));
  Windows joined = {Encoding()};
  for (const Windows& part : parts) {
    if (joined.size() == 1 && part.size() == 1) {
      joined.front().Append(part.front());
    } else {
      joined = JoinTwo(joined, part);
    }
  }
  return joined;
}

}  // namespace ounce
