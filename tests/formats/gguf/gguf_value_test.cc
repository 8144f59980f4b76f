#include "formats/gguf/gguf_value.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/formats/gguf/gguf_image.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

absl::Span<const uint8_t> Bytes(const std::string& text) {
  return absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(text.data()),
                             text.size());
}

TEST(GgufCursorTest, GivesBytesInOrderAndNeverMoreThanThereAre) {
  const std::string file = GgufBytes<uint16_t>(0x0201) + GgufText("ab") + "c";
  GgufCursor cursor(Bytes(file));
  EXPECT_THAT(cursor.Number<uint16_t>("n"), IsOkAndHolds(0x0201));
  EXPECT_THAT(cursor.String("s"), IsOkAndHolds("ab"));
  EXPECT_EQ(cursor.offset(), 12);
  EXPECT_EQ(cursor.left(), 1);
  EXPECT_THAT(cursor.Bytes(2, "two bytes").status(),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("two bytes at offset 12 needs 2 bytes, but 1 "
                                 "are left")));
  EXPECT_OK(cursor.Bytes(1, "one"));
}

TEST(GgufCursorTest, ACountIsHeldToWhatCouldFit) {
  const std::string file = GgufBytes<uint64_t>(3) + std::string(12, 'x');
  GgufCursor fits(Bytes(file));
  EXPECT_THAT(fits.Count(4, "things"), IsOkAndHolds(3));
  GgufCursor too_many(Bytes(file));
  EXPECT_THAT(too_many.Count(5, "things").status(),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("things at offset 0 says 3, but 12 bytes")));
}

TEST(ReadGgufValueTest, KeepsAValuesBytesAndPlace) {
  const std::string file = GgufStrings({"a", "bc"}) + GgufBool(true);
  GgufCursor cursor(Bytes(file));
  ASSERT_OK_AND_ASSIGN(const GgufValue strings, ReadGgufValue(cursor));
  EXPECT_EQ(strings.TypeName(), "array of string");
  EXPECT_EQ(strings.count, 2);
  EXPECT_EQ(strings.offset, 16);        // Behind type, element type and count.
  EXPECT_EQ(strings.bytes.size(), 19);  // Two lengths and three characters.
  ASSERT_OK_AND_ASSIGN(const GgufValue yes, ReadGgufValue(cursor));
  EXPECT_EQ(yes.TypeName(), "bool");
  EXPECT_EQ(cursor.left(), 0);
}

}  // namespace
}  // namespace ounce
