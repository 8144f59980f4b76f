#include "text/character_map.h"

#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/annotate.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/normalizer.h"
#include "text/unicode.h"

namespace ounce {
namespace {

constexpr size_t kUnitBytes = 4;
// Longer user-perceived characters are not looked up as a whole.
constexpr size_t kMaxGraphemeBytes = 5;

uint32_t ReadUint32(absl::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = kUnitBytes; i > 0; --i) {
    value = value << 8 | static_cast<uint8_t>(bytes[i - 1]);
  }
  return value;
}

bool HasValue(uint32_t unit) { return ((unit >> 8) & 1) != 0; }
// Bit 31 is set in units that hold a value, so that these match no byte.
uint32_t LabelOf(uint32_t unit) { return unit & 0x800000FFu; }
uint32_t OffsetOf(uint32_t unit) {
  return (unit >> 10) << ((unit & (1u << 9)) >> 6);
}
uint32_t ValueOf(uint32_t unit) { return unit & 0x7FFFFFFFu; }

// The longest in published maps, of U+FDFA, has 33.
constexpr size_t kMaxTextBytes = 1024;

bool IsAscii(char byte) { return static_cast<uint8_t>(byte) < 0x80; }

}  // namespace

absl::StatusOr<CharacterMap> CharacterMap::Parse(absl::string_view bytes) {
  if (bytes.size() < kUnitBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(bytes.size(), " bytes; expected a trie behind its size"));
  }
  const uint32_t trie_bytes = ReadUint32(bytes);
  bytes.remove_prefix(kUnitBytes);
  const size_t num_units = trie_bytes / kUnitBytes;
  if (num_units == 0 || num_units > bytes.size() / kUnitBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a trie of ", trie_bytes, " bytes, of which ", bytes.size(),
        " are there; expected 4 or more, all there"));
  }
  CharacterMap map;
  map.units_.reserve(num_units);
  for (size_t i = 0; i < num_units; ++i) {
    map.units_.push_back(ReadUint32(bytes.substr(i * kUnitBytes)));
  }
  map.texts_ = std::string(bytes.substr(num_units * kUnitBytes));
  if (!IsValidUtf8(map.texts_)) {
    return absl::InvalidArgumentError("the texts are not UTF-8");
  }
  for (const absl::string_view text : absl::StrSplit(map.texts_, '\0')) {
    if (text.size() > kMaxTextBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("a text of ", text.size(), " bytes; expected at most ",
                       kMaxTextBytes));
    }
  }
  for (size_t i = 0; i < map.ascii_.size(); ++i) {
    const char byte = static_cast<char>(i);
    if (const auto text = map.Find({&byte, 1})) {
      map.ascii_[i] = std::string(*text);
    }
  }
  return map;
}

std::optional<absl::string_view> CharacterMap::Find(
    absl::string_view chunk) const {
  size_t at = OffsetOf(units_[0]);
  for (const char c : chunk) {
    const auto byte = static_cast<uint8_t>(c);
    at ^= byte;
    if (byte == 0 || at >= units_.size()) return std::nullopt;
    const uint32_t unit = units_[at];
    if (LabelOf(unit) != byte) return std::nullopt;
    at ^= OffsetOf(unit);
    if (HasValue(unit)) {
      return at < units_.size() ? TextAt(ValueOf(units_[at])) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<absl::string_view> CharacterMap::TextAt(uint32_t offset) const {
  const absl::string_view texts(texts_);
  if (offset > texts.size()) return std::nullopt;
  const bool is_inside_character =
      offset < texts.size() &&
      (static_cast<uint8_t>(texts[offset]) & 0xC0) == 0x80;
  if (is_inside_character) return std::nullopt;
  const size_t end = texts.find('\0', offset);
  return texts.substr(offset, end == absl::string_view::npos
                                  ? absl::string_view::npos
                                  : end - offset);
}

std::string CharacterMap::Apply(absl::string_view text) const {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    // ASCII before ASCII, but for CR LF, is a user-perceived character.
    if (IsAscii(text[i]) && text[i] != '\r' &&
        (i + 1 == text.size() || IsAscii(text[i + 1]))) {
      AppendMappedAscii(text[i++], &out);
      continue;
    }
    const size_t size = FirstGraphemeSize(text.substr(i));
    AppendMapped(text.substr(i, size), &out);
    i += size;
  }
  return out;
}

void CharacterMap::AppendMappedAscii(char byte, std::string* out) const {
  const std::optional<std::string>& text = ascii_[static_cast<uint8_t>(byte)];
  if (text.has_value()) {
    out->append(*text);
  } else {
    out->push_back(byte);
  }
}

void CharacterMap::AppendMapped(absl::string_view grapheme,
                                std::string* out) const {
  if (grapheme.size() <= kMaxGraphemeBytes) {
    if (const auto text = Find(grapheme)) {
      out->append(text->data(), text->size());
      return;
    }
  }
  for (size_t i = 0; i < grapheme.size();) {
    const absl::string_view character =
        grapheme.substr(i, DecodeUtf8(grapheme, i).num_bytes);
    const absl::string_view text = Find(character).value_or(character);
    out->append(text.data(), text.size());
    i += character.size();
  }
}

namespace {

class PrecompiledNormalizer : public Normalizer {
 public:
  explicit PrecompiledNormalizer(CharacterMap map) : map_(std::move(map)) {}
  absl::StatusOr<std::string> Normalize(absl::string_view text) const override {
    return map_.Apply(text);
  }

 private:
  const CharacterMap map_;
};

}  // namespace

NormalizerOr ParsePrecompiled(const Json& config) {
  constexpr absl::string_view kKey = "precompiled_charsmap";
  OUNCE_ASSIGN_OR_RETURN(const std::string encoded, config.GetString(kKey));
  std::string bytes;
  if (!absl::Base64Unescape(encoded, &bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", kKey, "\" is not base64"));
  }
  OUNCE_ASSIGN_OR_RETURN(CharacterMap map,
                         Annotate(CharacterMap::Parse(bytes), kKey));
  return std::make_unique<PrecompiledNormalizer>(std::move(map));
}

}  // namespace ounce
