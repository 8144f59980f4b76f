#include "text/post_processor.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/status_macros.h"
#include "text/config.h"
#include "text/quote.h"

namespace ounce {
namespace {

class NoPostProcessor : public PostProcessor {
 public:
  std::vector<int32_t> Apply(std::vector<int32_t> ids, bool) const override {
    return ids;
  }
};

// The text, or special tokens.
struct TemplatePart {
  bool is_text = false;
  std::vector<int32_t> ids;
};

class Template : public PostProcessor {
 public:
  explicit Template(std::vector<TemplatePart> parts)
      : parts_(std::move(parts)) {}

  std::vector<int32_t> Apply(std::vector<int32_t> ids,
                             bool add_special_tokens) const override {
    std::vector<int32_t> out;
    for (const TemplatePart& part : parts_) {
      if (!part.is_text && !add_special_tokens) continue;
      const std::vector<int32_t>& added = part.is_text ? ids : part.ids;
      out.insert(out.end(), added.begin(), added.end());
    }
    return out;
  }

 private:
  const std::vector<TemplatePart> parts_;
};

class PostProcessorSequence : public PostProcessor {
 public:
  explicit PostProcessorSequence(
      std::vector<std::unique_ptr<PostProcessor>> parts)
      : parts_(std::move(parts)) {}
  std::vector<int32_t> Apply(std::vector<int32_t> ids,
                             bool add_special_tokens) const override {
    for (const auto& part : parts_) {
      ids = part->Apply(std::move(ids), add_special_tokens);
    }
    return ids;
  }

 private:
  const std::vector<std::unique_ptr<PostProcessor>> parts_;
};

absl::StatusOr<std::vector<int32_t>> FindSpecialToken(const Json& config,
                                                      const std::string& name) {
  const Json* tokens = config.Find("special_tokens");
  const Json* token = tokens != nullptr ? tokens->Find(name) : nullptr;
  const Json* ids = token != nullptr ? token->Find("ids") : nullptr;
  if (ids == nullptr || ids->AsArray() == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"special_tokens\" has no \"ids\" for ", Quote(name),
                     ", which \"single\" uses"));
  }
  std::vector<int32_t> out;
  for (const Json& json : *ids->AsArray()) {
    OUNCE_ASSIGN_OR_RETURN(const int32_t id,
                           Annotate(ToTokenId(json), Quote(name)));
    out.push_back(id);
  }
  return out;
}

// {"Sequence": {"id": "A"}} or {"SpecialToken": {"id": name}}.
absl::StatusOr<TemplatePart> ParsePart(const Json& config, const Json& part) {
  if (const Json* special = part.Find("SpecialToken")) {
    OUNCE_ASSIGN_OR_RETURN(const std::string name, special->GetString("id"));
    OUNCE_ASSIGN_OR_RETURN(std::vector<int32_t> ids,
                           FindSpecialToken(config, name));
    return TemplatePart{/*is_text=*/false, std::move(ids)};
  }
  const Json* sequence = part.Find("Sequence");
  const Json* id = sequence != nullptr ? sequence->Find("id") : nullptr;
  if (id == nullptr || id->AsString() == nullptr || *id->AsString() != "A") {
    return absl::InvalidArgumentError(
        "a part of \"single\" is neither a SpecialToken nor the Sequence A");
  }
  return TemplatePart{/*is_text=*/true, {}};
}

// ["[CLS]", 101]
absl::StatusOr<TemplatePart> ParseTokenPair(const Json& config,
                                            absl::string_view key) {
  const Json* pair = config.Find(key);
  if (pair == nullptr || pair->AsArray() == nullptr ||
      pair->AsArray()->size() != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", key, "\" is missing or no pair [token, id]"));
  }
  OUNCE_ASSIGN_OR_RETURN(
      const int32_t id,
      Annotate(ToTokenId(pair->AsArray()->back()), Quote(key)));
  return TemplatePart{/*is_text=*/false, {id}};
}

PostProcessorOr MakeTemplate(std::vector<TemplatePart> parts) {
  return std::make_unique<Template>(std::move(parts));
}

}  // namespace

PostProcessorOr ParseByteLevelPostProcessor(const Json&) {
  return std::make_unique<NoPostProcessor>();
}

PostProcessorOr ParseTemplateProcessing(const Json& config) {
  const Json* single = config.Find("single");
  if (single == nullptr || single->AsArray() == nullptr) {
    return absl::InvalidArgumentError(
        "\"single\" is missing or no array; expected the parts of a template");
  }
  std::vector<TemplatePart> parts;
  for (const Json& json : *single->AsArray()) {
    OUNCE_ASSIGN_OR_RETURN(TemplatePart part, ParsePart(config, json));
    parts.push_back(std::move(part));
  }
  return MakeTemplate(std::move(parts));
}

PostProcessorOr ParseClsSepProcessing(const Json& config) {
  OUNCE_ASSIGN_OR_RETURN(TemplatePart cls, ParseTokenPair(config, "cls"));
  OUNCE_ASSIGN_OR_RETURN(TemplatePart sep, ParseTokenPair(config, "sep"));
  return MakeTemplate(
      {std::move(cls), TemplatePart{/*is_text=*/true, {}}, std::move(sep)});
}

std::unique_ptr<PostProcessor> MakeSequence(
    std::vector<std::unique_ptr<PostProcessor>> parts) {
  return std::make_unique<PostProcessorSequence>(std::move(parts));
}

}  // namespace ounce
