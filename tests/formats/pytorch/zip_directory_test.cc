#include "formats/pytorch/zip_directory.h"

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/formats/pytorch/zip_image.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<ZipDirectory> Find(const std::string& bytes) {
  return FindZipDirectory(AsBytes(bytes));
}

testing::Matcher<absl::StatusOr<ZipDirectory>> DataLoss(
    const std::string& words) {
  return StatusIs(absl::StatusCode::kDataLoss, HasSubstr(words));
}

// A directory of one header of 47 bytes at offset 3, without zip64 records.
std::string Plain(const std::string& comment = "") {
  return "..." + std::string(47, 'd') + "PK\x05\x06" + Le(0, 4) + Le(1, 2) +
         Le(1, 2) + Le(47, 4) + Le(3, 4) + Le(comment.size(), 2) + comment;
}

void ExpectPlain(const std::string& bytes) {
  ASSERT_OK_AND_ASSIGN(const ZipDirectory directory, Find(bytes));
  EXPECT_EQ(directory.num_entries, 1u);
  EXPECT_EQ(directory.bytes, 47u);
  EXPECT_EQ(directory.offset, 3u);
}

TEST(ZipDirectoryTest, FindsItWithoutZip64Records) { ExpectPlain(Plain()); }

TEST(ZipDirectoryTest, FindsItBeforeAComment) {
  ExpectPlain(Plain("note"));
  ExpectPlain(Plain(std::string(0xFFFF, 'c')));
  // A comment's bytes that look like the record are none: it has to end where
  // the file does.
  ExpectPlain(Plain("PK\x05\x06" + std::string(30, '\0')));
}

TEST(ZipDirectoryTest, FindsItThroughZip64Records) {
  ZipImage zip = MakeZip({{"a", "1"}});
  // The 32-bit record may repeat the numbers or leave them out.
  ASSERT_OK_AND_ASSIGN(const ZipDirectory repeated, Find(zip.bytes));
  zip.Set(zip.end + 8, 0xFFFFFFFF, 4);
  zip.Set(zip.end + 12, 0xFFFFFFFFFFFFFFFF, 8);
  ASSERT_OK_AND_ASSIGN(const ZipDirectory directory, Find(zip.bytes));
  for (const ZipDirectory& found : {repeated, directory}) {
    EXPECT_EQ(found.num_entries, 1u);
    EXPECT_EQ(found.bytes, 47u);
    EXPECT_EQ(found.offset, zip.centrals[0]);
  }
}

TEST(ZipDirectoryTest, RefusesWhatHasNoEndRecord) {
  for (const std::string& bytes :
       {std::string(), std::string("PK\x05\x06"), std::string(100, 'x'),
        Plain() + "x", Plain().substr(0, 71)}) {
    EXPECT_THAT(Find(bytes), DataLoss("no end of a zip archive's directory"));
  }
}

TEST(ZipDirectoryTest, RefusesRecordsThatLie) {
  const ZipImage good = MakeZip({{"a", "1"}});
  struct Lie {
    size_t offset;
    uint64_t value;
    size_t size;
    const char* words;
  };
  const std::vector<Lie> lies = {
      {good.end + 8, 0x00020002, 4, "the zip64 record has a number of entries"},
      {good.end + 12, 48, 4, "the zip64 record has a directory size 47"},
      {good.end + 16, 0, 4, "the zip64 record has a directory offset"},
      {good.locator + 8, 0, 8, "no zip64 record at offset 0"},
      {good.locator + 8, ~0ull, 8, "no zip64 record at offset 1844674407"},
      {good.locator + 8, good.locator, 8, "no zip64 record"},
      {good.end64, 0, 4, "no zip64 record"},
      {good.end64 + 4, 45, 8, "does not end at its locator"},
      {good.end64 + 4, ~0ull, 8, "does not end at its locator"},
  };
  for (const Lie& lie : lies) {
    ZipImage zip = good;
    zip.Set(lie.offset, lie.value, lie.size);
    EXPECT_THAT(Find(zip.bytes), DataLoss(lie.words)) << lie.words;
  }
}

TEST(ZipDirectoryTest, RefusesADirectoryThatIsNotWhereItsNumbersSay) {
  const ZipImage good = MakeZip({{"a", "1"}});
  const auto find = [&](uint64_t entries, uint64_t bytes, uint64_t offset) {
    ZipImage zip = good;
    zip.Set(zip.end + 8, 0xFFFFFFFF, 4);
    zip.Set(zip.end + 12, 0xFFFFFFFFFFFFFFFF, 8);
    zip.Set(zip.end64 + 24, entries, 8);
    zip.Set(zip.end64 + 32, entries, 8);
    zip.Set(zip.end64 + 40, bytes, 8);
    zip.Set(zip.end64 + 48, offset, 8);
    return Find(zip.bytes);
  };
  const uint64_t offset = good.centrals[0];
  EXPECT_OK(find(1, 47, offset).status());
  EXPECT_THAT(find(1, 46, offset), DataLoss("expected it to end at"));
  EXPECT_THAT(find(1, 48, offset), DataLoss("expected it to end at"));
  EXPECT_THAT(find(1, 47, offset + 1), DataLoss("expected it to end at"));
  EXPECT_THAT(find(1, 0, ~0ull), DataLoss("expected it to end at"));
  // Their sum would wrap around to the right end.
  EXPECT_THAT(find(1, good.end64 + 1, ~0ull), DataLoss("expected it to end"));
  EXPECT_THAT(find(2, 47, offset), DataLoss("2 entries in a directory of 47"));
  EXPECT_THAT(find(~0ull, 47, offset), DataLoss("entries in a directory"));
}

TEST(ZipDirectoryTest, RefusesSeveralVolumes) {
  const ZipImage good = MakeZip({{"a", "1"}});
  for (const size_t offset :
       {good.end + 4, good.end + 6, good.end64 + 16, good.end64 + 20,
        good.locator + 4, good.end64 + 24}) {
    ZipImage zip = good;
    zip.Set(offset, 3, 2);
    EXPECT_THAT(Find(zip.bytes), StatusIs(absl::StatusCode::kUnimplemented,
                                          HasSubstr("several volumes")))
        << offset;
  }
}

}  // namespace
}  // namespace ounce
