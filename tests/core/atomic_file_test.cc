#include "core/atomic_file.h"

#include <algorithm>
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

constexpr size_t kBlock = size_t{2} << 20;  // What is written at a time.

// `size` bytes, none of whose blocks is like another.
std::string Content(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<char>(i * 7 + i / 251 + i / 65521);
  }
  return bytes;
}

TEST_F(AtomicFileTest, GoesOnAfterACheckpointByteByByte) {
  for (const size_t size : {size_t{0}, size_t{1}, kBlock - 1, kBlock,
                            kBlock + 1, 2 * kBlock, 2 * kBlock + 1000}) {
    SCOPED_TRACE(size);
    std::string expected = Content(size + kBlock + 77);
    {
      ASSERT_OK_AND_ASSIGN(const auto first, Create());
      ASSERT_OK(first->Append(absl::string_view(expected).substr(0, size)));
      ASSERT_OK(first->Checkpoint());
      // What comes after the checkpoint is to be cut off.
      ASSERT_OK(first->Append(std::string(kBlock + 5, '?')));
    }
    ASSERT_OK_AND_ASSIGN(
        const auto second,
        AtomicFile::Reopen(folder_.Path("out"), static_cast<int64_t>(size)));
    EXPECT_EQ(second->size(), static_cast<int64_t>(size));
    ASSERT_OK(second->Append(absl::string_view(expected).substr(size)));
    // A part that was there before and one that was not.
    constexpr uint8_t kPatch[] = {1, 2, 3, 4};
    for (const size_t at : {size_t{0}, std::max<size_t>(size, 2) - 2}) {
      ASSERT_OK(second->WriteAt(static_cast<int64_t>(at), kPatch));
      expected.replace(at, 4, "\1\2\3\4");
    }
    ASSERT_OK(second->Commit());
    EXPECT_TRUE(folder_.Read("out") == expected);
    EXPECT_FALSE(folder_.Has("out.partial"));
  }
}

TEST_F(AtomicFileTest, ACheckpointChangesNothingForTheOneWhoGoesOn) {
  const std::string expected = Content(3 * kBlock + 10);
  ASSERT_OK_AND_ASSIGN(const auto file, Create());
  size_t done = 0;
  for (const size_t end : {size_t{5}, kBlock, kBlock + 3, 3 * kBlock + 10}) {
    ASSERT_OK(
        file->Append(absl::string_view(expected).substr(done, end - done)));
    done = end;
    ASSERT_OK(file->Checkpoint());
    EXPECT_EQ(file->size(), static_cast<int64_t>(end));
    EXPECT_TRUE(folder_.Read("out.partial") == expected.substr(0, end));
  }
  ASSERT_OK(file->Commit());
  EXPECT_TRUE(folder_.Read("out") == expected);
}

TEST_F(AtomicFileTest, KeepsThePartialFileOnceThereIsACheckpoint) {
  {
    ASSERT_OK_AND_ASSIGN(const auto file, Create());
    ASSERT_OK(file->Append(absl::string_view("safe")));
    ASSERT_OK(file->Checkpoint());
  }
  EXPECT_EQ(folder_.Read("out.partial"), "safe");
  EXPECT_FALSE(folder_.Has("out"));
  // Whoever goes on and fails leaves it again.
  ASSERT_OK(AtomicFile::Reopen(folder_.Path("out"), 4).status());
  EXPECT_EQ(folder_.Read("out.partial"), "safe");
  // Whoever starts anew does not.
  ASSERT_OK(Create().status());
  EXPECT_FALSE(folder_.Has("out.partial"));
}

TEST_F(AtomicFileTest, ReopenNeedsAllThatWasWritten) {
  EXPECT_THAT(AtomicFile::Reopen(folder_.Path("out"), 0).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("out.partial")));
  EXPECT_FALSE(folder_.Has("out.partial"));
  folder_.Write("out.partial", "12345");
  EXPECT_THAT(AtomicFile::Reopen(folder_.Path("out"), 6).status(),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("has 5 bytes; expected at least 6")));
  EXPECT_EQ(folder_.Read("out.partial"), "12345");
  EXPECT_OK(AtomicFile::Reopen(folder_.Path("out"), 5).status());
}

TEST_F(AtomicFileTest, ReopenRefusesAFileThatIsBeingWritten) {
  ASSERT_OK_AND_ASSIGN(auto first, Create());
  ASSERT_OK(first->Append(absl::string_view("first")));
  ASSERT_OK(first->Checkpoint());
  EXPECT_THAT(AtomicFile::Reopen(folder_.Path("out"), 5).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("another process is writing")));
  first.reset();
  ASSERT_OK_AND_ASSIGN(const auto second,
                       AtomicFile::Reopen(folder_.Path("out"), 5));
  EXPECT_THAT(Create().status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("another process is writing")));
}

}  // namespace
}  // namespace ounce
