// Models that see both sides, against the plain reference.
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/executor.h"
#include "tests/runtime/reference_transformer.h"
#include "tests/util/status_matchers.h"
#include "tests/util/tiny_model.h"

namespace ounce {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

const std::vector<int32_t>& Ids() {
  static const auto& ids = *new std::vector<int32_t>{
      7, 0, 49, 7, 13, 28, 5, 5, 41, 30, 2, 19, 33, 8, 46, 1, 27};
  return ids;
}

ModelSpec EncoderSpec() {
  ModelSpec spec = TinySpec();
  spec.causal = false;
  spec.head = HeadKind::kNone;
  return spec;
}

// What BERT and its kin have in common.
void MakePostNorm(ModelSpec* spec) {
  spec->norm = NormKind::kLayer;
  spec->norm_bias = true;
  spec->norm_placement = NormPlacement::kSum;
  spec->final_norm = false;
  spec->embedding_norm = true;
  spec->gated_ffn = false;
  spec->qkv_bias = spec->output_bias = spec->ffn_bias = true;
  spec->position = PositionKind::kLearned;
  spec->token_types = 2;
}

class ExecutorEncoderTest : public ::testing::Test {
 protected:
  Matrix Hidden(const TinyModel& model, const std::vector<int32_t>& ids,
                const std::vector<uint8_t>& mask = {},
                const std::vector<int32_t>& types = {}, int threads = 2) {
    ThreadPool pool(threads);
    KernelContext context(*ParseIsa("native"), &pool);
    Executor executor(model.weights(), &context,
                      static_cast<int64_t>(ids.size()));
    Matrix hidden;
    EXPECT_OK(executor.Forward({{0, ids, mask.empty() ? nullptr : mask.data(),
                                 types.empty() ? nullptr : types.data()}},
                               HiddenRows::kAll, &hidden));
    return hidden;
  }

  void ExpectEqualsReference(const std::function<void(ModelSpec*)>& change,
                             const std::vector<int32_t>& ids = Ids(),
                             const std::vector<uint8_t>& mask = {},
                             const std::vector<int32_t>& types = {}) {
    ModelSpec spec = EncoderSpec();
    change(&spec);
    ASSERT_OK(CheckSpec(spec));
    const TinyModel model(spec);
    const Matrix hidden = Hidden(model, ids, mask, types);
    const ReferenceTransformer reference(model.spec(), model.bound());
    const ReferenceTransformer::Rows expected =
        reference.Hidden(ids, mask, types);
    double largest = 0, error = 0;
    for (size_t t = 0; t < expected.size(); ++t) {
      for (size_t i = 0; i < expected[t].size(); ++i) {
        const double actual = double{hidden.row(static_cast<int64_t>(t))[i]};
        largest = std::max(largest, std::abs(expected[t][i]));
        error = std::max(error, std::abs(actual - expected[t][i]));
      }
    }
    EXPECT_GT(largest, 1.0);
    // As in executor_test.cc; the worst of thousands of values is worse than
    // that of a few dozen tokens' (1.02e-5 was seen with AVX-512).
    EXPECT_LT(error, (ids.size() > 100 ? 3e-5 : 1e-5) * largest);
  }
};

TEST_F(ExecutorEncoderTest, EqualsTheReferenceOnBothSides) {
  ExpectEqualsReference([](ModelSpec*) {});
  ExpectEqualsReference([](ModelSpec* spec) { spec->kv_heads = 4; });
}

TEST_F(ExecutorEncoderTest, EqualsTheReferenceWithHiddenTokens) {
  std::vector<uint8_t> mask(Ids().size(), 1);
  for (const size_t hidden : {0, 1, 6, 16}) mask[hidden] = 0;
  ExpectEqualsReference([](ModelSpec*) {}, Ids(), mask);
  ExpectEqualsReference([](ModelSpec* spec) { spec->window = 3; }, Ids(), mask);
}

TEST_F(ExecutorEncoderTest, EqualsTheReferenceWithWindowsOnBothSides) {
  for (const int64_t window : {1, 2, 3, 16, 17, 1000}) {
    ExpectEqualsReference([=](ModelSpec* spec) { spec->window = window; });
  }
}

TEST_F(ExecutorEncoderTest, EqualsTheReferenceWithLocalAndGlobalLayers) {
  ExpectEqualsReference([](ModelSpec* spec) {
    spec->layers = 3;
    spec->window = 4;
    spec->local_rotary.base = 30.0;
    spec->layer_kinds = {{.windowed = false},
                         {.windowed = true, .rotary = LayerRotary::kLocal},
                         {.windowed = false}};
    spec->first_norm = false;
    spec->embedding_norm = true;
  });
}

TEST_F(ExecutorEncoderTest, EqualsTheReferenceWithNormsAfterTheSums) {
  std::vector<int32_t> types(Ids().size(), 0);
  for (size_t i = 7; i < types.size(); ++i) types[i] = 1;
  ExpectEqualsReference(MakePostNorm, Ids(), {}, types);
  ExpectEqualsReference(MakePostNorm);
}

TEST_F(ExecutorEncoderTest, EqualsTheReferenceWithTokensWithoutAPlace) {
  ExpectEqualsReference([](ModelSpec* spec) {
    MakePostNorm(spec);
    spec->unplaced_id = 5;
    spec->position_offset = 6;
  });
}

TEST_F(ExecutorEncoderTest, EqualsTheReferenceWithANarrowEmbedding) {
  ExpectEqualsReference([](ModelSpec* spec) {
    MakePostNorm(spec);
    spec->embedding_width = 10;
    spec->embedding_projected_last = true;
  });
}

TEST_F(ExecutorEncoderTest, EqualsTheReferenceWithLayersThatShareWeights) {
  for (const int64_t groups : {1, 2, 5}) {
    ExpectEqualsReference([=](ModelSpec* spec) {
      MakePostNorm(spec);
      spec->layers = 5;
      spec->layer_groups = groups;
    });
  }
}

TEST_F(ExecutorEncoderTest, EqualsTheReferenceWithEveryOtherPosition) {
  ExpectEqualsReference(
      [](ModelSpec* spec) { spec->position = PositionKind::kSinusoidal; });
  for (const int64_t buckets : {4, 6, 32}) {
    ExpectEqualsReference([=](ModelSpec* spec) {
      spec->position = PositionKind::kRelative;
      spec->relative_buckets = buckets;
      spec->relative_max_distance = 17;
      spec->attention_scale = 1.0;
    });
  }
}

// More tokens than go through the layers together elsewhere.
TEST_F(ExecutorEncoderTest, ALongTextStaysWhole) {
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 700; ++i) ids.push_back(i * 11 % 50);
  ExpectEqualsReference([](ModelSpec*) {}, ids);
}

// The products of quantised weights are exact: not a bit may differ.
TEST_F(ExecutorEncoderTest, TextsTogetherGiveTheBitsOfEachAlone) {
  ModelSpec spec = EncoderSpec();
  MakePostNorm(&spec);
  const TinyModel model(spec, Codec::kInt8);
  ThreadPool pool(2);
  KernelContext context(*ParseIsa("native"), &pool);
  Executor executor(model.weights(), &context, 17, {.sequences = 3});
  const std::vector<std::vector<int32_t>> texts = {
      Ids(), {3}, {44, 2, 2, 9, 31, 8}};
  const std::vector<uint8_t> mask = {1, 0, 1, 1, 0, 1};
  const std::vector<int32_t> types = {0, 0, 1, 1, 1, 0};
  const std::vector<SequenceTokens> batch = {
      {2, texts[0]}, {0, texts[1]}, {1, texts[2], mask.data(), types.data()}};
  Matrix together;
  ASSERT_OK(executor.Forward(batch, HiddenRows::kAll, &together));
  Matrix last;
  ASSERT_OK(executor.Forward(batch, HiddenRows::kLastOfEach, &last));
  ASSERT_EQ(last.rows(), 3);
  int64_t row = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    const Matrix alone =
        i == 2 ? Hidden(model, texts[i], mask, types) : Hidden(model, texts[i]);
    const auto end = row + alone.rows();
    EXPECT_THAT(absl::MakeSpan(together.row(row),
                               together.row(row) + alone.rows() * 24),
                ElementsAreArray(alone.values()));
    EXPECT_THAT(
        absl::MakeSpan(last.row(static_cast<int64_t>(i)), size_t{24}),
        ElementsAreArray(absl::MakeSpan(together.row(end - 1), size_t{24})));
    row = end;
  }
  EXPECT_EQ(row, together.rows());
}

TEST_F(ExecutorEncoderTest, NothingOfATextIsKept) {
  ModelSpec spec = EncoderSpec();
  const TinyModel model(spec);
  ThreadPool pool(1);
  KernelContext context(*ParseIsa("native"), &pool);
  Executor executor(model.weights(), &context, 17);
  Matrix first, other, again;
  ASSERT_OK(executor.Forward(Ids(), &other));
  EXPECT_EQ(executor.position(), 0);
  ASSERT_OK(executor.Forward({3, 9, 4}, &first));
  ASSERT_OK(executor.Forward(Ids(), &other));
  ASSERT_OK(executor.Forward({3, 9, 4}, &again));
  EXPECT_THAT(again.values(), ElementsAreArray(first.values()));
}

TEST_F(ExecutorEncoderTest, ThreadsDoNotChangeTheBits) {
  ModelSpec spec = EncoderSpec();
  MakePostNorm(&spec);
  for (const Codec codec : {Codec::kF32, Codec::kInt8, Codec::kInt4}) {
    const TinyModel model(spec, codec);
    const Matrix one = Hidden(model, Ids(), {}, {}, 1);
    for (const int threads : {2, 3}) {
      EXPECT_THAT(Hidden(model, Ids(), {}, {}, threads).values(),
                  ElementsAreArray(one.values()));
    }
  }
}

TEST_F(ExecutorEncoderTest, RefusesWhatTheModelHasNot) {
  ModelSpec spec = EncoderSpec();
  MakePostNorm(&spec);
  spec.max_context = 4;
  const TinyModel model(spec);
  ThreadPool pool(1);
  KernelContext context(*ParseIsa("native"), &pool);
  Executor executor(model.weights(), &context, 17);
  Matrix hidden;
  const std::vector<int32_t> ids = {1, 2, 3};
  for (const int32_t type : {-1, 2, INT32_MAX}) {
    const std::vector<int32_t> types = {0, 1, type};
    EXPECT_THAT(
        executor.Forward({{0, ids, nullptr, types.data()}}, HiddenRows::kAll,
                         &hidden),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("0 to 1")));
  }
  for (const int32_t id : {-1, 50}) {
    EXPECT_THAT(
        executor.Forward({id}, &hidden),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("0 to 49")));
  }
  EXPECT_THAT(
      executor.Forward({1, 2, 3, 4, 5}, &hidden),
      StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("positions for 4")));
  EXPECT_OK(executor.Forward({1, 2, 3, 4}, &hidden));
}

}  // namespace
}  // namespace ounce
