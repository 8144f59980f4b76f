// The normalizers that look at one character after another.
#include <functional>
#include <utility>

#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/byte_alphabet.h"
#include "text/normalizer.h"
#include "text/unicode.h"

namespace ounce {
namespace {

constexpr char32_t kDropped = 0xFFFFFFFF;

// `text` with each character as `map` has it.
template <typename Map>
std::string MapCharacters(absl::string_view text, Map map) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const Utf8Char c = DecodeUtf8(text, i);
    const char32_t mapped = map(c.value);
    if (mapped == c.value) {
      out.append(text.data() + i, c.num_bytes);
    } else if (mapped != kDropped) {
      AppendUtf8(mapped, &out);
    }
    i += c.num_bytes;
  }
  return out;
}

class LowercaseNormalizer : public Normalizer {
 public:
  absl::StatusOr<std::string> Normalize(absl::string_view text) const override {
    return Lowercase(text);
  }

  static std::string Lowercase(absl::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (size_t i = 0; i < text.size();) {
      const Utf8Char c = DecodeUtf8(text, i);
      AppendLowercase(c.value, &out);
      i += c.num_bytes;
    }
    return out;
  }
};

class StripAccentsNormalizer : public Normalizer {
 public:
  bool DropsStart(absl::string_view text) const override {
    return !text.empty() && IsCombiningMark(DecodeUtf8(text, 0).value);
  }
  bool MayDropStart() const override { return true; }
  absl::StatusOr<std::string> Normalize(absl::string_view text) const override {
    return MapCharacters(
        text, [](char32_t c) { return IsCombiningMark(c) ? kDropped : c; });
  }
};

// ---- Nmt

char32_t NmtOf(char32_t c) {
  if ((c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) ||
      c == 0x7F || c == 0x8F || c == 0x9F) {
    return kDropped;
  }
  switch (c) {
    case '\t':
    case '\n':
    case '\f':
    case '\r':
    case 0x1680:
    case 0x200B:
    case 0x200C:
    case 0x200D:
    case 0x200E:
    case 0x200F:
    case 0x2028:
    case 0x2029:
    case 0x2581:
    case 0xFEFF:
    case 0xFFFD:
      return ' ';
    default:
      return c;
  }
}

class NmtNormalizer : public Normalizer {
 public:
  bool DropsStart(absl::string_view text) const override {
    return !text.empty() && NmtOf(DecodeUtf8(text, 0).value) == kDropped;
  }
  bool MayDropStart() const override { return true; }
  absl::StatusOr<std::string> Normalize(absl::string_view text) const override {
    return MapCharacters(text, &NmtOf);
  }
};

// ---- ByteLevel

class ByteLevelNormalizer : public Normalizer {
 public:
  absl::StatusOr<std::string> Normalize(absl::string_view text) const override {
    std::string out;
    out.reserve(ByteLevelSize(text));
    AppendByteLevel(text, &out);
    return out;
  }
};

// ---- BertNormalizer

struct BertSettings {
  bool cleans_text = true;
  bool handles_chinese = true;
  bool strips_accents = true;
  bool lowercases = true;
};

// The blocks of CJK ideographs that BERT's own code lists.
bool IsChinese(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

std::string SurroundChinese(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const Utf8Char c = DecodeUtf8(text, i);
    const bool is_chinese = IsChinese(c.value);
    if (is_chinese) out.push_back(' ');
    out.append(text.data() + i, c.num_bytes);
    if (is_chinese) out.push_back(' ');
    i += c.num_bytes;
  }
  return out;
}

class BertNormalizer : public Normalizer {
 public:
  explicit BertNormalizer(BertSettings settings) : settings_(settings) {}

  absl::StatusOr<std::string> Normalize(absl::string_view text) const override {
    std::string out(text);
    if (settings_.cleans_text) {
      out = MapCharacters(out, [](char32_t c) {
        if (IsCleanedControl(c)) return kDropped;
        return IsWhitespace(c) ? U' ' : c;
      });
    }
    if (settings_.handles_chinese) out = SurroundChinese(out);
    if (settings_.strips_accents) {
      out = MapCharacters(
          NormalizeUnicode(out, NormalForm::kNfd),
          [](char32_t c) { return IsNonspacingMark(c) ? kDropped : c; });
    }
    return settings_.lowercases ? LowercaseNormalizer::Lowercase(out) : out;
  }
  bool DropsStart(absl::string_view text) const override {
    if (text.empty()) return false;
    const Utf8Char first = DecodeUtf8(text, 0);
    if (settings_.cleans_text && IsCleanedControl(first.value)) return true;
    if (!settings_.strips_accents) return false;
    const std::string decomposed =
        NormalizeUnicode(text.substr(0, first.num_bytes), NormalForm::kNfd);
    return IsNonspacingMark(DecodeUtf8(decomposed, 0).value);
  }
  bool MayDropStart() const override { return true; }

 private:
  const BertSettings settings_;
};

}  // namespace

NormalizerOr ParseLowercase(const Json&) {
  return std::make_unique<LowercaseNormalizer>();
}
NormalizerOr ParseStripAccents(const Json&) {
  return std::make_unique<StripAccentsNormalizer>();
}
NormalizerOr ParseNmt(const Json&) { return std::make_unique<NmtNormalizer>(); }
NormalizerOr ParseByteLevelNormalizer(const Json&) {
  return std::make_unique<ByteLevelNormalizer>();
}

NormalizerOr ParseBertNormalizer(const Json& config) {
  BertSettings settings;
  OUNCE_ASSIGN_OR_RETURN(settings.cleans_text,
                         config.GetBoolOr("clean_text", true));
  OUNCE_ASSIGN_OR_RETURN(settings.handles_chinese,
                         config.GetBoolOr("handle_chinese_chars", true));
  OUNCE_ASSIGN_OR_RETURN(settings.lowercases,
                         config.GetBoolOr("lowercase", true));
  const Json* strips = config.Find("strip_accents");
  settings.strips_accents = settings.lowercases;
  if (strips != nullptr && !strips->is_null()) {
    OUNCE_ASSIGN_OR_RETURN(settings.strips_accents,
                           config.GetBoolOr("strip_accents", false));
  }
  return std::make_unique<BertNormalizer>(settings);
}

}  // namespace ounce
