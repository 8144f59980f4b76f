#include "compress/source_hash.h"

#include <string>

#include "absl/status/status.h"
#include "core/hash.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// FIPS 180-4 example values.
absl::StatusOr<std::vector<SourceFile>> HashSourceFiles(
    const std::string& folder, const std::vector<std::string>& files) {
  return SourceHasher(folder, files).Finish();
}

TEST(HashSourceFilesTest, GivesNamesSizesAndSha256InOrder) {
  const TempFolder folder;
  folder.Write("z.json", "abc");
  folder.Write("a.txt", "");
  folder.Write("m.bin", std::string(1000000, 'a'));
  ASSERT_OK_AND_ASSIGN(
      const std::vector<SourceFile> files,
      HashSourceFiles(folder.path(), {"z.json", "a.txt", "m.bin"}));
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0].name, "z.json");
  EXPECT_EQ(files[0].bytes, 3);
  EXPECT_EQ(files[0].sha256,
            "ba7816bf8f01cfea414140de5dae2223"
            "b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(files[1].name, "a.txt");
  EXPECT_EQ(files[1].bytes, 0);
  EXPECT_EQ(files[1].sha256,
            "e3b0c44298fc1c149afbf4c8996fb924"
            "27ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(files[2].bytes, 1000000);
  EXPECT_EQ(files[2].sha256,
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(HashSourceFilesTest, FileOfSeveralPiecesHashesAsAWhole) {
  std::string bytes;
  for (size_t i = 0; i < (size_t{2} << 20) + 1; ++i) {
    bytes.push_back(static_cast<char>(i * 31 + i / 977));
  }
  const TempFolder folder;
  folder.Write("big", bytes);
  ASSERT_OK_AND_ASSIGN(const std::vector<SourceFile> files,
                       HashSourceFiles(folder.path(), {"big"}));
  EXPECT_EQ(files[0].bytes, (2 << 20) + 1);
  EXPECT_EQ(files[0].sha256, Sha256Hex(bytes));
}

TEST(SourceHasherTest, PartsOfAnyLengthGiveTheSame) {
  const TempFolder folder;
  folder.Write("a", std::string(700000, 'a'));
  folder.Write("b", "abc");
  const std::vector<std::string> names = {"a", "b"};
  // Nothing, a little, over the end of the first file, beyond the last.
  for (const int64_t bytes : {0, 1, 500000, 700001, 5000000}) {
    SourceHasher hasher(folder.path(), names);
    hasher.Advance(bytes);
    hasher.Advance(bytes);
    ASSERT_OK_AND_ASSIGN(const std::vector<SourceFile> files, hasher.Finish());
    ASSERT_EQ(files.size(), 2u);
    EXPECT_EQ(files[0].bytes, 700000);
    EXPECT_EQ(files[0].sha256, Sha256Hex(std::string(700000, 'a')));
    EXPECT_EQ(files[1].sha256, Sha256Hex("abc"));
  }
}

TEST(SourceHasherTest, AnErrorWhileAdvancingIsReportedAtTheEnd) {
  const TempFolder folder;
  SourceHasher hasher(folder.path(), {"gone"});
  hasher.Advance(1);
  hasher.Advance(1);
  EXPECT_THAT(hasher.Finish(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("gone")));
}

TEST(HashSourceFilesTest, NoFilesAreNoHashes) {
  EXPECT_THAT(*HashSourceFiles("/", {}), IsEmpty());
}

TEST(HashSourceFilesTest, NamesAFileThatCannotBeRead) {
  const TempFolder folder;
  EXPECT_THAT(HashSourceFiles(folder.path(), {"gone.json"}),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("cannot open '" + folder.Path("gone.json"))));
}

TEST(HashSourceFilesTest, FolderIsNoFile) {
  const TempFolder folder;
  EXPECT_FALSE(HashSourceFiles(folder.path(), {"."}).ok());
}

}  // namespace
}  // namespace ounce
