#include "text/sentencepiece_model.h"

#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/config.h"
#include "text/quote.h"

namespace ounce {
namespace {

// More than any model has: merging takes the square of a piece's size.
constexpr size_t kMaxPieceBytes = 1024;

enum WireType : uint32_t {
  kVarint = 0,
  kFixed64 = 1,
  kBytes = 2,
  kFixed32 = 5
};

// One field of a message; only the member of its wire type is set.
struct Field {
  uint32_t number = 0;
  uint32_t wire_type = kVarint;
  uint64_t varint = 0;
  uint32_t fixed32 = 0;
  absl::string_view bytes;
};

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, "; expected a SentencePiece model"));
}

// The fields of one message, front to back.
class MessageReader {
 public:
  // `offset` is that of `message` in the file.
  MessageReader(absl::string_view message, size_t offset)
      : rest_(message), end_(offset + message.size()) {}

  bool done() const { return rest_.empty(); }
  // Of what comes next, in the file.
  size_t offset() const { return end_ - rest_.size(); }

  absl::StatusOr<Field> Next() {
    const size_t start = offset();
    OUNCE_ASSIGN_OR_RETURN(const uint64_t tag, ReadVarint());
    Field field;
    field.wire_type = static_cast<uint32_t>(tag & 7);
    if ((tag >> 3) == 0 || (tag >> 3) > std::numeric_limits<uint32_t>::max()) {
      return Malformed(absl::StrCat("byte ", start, " begins no field"));
    }
    field.number = static_cast<uint32_t>(tag >> 3);
    switch (field.wire_type) {
      case kVarint: {
        OUNCE_ASSIGN_OR_RETURN(field.varint, ReadVarint());
        return field;
      }
      case kFixed64:
        return Take(8, &field);
      case kFixed32: {
        OUNCE_ASSIGN_OR_RETURN(field, Take(4, &field));
        for (size_t i = 0; i < 4; ++i) {
          field.fixed32 |= uint32_t{static_cast<uint8_t>(field.bytes[i])}
                           << (8 * i);
        }
        return field;
      }
      case kBytes: {
        OUNCE_ASSIGN_OR_RETURN(const uint64_t size, ReadVarint());
        return Take(size, &field);
      }
      default:
        return Malformed(
            absl::StrCat("byte ", start, " has wire type ", field.wire_type));
    }
  }

 private:
  absl::StatusOr<uint64_t> ReadVarint() {
    const size_t start = offset();
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
    return Malformed(
        absl::StrCat("the number at byte ", start,
                     rest_.empty() ? " is cut off" : " is too long"));
  }

  absl::StatusOr<Field> Take(uint64_t size, Field* field) {
    if (size > rest_.size()) {
      return Malformed(absl::StrCat("a field of ", size, " bytes at byte ",
                                    offset(), " where ", rest_.size(),
                                    " are left"));
    }
    field->bytes = rest_.substr(0, static_cast<size_t>(size));
    rest_.remove_prefix(static_cast<size_t>(size));
    return *field;
  }

  absl::string_view rest_;
  const size_t end_;
};

absl::Status CheckType(const Field& field, WireType expected,
                       absl::string_view name) {
  if (field.wire_type == expected) return absl::OkStatus();
  return Malformed(absl::StrCat("the field ", name, " has wire type ",
                                field.wire_type, " instead of ",
                                static_cast<uint32_t>(expected)));
}

// A number that is an int32, or a bool, in the file.
struct NumberField {
  uint32_t number;
  absl::string_view name;
  int32_t* as_int = nullptr;
  bool* as_bool = nullptr;
};

absl::Status SetNumber(const Field& field, const NumberField& target) {
  OUNCE_RETURN_IF_ERROR(CheckType(field, kVarint, target.name));
  if (target.as_bool != nullptr) {
    *target.as_bool = field.varint != 0;
    return absl::OkStatus();
  }
  const auto value = static_cast<int64_t>(field.varint);
  if (value < -1 || value >= kMaxTokenIds) {
    return Malformed(absl::StrCat("the field ", target.name, " is ", value));
  }
  *target.as_int = static_cast<int32_t>(value);
  return absl::OkStatus();
}

// Reads the fields of `message` that are in `targets`.
absl::Status ReadNumbers(absl::string_view message, size_t offset,
                         absl::Span<const NumberField> targets) {
  MessageReader reader(message, offset);
  while (!reader.done()) {
    OUNCE_ASSIGN_OR_RETURN(const Field field, reader.Next());
    for (const NumberField& target : targets) {
      if (target.number != field.number) continue;
      OUNCE_RETURN_IF_ERROR(SetNumber(field, target));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadTrainerSpec(absl::string_view message, size_t offset,
                             SentencePieceModel* model) {
  auto kind = static_cast<int32_t>(model->kind);
  OUNCE_RETURN_IF_ERROR(ReadNumbers(
      message, offset,
      {{.number = 3, .name = "model_type", .as_int = &kind},
       {.number = 24,
        .name = "treat_whitespace_as_suffix",
        .as_bool = &model->whitespace_is_suffix},
       {.number = 35,
        .name = "byte_fallback",
        .as_bool = &model->byte_fallback},
       {.number = 41, .name = "bos_id", .as_int = &model->bos_id},
       {.number = 42, .name = "eos_id", .as_int = &model->eos_id},
       {.number = 43, .name = "pad_id", .as_int = &model->pad_id}}));
  if (kind < static_cast<int32_t>(SentencePieceKind::kUnigram) ||
      kind > static_cast<int32_t>(SentencePieceKind::kChar)) {
    return Malformed(absl::StrCat("the field model_type is ", kind));
  }
  model->kind = static_cast<SentencePieceKind>(kind);
  return absl::OkStatus();
}

absl::Status ReadNormalizerSpec(absl::string_view message, size_t offset,
                                SentencePieceModel* model) {
  MessageReader reader(message, offset);
  while (!reader.done()) {
    OUNCE_ASSIGN_OR_RETURN(const Field field, reader.Next());
    if (field.number != 2) continue;
    OUNCE_RETURN_IF_ERROR(CheckType(field, kBytes, "precompiled_charsmap"));
    model->charsmap = field.bytes;
  }
  return ReadNumbers(message, offset,
                     {{.number = 3,
                       .name = "add_dummy_prefix",
                       .as_bool = &model->add_dummy_prefix},
                      {.number = 4,
                       .name = "remove_extra_whitespaces",
                       .as_bool = &model->remove_extra_whitespaces},
                      {.number = 5,
                       .name = "escape_whitespaces",
                       .as_bool = &model->escape_whitespaces}});
}

absl::Status SetPieceField(const Field& field,
                           SentencePieceModel::Piece* piece) {
  if (field.number == 1) {
    OUNCE_RETURN_IF_ERROR(CheckType(field, kBytes, "piece"));
    piece->text = field.bytes;
  } else if (field.number == 2) {
    OUNCE_RETURN_IF_ERROR(CheckType(field, kFixed32, "score"));
    piece->score = std::bit_cast<float>(field.fixed32);
  } else if (field.number == 3) {
    OUNCE_RETURN_IF_ERROR(CheckType(field, kVarint, "type"));
    if (field.varint < 1 || field.varint > 6) {
      return Malformed(absl::StrCat("the field type is ", field.varint));
    }
    piece->type = static_cast<PieceType>(field.varint);
  }
  return absl::OkStatus();
}

absl::Status ReadPiece(absl::string_view message, size_t offset,
                       SentencePieceModel* model) {
  SentencePieceModel::Piece piece;
  MessageReader reader(message, offset);
  while (!reader.done()) {
    OUNCE_ASSIGN_OR_RETURN(const Field field, reader.Next());
    OUNCE_RETURN_IF_ERROR(SetPieceField(field, &piece));
  }
  const size_t index = model->pieces.size();
  if (piece.text.empty() || !IsValidUtf8(piece.text)) {
    return Malformed(absl::StrCat("piece ", index, " is ",
                                  piece.text.empty() ? "empty" : "no UTF-8"));
  }
  if (piece.text.size() > kMaxPieceBytes) {
    return Malformed(absl::StrCat("piece ", index, " has ", piece.text.size(),
                                  " bytes, more than ", kMaxPieceBytes));
  }
  if (!std::isfinite(piece.score)) {
    return Malformed(absl::StrCat("piece ", index, ", ", Quote(piece.text),
                                  ", has a score that is no number"));
  }
  if (index >= static_cast<size_t>(kMaxTokenIds)) {
    return Malformed(absl::StrCat("more than ", kMaxTokenIds, " pieces"));
  }
  model->pieces.push_back(piece);
  return absl::OkStatus();
}

absl::Status FindUnknown(SentencePieceModel* model) {
  std::optional<int32_t> unknown;
  for (size_t i = 0; i < model->pieces.size(); ++i) {
    if (model->pieces[i].type != PieceType::kUnknown) continue;
    if (unknown.has_value()) {
      return Malformed(absl::StrCat("pieces ", *unknown, " and ", i,
                                    " are both the unknown piece"));
    }
    unknown = static_cast<int32_t>(i);
  }
  if (!unknown.has_value()) return Malformed("no piece is the unknown piece");
  model->unk_id = *unknown;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SentencePieceModel> ReadSentencePieceModel(
    absl::string_view bytes) {
  SentencePieceModel model;
  MessageReader reader(bytes, 0);
  while (!reader.done()) {
    OUNCE_ASSIGN_OR_RETURN(const Field field, reader.Next());
    if (field.number < 1 || field.number > 3) continue;
    OUNCE_RETURN_IF_ERROR(CheckType(field, kBytes,
                                    field.number == 1   ? "pieces"
                                    : field.number == 2 ? "trainer_spec"
                                                        : "normalizer_spec"));
    const size_t offset = reader.offset() - field.bytes.size();
    OUNCE_RETURN_IF_ERROR(
        field.number == 1   ? ReadPiece(field.bytes, offset, &model)
        : field.number == 2 ? ReadTrainerSpec(field.bytes, offset, &model)
                            : ReadNormalizerSpec(field.bytes, offset, &model));
  }
  OUNCE_RETURN_IF_ERROR(FindUnknown(&model));
  return model;
}

}  // namespace ounce
