#include "formats/gguf/gguf_sentencepiece.h"

#include <bit>
#include <cstdint>
#include <cstring>

#include "absl/status/status.h"

namespace ounce {
namespace {

constexpr uint64_t kBpe = 2;  // TrainerSpec.ModelType

// Appends the fields of one message.
class MessageWriter {
 public:
  explicit MessageWriter(std::string* out) : out_(out) {}

  void Number(uint32_t field, uint64_t value) {
    Varint(uint64_t{field} << 3);
    Varint(value);
  }
  void Float(uint32_t field, float value) {
    Varint((uint64_t{field} << 3) | 5);
    const auto bits = std::bit_cast<uint32_t>(value);
    char bytes[sizeof(bits)];
    std::memcpy(bytes, &bits, sizeof(bits));
    out_->append(bytes, sizeof(bytes));
  }
  void Bytes(uint32_t field, absl::string_view bytes) {
    Varint((uint64_t{field} << 3) | 2);
    Varint(bytes.size());
    out_->append(bytes.data(), bytes.size());
  }

 private:
  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) {
      out_->push_back(static_cast<char>(value | 0x80));
    }
    out_->push_back(static_cast<char>(value));
  }

  std::string* const out_;
};

// -1, as the format has it, where there is no such token.
uint64_t IdOf(const GgufVocabulary& vocabulary, GgufRole role) {
  const std::optional<size_t> id = vocabulary.IdOf(role);
  return id.has_value() ? uint64_t{*id} : ~uint64_t{0};
}

std::string TrainerSpec(const GgufVocabulary& vocabulary) {
  std::string bytes;
  MessageWriter writer(&bytes);
  writer.Number(3, kBpe);
  writer.Number(35, 1);  // byte_fallback
  writer.Number(40, IdOf(vocabulary, GgufRole::kUnk));
  writer.Number(41, IdOf(vocabulary, GgufRole::kBos));
  writer.Number(42, IdOf(vocabulary, GgufRole::kEos));
  writer.Number(43, IdOf(vocabulary, GgufRole::kPad));
  return bytes;
}

// A text stays as it is.
std::string NormalizerSpec() {
  std::string bytes;
  MessageWriter writer(&bytes);
  writer.Bytes(1, "identity");
  writer.Number(4, 0);  // remove_extra_whitespaces
  return bytes;
}

}  // namespace

absl::StatusOr<std::string> WriteGgufSentencePiece(
    const GgufVocabulary& vocabulary) {
  const std::optional<size_t> unknown = vocabulary.IdOf(GgufRole::kUnk);
  if (!unknown.has_value()) {
    return absl::InvalidArgumentError(
        "the vocabulary has no unknown token "
        "(tokenizer.ggml.unknown_token_id)");
  }
  std::string model;
  MessageWriter writer(&model);
  std::string piece;
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const GgufVocabulary::Token& token = vocabulary.tokens[id];
    GgufTokenType type = token.type;
    if (type == GgufTokenType::kUnknown) type = GgufTokenType::kControl;
    if (id == *unknown) type = GgufTokenType::kUnknown;
    piece.clear();
    MessageWriter fields(&piece);
    fields.Bytes(1, token.text);
    fields.Float(2, token.score);
    fields.Number(3, static_cast<uint64_t>(type));
    writer.Bytes(1, piece);
  }
  writer.Bytes(2, TrainerSpec(vocabulary));
  writer.Bytes(3, NormalizerSpec());
  return model;
}

}  // namespace ounce
