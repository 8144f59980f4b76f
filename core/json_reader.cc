#include "core/json_reader.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/charconv.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/utf8.h"

namespace ounce {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the first byte of a chunk is its lowest");

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr absl::string_view kLowSurrogate =
    "\\uDC00 to \\uDFFF, the other half of a character";
// Of a repeated key, in a message.
constexpr size_t kMaxKeyBytes = 200;

// Eight bytes at a time.
constexpr std::ptrdiff_t kChunkBytes = sizeof(uint64_t);
constexpr uint64_t kOnes = 0x0101010101010101u;
constexpr uint64_t kHighBits = 0x8080808080808080u;

uint64_t LoadChunk(const char* at) {
  uint64_t chunk;
  std::memcpy(&chunk, at, sizeof(chunk));
  return chunk;
}

// The high bit of each byte below `bound`; false ones only behind a true one.
uint64_t BytesBelow(uint64_t chunk, uint8_t bound) {
  return (chunk - kOnes * bound) & ~chunk & kHighBits;
}
uint64_t BytesEqual(uint64_t chunk, char byte) {
  return BytesBelow(chunk ^ (kOnes * static_cast<uint8_t>(byte)), 1);
}

// Whether a string may hold the byte as it is: no end, escape, control
// character or part of a longer character.
bool IsPlain(char byte) {
  const auto value = static_cast<uint8_t>(byte);
  return value >= 0x20 && value < 0x80 && byte != '"' && byte != '\\';
}

const char* SkipPlain(const char* at, const char* end) {
  while (end - at >= kChunkBytes) {
    const uint64_t chunk = LoadChunk(at);
    const uint64_t stops = (chunk & kHighBits) | BytesBelow(chunk, 0x20) |
                           BytesEqual(chunk, '"') | BytesEqual(chunk, '\\');
    if (stops != 0) return at + std::countr_zero(stops) / 8;
    at += kChunkBytes;
  }
  while (at != end && IsPlain(*at)) ++at;
  return at;
}

bool IsSpace(char byte) {
  return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

bool IsDigit(char byte) { return byte >= '0' && byte <= '9'; }

// The control character, or the character itself, that `letter` escapes; NUL
// for none.
char EscapedBy(char letter) {
  switch (letter) {
    case '"':
    case '\\':
    case '/':
      return letter;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return '\0';
  }
}

bool IsHighSurrogate(char32_t value) { return value >> 10 == 0xD800 >> 10; }
bool IsLowSurrogate(char32_t value) { return value >> 10 == 0xDC00 >> 10; }

// Writes UTF-8 at `*out`.
void PutCharacter(char32_t value, char** out) {
  std::string bytes;  // Within its own buffer: no memory is taken.
  AppendUtf8(value, &bytes);
  *out = std::copy(bytes.begin(), bytes.end(), *out);
}

}  // namespace

JsonReader::JsonReader(absl::string_view text, const JsonLimits& limits)
    : begin_(text.data()),
      at_(text.data()),
      end_(text.data() + text.size()),
      max_depth_(limits.max_depth) {
  if (text.size() > limits.max_bytes) {
    Stop(absl::InvalidArgumentError(
        absl::StrCat("JSON text of ", text.size(), " bytes; at most ",
                     limits.max_bytes, " are read")));
  } else if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    at_ += kByteOrderMark.size();
  }
}

bool JsonReader::Stop(absl::Status status) {
  if (status_.ok()) status_ = std::move(status);
  // Nothing is left to read, so that no loop of a caller goes on.
  at_ = end_;
  is_first_ = false;
  return false;
}

bool JsonReader::FailAt(const char* at, absl::string_view expected) {
  return Stop(absl::InvalidArgumentError(absl::StrCat(
      "not JSON at byte ", at - begin_ + 1, ": ",
      at == end_ ? "the text ends here; expected " : "expected ", expected)));
}

bool JsonReader::Fail(absl::string_view expected) {
  return FailAt(at_, expected);
}

bool JsonReader::FailOnRepeated(absl::string_view key) {
  return Stop(absl::InvalidArgumentError(
      absl::StrCat("key \"", key.substr(0, kMaxKeyBytes),
                   "\" is given twice in one object")));
}

absl::Status JsonReader::Finish() {
  SkipSpace();
  if (at_ != end_) Fail("nothing after the value");
  return status_;
}

void JsonReader::SkipSpace() {
  constexpr uint64_t kSpaces = kOnes * uint64_t{' '};
  while (at_ != end_ && IsSpace(*at_)) {
    ++at_;
    // Lines of indented text start with many spaces.
    while (end_ - at_ >= kChunkBytes) {
      const uint64_t others = LoadChunk(at_) ^ kSpaces;
      at_ += others == 0 ? kChunkBytes : std::countr_zero(others) / 8;
      if (others != 0) break;
    }
  }
}

bool JsonReader::NextByteIs(char byte) {
  SkipSpace();
  return at_ != end_ && *at_ == byte;
}

bool JsonReader::Take(char byte) {
  if (!NextByteIs(byte)) return false;
  ++at_;
  return true;
}

bool JsonReader::Begin(char open, absl::string_view expected) {
  if (!Take(open)) return Fail(expected);
  if (depth_ >= max_depth_) {
    return Stop(absl::InvalidArgumentError(
        absl::StrCat("nested deeper than ", max_depth_, " levels")));
  }
  ++depth_;
  is_first_ = true;
  return true;
}

// Whether the container that `close` ends has another member.
bool JsonReader::Next(char close, absl::string_view expected) {
  const bool is_first = std::exchange(is_first_, false);
  if (Take(close)) {
    --depth_;
    return false;
  }
  return is_first || Take(',') || Fail(expected);
}

bool JsonReader::NextKey(absl::string_view* key) {
  if (!Next('}', "',' or '}'")) return false;
  if (!IsNextString()) return Fail("a key in double quotes");
  return ReadString(key) && (Take(':') || Fail("':'"));
}

bool JsonReader::NextElement() { return Next(']', "',' or ']'"); }

bool JsonReader::ReadMembers(MemberReader take, Json::Object* members) {
  if (!BeginObject()) return false;
  absl::string_view key;
  while (NextKey(&key)) {
    if (members->Find(key) != nullptr) return FailOnRepeated(key);
    Json value;
    if (!take(key) && !ReadValue(&value)) return false;
    members->Set(key, std::move(value));
  }
  return ok();
}

bool JsonReader::ReadArray(Json* value) {
  if (!BeginArray()) return false;
  Json::Array elements;
  while (NextElement()) {
    if (!ReadValue(&elements.emplace_back())) return false;
  }
  *value = Json(std::move(elements));
  return ok();
}

// Recurses no deeper than the limit of depth.
bool JsonReader::ReadValue(Json* value) {
  if (IsNextArray()) return ReadArray(value);
  if (IsNextObject()) {
    Json::Object members;
    const auto take_none = [](absl::string_view) { return false; };
    if (!ReadMembers(take_none, &members)) return false;
    *value = Json(std::move(members));
    return true;
  }
  if (IsNextString()) {
    absl::string_view text;
    if (!ReadString(&text)) return false;
    *value = Json(text);
    return true;
  }
  if (NextByteIs('t')) return ReadWord("true", Json(true), value);
  if (NextByteIs('f')) return ReadWord("false", Json(false), value);
  if (NextByteIs('n')) return ReadWord("null", Json(), value);
  return ReadNumber(value);
}

bool JsonReader::ReadWord(absl::string_view word, Json value, Json* out) {
  for (const char letter : word) {
    if (at_ == end_ || *at_ != letter) return Fail(word);
    ++at_;
  }
  *out = std::move(value);
  return true;
}

bool JsonReader::SkipDigits() {
  if (at_ == end_ || !IsDigit(*at_)) return Fail("a digit");
  while (at_ != end_ && IsDigit(*at_)) ++at_;
  return true;
}

bool JsonReader::IsNextNumber() {
  SkipSpace();
  return at_ != end_ && (*at_ == '-' || IsDigit(*at_));
}

bool JsonReader::SkipNumber(bool* is_integer) {
  const auto take = [this](char byte) {
    const bool is_next = at_ != end_ && *at_ == byte;
    if (is_next) ++at_;
    return is_next;
  };
  const bool is_negative = take('-');
  if (!is_negative && (at_ == end_ || !IsDigit(*at_))) return Fail("a value");
  // No digit follows a leading zero.
  if (!take('0') && !SkipDigits()) return false;
  *is_integer = true;
  if (take('.')) {
    *is_integer = false;
    if (!SkipDigits()) return false;
  }
  if (take('e') || take('E')) {
    *is_integer = false;
    if (!take('+')) take('-');
    if (!SkipDigits()) return false;
  }
  return true;
}

bool JsonReader::ReadNumberText(absl::string_view* number) {
  SkipSpace();
  const char* const begin = at_;
  bool is_integer = false;
  if (!SkipNumber(&is_integer)) return false;
  *number = {begin, static_cast<size_t>(at_ - begin)};
  return true;
}

bool JsonReader::ReadNumber(Json* value) {
  const char* const begin = at_;
  bool is_integer = false;
  return SkipNumber(&is_integer) &&
         ConvertNumber({begin, static_cast<size_t>(at_ - begin)}, is_integer,
                       value);
}

bool JsonReader::ConvertNumber(absl::string_view number, bool is_integer,
                               Json* value) {
  int64_t integer = 0;
  if (is_integer && absl::SimpleAtoi(number, &integer)) {
    *value = Json(integer);
    return true;
  }
  double real = 0;
  const absl::from_chars_result result =
      absl::from_chars(number.data(), number.data() + number.size(), real);
  // Of numbers out of range those near zero are rounded like all others.
  if (result.ec != std::errc() && std::abs(real) > 1) {
    return FailAt(number.data(), "a number that a double can hold");
  }
  *value = Json(real);
  return true;
}

bool JsonReader::ReadString(absl::string_view* text) {
  if (!Take('"')) return Fail("a string");
  const char* const begin = at_;
  if (!SkipCharacters()) return false;
  if (*at_ == '\\') return ReadEscaped(begin, text);
  *text = {begin, static_cast<size_t>(at_ - begin)};
  ++at_;
  return true;
}

bool JsonReader::SkipCharacters() {
  while (true) {
    at_ = SkipPlain(at_, end_);
    if (at_ == end_) return Fail("'\"'");
    if (*at_ == '"' || *at_ == '\\') return true;
    const bool is_control = static_cast<uint8_t>(*at_) < 0x20;
    const size_t size =
        is_control ? 0
                   : Utf8CharSize({at_, static_cast<size_t>(end_ - at_)}, 0);
    if (size == 0) return Fail("UTF-8 without control characters");
    at_ += size;
  }
}

bool JsonReader::ReadEscaped(const char* begin, absl::string_view* text) {
  if (unescaped_ == nullptr) {
    unescaped_ = std::make_unique_for_overwrite<char[]>(
        static_cast<size_t>(end_ - begin));
    unescaped_end_ = unescaped_.get();
  }
  char* const first = unescaped_end_;
  char* out = std::copy(begin, at_, first);
  while (*at_ == '\\') {
    ++at_;
    if (!ReadEscape(&out)) return false;
    const char* const plain = at_;
    if (!SkipCharacters()) return false;
    out = std::copy(plain, at_, out);
  }
  ++at_;
  unescaped_end_ = out;
  *text = {first, static_cast<size_t>(out - first)};
  return true;
}

bool JsonReader::ReadEscape(char** out) {
  const char letter = at_ == end_ ? '\0' : *at_;
  if (letter != 'u') {
    const char byte = EscapedBy(letter);
    if (byte == '\0') return Fail("one of \"\\/bfnrtu");
    ++at_;
    *(*out)++ = byte;
    return true;
  }
  ++at_;
  char32_t value = 0;
  if (!ReadHex(&value)) return false;
  if (IsHighSurrogate(value)) {
    char32_t low = 0;
    for (const char byte : {'\\', 'u'}) {
      if (at_ == end_ || *at_ != byte) return Fail(kLowSurrogate);
      ++at_;
    }
    if (!ReadHex(&low)) return false;
    if (!IsLowSurrogate(low)) return FailAt(at_ - 4, kLowSurrogate);
    value = 0x10000 + ((value & 0x3FF) << 10) + (low & 0x3FF);
  } else if (IsLowSurrogate(value)) {
    return FailAt(at_ - 4, "a character, not half of one");
  }
  PutCharacter(value, out);
  return true;
}

bool JsonReader::ReadHex(char32_t* value) {
  *value = 0;
  for (int i = 0; i < 4; ++i) {
    if (at_ == end_ || !absl::ascii_isxdigit(static_cast<uint8_t>(*at_))) {
      return Fail("a hexadecimal digit");
    }
    const auto digit = static_cast<uint8_t>(*at_++);
    *value = *value * 16 +
             (digit <= '9' ? digit - '0' : (digit | 0x20u) - 'a' + 10u);
  }
  return true;
}

}  // namespace ounce
