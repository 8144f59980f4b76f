#include "prune/magnitude.h"

#include <bit>
#include <cmath>
#include <vector>

#include "core/half.h"
#include "core/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/prune/prune_by_sorting.h"
#include "tests/util/gaussian.h"

namespace ounce {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

void ScanAll(MagnitudePruner* pruner, absl::Span<Matrix* const> panels) {
  for (int round = 0; round < pruner->num_scan_rounds(); ++round) {
    for (const Matrix* panel : panels) pruner->Scan(round, panel->view());
    pruner->EndRound(round);
  }
}

// Prunes `panels`, of one tensor or several that share a threshold, in place;
// returns the threshold.
float Prune(double sparsity, absl::Span<Matrix* const> panels) {
  MagnitudePruner pruner(sparsity);
  ScanAll(&pruner, panels);
  for (Matrix* panel : panels) pruner.Apply(panel->view());
  return pruner.threshold();
}

std::vector<float> Pruned(double sparsity, std::vector<float> weights) {
  const auto size = static_cast<int64_t>(weights.size());
  Matrix matrix(1, size, std::move(weights));
  Matrix* const panel = &matrix;
  Prune(sparsity, {panel});
  return {matrix.values().begin(), matrix.values().end()};
}

TEST(MagnitudePrunerTest, ZeroesTheSmallestWhateverTheirSign) {
  // Magnitudes 5 1 4 2 3 0.5: the three smallest are 0.5, 1 and 2.
  EXPECT_THAT(Pruned(0.5, {-5, 1, 4, -2, 3, -0.5}),
              ElementsAre(-5, 0, 4, 0, 3, 0));
}

TEST(MagnitudePrunerTest, RoundsTheNumberOfWeightsToPrune) {
  // 0.3 * 5 = 1.5 rounds to 2, 0.25 * 5 = 1.25 to 1, 0.09 * 5 = 0.45 to 0.
  const std::vector<float> weights = {5, 4, 3, 2, 1};
  EXPECT_THAT(Pruned(0.3, weights), ElementsAre(5, 4, 3, 0, 0));
  EXPECT_THAT(Pruned(0.25, weights), ElementsAre(5, 4, 3, 2, 0));
  EXPECT_THAT(Pruned(0.09, weights), ElementsAre(5, 4, 3, 2, 1));
}

TEST(MagnitudePrunerTest, PrunesTiesInRowOrder) {
  EXPECT_THAT(Pruned(0.5, {2, -2, 2, 2, -2, 9}),
              ElementsAre(0, 0, 0, 2, -2, 9));
}

TEST(MagnitudePrunerTest, WeightsThatAreZeroAlreadyCount) {
  EXPECT_THAT(Pruned(0.5, {0, 7, 0, 3, 8, 9}), ElementsAre(0, 7, 0, 0, 8, 9));
  // More zeros than were asked for: nothing else goes.
  EXPECT_THAT(Pruned(0.25, {0, 0, 0, 1}), ElementsAre(0, 0, 0, 1));
}

TEST(MagnitudePrunerTest, SparsityZeroPrunesNothing) {
  EXPECT_THAT(Pruned(0.0, {1, 0, -1e-30f}), ElementsAre(1, 0, -1e-30f));
}

TEST(MagnitudePrunerTest, NegativeZeroIsAZeroLikeAnyOther) {
  const std::vector<float> result = Pruned(0.5, {-0.0f, 3, 2, 0.0f});
  EXPECT_THAT(result, ElementsAre(0, 3, 2, 0));
  EXPECT_FALSE(std::signbit(result[0]));
  // Not pruned, it stays as it was.
  EXPECT_TRUE(std::signbit(Pruned(0.0, {-0.0f, 1})[0]));
}

TEST(MagnitudePrunerTest, TellsNeighboursInTheLastBitApart) {
  // All share the upper half of their bits.
  const float one = 1.0f;
  const float next = std::nextafter(one, 2.0f);
  const float third = std::nextafter(next, 2.0f);
  EXPECT_THAT(Pruned(0.5, {third, next, -one, third}),
              ElementsAre(third, 0, 0, third));
}

TEST(MagnitudePrunerTest, SubnormalsAreOrderedToo) {
  EXPECT_THAT(Pruned(0.5, {3e-45f, -1e-45f, 1e-20f, 5e-44f}),
              ElementsAre(0, 0, 1e-20f, 5e-44f));
}

TEST(MagnitudePrunerTest, ThresholdBoundsWhatIsPruned) {
  Matrix weights(2, 3, {-5, 1, 4, -2, 3, -0.5});
  Matrix* const panel = &weights;
  // The largest of the three that go.
  EXPECT_EQ(Prune(0.5, {panel}), 2.0f);
}

TEST(MagnitudePrunerTest, LeavesWhatLiesBetweenTheRowsOfAView) {
  std::vector<float> memory = {1, 8, 100, 2, 9, 100};
  const MatrixView<float> view(memory.data(), 2, 2, /*row_stride=*/3);
  MagnitudePruner pruner(0.5);
  for (int round = 0; round < 2; ++round) {
    pruner.Scan(round, view);
    pruner.EndRound(round);
  }
  pruner.Apply(view);
  EXPECT_THAT(memory, ElementsAre(0, 8, 100, 0, 9, 100));
}

// Three tensors of 700, 1 and 4096 weights, cut into panels, under one
// threshold.
void ExpectEqualsSortBased(double sparsity, const std::vector<float>& weights) {
  ASSERT_EQ(weights.size(), 4797u);
  std::vector<Matrix> panels;
  size_t begin = 0;
  for (const auto& [rows, cols] :
       {std::pair(3, 100), {4, 100}, {1, 1}, {16, 128}, {16, 128}}) {
    const auto size = static_cast<size_t>(rows * cols);
    const auto first = weights.begin() + static_cast<int64_t>(begin);
    panels.emplace_back(
        rows, cols,
        std::vector<float>(first, first + static_cast<int64_t>(size)));
    begin += size;
  }
  std::vector<Matrix*> pointers;
  for (Matrix& panel : panels) pointers.push_back(&panel);
  Prune(sparsity, pointers);
  std::vector<float> result;
  for (const Matrix& panel : panels) {
    result.insert(result.end(), panel.values().begin(), panel.values().end());
  }
  std::vector<float> expected = weights;
  PruneBySorting(sparsity, &expected);
  EXPECT_EQ(result, expected) << sparsity;
}

TEST(MagnitudePrunerTest, EqualsSortingOnNormalWeightsOfSeveralTensors) {
  const std::vector<float> weights = Gaussian(3).Floats(4797, 0.02);
  for (const double sparsity : {0.0, 0.001, 0.3333, 0.5, 0.9, 0.9999}) {
    ExpectEqualsSortBased(sparsity, weights);
  }
}

TEST(MagnitudePrunerTest, EqualsSortingOnBf16WeightsWithManyTies) {
  // Deviation 0.02 in bf16: some thousand weights on a few hundred magnitudes.
  std::vector<float> weights = Gaussian(4).Floats(4797, 0.02);
  for (float& weight : weights) weight = BF16ToF32(F32ToBF16(weight));
  for (const double sparsity : {0.01, 0.25, 0.5, 0.75, 0.999}) {
    ExpectEqualsSortBased(sparsity, weights);
  }
}

TEST(MagnitudePrunerTest, EqualsSortingOnAnyFiniteBits) {
  Random random(5);
  std::vector<float> weights;
  while (weights.size() < 4797) {
    const auto value =
        std::bit_cast<float>(static_cast<uint32_t>(random.NextBits()));
    if (std::isfinite(value)) weights.push_back(value);
  }
  for (const double sparsity : {0.1, 0.5, 0.9}) {
    ExpectEqualsSortBased(sparsity, weights);
  }
}

TEST(MagnitudePrunerTest, SparsityThatRoundsToAllZeroesAll) {
  EXPECT_THAT(Pruned(0.99, {1, 2, 3, 4}), Each(0.0f));
}

}  // namespace
}  // namespace ounce
