#include "text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "core/utf8.h"
#include "text/code_point_set.h"
#include "text/unicode_tables.h"

namespace ounce {
namespace {

using CodePoints = std::vector<utf8proc_int32_t>;

utf8proc_category_t CategoryOf(char32_t value) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(value));
}

bool IsInert(utf8proc_int32_t value) {
  static const CodePointSet& set = *new CodePointSet(kInertRanges);
  return set.Contains(static_cast<char32_t>(value));
}

int CombiningClass(utf8proc_int32_t value) {
  return IsInert(value) ? 0 : utf8proc_get_property(value)->combining_class;
}

// Lower case that Unicode 15 to 17 added: characters [first, last] and how far
// their lower case is from them.
struct LowercaseRow {
  char32_t first;
  char32_t last;
  int32_t distance;
};
constexpr LowercaseRow kNewLowercase[] = {
    {0x1C89, 0x1C89, 1},      {0xA7CB, 0xA7CB, 0x264 - 0xA7CB},
    {0xA7CC, 0xA7CC, 1},      {0xA7CE, 0xA7CE, 1},
    {0xA7D2, 0xA7D2, 1},      {0xA7D4, 0xA7D4, 1},
    {0xA7DA, 0xA7DA, 1},      {0xA7DC, 0xA7DC, 0x19B - 0xA7DC},
    {0x10D50, 0x10D65, 0x20}, {0x16EA0, 0x16EB8, 0x1B},
};

utf8proc_option_t OptionsOf(NormalForm form) {
  int options = UTF8PROC_STABLE;
  const bool composes = form == NormalForm::kNfc || form == NormalForm::kNfkc;
  options |= composes ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
  if (form == NormalForm::kNfkc || form == NormalForm::kNfkd) {
    options |= UTF8PROC_COMPAT;
  }
  return static_cast<utf8proc_option_t>(options);
}

void AppendDecomposition(char32_t value, utf8proc_option_t options,
                         CodePoints* out) {
  if (IsInert(static_cast<utf8proc_int32_t>(value))) {
    out->push_back(static_cast<utf8proc_int32_t>(value));
    return;
  }
  // U+FDFA, the longest, becomes 18 characters.
  utf8proc_int32_t buffer[32];
  int boundary = 0;
  const utf8proc_ssize_t length =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(value), buffer,
                              std::size(buffer), options, &boundary);
  if (length < 0 || length > static_cast<utf8proc_ssize_t>(std::size(buffer))) {
    out->push_back(static_cast<utf8proc_int32_t>(value));
    return;
  }
  out->insert(out->end(), buffer, buffer + length);
}

// Canonical ordering of marks.  utf8proc's own is an exchange sort, which a
// text of nothing but marks drives to quadratic time.
void SortMarks(CodePoints* text) {
  std::vector<std::pair<int, utf8proc_int32_t>> run;
  for (size_t i = 0; i < text->size();) {
    run.clear();
    size_t end = i;
    for (; end < text->size(); ++end) {
      const int combining_class = CombiningClass((*text)[end]);
      if (combining_class == 0) break;
      run.emplace_back(combining_class, (*text)[end]);
    }
    if (run.size() > 1) {
      std::stable_sort(
          run.begin(), run.end(),
          [](const auto& a, const auto& b) { return a.first < b.first; });
      for (size_t k = 0; k < run.size(); ++k) (*text)[i + k] = run[k].second;
    }
    i = end + 1;
  }
}

// Composes between inert characters, which block composition as any starter
// does that composes with nothing.
void Compose(utf8proc_option_t options, CodePoints* text) {
  size_t size = 0;
  for (size_t begin = 0; begin < text->size();) {
    size_t end = begin;
    while (end < text->size() && !IsInert((*text)[end])) ++end;
    const auto length = utf8proc_normalize_utf32(
        text->data() + begin, static_cast<utf8proc_ssize_t>(end - begin),
        options);
    const size_t kept = length < 0 ? end - begin : static_cast<size_t>(length);
    std::copy_n(text->data() + begin, kept, text->data() + size);
    size += kept;
    if (end < text->size()) (*text)[size++] = (*text)[end++];
    begin = end;
  }
  text->resize(size);
}

// Characters whose upper case is several characters: the unconditional lines of
// SpecialCasing.txt.
bool HasLongUppercase(char32_t value) {
  constexpr struct {
    char32_t first;
    char32_t last;
  } kRanges[] = {{0xDF, 0xDF},     {0x149, 0x149},   {0x1F0, 0x1F0},
                 {0x390, 0x390},   {0x3B0, 0x3B0},   {0x587, 0x587},
                 {0x1E96, 0x1E9A}, {0x1F50, 0x1F56}, {0x1F80, 0x1FFC},
                 {0xFB00, 0xFB17}};
  return std::any_of(std::begin(kRanges), std::end(kRanges),
                     [value](const auto& range) {
                       return value >= range.first && value <= range.last;
                     });
}

// Other_Lowercase and Other_Uppercase of PropList.txt.
bool IsOtherCased(char32_t value) {
  constexpr struct {
    char32_t first;
    char32_t last;
  } kRanges[] = {{0xAA, 0xAA},       {0xBA, 0xBA},       {0x2B0, 0x2B8},
                 {0x2C0, 0x2C1},     {0x2E0, 0x2E4},     {0x345, 0x345},
                 {0x37A, 0x37A},     {0x1D2C, 0x1D6A},   {0x1D78, 0x1D78},
                 {0x1D9B, 0x1DBF},   {0x2071, 0x2071},   {0x207F, 0x207F},
                 {0x2090, 0x209C},   {0x2160, 0x217F},   {0x24B6, 0x24E9},
                 {0x2C7C, 0x2C7D},   {0xA69C, 0xA69D},   {0xA770, 0xA770},
                 {0xA7F8, 0xA7F9},   {0xAB5C, 0xAB5F},   {0x10780, 0x107BA},
                 {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};
  return std::any_of(std::begin(kRanges), std::end(kRanges),
                     [value](const auto& range) {
                       return value >= range.first && value <= range.last;
                     });
}

// Whether every character is its own normal form whatever its neighbours: below
// U+0300 for NFC, ASCII for the others.
bool IsUnchanged(absl::string_view text, NormalForm form) {
  const uint8_t limit = form == NormalForm::kNfc ? 0xCC : 0x80;
  return std::all_of(text.begin(), text.end(), [limit](char c) {
    return static_cast<uint8_t>(c) < limit;
  });
}

}  // namespace

bool IsWhitespace(char32_t value) {
  if (value < 0x80) return value == ' ' || (value >= '\t' && value <= '\r');
  if (value == 0x85) return true;
  const utf8proc_category_t category = CategoryOf(value);
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
         category == UTF8PROC_CATEGORY_ZP;
}

bool IsNumeric(char32_t value) {
  static const CodePointSet& set = *new CodePointSet(kNumericRanges);
  return set.Contains(value);
}

bool IsPunctuation(char32_t value) {
  static const CodePointSet& set = *new CodePointSet(kPunctuationRanges);
  return set.Contains(value);
}

bool IsWordCharacter(char32_t value) {
  static const CodePointSet& set = *new CodePointSet(kWordRanges);
  return set.Contains(value);
}

bool IsNonspacingMark(char32_t value) {
  static const CodePointSet& set = *new CodePointSet(kNonspacingRanges);
  return set.Contains(value);
}

bool IsCombiningMark(char32_t value) {
  static const CodePointSet& set = *new CodePointSet(kCombiningRanges);
  return set.Contains(value);
}

bool IsCleanedControl(char32_t value) {
  static const CodePointSet& set = *new CodePointSet(kControlRanges);
  return set.Contains(value);
}

void AppendLowercase(char32_t value, std::string* out) {
  if (value == 0x130) {  // The only one that becomes two characters.
    out->append("i\xCC\x87");
    return;
  }
  for (const LowercaseRow& row : kNewLowercase) {
    if (value < 0x1C89) break;
    if (value < row.first || value > row.last) continue;
    AppendUtf8(
        static_cast<char32_t>(static_cast<int32_t>(value) + row.distance), out);
    return;
  }
  AppendUtf8(static_cast<char32_t>(
                 utf8proc_tolower(static_cast<utf8proc_int32_t>(value))),
             out);
}

size_t FirstGraphemeSize(absl::string_view text) {
  utf8proc_int32_t state = 0;
  Utf8Char c = DecodeUtf8(text, 0);
  size_t size = c.num_bytes;
  while (size < text.size()) {
    const Utf8Char next = DecodeUtf8(text, size);
    if (utf8proc_grapheme_break_stateful(
            static_cast<utf8proc_int32_t>(c.value),
            static_cast<utf8proc_int32_t>(next.value), &state)) {
      break;
    }
    c = next;
    size += next.num_bytes;
  }
  return size;
}

bool AppendUppercase(char32_t value, bool title, std::string* out) {
  if (HasLongUppercase(value)) return false;
  const auto point = static_cast<utf8proc_int32_t>(value);
  AppendUtf8(static_cast<char32_t>(title ? utf8proc_totitle(point)
                                         : utf8proc_toupper(point)),
             out);
  return true;
}

bool IsCased(char32_t value) {
  if (value < 0x80) {
    return (value >= 'A' && value <= 'Z') || (value >= 'a' && value <= 'z');
  }
  const utf8proc_category_t category = CategoryOf(value);
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
         category == UTF8PROC_CATEGORY_LT || IsOtherCased(value);
}

bool IsPrintable(char32_t value) {
  if (value < 0x80) return value >= ' ' && value < 0x7F;
  const utf8proc_category_t category = CategoryOf(value);
  return category != UTF8PROC_CATEGORY_CN && category < UTF8PROC_CATEGORY_ZS;
}

std::string NormalizeUnicode(absl::string_view text, NormalForm form) {
  if (IsUnchanged(text, form)) return std::string(text);
  const utf8proc_option_t options = OptionsOf(form);
  CodePoints points;
  points.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const Utf8Char c = DecodeUtf8(text, i);
    AppendDecomposition(c.value, options, &points);
    i += c.num_bytes;
  }
  SortMarks(&points);
  if ((options & UTF8PROC_COMPOSE) != 0) Compose(options, &points);
  std::string out;
  out.reserve(text.size());
  for (const utf8proc_int32_t point : points) {
    AppendUtf8(static_cast<char32_t>(point), &out);
  }
  return out;
}

}  // namespace ounce
