#include "text/normalizer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/pattern.h"
#include "text/unicode.h"

namespace ounce {
namespace {

class UnicodeNormalizer : public Normalizer {
 public:
  explicit UnicodeNormalizer(NormalForm form) : form_(form) {}
  absl::StatusOr<std::string> Normalize(absl::string_view text) const override {
    return NormalizeUnicode(text, form_);
  }

 private:
  const NormalForm form_;
};

class PrependNormalizer : public Normalizer {
 public:
  explicit PrependNormalizer(std::string prefix) : prefix_(std::move(prefix)) {}
  absl::StatusOr<std::string> Normalize(absl::string_view text) const override {
    return text.empty() ? "" : absl::StrCat(prefix_, text);
  }

 private:
  const std::string prefix_;
};

class ReplaceNormalizer : public Normalizer {
 public:
  ReplaceNormalizer(Pattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  absl::StatusOr<std::string> Normalize(absl::string_view text) const override {
    return pattern_.Replace(text, content_);
  }
  bool DropsStart(absl::string_view text) const override {
    std::vector<Segment> segments;
    return content_.empty() && pattern_.Cut(text, &segments).ok() &&
           !segments.empty() && segments.front().is_match &&
           segments.front().range.end > 0;
  }
  bool MayDropStart() const override { return content_.empty(); }

 private:
  const Pattern pattern_;
  const std::string content_;
};

class StripNormalizer : public Normalizer {
 public:
  StripNormalizer(bool left, bool right) : left_(left), right_(right) {}
  absl::StatusOr<std::string> Normalize(absl::string_view text) const override {
    while (left_ && !text.empty()) {
      const Utf8Char c = DecodeUtf8(text, 0);
      if (!IsWhitespace(c.value)) break;
      text.remove_prefix(c.num_bytes);
    }
    while (right_ && !text.empty()) {
      const Utf8Char c = DecodeUtf8Before(text, text.size());
      if (!IsWhitespace(c.value)) break;
      text.remove_suffix(c.num_bytes);
    }
    return std::string(text);
  }
  bool DropsStart(absl::string_view text) const override {
    return left_ && !text.empty() && IsWhitespace(DecodeUtf8(text, 0).value);
  }
  bool MayDropStart() const override { return left_; }

 private:
  const bool left_;
  const bool right_;
};

class NormalizerSequence : public Normalizer {
 public:
  explicit NormalizerSequence(std::vector<std::unique_ptr<Normalizer>> parts)
      : parts_(std::move(parts)) {}
  absl::StatusOr<std::string> Normalize(absl::string_view text) const override {
    std::string out(text);
    for (const auto& part : parts_) {
      OUNCE_ASSIGN_OR_RETURN(out, part->Normalize(out));
    }
    return out;
  }
  bool DropsStart(absl::string_view text) const override {
    std::string out(text);
    for (const auto& part : parts_) {
      if (part->DropsStart(out)) return true;
      auto next = part->Normalize(out);
      if (!next.ok()) return false;
      out = *std::move(next);
    }
    return false;
  }
  bool MayDropStart() const override {
    return std::any_of(parts_.begin(), parts_.end(),
                       [](const auto& part) { return part->MayDropStart(); });
  }

 private:
  const std::vector<std::unique_ptr<Normalizer>> parts_;
};

NormalizerOr MakeUnicode(NormalForm form) {
  return std::make_unique<UnicodeNormalizer>(form);
}

}  // namespace

NormalizerOr ParseNfc(const Json&) { return MakeUnicode(NormalForm::kNfc); }
NormalizerOr ParseNfd(const Json&) { return MakeUnicode(NormalForm::kNfd); }
NormalizerOr ParseNfkc(const Json&) { return MakeUnicode(NormalForm::kNfkc); }
NormalizerOr ParseNfkd(const Json&) { return MakeUnicode(NormalForm::kNfkd); }

NormalizerOr ParsePrepend(const Json& config) {
  OUNCE_ASSIGN_OR_RETURN(std::string prefix, config.GetString("prepend"));
  return std::make_unique<PrependNormalizer>(std::move(prefix));
}

NormalizerOr ParseReplaceNormalizer(const Json& config) {
  OUNCE_ASSIGN_OR_RETURN(Pattern pattern, Pattern::Parse(config));
  OUNCE_ASSIGN_OR_RETURN(std::string content, config.GetString("content"));
  return std::make_unique<ReplaceNormalizer>(std::move(pattern),
                                             std::move(content));
}

NormalizerOr ParseStripNormalizer(const Json& config) {
  OUNCE_ASSIGN_OR_RETURN(const bool left, config.GetBoolOr("strip_left", true));
  OUNCE_ASSIGN_OR_RETURN(const bool right,
                         config.GetBoolOr("strip_right", true));
  return std::make_unique<StripNormalizer>(left, right);
}

std::unique_ptr<Normalizer> MakeSequence(
    std::vector<std::unique_ptr<Normalizer>> parts) {
  return std::make_unique<NormalizerSequence>(std::move(parts));
}

}  // namespace ounce
