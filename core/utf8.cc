#include "core/utf8.h"

#include <cstdint>
#include <cstring>

namespace ounce {
namespace {

constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

uint8_t ByteAt(absl::string_view bytes, size_t offset) {
  return static_cast<uint8_t>(bytes[offset]);
}

bool IsContinuation(uint8_t byte) { return (byte & 0xC0) == 0x80; }

// The length that lead byte `lead` announces; 0 for a byte that leads nothing.
size_t SequenceLength(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF5 ? 4 : 0;
}

// Whether `second` may follow `lead`: no overlong form, surrogate, or value
// beyond U+10FFFF (Unicode Standard, table 3-7).
bool IsSecondByte(uint8_t lead, uint8_t second) {
  switch (lead) {
    case 0xE0:
      return second >= 0xA0 && second <= 0xBF;
    case 0xED:
      return second >= 0x80 && second <= 0x9F;
    case 0xF0:
      return second >= 0x90 && second <= 0xBF;
    case 0xF4:
      return second >= 0x80 && second <= 0x8F;
    default:
      return IsContinuation(second);
  }
}

enum class Form { kValid, kInvalid, kCutOff };

struct Sequence {
  Form form;
  size_t num_bytes;  // Of the character, or of the maximal subpart.
};

Sequence ScanSequence(absl::string_view bytes, size_t offset) {
  const uint8_t lead = ByteAt(bytes, offset);
  const size_t length = SequenceLength(lead);
  if (length == 0) return {Form::kInvalid, 1};
  for (size_t i = 1; i < length; ++i) {
    if (offset + i == bytes.size()) return {Form::kCutOff, i};
    const uint8_t byte = ByteAt(bytes, offset + i);
    const bool fits = i == 1 ? IsSecondByte(lead, byte) : IsContinuation(byte);
    if (!fits) return {Form::kInvalid, i};
  }
  return {Form::kValid, length};
}

// The first offset from `offset` on that is not ASCII, or the size.
size_t SkipAscii(absl::string_view bytes, size_t offset) {
  constexpr uint64_t kHighBits = 0x8080808080808080u;
  while (offset + sizeof(uint64_t) <= bytes.size()) {
    uint64_t chunk;
    std::memcpy(&chunk, bytes.data() + offset, sizeof(chunk));
    if ((chunk & kHighBits) != 0) break;
    offset += sizeof(chunk);
  }
  while (offset < bytes.size() && ByteAt(bytes, offset) < 0x80) ++offset;
  return offset;
}

}  // namespace

Utf8Char DecodeUtf8(absl::string_view text, size_t offset) {
  const uint8_t lead = ByteAt(text, offset);
  if (lead < 0x80) return {lead, 1};
  const size_t length = SequenceLength(lead);
  char32_t value = lead & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    value = (value << 6) | (ByteAt(text, offset + i) & 0x3Fu);
  }
  return {value, length};
}

Utf8Char DecodeUtf8Before(absl::string_view text, size_t offset) {
  size_t start = offset - 1;
  while (IsContinuation(ByteAt(text, start))) --start;
  return DecodeUtf8(text, start);
}

void AppendUtf8(char32_t value, std::string* out) {
  const auto append = [out](char32_t byte) {
    out->push_back(static_cast<char>(static_cast<uint8_t>(byte)));
  };
  if (value < 0x80) {
    append(value);
    return;
  }
  if (value < 0x800) {
    append(0xC0 | (value >> 6));
  } else {
    if (value < 0x10000) {
      append(0xE0 | (value >> 12));
    } else {
      append(0xF0 | (value >> 18));
      append(0x80 | ((value >> 12) & 0x3F));
    }
    append(0x80 | ((value >> 6) & 0x3F));
  }
  append(0x80 | (value & 0x3F));
}

size_t Utf8CharSize(absl::string_view bytes, size_t offset) {
  const Sequence sequence = ScanSequence(bytes, offset);
  return sequence.form == Form::kValid ? sequence.num_bytes : 0;
}

bool IsValidUtf8(absl::string_view bytes) {
  size_t offset = SkipAscii(bytes, 0);
  while (offset < bytes.size()) {
    const Sequence sequence = ScanSequence(bytes, offset);
    if (sequence.form != Form::kValid) return false;
    offset = SkipAscii(bytes, offset + sequence.num_bytes);
  }
  return true;
}

size_t AppendRepairedUtf8(absl::string_view bytes, bool is_final,
                          std::string* out) {
  size_t copied = 0;
  size_t offset = SkipAscii(bytes, 0);
  while (offset < bytes.size()) {
    const Sequence sequence = ScanSequence(bytes, offset);
    if (sequence.form == Form::kCutOff && !is_final) break;
    if (sequence.form != Form::kValid) {
      out->append(bytes.data() + copied, offset - copied);
      out->append(kReplacement.data(), kReplacement.size());
      copied = offset + sequence.num_bytes;
    }
    offset = SkipAscii(bytes, offset + sequence.num_bytes);
  }
  out->append(bytes.data() + copied, offset - copied);
  return offset;
}

}  // namespace ounce
