#include "compress/tensor_pass.h"

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/packing/codec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prune/magnitude.h"
#include "tests/util/fake_tensor_source.h"
#include "tests/util/gaussian.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

// One matrix "w" and the plan to give it a codec.
class OneTensor {
 public:
  OneTensor(int64_t rows, int64_t cols, const std::vector<float>& values,
            Codec codec, int64_t group_size) {
    source_.AddFloats("w", {rows, cols}, values);
    const StoredTensor& stored = *source_.Find("w");
    tensor_ = {{"w", {rows, cols}, TensorRole::kMatrix},
               {Codec::kF32, rows, cols, 0, stored.bytes.data(),
                static_cast<int64_t>(stored.bytes.size())}};
    plan_.tensor = &tensor_;
    plan_.codec = codec;
    plan_.group_size = group_size;
    plan_.bytes = *PackedBytes(codec, rows, cols, group_size);
    if (!GetCodecInfo(codec).quantized) return;
    rule_.method = *FindQuantizeMethod("round_to_nearest");
    rule_.options = {codec, group_size, ScaleMethod::kAbsMax};
    plan_.quantize = &rule_;
  }
  OneTensor(const OneTensor&) = delete;
  OneTensor& operator=(const OneTensor&) = delete;

  const TensorPlan& plan() const { return plan_; }
  const BoundTensor& tensor() const { return tensor_; }

  // The packed bytes of all rows, taken `step` at a time.
  std::vector<uint8_t> Pack(int64_t step, int threads, TensorStats* stats) {
    ThreadPool pool(threads);
    TensorPass pass(&pool);
    std::vector<uint8_t> bytes;
    for (int64_t begin = 0; begin < tensor_.matrix.rows; begin += step) {
      absl::Span<const uint8_t> packed;
      EXPECT_OK(pass.Run(plan_, begin,
                         std::min(tensor_.matrix.rows, begin + step), nullptr,
                         &packed, stats));
      bytes.insert(bytes.end(), packed.begin(), packed.end());
    }
    return bytes;
  }

 private:
  FakeTensorSource source_;
  BoundTensor tensor_;
  QuantizeRule rule_;
  TensorPlan plan_;
};

TEST(TensorPassTest, PanelIsWholeRowBlocksOfAboutFourMegabytes) {
  for (const int64_t cols : {1, 24, 100, 4096, 11008}) {
    const int64_t rows = TensorPass::PanelRows(cols);
    EXPECT_EQ(rows % kRowBlock, 0) << cols;
    EXPECT_LE(rows * cols * 4, 4 << 20) << cols;
    EXPECT_GT((rows + kRowBlock) * cols * 4, 4 << 20) << cols;
  }
  // One row block at least.
  EXPECT_EQ(TensorPass::PanelRows(1 << 20), kRowBlock);
}

TEST(TensorPassTest, MemoryDoesNotGrowWithTheRows) {
  const auto memory = [](int64_t rows) {
    BoundTensor tensor = {
        {"w", {rows, 4096}, TensorRole::kMatrix},
        {Codec::kBF16, rows, 4096, 0, nullptr, rows * 4096 * 2}};
    TensorPlan plan;
    plan.tensor = &tensor;
    plan.codec = Codec::kInt4;
    plan.group_size = 32;
    plan.bytes = *PackedBytes(Codec::kInt4, rows, 4096, 32);
    return TensorPass::MemoryBytes(plan);
  };
  // 4 MiB of floats, 2 MiB as stored, twice 0.56 MiB packed.
  EXPECT_NEAR(static_cast<double>(memory(4096)), 7.125 * (1 << 20), 1e5);
  EXPECT_EQ(memory(256000), memory(4096));
  EXPECT_LT(memory(16), memory(4096));
}

TEST(TensorPassTest, BytesDependNeitherOnPanelsNorOnThreads) {
  const std::vector<float> values = Gaussian(1).Floats(100 * 70);
  for (const auto& [codec, group_size] : {std::pair(Codec::kInt8, 0),
                                          {Codec::kInt8ActivationGroups, 0},
                                          {Codec::kInt4, 32},
                                          {Codec::kInt4Asymmetric, 64},
                                          {Codec::kInt4Progressive, 32},
                                          {Codec::kF32, 0},
                                          {Codec::kBF16, 0}}) {
    OneTensor tensor(100, 70, values, codec, group_size);
    TensorStats whole_stats;
    const std::vector<uint8_t> whole = tensor.Pack(100, 1, &whole_stats);
    EXPECT_EQ(static_cast<int64_t>(whole.size()), tensor.plan().bytes);
    EXPECT_EQ(whole_stats.weights, 7000);
    for (const int64_t step : {16, 48}) {
      for (const int threads : {1, 3}) {
        TensorStats stats;
        EXPECT_THAT(tensor.Pack(step, threads, &stats),
                    ElementsAreArray(whole));
        EXPECT_EQ(stats.weights, whole_stats.weights);
        EXPECT_EQ(stats.pruned, whole_stats.pruned);
        EXPECT_EQ(stats.zeros, whole_stats.zeros);
        // Panels add up in another order.
        EXPECT_NEAR(stats.error_sum, whole_stats.error_sum, 1e-9);
        EXPECT_NEAR(stats.square_sum, whole_stats.square_sum, 1e-9);
      }
    }
  }
}

TEST(TensorPassTest, PackedBytesLiveWhileTheNextPanelIsCompressed) {
  OneTensor tensor(48, 32, Gaussian(4).Floats(48 * 32), Codec::kInt8, 0);
  TensorStats stats;
  const std::vector<uint8_t> all = tensor.Pack(48, 1, &stats);
  ThreadPool pool(2);
  TensorPass pass(&pool);
  absl::Span<const uint8_t> first, second;
  ASSERT_OK(pass.Run(tensor.plan(), 0, 16, nullptr, &first, &stats));
  ASSERT_OK(pass.Run(tensor.plan(), 16, 48, nullptr, &second, &stats));
  std::vector<uint8_t> both(first.begin(), first.end());
  both.insert(both.end(), second.begin(), second.end());
  EXPECT_THAT(both, ElementsAreArray(all));
}

TEST(TensorPassTest, TasksAreDoneOnceByTheNextRun) {
  OneTensor tensor(40, 8, Gaussian(5).Floats(320), Codec::kInt8, 0);
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    TensorPass pass(&pool);
    int a = 0;
    int b = 0;
    pass.AddTask([&] { ++a; });
    pass.AddTask([&] { ++b; });
    absl::Span<const uint8_t> packed;
    TensorStats stats;
    for (int run = 0; run < 2; ++run) {
      ASSERT_OK(pass.Run(tensor.plan(), 0, 40, nullptr, &packed, &stats));
      EXPECT_EQ(a, 1);
      EXPECT_EQ(b, 1);
    }
  }
}

TEST(TensorPassTest, StatsAreWorkedByHand) {
  // int4, scale -8 / -8 = 1: 2.5 becomes 2 (ties to even), 0.25 becomes 0.
  // Squares 64 + 6.25 + 0.0625 = 70.3125; errors 0.25 + 0.0625.
  OneTensor tensor(1, 4, {-8, 2.5f, 0.25f, 0}, Codec::kInt4, 32);
  TensorStats stats;
  tensor.Pack(1, 1, &stats);
  EXPECT_EQ(stats.square_sum, 70.3125);
  EXPECT_EQ(stats.error_sum, 0.3125);
  EXPECT_EQ(stats.pruned, 1);  // The weight that was 0 already.
  EXPECT_EQ(stats.zeros, 2);
  EXPECT_EQ(stats.weights, 4);
  EXPECT_DOUBLE_EQ(stats.snr_db(), 10 * std::log10(70.3125 / 0.3125));
  EXPECT_EQ(stats.sparsity(), 0.5);
}

// Plain loops over what the packed bytes give back, for full groups, short ones
// at the end, groups of zeros and long ones.
TEST(TensorPassTest, StatsAreThoseOfTheRestoredWeights) {
  constexpr int64_t kRows = 19;
  for (const auto& [codec, group_size] : {std::pair{Codec::kInt8, int64_t{0}},
                                          {Codec::kInt4, 32},
                                          {Codec::kInt4, 128},
                                          {Codec::kInt4Progressive, 32},
                                          {Codec::kInt4Progressive, 64},
                                          {Codec::kInt4Asymmetric, 32}}) {
    for (const int64_t cols :
         {int64_t{5}, int64_t{32}, int64_t{77}, int64_t{608}}) {
      std::vector<float> values = Gaussian(3).Floats(kRows * cols);
      for (size_t i = 0; i < values.size(); ++i) {
        if (i / 32 % 4 == 1) values[i] = 0.0f;
      }
      OneTensor tensor(kRows, cols, values, codec, group_size);
      TensorStats stats;
      const std::vector<uint8_t> packed = tensor.Pack(16, 2, &stats);
      const PackedMatrix matrix = {
          codec,      kRows,         cols,
          group_size, packed.data(), static_cast<int64_t>(packed.size())};
      std::vector<float> restored(values.size());
      GetCodecInfo(codec).unpack_rows(matrix, 0, kRows, restored.data());
      double errors = 0.0;
      double squares = 0.0;
      int64_t zeros = 0;
      for (size_t i = 0; i < values.size(); ++i) {
        const double error = double{values[i]} - double{restored[i]};
        errors += error * error;
        squares += double{values[i]} * double{values[i]};
        zeros += restored[i] == 0.0f;
      }
      // Sums of doubles in another order.
      EXPECT_NEAR(stats.error_sum, errors, 1e-12 * squares) << cols;
      EXPECT_NEAR(stats.square_sum, squares, 1e-12 * squares) << cols;
      EXPECT_EQ(stats.zeros, zeros) << cols;
    }
  }
}

TEST(TensorPassTest, PrunedWeightsCountAsErrors) {
  // The smaller half goes: 1 and 2, squares 1 + 4 of 1 + 4 + 9 + 16.
  OneTensor tensor(1, 4, {4, -1, 2, -3}, Codec::kF32, 0);
  MagnitudePruner pruner(0.5);
  ThreadPool pool(1);
  TensorPass pass(&pool);
  for (int round = 0; round < pruner.num_scan_rounds(); ++round) {
    ASSERT_OK_AND_ASSIGN(const MatrixView<float> panel,
                         pass.Read(tensor.tensor(), 0, 1));
    pruner.Scan(round, panel);
    pruner.EndRound(round);
  }
  TensorStats stats;
  absl::Span<const uint8_t> packed;
  ASSERT_OK(pass.Run(tensor.plan(), 0, 1, &pruner, &packed, &stats));
  EXPECT_EQ(stats.square_sum, 30.0);
  EXPECT_EQ(stats.error_sum, 5.0);
  EXPECT_EQ(stats.pruned, 2);
  EXPECT_EQ(stats.zeros, 2);
}

TEST(TensorStatsTest, ExactCopyHasInfiniteRatioAndNothingNoSparsity) {
  OneTensor tensor(1, 2, {1, 2}, Codec::kF32, 0);
  TensorStats stats;
  tensor.Pack(1, 1, &stats);
  EXPECT_EQ(stats.snr_db(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(stats.sparsity(), 0.0);
  EXPECT_EQ(TensorStats().sparsity(), 0.0);
}

TEST(TensorPassTest, ReadWidensTheRowsAsked) {
  OneTensor tensor(40, 3, Gaussian(2).Floats(120), Codec::kF32, 0);
  ThreadPool pool(2);
  TensorPass pass(&pool);
  ASSERT_OK_AND_ASSIGN(const MatrixView<float> panel,
                       pass.Read(tensor.tensor(), 16, 35));
  EXPECT_EQ(panel.rows, 19);
  EXPECT_EQ(panel.cols, 3);
  const std::vector<float> all = Gaussian(2).Floats(120);
  for (int64_t row = 0; row < 19; ++row) {
    for (int64_t c = 0; c < 3; ++c) {
      EXPECT_EQ(panel.at(row, c), all[static_cast<size_t>((row + 16) * 3 + c)]);
    }
  }
}

TEST(TensorPassTest, NamesTensorRowAndColumnOfWhatIsNotFinite) {
  std::vector<float> values(40 * 3, 1.0f);
  values[33 * 3 + 2] = std::numeric_limits<float>::infinity();
  OneTensor tensor(40, 3, values, Codec::kInt8, 0);
  ThreadPool pool(2);
  TensorPass pass(&pool);
  absl::Span<const uint8_t> packed;
  TensorStats stats;
  EXPECT_OK(pass.Run(tensor.plan(), 0, 32, nullptr, &packed, &stats));
  EXPECT_THAT(
      pass.Run(tensor.plan(), 32, 40, nullptr, &packed, &stats),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("tensor 'w'"), HasSubstr("row 33, column 2"))));
}

}  // namespace
}  // namespace ounce
