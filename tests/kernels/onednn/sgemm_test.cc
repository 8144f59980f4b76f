#include "kernels/onednn/sgemm.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/onednn/cpu_isa.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;

TEST(SgemmTest, WorkedByHandWithEachFactorTransposed) {
  CapOneDnn(SupportedIsas().back());
  if (!OneDnnHasSgemm()) GTEST_SKIP() << "oneDNN has no sgemm here";
  // [1 2 3; 4 5 6] * [1 0; 2 1; 0 3] = [5 11; 14 23], doubled, added to ones
  // that lie three apart.
  const Matrix a(2, 3, {1, 2, 3, 4, 5, 6});
  const Matrix a_transposed(3, 2, {1, 4, 2, 5, 3, 6});
  const Matrix b(3, 2, {1, 0, 2, 1, 0, 3});
  const Matrix b_transposed(2, 3, {1, 2, 0, 0, 1, 3});
  for (const Factor& left :
       {Factor{a.view()}, Factor{a_transposed.view(), true}}) {
    for (const Factor& right :
         {Factor{b.view()}, Factor{b_transposed.view(), true}}) {
      Matrix c(2, 3, {1, 1, -9, 1, 1, -9});
      ASSERT_TRUE(
          OneDnnMultiplyAdd(2.0f, left, right, {c.row(0), 2, 2, c.cols()}));
      EXPECT_THAT(c.values(), ElementsAre(11, 23, -9, 29, 47, -9));
    }
  }
}

}  // namespace
}  // namespace ounce
