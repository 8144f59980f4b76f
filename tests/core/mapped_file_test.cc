#include "core/mapped_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MappedFileTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<MappedFile>> OpenWith(
      const std::string& bytes) {
    return MappedFile::Open(folder_.Write("file", bytes));
  }
  const TempFolder folder_;
};

TEST_F(MappedFileTest, HoldsTheFilesBytes) {
  ASSERT_OK_AND_ASSIGN(const auto file, OpenWith(std::string("a\0b", 3)));
  EXPECT_THAT(file->bytes(), ElementsAre('a', 0, 'b'));
  EXPECT_EQ(file->path(), folder_.Path("file"));
}

TEST_F(MappedFileTest, MapsAnEmptyFileToNoBytes) {
  ASSERT_OK_AND_ASSIGN(const auto file, OpenWith(""));
  EXPECT_THAT(file->bytes(), IsEmpty());
  file->Release(file->bytes());
}

TEST_F(MappedFileTest, ReadsReleasedBytesAgain) {
  ASSERT_OK_AND_ASSIGN(const auto file, OpenWith(std::string(100'000, 'x')));
  for (const auto& [begin, size] :
       {std::pair(0, 100'000), {1, 10}, {4000, 9000}, {99'999, 1}, {7, 0}}) {
    file->Release(file->bytes().subspan(static_cast<size_t>(begin),
                                        static_cast<size_t>(size)));
    EXPECT_THAT(file->bytes(), Each('x'));
  }
}

TEST_F(MappedFileTest, OutlivesItsName) {
  ASSERT_OK_AND_ASSIGN(const auto file, OpenWith("abc"));
  std::filesystem::remove(folder_.Path("file"));
  EXPECT_THAT(file->bytes(), ElementsAre('a', 'b', 'c'));
}

TEST_F(MappedFileTest, NamesWhatItCannotOpen) {
  EXPECT_THAT(MappedFile::Open(folder_.Path("none")).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/none'")));
  EXPECT_THAT(MappedFile::Open(folder_.path()).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("is not a regular file")));
}

// Opening must not wait for somebody to write.
TEST_F(MappedFileTest, RefusesAPipeAtOnce) {
  ASSERT_EQ(mkfifo(folder_.Path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(MappedFile::Open(folder_.Path("pipe")).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("is not a regular file")));
}

TEST_F(MappedFileTest, ReadSmallFileBoundsTheSizeExactly) {
  const std::string path = folder_.Write("small", "1234");
  ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadSmallFile(path, 4));
  EXPECT_EQ(bytes, "1234");
  EXPECT_THAT(ReadSmallFile(path, 3).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("has 4 bytes; expected at most 3")));
  EXPECT_THAT(ReadSmallFile(folder_.path(), 10).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("is not a regular file")));
}

}  // namespace
}  // namespace ounce
