#include "runtime/embedding.h"

#include <cmath>
#include <functional>
#include <vector>

#include "core/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/tiny_model.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

TEST(FillSinusoidTest, SinesThenCosinesWorkedByHand) {
  std::vector<float> even(4);
  FillSinusoid(0, 4, even.data());
  EXPECT_THAT(even, ElementsAre(0, 0, 1, 1));
  FillSinusoid(3, 4, even.data());
  // 10000^(2/4) = 100.
  EXPECT_THAT(even,
              Pointwise(FloatNear(1e-7f),
                        std::vector<double>{std::sin(3.0), std::sin(0.03),
                                            std::cos(3.0), std::cos(0.03)}));
}

TEST(FillSinusoidTest, OfAnOddWidthThereIsOneSineMore) {
  std::vector<float> odd(3);
  FillSinusoid(2, 3, odd.data());
  EXPECT_THAT(odd, Pointwise(FloatNear(1e-7f),
                             std::vector<double>{
                                 std::sin(2.0),
                                 std::sin(2.0 / std::pow(10000.0, 2.0 / 3.0)),
                                 std::cos(2.0)}));
}

class EmbeddingTest : public ::testing::Test {
 protected:
  static ModelSpec EncoderSpec() {
    ModelSpec spec = TinySpec();
    spec.causal = false;
    spec.head = HeadKind::kNone;
    spec.position = PositionKind::kLearned;
    return spec;
  }
  // Pieces that all begin where a cache does.
  Matrix Embed(const TinyModel& model,
               const std::vector<std::vector<int32_t>>& texts,
               const int32_t* types = nullptr) {
    KvCache cache(model.spec(), KvType::kF32, 16);
    Pieces pieces;
    for (const std::vector<int32_t>& ids : texts) {
      Piece piece = {};
      piece.cache = &cache;
      piece.ids = ids;
      piece.token_types = types;
      pieces.push_back(piece);
    }
    Embedding embedding(model.weights(), &context_);
    Matrix out;
    embedding.Embed(pieces, &out);
    return out;
  }
  static float At(const TinyModel& model, const char* name, int64_t row,
                  int64_t column) {
    for (const BoundTensor& tensor : model.bound().tensors) {
      if (tensor.slot.name != name) continue;
      std::vector<float> values(static_cast<size_t>(tensor.matrix.cols));
      ReadRows(tensor, row, row + 1, values.data());
      return values[static_cast<size_t>(column)];
    }
    ADD_FAILURE() << name;
    return 0;
  }

  ThreadPool pool_{1};
  KernelContext context_{*ParseIsa("native"), &pool_};
};

constexpr char kTokens[] = "model.embed_tokens.weight";
constexpr char kPositions[] = "model.embed_positions.weight";
constexpr char kTypes[] = "model.embed_token_types.weight";

TEST_F(EmbeddingTest, AddsPositionsAndKindsToScaledTokens) {
  ModelSpec spec = EncoderSpec();
  spec.position_offset = 2;
  spec.token_types = 3;
  spec.embedding_scale = 5.0;
  const TinyModel model(spec);
  const std::vector<int32_t> types = {2, 0, 1};
  const Matrix out = Embed(model, {{7, 0, 49}}, types.data());
  const std::vector<int32_t> ids = {7, 0, 49};
  for (int64_t t = 0; t < 3; ++t) {
    const auto index = static_cast<size_t>(t);
    for (int64_t i = 0; i < spec.width; ++i) {
      EXPECT_FLOAT_EQ(out.row(t)[i], 5 * At(model, kTokens, ids[index], i) +
                                         At(model, kPositions, t + 2, i) +
                                         At(model, kTypes, types[index], i));
    }
  }
}

TEST_F(EmbeddingTest, EveryTextBeginsAtPositionZeroAndKindZero) {
  ModelSpec spec = EncoderSpec();
  spec.token_types = 2;
  const TinyModel model(spec);
  const Matrix both = Embed(model, {{7, 8}, {9, 8, 7}});
  ASSERT_EQ(both.rows(), 5);
  const Matrix second = Embed(model, {{9, 8, 7}});
  EXPECT_THAT(both.values().subspan(2 * 24),
              ::testing::ElementsAreArray(second.values()));
  EXPECT_FLOAT_EQ(both.row(1)[3], At(model, kTokens, 8, 3) +
                                      At(model, kPositions, 1, 3) +
                                      At(model, kTypes, 0, 3));
}

TEST_F(EmbeddingTest, TokensWithoutAPlaceHaveTheRowOfTheirNumber) {
  ModelSpec spec = EncoderSpec();
  spec.unplaced_id = 1;
  spec.position_offset = 2;
  const TinyModel model(spec);
  const std::vector<int32_t> ids = {5, 1, 1, 6, 1, 7};
  const Matrix out = Embed(model, {ids});
  const std::vector<int64_t> rows = {2, 1, 1, 3, 1, 4};
  for (size_t t = 0; t < ids.size(); ++t) {
    EXPECT_FLOAT_EQ(
        out.row(static_cast<int64_t>(t))[9],
        At(model, kTokens, ids[t], 9) + At(model, kPositions, rows[t], 9));
  }
}

// The same sums, of which the projection comes before or after.
TEST_F(EmbeddingTest, ProjectsBeforePositionsOrAfter) {
  for (const bool last : {false, true}) {
    ModelSpec spec = EncoderSpec();
    spec.embedding_width = 10;
    spec.embedding_projected_last = last;
    const TinyModel model(spec);
    const Matrix out = Embed(model, {{7, 3}});
    for (int64_t r = 0; r < spec.width; ++r) {
      double sum = last ? double{At(model, "model.project_in.bias", 0, r)}
                        : double{At(model, kPositions, 1, r)};
      for (int64_t i = 0; i < 10; ++i) {
        double value = double{At(model, kTokens, 3, i)};
        if (last) value += double{At(model, kPositions, 1, i)};
        sum += value * double{At(model, "model.project_in.weight", r, i)};
      }
      EXPECT_NEAR(double{out.row(1)[r]}, sum, 1e-5);
    }
  }
}

TEST_F(EmbeddingTest, NormFollowsTheSum) {
  ModelSpec spec = EncoderSpec();
  spec.norm = NormKind::kLayer;
  const TinyModel plain(spec);
  spec.embedding_norm = true;
  const TinyModel normed(spec);
  const Matrix sum = Embed(plain, {{7, 3}});
  const Matrix out = Embed(normed, {{7, 3}});
  double mean = 0, variance = 0;
  for (int64_t i = 0; i < 24; ++i) mean += double{sum.row(1)[i]} / 24;
  for (int64_t i = 0; i < 24; ++i) {
    variance += std::pow(double{sum.row(1)[i]} - mean, 2) / 24;
  }
  for (int64_t i = 0; i < 24; ++i) {
    EXPECT_NEAR(double{out.row(1)[i]},
                (double{sum.row(1)[i]} - mean) / std::sqrt(variance + 1e-6) *
                    double{At(normed, "model.embed_norm.weight", 0, i)},
                1e-4);
  }
}

}  // namespace
}  // namespace ounce
