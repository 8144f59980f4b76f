#include "formats/pytorch/zip_archive.h"

#include <fstream>
#include <iterator>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/formats/pytorch/zip_image.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

absl::string_view TextOf(const ZipEntry& entry) {
  return {reinterpret_cast<const char*>(entry.bytes.data()),
          entry.bytes.size()};
}

std::string TestData(const std::string& name) {
  std::ifstream file(
      absl::StrCat(OUNCE_SOURCE_DIR "/tests/formats/pytorch/testdata/", name),
      std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

absl::Status ParseStatus(const std::string& bytes) {
  return ZipArchive::Parse(AsBytes(bytes)).status();
}

// Two entries of 9 and 5 bytes.
ZipImage TwoEntries() {
  return MakeZip({{"a/data.pkl", "123456789"}, {"a/data/0", "hello"}});
}

testing::Matcher<absl::Status> DataLoss(const std::string& words) {
  return StatusIs(absl::StatusCode::kDataLoss, HasSubstr(words));
}
testing::Matcher<absl::Status> Invalid(const std::string& words) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words));
}
testing::Matcher<absl::Status> Unimplemented(const std::string& words) {
  return StatusIs(absl::StatusCode::kUnimplemented, HasSubstr(words));
}

// The fields of APPNOTE.TXT 4.3.7, 4.3.12 and 4.3.16 one by one; CBF43926 is
// the check value of CRC-32.
TEST(ZipArchiveTest, ReadsAnArchiveWrittenByHand) {
  const std::string bytes(
      // Local header: version 10, no flags, stored, no time, CRC-32, sizes,
      // lengths of name and extra field.
      "PK\x03\x04\x0A\0\0\0\0\0\0\0\0\0\x26\x39\xF4\xCB"
      "\x09\0\0\0\x09\0\0\0\x01\0\0\0n"
      "123456789"
      // Directory: also the version made by and, after the lengths, volume,
      // attributes and the offset.
      "PK\x01\x02\x0A\0\x0A\0\0\0\0\0\0\0\0\0\x26\x39\xF4\xCB"
      "\x09\0\0\0\x09\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0n"
      // End: volumes, 1 entry of 1, 47 bytes of directory at 40, no comment.
      "PK\x05\x06\0\0\0\0\x01\0\x01\0\x2F\0\0\0\x28\0\0\0\0\0",
      31 + 9 + 47 + 22);
  ASSERT_OK_AND_ASSIGN(const ZipArchive archive,
                       ZipArchive::Parse(AsBytes(bytes)));
  ASSERT_EQ(archive.entries().size(), 1u);
  const ZipEntry* entry = archive.Find("n");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(TextOf(*entry), "123456789");
  EXPECT_EQ(entry->bytes.data(), AsBytes(bytes).data() + 31);
  EXPECT_EQ(entry->crc32, 0xCBF43926u);
  EXPECT_OK(CheckCrc32(*entry));
  EXPECT_EQ(archive.Find("m"), nullptr);
}

TEST(ZipArchiveTest, ReadsEntriesWithDescriptorsAndPadding) {
  const ZipImage zip = TwoEntries();
  ASSERT_OK_AND_ASSIGN(const ZipArchive archive,
                       ZipArchive::Parse(AsBytes(zip.bytes)));
  ASSERT_EQ(archive.entries().size(), 2u);
  EXPECT_EQ(archive.entries()[0].name, "a/data.pkl");
  EXPECT_EQ(TextOf(archive.entries()[1]), "hello");
  EXPECT_OK(CheckCrc32(archive.entries()[1]));
}

// stored*.zip, streamed*.zip: Python's zipfile, into a file and into a stream
// that cannot seek, with zip64 fields or without (testdata/make_testdata.py).
class PythonZipTest : public testing::TestWithParam<const char*> {};

TEST_P(PythonZipTest, HoldsWhatPythonWrote) {
  const std::string bytes = TestData(GetParam());
  ASSERT_OK_AND_ASSIGN(const ZipArchive archive,
                       ZipArchive::Parse(AsBytes(bytes)));
  ASSERT_EQ(archive.entries().size(), 3u);
  EXPECT_EQ(TextOf(archive.entries()[0]), "123456789");
  EXPECT_EQ(archive.entries()[1].name, "a/data/0");
  ASSERT_EQ(archive.entries()[1].bytes.size(), 200u);
  for (size_t i = 0; i < 200; ++i) {
    EXPECT_EQ(archive.entries()[1].bytes[i], i);
  }
  EXPECT_EQ(archive.entries()[2].bytes.size(), 0u);
  for (const ZipEntry& entry : archive.entries()) EXPECT_OK(CheckCrc32(entry));
}

INSTANTIATE_TEST_SUITE_P(All, PythonZipTest,
                         testing::Values("stored.zip", "stored64.zip",
                                         "streamed.zip", "streamed64.zip"));

TEST(ZipArchiveTest, FindsADamagedByteByItsChecksum) {
  ZipImage zip = TwoEntries();
  zip.bytes[zip.data[0]] ^= 1;
  ASSERT_OK_AND_ASSIGN(const ZipArchive archive,
                       ZipArchive::Parse(AsBytes(zip.bytes)));
  EXPECT_THAT(CheckCrc32(archive.entries()[0]),
              DataLoss("entry 'a/data.pkl' has the CRC-32 "));
  EXPECT_OK(CheckCrc32(archive.entries()[1]));
}

TEST(ZipArchiveTest, RefusesEveryTruncation) {
  const std::string bytes = TwoEntries().bytes;
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(ParseStatus(bytes.substr(0, size)).ok()) << size;
  }
}

// Deflated by Python's zipfile: 300 bytes of 0.
TEST(ZipArchiveTest, TellsCompressedEntriesAndLeavesThemAsTheyAre) {
  const std::string bytes = TestData("deflated.zip");
  ASSERT_OK_AND_ASSIGN(const ZipArchive archive,
                       ZipArchive::Parse(AsBytes(bytes)));
  const ZipEntry& entry = archive.entries()[0];
  EXPECT_LT(entry.bytes.size(), 300u);
  EXPECT_EQ(entry.method, 8);
  EXPECT_THAT(CheckStored(entry),
              Unimplemented("entry 'a/data.pkl' is compressed (method 8, "
                            "deflate); expected it stored"));
  const ZipImage stored = TwoEntries();
  ASSERT_OK_AND_ASSIGN(const ZipArchive other,
                       ZipArchive::Parse(AsBytes(stored.bytes)));
  EXPECT_OK(CheckStored(other.entries()[0]));
}

TEST(ZipArchiveTest, RefusesEncryptedEntriesAndLiesAboutCompression) {
  ZipImage zip;
  for (const uint64_t flag : {0x0001u, 0x0020u, 0x0040u, 0x2000u}) {
    zip = TwoEntries();
    zip.Set(zip.centrals[0] + 8, 0x0808 | flag, 2);
    EXPECT_THAT(ParseStatus(zip.bytes), Unimplemented("has the flags 0x"));
  }
  for (const size_t offset : {zip.centrals[0] + 10, zip.locals[0] + 8}) {
    zip = TwoEntries();
    zip.Set(offset, 8, 2);
    EXPECT_THAT(ParseStatus(zip.bytes),
                DataLoss("another name, method or flag"));
  }
}

TEST(ZipArchiveTest, RefusesHeadersThatDisagree) {
  const ZipImage good = TwoEntries();
  struct Lie {
    size_t offset;
    uint64_t value;
    size_t size;
    const char* words;
  };
  const std::vector<Lie> lies = {
      {good.locals[0], 0, 4, "no header of an entry of 9 bytes at offset 0"},
      {good.locals[0] + 6, 0, 2, "another name, method or flags"},
      {good.locals[0] + 14, 7, 4, "or another checksum"},
      {good.locals[0] + 18, 8, 4, "its header has a size of 0 bytes"},
      {good.locals[0] + 22, 8, 4, "its header has a size of 8 bytes"},
      {good.locals[0] + 22, 0xFFFFFFFF, 4, "left to a zip64 extra field"},
      {good.locals[0] + 26, 9, 2, "another name"},
      {good.locals[0] + 26, 0xFFFF, 2, "another name"},
      {good.locals[0] + 28, 0xFFFF, 2, "another name"},
      {good.locals[0] + 30, 'b', 1, "another name"},
      {good.descriptors[0], 0, 4, "no descriptor of 9 bytes"},
      {good.descriptors[0] + 4, 0, 4, "no descriptor of 9 bytes"},
      {good.descriptors[0] + 8, 8, 4, "no descriptor of 9 bytes"},
      {good.centrals[0], 0, 4, "no directory header"},
      {good.centrals[0] + 16, 1, 4, "no descriptor of 9 bytes and CRC-32"},
      {good.centrals[0] + 20, 8, 4, "is stored in 8 bytes, but has 9"},
      {good.centrals[0] + 28, 0xFFFF, 2, "a directory header of "},
      {good.centrals[0] + 30, 0xFFFF, 2, "a directory header of "},
      {good.centrals[0] + 32, 0xFFFF, 2, "a directory header of "},
      {good.centrals[0] + 42, 1, 4, "no header of an entry"},
      {good.centrals[0] + 42, 0xFFFFFFFF, 4, "left to a zip64 extra field"},
  };
  for (const Lie& lie : lies) {
    ZipImage zip = good;
    zip.Set(lie.offset, lie.value, lie.size);
    EXPECT_THAT(ParseStatus(zip.bytes), DataLoss(lie.words)) << lie.words;
  }
}

TEST(ZipArchiveTest, RefusesASizeBeyondTheDirectory) {
  ZipImage zip = TwoEntries();
  for (const uint64_t size : {0x1000u, 0x7FFFFFFFu, 0xFFFFFFFEu}) {
    zip.Set(zip.centrals[1] + 20, size, 4);
    zip.Set(zip.centrals[1] + 24, size, 4);
    EXPECT_THAT(ParseStatus(zip.bytes), DataLoss("entry 'a/data/0'"));
  }
  // Within the file, but the data would reach into the directory.
  zip.Set(zip.centrals[1] + 20, 200, 4);
  zip.Set(zip.centrals[1] + 24, 200, 4);
  EXPECT_THAT(ParseStatus(zip.bytes), DataLoss("but the directory begins at "));
}

TEST(ZipArchiveTest, RefusesOverlappingEntries) {
  // The second entry's header lies in the first one's data.
  const std::string inner = MakeZip({{"a/data/0", "hello"}}).bytes;
  ZipImage zip =
      MakeZip({{"a/data.pkl", inner.substr(0, 100)}, {"a/data/0", "hello"}});
  const size_t second = zip.data[0];
  zip.Set(zip.centrals[1] + 42, second, 4);
  const absl::Status status = ParseStatus(zip.bytes);
  EXPECT_THAT(status, DataLoss("entry 'a/data/0' at offset 64 overlaps entry "
                               "'a/data.pkl'"));
}

TEST(ZipArchiveTest, RefusesANameTwice) {
  EXPECT_THAT(ParseStatus(MakeZip({{"a/b", "1"}, {"a/b", "2"}}).bytes),
              Invalid("entry 'a/b' is in the archive twice"));
}

TEST(ZipArchiveTest, RefusesNamesThatLeadElsewhere) {
  for (const std::string& name :
       {std::string(), std::string("/etc/passwd"), std::string("../x"),
        std::string("a/../../x"), std::string("a/.."), std::string("a\\b"),
        std::string("a\0b", 3), std::string("a\nb"), std::string("\xFF")}) {
    EXPECT_THAT(ParseStatus(MakeZip({{name, "1"}}).bytes),
                Invalid("expected a relative path"))
        << name;
  }
  EXPECT_OK(ParseStatus(MakeZip({{"a/..b/c..", "1"}, {"ä", "2"}}).bytes));
}

// A central header whose size and offset are in a zip64 field, as beyond 4 GiB.
std::string WithZip64Field(const std::string& field) {
  const std::string data = "12345";
  const std::string crc = Le(PlainCrc32(data), 4);
  const std::string local = "PK\x03\x04" + Le(45, 2) + Le(0, 8) + crc +
                            Le(0xFFFFFFFFFFFFFFFF, 8) + Le(1, 2) + Le(20, 2) +
                            "n" + Le(1, 2) + Le(16, 2) + Le(5, 8) + Le(5, 8);
  const std::string central = "PK\x01\x02" + Le(45, 2) + Le(45, 2) + Le(0, 8) +
                              crc + Le(0xFFFFFFFFFFFFFFFF, 8) + Le(1, 2) +
                              Le(field.size(), 2) + Le(0, 10) +
                              Le(0xFFFFFFFF, 4) + "n" + field;
  return local + data + central + "PK\x05\x06" + Le(0, 4) + Le(1, 2) +
         Le(1, 2) + Le(central.size(), 4) + Le(local.size() + 5, 4) + Le(0, 2);
}

TEST(ZipArchiveTest, TakesSaturatedFieldsFromTheZip64Field) {
  const std::string bytes =
      WithZip64Field(Le(1, 2) + Le(24, 2) + Le(5, 8) + Le(5, 8) + Le(0, 8));
  ASSERT_OK_AND_ASSIGN(const ZipArchive archive,
                       ZipArchive::Parse(AsBytes(bytes)));
  EXPECT_EQ(TextOf(archive.entries()[0]), "12345");
}

TEST(ZipArchiveTest, RefusesZip64FieldsThatLie) {
  const auto field = [](uint64_t size, uint64_t stored, uint64_t offset) {
    return WithZip64Field(Le(1, 2) + Le(24, 2) + Le(size, 8) + Le(stored, 8) +
                          Le(offset, 8));
  };
  constexpr uint64_t kHuge = uint64_t{1} << 63;
  EXPECT_THAT(ParseStatus(field(6, 5, 0)), DataLoss("is stored in 5 bytes"));
  EXPECT_THAT(ParseStatus(field(6, 6, 0)), DataLoss("its header has a size"));
  EXPECT_THAT(ParseStatus(field(kHuge, kHuge, 0)), DataLoss("no header of an"));
  EXPECT_THAT(ParseStatus(field(~0ull, ~0ull, 0)), DataLoss("no header of an"));
  EXPECT_THAT(ParseStatus(field(5, 5, kHuge)), DataLoss("no header of an"));
  EXPECT_THAT(ParseStatus(field(5, 5, 1)), DataLoss("no header of an"));
  EXPECT_THAT(ParseStatus(WithZip64Field("")), DataLoss("does not have it"));
  EXPECT_THAT(ParseStatus(WithZip64Field(Le(1, 2) + Le(8, 2) + Le(5, 8))),
              DataLoss("does not have it"));
  EXPECT_THAT(ParseStatus(WithZip64Field(Le(1, 2) + Le(24, 2) + Le(5, 8))),
              DataLoss("an extra field exceeds the header"));
  EXPECT_THAT(ParseStatus(WithZip64Field(Le(1, 2) + Le(4, 2) + Le(0, 4) +
                                         Le(1, 2) + Le(4, 2) + Le(0, 4))),
              DataLoss("two zip64 extra fields"));
}

// The descriptor of an entry beyond 4 GiB in the file has 64-bit sizes, though
// the entry is small: miniz decides by its extra field.
TEST(ZipArchiveTest, AcceptsADescriptorOf64BitSizes) {
  ZipImage zip = MakeZip({{"a/b", "12345"}});
  const std::string wide =
      "PK\x07\x08" + Le(PlainCrc32("12345"), 4) + Le(5, 8) + Le(5, 8);
  std::string bytes = zip.bytes;
  bytes.replace(zip.descriptors[0], 16, wide);
  // Everything after it moved by 8 bytes.
  const auto set = [&](size_t offset, uint64_t value, size_t size) {
    bytes.replace(offset + 8, size, Le(value, size));
  };
  set(zip.end64 + 48, zip.centrals[0] + 8, 8);
  set(zip.locator + 8, zip.end64 + 8, 8);
  set(zip.end + 16, zip.centrals[0] + 8, 4);
  EXPECT_OK(ParseStatus(bytes));
  bytes[zip.descriptors[0] + 12] = 1;
  EXPECT_THAT(ParseStatus(bytes), DataLoss("no descriptor of 5 bytes"));
}

}  // namespace
}  // namespace ounce
