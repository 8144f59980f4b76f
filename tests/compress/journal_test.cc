#include "compress/journal.h"

#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_replace.h"
#include "core/hash.h"
#include "core/packing/codec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Journal SomeJournal() {
  Journal journal;
  journal.fingerprint = std::string(64, 'f');
  journal.layers = 3;
  TensorRecord record;
  record.name = "model.embed_tokens.weight";
  record.shape = {int64_t{1} << 40, 64};
  record.codec = Codec::kInt4;
  record.group_size = 32;
  record.offset = (int64_t{1} << 60) + 1;
  record.bytes = 12345;
  record.hash = {0x0123456789ABCDEFu, 0xFEDCBA9876543210u};
  record.snr_db = 20.1;
  record.sparsity = 1.0 / 3.0;
  journal.records.push_back(record);
  record = {};
  record.name = "b";
  record.shape = {7};
  record.codec = Codec::kBF16;
  record.hash = {1, 0};
  record.snr_db = kInfinity;
  journal.records.push_back(record);
  journal.report.tensors.resize(2);
  journal.report.tensors[0].name = "a";
  journal.report.tensors[0].snr_db = kInfinity;
  journal.report.tensors[1].error_after = 0.25;
  journal.report.channel_scales.resize(1);
  journal.report.channel_scales[0].alpha = 0.5;
  journal.report.warnings = {"one \"thing\"", "", "\u00e9\n"};
  journal.windows = {{1, 2, 3}, {}, {0, 2147483647}};
  return journal;
}

class JournalTest : public ::testing::Test {
 protected:
  // The journal's file, and its first line.
  std::string File() { return folder_.Read("a.oz.journal"); }
  std::string Line() {
    const std::string file = File();
    return file.substr(0, file.find('\n'));
  }
  // A file whose hash is right: what is in `line` is hostile, not damaged.
  void WriteLine(const std::string& line) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(line.data());
    folder_.Write("a.oz.journal",
                  line + "\n" + Xxh3({bytes, line.size()}).Hex() + "\n");
  }

  const TempFolder folder_;
  const std::string path_ = folder_.Path("a.oz");
};

testing::Matcher<absl::Status> Damaged(const std::string& words = "") {
  return StatusIs(absl::StatusCode::kDataLoss,
                  ::testing::AllOf(HasSubstr("a.oz.journal"), HasSubstr(words),
                                   HasSubstr("start anew without --resume")));
}

void ExpectEqual(const TensorRecord& a, const TensorRecord& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.shape, b.shape);
  EXPECT_EQ(a.codec, b.codec);
  EXPECT_EQ(a.group_size, b.group_size);
  EXPECT_EQ(a.offset, b.offset);
  EXPECT_EQ(a.bytes, b.bytes);
  EXPECT_EQ(a.hash, b.hash);
  EXPECT_EQ(a.snr_db, b.snr_db);
  EXPECT_EQ(a.sparsity, b.sparsity);
}

TEST_F(JournalTest, ComesBackInEveryField) {
  const Journal journal = SomeJournal();
  ASSERT_OK(WriteJournal(path_, journal));
  ASSERT_OK_AND_ASSIGN(const Journal back, ReadJournal(path_));
  EXPECT_EQ(back.fingerprint, journal.fingerprint);
  EXPECT_EQ(back.layers, 3);
  ASSERT_EQ(back.records.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    ExpectEqual(back.records[i], journal.records[i]);
  }
  EXPECT_EQ(back.windows, journal.windows);
  EXPECT_EQ(back.report.warnings, journal.report.warnings);
  ASSERT_EQ(back.report.tensors.size(), 2u);
  EXPECT_EQ(back.report.tensors[0].name, "a");
  EXPECT_EQ(back.report.tensors[0].snr_db, kInfinity);
  EXPECT_EQ(back.report.tensors[1].error_after, 0.25);
  EXPECT_EQ(back.report.tensors[1].error_before, std::nullopt);
  ASSERT_EQ(back.report.channel_scales.size(), 1u);
  EXPECT_EQ(back.report.channel_scales[0].alpha, 0.5);
}

TEST_F(JournalTest, AnEmptyOneComesBackToo) {
  ASSERT_OK(WriteJournal(path_, {}));
  ASSERT_OK_AND_ASSIGN(const Journal back, ReadJournal(path_));
  EXPECT_EQ(back.layers, 0);
  EXPECT_THAT(back.records, IsEmpty());
  EXPECT_THAT(back.windows, IsEmpty());
}

TEST_F(JournalTest, EveryCodecThatArtifactsHoldComesBack) {
  Journal journal;
  for (const CodecInfo& codec : AllCodecs()) {
    TensorRecord record;
    record.codec = codec.codec;
    journal.records.push_back(record);
  }
  ASSERT_OK(WriteJournal(path_, journal));
  ASSERT_OK_AND_ASSIGN(const Journal back, ReadJournal(path_));
  ASSERT_EQ(back.records.size(), journal.records.size());
  for (size_t i = 0; i < back.records.size(); ++i) {
    EXPECT_EQ(back.records[i].codec, journal.records[i].codec);
  }
}

TEST_F(JournalTest, IsReplacedAsAWholeAndRemoved) {
  ASSERT_OK(WriteJournal(path_, SomeJournal()));
  Journal second;
  second.layers = 4;
  ASSERT_OK(WriteJournal(path_, second));
  ASSERT_OK_AND_ASSIGN(const Journal back, ReadJournal(path_));
  EXPECT_EQ(back.layers, 4);
  EXPECT_THAT(back.records, IsEmpty());
  RemoveJournal(path_);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
  EXPECT_THAT(ReadJournal(path_).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("a.oz.journal")));
  RemoveJournal(path_);
}

TEST_F(JournalTest, NoPartOfItPassesForTheWhole) {
  ASSERT_OK(WriteJournal(path_, SomeJournal()));
  const std::string file = File();
  for (size_t size = 0; size < file.size(); ++size) {
    folder_.Write("a.oz.journal", file.substr(0, size));
    EXPECT_THAT(ReadJournal(path_).status(), Damaged("hash")) << size;
  }
  folder_.Write("a.oz.journal", file + "\n");
  EXPECT_THAT(ReadJournal(path_).status(), Damaged("hash"));
}

TEST_F(JournalTest, EveryBitCounts) {
  ASSERT_OK(WriteJournal(path_, SomeJournal()));
  const std::string file = File();
  for (size_t i = 0; i < file.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = file;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      folder_.Write("a.oz.journal", bad);
      ASSERT_THAT(ReadJournal(path_).status(), Damaged("hash"))
          << "bit " << bit << " of byte " << i;
    }
  }
}

// Someone else's, whose hash is right.
TEST_F(JournalTest, RefusesWhatItWouldNotWrite) {
  ASSERT_OK(WriteJournal(path_, SomeJournal()));
  const std::string line = Line();
  const std::pair<const char*, const char*> kChanges[] = {
      {"\"journal\":1", "\"journal\":2"},
      {"\"journal\":1", "\"journal\":\"1\""},
      {"\"layers\":3", "\"layers\":null"},
      {"\"layers\":3", "\"layers\":1e300"},
      {"\"records\":[", "\"records\":[null,"},
      {"\"records\":[", "\"records\":[[],"},
      {"\"codec\":4", "\"codec\":250"},
      {"\"codec\":4", "\"codec\":-1"},
      {"\"codec\":4", "\"codec\":260"},
      {"\"codec\":4", "\"codec\":134"},
      {"\"shape\":[7]", "\"shape\":7"},
      {"fedcba98", "fedcba9"},
      {"fedcba98", "fedcbaxx"},
      {"\"bytes\":12345", "\"bytes\":12345.5"},
      {"\"warnings\":[", "\"warnings\":[3,"},
      {"\"windows\":[", "\"windows\":[3,"},
      {"[1,2,3]", "[1,-2,3]"},
      {"[1,2,3]", "[1,2.5,3]"},
      {"[1,2,3]", "[1,\"2\",3]"},
      {"[1,2,3]", "[1,4294967298,3]"},  // 2, were it cut to 32 bits.
      {"[1,2,3]", "[1,2,3"},
      {"\"layers\":3", "\"layers\":3,\"layers\":3"},
  };
  for (const auto& [from, to] : kChanges) {
    const std::string changed = absl::StrReplaceAll(line, {{from, to}});
    ASSERT_NE(changed, line) << from;
    WriteLine(changed);
    EXPECT_THAT(ReadJournal(path_).status(), Damaged()) << to;
  }
  WriteLine(line);
  EXPECT_OK(ReadJournal(path_));
}

TEST_F(JournalTest, HostileTextIsAnError) {
  const std::string kTexts[] = {
      "",
      "null",
      "[]",
      "3",
      "{}",
      "{\"journal\":1}",
      std::string(1000000, '['),
      "{\"journal\":1,\"fingerprint\":\"" + std::string(5000000, 'x')};
  for (const std::string& text : kTexts) {
    WriteLine(text);
    EXPECT_THAT(ReadJournal(path_).status(), Damaged()) << text.substr(0, 40);
  }
}

}  // namespace
}  // namespace ounce
