// Tokenizers in files that came before tokenizer.json, for tests.
#ifndef OUNCE_TESTS_TEXT_TOKENIZER_FILES_FIXTURES_H_
#define OUNCE_TESTS_TEXT_TOKENIZER_FILES_FIXTURES_H_

#include <bit>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/tokenizer_asset.h"
#include "tests/text/text_fixtures.h"
#include "text/sentencepiece_model.h"
#include "text/tokenizer_settings.h"

namespace ounce {

using NamedFiles = std::vector<std::pair<std::string, std::string>>;

inline TokenizerAsset AssetOf(TokenizerKind kind, const NamedFiles& files) {
  TokenizerAsset asset;
  asset.kind = kind;
  for (const auto& [name, bytes] : files) asset.files.push_back({name, bytes});
  return asset;
}

// Of files the test itself wrote.
inline TokenizerSettings SettingsOf(const NamedFiles& files) {
  auto settings = TokenizerSettings::Read(AssetOf(TokenizerKind::kNone, files));
  EXPECT_THAT(settings, IsOk());
  return settings.ok() ? *std::move(settings) : TokenizerSettings();
}

// Fields of Protocol Buffers, written from the description of the format.
inline std::string Varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) {
    out.push_back(static_cast<char>(value | 0x80));
  }
  out.push_back(static_cast<char>(value));
  return out;
}
inline std::string NumberField(uint32_t field, uint64_t value) {
  return Varint(field << 3) + Varint(value);
}
inline std::string BytesField(uint32_t field, absl::string_view bytes) {
  return absl::StrCat(Varint(field << 3 | 2), Varint(bytes.size()), bytes);
}
inline std::string FloatField(uint32_t field, float value) {
  std::string out = Varint(field << 3 | 5);
  const auto bits = std::bit_cast<uint32_t>(value);
  for (int i = 0; i < 4; ++i) {
    out.push_back(static_cast<char>(bits >> (8 * i)));
  }
  return out;
}

inline std::string PieceField(absl::string_view text, float score,
                              PieceType type = PieceType::kNormal) {
  return BytesField(1,
                    absl::StrCat(BytesField(1, text), FloatField(2, score),
                                 NumberField(3, static_cast<uint64_t>(type))));
}

// A model file of `pieces`; the options are fields of its two specs.
struct ModelFileOptions {
  SentencePieceKind kind = SentencePieceKind::kUnigram;
  std::string trainer = "";     // More fields of trainer_spec.
  std::string normalizer = "";  // Fields of normalizer_spec.
};
inline std::string ModelFileOf(
    const std::vector<SentencePieceModel::Piece>& pieces,
    const ModelFileOptions& options = {}) {
  std::string out;
  for (const auto& piece : pieces) {
    out += PieceField(piece.text, piece.score, piece.type);
  }
  out += BytesField(
      2, NumberField(3, static_cast<uint64_t>(options.kind)) + options.trainer);
  return out + BytesField(3, options.normalizer);
}

}  // namespace ounce

#endif  // OUNCE_TESTS_TEXT_TOKENIZER_FILES_FIXTURES_H_
