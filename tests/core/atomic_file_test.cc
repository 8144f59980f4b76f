#include "core/atomic_file.h"

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

class AtomicFileTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<AtomicFile>> Create() {
    return AtomicFile::Create(folder_.Path("out"));
  }
  const TempFolder folder_;
};

TEST_F(AtomicFileTest, ShowsTheNewContentOnlyAfterCommit) {
  folder_.Write("out", "old");
  ASSERT_OK_AND_ASSIGN(auto file, Create());
  ASSERT_OK(file->Append(absl::string_view("new content")));
  EXPECT_EQ(folder_.Read("out"), "old");
  ASSERT_OK(file->Commit());
  EXPECT_EQ(folder_.Read("out"), "new content");
  EXPECT_FALSE(folder_.Has("out.partial"));
  file.reset();
  EXPECT_EQ(folder_.Read("out"), "new content");
}

TEST_F(AtomicFileTest, TellsHowLongItWaitedForTheDisk) {
  ASSERT_OK_AND_ASSIGN(auto file, Create());
  ASSERT_OK(file->Append(absl::string_view("content")));
  EXPECT_EQ(file->sync_seconds(), 0.0);
  ASSERT_OK(file->Commit());
  EXPECT_GT(file->sync_seconds(), 0.0);
  EXPECT_LT(file->sync_seconds(), 60.0);
}

TEST_F(AtomicFileTest, LeavesTheOldContentWhenGivenUp) {
  folder_.Write("out", "old");
  ASSERT_OK_AND_ASSIGN(auto file, Create());
  ASSERT_OK(file->Append(absl::string_view("new")));
  EXPECT_TRUE(folder_.Has("out.partial"));
  file.reset();
  EXPECT_EQ(folder_.Read("out"), "old");
  EXPECT_FALSE(folder_.Has("out.partial"));
}

TEST_F(AtomicFileTest, RefusesASecondWriterAndServesTheNextOne) {
  ASSERT_OK_AND_ASSIGN(auto first, Create());
  ASSERT_OK(first->Append(absl::string_view("first")));
  EXPECT_THAT(Create().status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("another process is writing")));
  ASSERT_OK(first->Commit());
  EXPECT_EQ(folder_.Read("out"), "first");
  first.reset();
  EXPECT_OK(Create().status());
}

// What a killed process left behind has no lock.
TEST_F(AtomicFileTest, ReplacesAStalePartialFile) {
  folder_.Write("out.partial", "stale and longer than the new content");
  ASSERT_OK_AND_ASSIGN(const auto file, Create());
  EXPECT_EQ(file->size(), 0);
  ASSERT_OK(file->Append(absl::string_view("new")));
  ASSERT_OK(file->Commit());
  EXPECT_EQ(folder_.Read("out"), "new");
}

TEST_F(AtomicFileTest, WriteAtOverwritesWithoutMovingTheEnd) {
  ASSERT_OK_AND_ASSIGN(const auto file, Create());
  ASSERT_OK(file->Append(absl::string_view("....")));
  constexpr uint8_t kHead[] = {'a', 'b'};
  ASSERT_OK(file->WriteAt(1, kHead));
  ASSERT_OK(file->Append(absl::string_view("!")));
  EXPECT_EQ(file->size(), 5);
  ASSERT_OK(file->Commit());
  EXPECT_EQ(folder_.Read("out"), ".ab.!");
}

// Longer than what is written at a time, by uneven parts, and overwritten where
// one such write ends and the next begins.
TEST_F(AtomicFileTest, LongFilesAreWhole) {
  const int64_t block = int64_t{2} << 20;
  std::string expected;
  ASSERT_OK_AND_ASSIGN(const auto file, Create());
  for (int part = 0; part < 5; ++part) {
    const std::string bytes(1'000'003, static_cast<char>('a' + part));
    ASSERT_OK(file->Append(absl::string_view(bytes)));
    expected += bytes;
    EXPECT_EQ(file->size(), static_cast<int64_t>(expected.size()));
  }
  const std::vector<uint8_t> patch(1000, 'X');
  for (const int64_t offset : {int64_t{0}, block - 500, 2 * block - 1000,
                               static_cast<int64_t>(expected.size()) - 1000}) {
    ASSERT_OK(file->WriteAt(offset, patch));
    expected.replace(static_cast<size_t>(offset), 1000, 1000, 'X');
  }
  ASSERT_OK(file->Commit());
  EXPECT_TRUE(folder_.Read("out") == expected);
}

TEST_F(AtomicFileTest, NamesAFolderItCannotWrite) {
  EXPECT_THAT(AtomicFile::Create(folder_.Path("none/out")).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none/out")));
}

TEST_F(AtomicFileTest, RefusesToReplaceAFolder) {
  std::filesystem::create_directory(folder_.Path("out"));
  EXPECT_THAT(Create().status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                          HasSubstr("is not a regular file")));
}

TEST_F(AtomicFileTest, WriteFileAtomicallyWritesTheWhole) {
  const std::string bytes("a\0b", 3);
  ASSERT_OK(WriteFileAtomically(folder_.Path("out"), bytes));
  EXPECT_EQ(folder_.Read("out"), bytes);
}

}  // namespace
}  // namespace ounce
