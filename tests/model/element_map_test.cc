#include "model/element_map.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;

std::vector<int64_t> StoredRows(const ElementMap& map, int64_t rows) {
  std::vector<int64_t> stored;
  for (int64_t row = 0; row < rows; ++row) stored.push_back(map.StoredRow(row));
  return stored;
}

TEST(ElementMapTest, DefaultIsTheIdentity) {
  const ElementMap map;
  EXPECT_TRUE(map.is_identity());
  EXPECT_THAT(StoredRows(map, 3), ElementsAre(0, 1, 2));
}

TEST(ElementMapTest, RowsFollowTheFirst) {
  const ElementMap map = {.first = 7, .row_step = 4};
  EXPECT_FALSE(map.is_identity());
  EXPECT_THAT(StoredRows(map, 3), ElementsAre(7, 8, 9));
}

// Groups of two rows, six stored rows apart, from row 4 on.
TEST(ElementMapTest, GroupsHaveAStepOfTheirOwn) {
  const ElementMap map = {
      .first = 4, .group_rows = 2, .group_step = 6, .row_step = 1};
  EXPECT_THAT(StoredRows(map, 5), ElementsAre(4, 5, 10, 11, 16));
}

// Two heads of six rows, each stored as row 0 of its first half, row 0 of its
// second, row 1 of its first ...
TEST(ElementMapTest, PairsUndoInterleavedHalves) {
  const ElementMap map = {.row_step = 1, .pair_rows = 6};
  EXPECT_THAT(StoredRows(map, 12),
              ElementsAre(0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11));
}

// The second head alone: pairs are the stored tensor's.
TEST(ElementMapTest, PairsAreOfStoredRows) {
  const ElementMap map = {.first = 4, .row_step = 1, .pair_rows = 4};
  EXPECT_THAT(StoredRows(map, 4), ElementsAre(4, 6, 5, 7));
}

}  // namespace
}  // namespace ounce
