// Reads a JSON text front to back, one value after another, without building a
// tree of it: for documents of a million values that have a better form in
// memory.  Everything json.h promises about hostile text holds here too.
// Source: RFC 8259.
//
//   JsonReader reader(R"({"a": ["x", "y"]})");
//   absl::string_view key, text;
//   reader.BeginObject();
//   while (reader.NextKey(&key)) {
//     reader.BeginArray();
//     while (reader.NextElement()) reader.ReadString(&text);
//   }
//   absl::Status status = reader.Finish();
#ifndef OUNCE_CORE_JSON_READER_H_
#define OUNCE_CORE_JSON_READER_H_

#include <cstddef>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/json.h"

namespace ounce {

// The first error stays: every later call returns false and Finish() gives it.
// Not thread-safe.
class JsonReader {
 public:
  // Reads a member's value and returns true, or leaves it and returns false.
  using MemberReader = absl::FunctionRef<bool(absl::string_view key)>;

  // `text` must outlive the reader, and both the views that it hands out.
  explicit JsonReader(absl::string_view text, const JsonLimits& limits = {});

  // Whether the next value starts as one of that type does.
  bool IsNextObject() { return NextByteIs('{'); }
  bool IsNextArray() { return NextByteIs('['); }
  bool IsNextString() { return NextByteIs('"'); }
  bool IsNextNumber();

  // Each reads what it names, or fails.  After a Begin the members or elements
  // follow, as long as the Next function returns true; each has one value, to
  // be read before the next call.  The caller finds out about repeated keys.
  bool BeginObject() { return Begin('{', "an object"); }
  bool BeginArray() { return Begin('[', "an array"); }
  bool NextKey(absl::string_view* key);
  bool NextElement();
  bool ReadString(absl::string_view* text);
  // A number as the text spells it.
  bool ReadNumberText(absl::string_view* number);
  // Any value, whole.
  bool ReadValue(Json* value);
  // An object's members, but for those that `take` reads itself: these are null
  // in `members`.
  bool ReadMembers(MemberReader take, Json::Object* members);

  // To be called where an object has `key` a second time.  Returns false.
  bool FailOnRepeated(absl::string_view key);

  bool ok() const { return status_.ok(); }
  // How much of the text was not read yet.
  size_t bytes_left() const { return static_cast<size_t>(end_ - at_); }
  // The first error; without one, that something follows the last value.
  // kInvalidArgument with the position, counted in bytes from 1, of the byte
  // that no JSON text has there.
  absl::Status Finish();

 private:
  bool Fail(absl::string_view expected);
  bool FailAt(const char* at, absl::string_view expected);
  bool Stop(absl::Status status);
  void SkipSpace();
  bool NextByteIs(char byte);
  bool Take(char byte);
  bool Begin(char open, absl::string_view expected);
  bool Next(char close, absl::string_view expected);
  bool ReadWord(absl::string_view word, Json value, Json* out);
  bool ReadNumber(Json* value);
  bool SkipNumber(bool* is_integer);
  bool ConvertNumber(absl::string_view number, bool is_integer, Json* value);
  bool SkipDigits();
  bool ReadArray(Json* value);
  // Goes on to the next '"' or backslash.
  bool SkipCharacters();
  // The rest of a string that begins at `begin`, from its first escape on.
  bool ReadEscaped(const char* begin, absl::string_view* text);
  bool ReadEscape(char** out);
  bool ReadHex(char32_t* value);

  const char* const begin_;
  const char* at_;
  const char* const end_;
  const int max_depth_;
  int depth_ = 0;
  bool is_first_ = false;  // No member of the innermost container was read yet.
  absl::Status status_;
  // Strings that had escapes.  As none is longer than its source, all of them
  // fit in a buffer as large as the text; pages not written take no memory.
  std::unique_ptr<char[]> unescaped_;
  char* unescaped_end_ = nullptr;
};

}  // namespace ounce

#endif  // OUNCE_CORE_JSON_READER_H_
