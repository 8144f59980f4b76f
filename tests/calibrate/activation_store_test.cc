#include "calibrate/activation_store.h"

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

using ::testing::Each;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

// Value c of row t of a window: none is like another.
Matrix Rows(int64_t window, int64_t tokens, int64_t width) {
  Matrix rows(tokens, width);
  for (int64_t t = 0; t < tokens; ++t) {
    for (int64_t c = 0; c < width; ++c) {
      rows.row(t)[c] = static_cast<float>(window * 10000 + t * 100 + c);
    }
  }
  return rows;
}

// Whether values are in a file.
class ActivationStoreTest : public ::testing::TestWithParam<bool> {
 protected:
  absl::StatusOr<std::unique_ptr<ActivationStore>> Create(
      const std::vector<int64_t>& tokens, int64_t width) {
    return ActivationStore::Create(tokens, width,
                                   GetParam() ? folder_.Path("spill") : "");
  }
  const TempFolder folder_;
};

TEST_P(ActivationStoreTest, GivesBackWhatWasWrittenWindowByWindow) {
  const std::vector<int64_t> tokens = {3, 1, 5, 2};
  ASSERT_OK_AND_ASSIGN(const auto store, Create(tokens, 7));
  EXPECT_EQ(store->spilled(), GetParam());
  EXPECT_EQ(store->windows(), 4);
  EXPECT_EQ(store->total_tokens(), 11);
  for (const int64_t window : {2, 0, 3, 1}) {
    ASSERT_OK(store->Write(
        window, Rows(window, tokens[static_cast<size_t>(window)], 7).view()));
  }
  Matrix out;
  for (int64_t window = 0; window < 4; ++window) {
    const int64_t count = tokens[static_cast<size_t>(window)];
    EXPECT_EQ(store->tokens(window), count);
    ASSERT_OK(store->Read(window, &out));
    EXPECT_EQ(out.rows(), count);
    EXPECT_EQ(out.cols(), 7);
    EXPECT_THAT(out.values(),
                ElementsAreArray(Rows(window, count, 7).values()));
  }
}

TEST_P(ActivationStoreTest, OverwritesOneWindowAlone) {
  ASSERT_OK_AND_ASSIGN(const auto store, Create({2, 2, 2}, 3));
  for (int64_t window = 0; window < 3; ++window) {
    ASSERT_OK(store->Write(window, Rows(window, 2, 3).view()));
  }
  ASSERT_OK(store->Write(1, Rows(9, 2, 3).view()));
  Matrix out;
  for (const int64_t window : {0, 1, 2}) {
    ASSERT_OK(store->Read(window, &out));
    EXPECT_THAT(
        out.values(),
        ElementsAreArray(Rows(window == 1 ? 9 : window, 2, 3).values()));
  }
}

TEST_P(ActivationStoreTest, IsZeroWhereNothingWasWritten) {
  ASSERT_OK_AND_ASSIGN(const auto store, Create({4, 2}, 5));
  ASSERT_OK(store->Write(0, Rows(1, 4, 5).view()));
  Matrix out = Rows(3, 6, 6);
  ASSERT_OK(store->Read(1, &out));
  EXPECT_EQ(out.values().size(), 10u);
  EXPECT_THAT(out.values(), Each(0.0f));
}

TEST_P(ActivationStoreTest, LeavesNothingInTheFolder) {
  ASSERT_OK_AND_ASSIGN(const auto store, Create({100}, 100));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
  ASSERT_OK(store->Write(0, Rows(1, 100, 100).view()));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

INSTANTIATE_TEST_SUITE_P(All, ActivationStoreTest, ::testing::Bool(),
                         [](const auto& which) {
                           return which.param ? "File" : "Memory";
                         });

TEST(ActivationStoreFileTest, NamesAFolderThatIsNotThere) {
  const TempFolder folder;
  EXPECT_THAT(
      ActivationStore::Create({1}, 1, folder.Path("none/spill")).status(),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("none/spill")));
}

// A name that another run or the user has in use may only be a file.
TEST(ActivationStoreFileTest, RefusesTheNameOfAFolder) {
  const TempFolder folder;
  EXPECT_FALSE(ActivationStore::Create({1}, 1, folder.path()).ok());
  EXPECT_TRUE(std::filesystem::is_directory(folder.path()));
}

// More than any disk holds is refused at once, not when it is full.
TEST(ActivationStoreFileTest, ReservesTheRoomAtOnce) {
  const TempFolder folder;
  EXPECT_THAT(ActivationStore::Create({int64_t{1} << 40}, int64_t{1} << 16,
                                      folder.Path("spill"))
                  .status()
                  .message(),
              HasSubstr("cannot reserve room for"));
  EXPECT_FALSE(folder.Has("spill"));
}

}  // namespace
}  // namespace ounce
