#include "formats/pytorch/strided_view.h"

#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

// The elements that `view` takes of the bytes 0, 1, 2 ... 23.
std::vector<uint8_t> Gathered(const StridedView& view, size_t count) {
  std::vector<uint8_t> storage(24);
  for (size_t i = 0; i < storage.size(); ++i) {
    storage[i] = static_cast<uint8_t>(i);
  }
  EXPECT_OK(CheckView(view, 24));
  std::vector<uint8_t> out(count, 99);
  GatherElements(view, storage, 1, out.data());
  return out;
}

TEST(StridedViewTest, KnowsWhatLiesInOrder) {
  EXPECT_TRUE(IsContiguous({0, {4, 6}, {6, 1}}));
  EXPECT_TRUE(IsContiguous({12, {2, 6}, {6, 1}}));
  EXPECT_TRUE(IsContiguous({3, {}, {}}));
  EXPECT_TRUE(IsContiguous({0, {5}, {1}}));
  // A dimension of one element may have any stride, one of none all of them.
  EXPECT_TRUE(IsContiguous({0, {1, 4, 1, 6}, {0, 6, 77, 1}}));
  EXPECT_TRUE(IsContiguous({0, {0, 4}, {9, 9}}));
  EXPECT_FALSE(IsContiguous({0, {6, 4}, {1, 6}}));
  EXPECT_FALSE(IsContiguous({0, {4, 3}, {6, 1}}));
  EXPECT_FALSE(IsContiguous({0, {3, 2}, {0, 1}}));
  EXPECT_FALSE(IsContiguous({0, {5}, {2}}));
}

// Of the matrix
//   0  1  2  3  4  5
//   6  7  8  9 10 11
//  12 ...
TEST(StridedViewTest, GathersATranspose) {
  EXPECT_THAT(Gathered({0, {6, 2}, {1, 6}}, 12),
              ElementsAre(0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11));
}

TEST(StridedViewTest, GathersColumnsFromAnOffset) {
  EXPECT_THAT(Gathered({7, {2, 3}, {6, 1}}, 6),
              ElementsAre(7, 8, 9, 13, 14, 15));
  EXPECT_THAT(Gathered({1, {4}, {6}}, 4), ElementsAre(1, 7, 13, 19));
}

TEST(StridedViewTest, GathersExpandedDimensions) {
  EXPECT_THAT(Gathered({4, {3, 2}, {0, 1}}, 6), ElementsAre(4, 5, 4, 5, 4, 5));
  EXPECT_THAT(Gathered({4, {2, 3}, {1, 0}}, 6), ElementsAre(4, 4, 4, 5, 5, 5));
}

// reshape(2, 3, 4).permute(2, 0, 1): element (i, j, k) is 12 j + 4 k + i.
TEST(StridedViewTest, GathersThreeDimensions) {
  std::vector<uint8_t> expected;
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 2; ++j) {
      for (int k = 0; k < 3; ++k) {
        expected.push_back(static_cast<uint8_t>(12 * j + 4 * k + i));
      }
    }
  }
  EXPECT_EQ(Gathered({0, {4, 2, 3}, {1, 12, 4}}, 24), expected);
}

TEST(StridedViewTest, GathersScalarsAndNothing) {
  EXPECT_THAT(Gathered({5, {}, {}}, 1), ElementsAre(5));
  EXPECT_THAT(Gathered({0, {3, 0}, {1, 1}}, 1), ElementsAre(99));
  EXPECT_THAT(Gathered({0, {0, 3}, {1, 2}}, 1), ElementsAre(99));
}

TEST(StridedViewTest, GathersElementsOfEachSize) {
  for (const size_t size : {1u, 2u, 4u, 8u}) {
    std::vector<uint8_t> storage(4 * size);
    for (size_t i = 0; i < storage.size(); ++i) {
      storage[i] = static_cast<uint8_t>(i);
    }
    const StridedView transpose = {0, {2, 2}, {1, 2}};
    std::vector<uint8_t> out(4 * size);
    GatherElements(transpose, storage, static_cast<int64_t>(size), out.data());
    for (size_t i = 0; i < out.size(); ++i) {
      const size_t element = i / size;  // 0, 2, 1, 3 are stored elements.
      const size_t stored = element % 2 * 2 + element / 2;
      EXPECT_EQ(out[i], stored * size + i % size) << size << " " << i;
    }
  }
}

TEST(StridedViewTest, AcceptsTheLastElementAndNoMore) {
  EXPECT_OK(CheckView({0, {4, 6}, {6, 1}}, 24));
  EXPECT_OK(CheckView({23, {}, {}}, 24));
  EXPECT_OK(CheckView({23, {1, 1}, {1000, 1000}}, 24));
  EXPECT_OK(CheckView({kMax, {0}, {kMax}}, 0));
  for (const StridedView& view :
       {StridedView{1, {4, 6}, {6, 1}}, StridedView{24, {}, {}},
        StridedView{0, {25}, {1}}, StridedView{0, {2}, {24}},
        StridedView{0, {4, 6}, {7, 1}}, StridedView{kMax, {2}, {1}},
        StridedView{0, {3}, {kMax}}, StridedView{0, {kMax}, {2}},
        StridedView{kMax, {3, 3}, {kMax, kMax}}}) {
    EXPECT_THAT(CheckView(view, 24),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("reaches beyond its storage of 24")));
  }
  EXPECT_THAT(CheckView({0, {1}, {1}}, 0),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("of 0 elem")));
}

TEST(StridedViewTest, RefusesWhatIsNoView) {
  for (const StridedView& view :
       {StridedView{-1, {4}, {1}}, StridedView{0, {-4}, {1}},
        StridedView{3, {4}, {-1}}, StridedView{0, {4}, {}},
        StridedView{0, {}, {1}}, StridedView{0, {kMax, 2}, {0, 0}},
        StridedView{0, Shape(65, 1), Shape(65, 1)}}) {
    EXPECT_THAT(CheckView(view, 24),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("none negative")));
  }
  EXPECT_OK(CheckView({0, Shape(64, 1), Shape(64, 1)}, 24));
}

}  // namespace
}  // namespace ounce
