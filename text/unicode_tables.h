// Sets of characters as the reference's components see them; each goes by the
// tables of the Unicode version its library has, from 8 to 17.  Written by
// tests/text/testdata/make_unicode_tables.js.
#ifndef OUNCE_TEXT_UNICODE_TABLES_H_
#define OUNCE_TEXT_UNICODE_TABLES_H_

#include "absl/types/span.h"

namespace ounce {

// Both ends count.
struct CodePointRange {
  char32_t first = 0;
  char32_t last = 0;
};

// Ascending, with gaps between them.
extern const absl::Span<const CodePointRange> kWordRanges;
extern const absl::Span<const CodePointRange> kNumericRanges;
extern const absl::Span<const CodePointRange> kPunctuationRanges;
extern const absl::Span<const CodePointRange> kNonspacingRanges;
extern const absl::Span<const CodePointRange> kCombiningRanges;
extern const absl::Span<const CodePointRange> kControlRanges;
// Characters younger than the reference's tables of normalisation: they are
// their own normal form and have no combining class.
extern const absl::Span<const CodePointRange> kInertRanges;

}  // namespace ounce

#endif  // OUNCE_TEXT_UNICODE_TABLES_H_
