// Decoders that see a text which went through their encoder, against the plain
// reference.
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

ModelSpec SequenceSpec() {
  ModelSpec spec = TinySpec();
  spec.kv_heads = 4;
  spec.encoder = {.layers = 3, .heads = 3, .head_dim = 5, .ffn = 30};
  spec.position = PositionKind::kRelative;
  spec.relative_buckets = 8;
  spec.relative_max_distance = 9;
  spec.attention_scale = 1.0;
  return spec;
}

void MakePostNorm(ModelSpec* spec) {
  spec->norm = NormKind::kLayer;
  spec->norm_bias = true;
  spec->norm_placement = NormPlacement::kSum;
  spec->final_norm = false;
  spec->qkv_bias = spec->output_bias = spec->ffn_bias = spec->head_bias = true;
  spec->position = PositionKind::kSinusoidal;
  spec->attention_scale = 0.0;
}

class ExecutorSourceTest : public ::testing::Test {
 protected:
  Matrix Encode(const TinyModel& model, const std::vector<int32_t>& ids,
                const std::vector<uint8_t>& mask) {
    Executor encoder(*model.weights().encoder, &context_,
                     static_cast<int64_t>(ids.size()));
    Matrix encoded;
    EXPECT_OK(
        encoder.Forward(ids, &encoded, mask.empty() ? nullptr : mask.data()));
    return encoded;
  }
  static Matrix LogitsOf(Executor* executor, const Matrix& hidden) {
    Matrix logits(hidden.rows(), executor->spec().vocab);
    executor->Logits(hidden.view(), logits.view());
    return logits;
  }
  static void ExpectNear(const Matrix& actual,
                         const ReferenceTransformer::Rows& expected) {
    double largest = 0, error = 0;
    for (size_t t = 0; t < expected.size(); ++t) {
      for (size_t i = 0; i < expected[t].size(); ++i) {
        const double value = double{actual.row(static_cast<int64_t>(t))[i]};
        largest = std::max(largest, std::abs(expected[t][i]));
        error = std::max(error, std::abs(value - expected[t][i]));
      }
    }
    EXPECT_GT(largest, 1.0);
    // Twice what executor_test.cc allows one stack.
    EXPECT_LT(error, 2e-5 * largest);
  }
  void ExpectEqualsReference(const std::function<void(ModelSpec*)>& change,
                             const std::vector<uint8_t>& mask) {
    ModelSpec spec = SequenceSpec();
    change(&spec);
    ASSERT_OK(CheckSpec(spec));
    const TinyModel model(spec);
    const Matrix encoded = Encode(model, source_, mask);
    const ReferenceTransformer::Rows expected =
        ReferenceTransformer::EncoderBeside(spec, model.bound())
            .Hidden(source_, mask);
    ExpectNear(encoded, expected);
    Executor decoder(model.weights(), &context_, 16);
    ASSERT_OK(decoder.SetSource(encoded.view(), mask));
    Matrix hidden;
    ASSERT_OK(decoder.Forward(target_, &hidden));
    ReferenceTransformer reference(spec, model.bound());
    reference.SetSource(expected, mask);
    const ReferenceTransformer::Rows logits = reference.Logits(target_);
    ExpectNear(LogitsOf(&decoder, hidden), logits);
    // Token by token, as texts are generated.
    decoder.Reset();
    Matrix rows(static_cast<int64_t>(target_.size()), spec.vocab);
    for (int64_t t = 0; t < rows.rows(); ++t) {
      ASSERT_OK(decoder.Forward({target_[static_cast<size_t>(t)]}, &hidden));
      decoder.Logits(hidden.view(), rows.view().Rows(t, t + 1));
    }
    ExpectNear(rows, logits);
  }

  const std::vector<int32_t> source_ = {7, 0, 49, 7, 13, 28, 5, 5, 41, 30, 2};
  const std::vector<uint8_t> mask_ = {0, 1, 1, 1, 0, 1, 1, 1, 1, 0, 0};
  const std::vector<int32_t> target_ = {0, 19, 33, 8, 46, 1, 27};
  const std::vector<int32_t> more_ = {12, 3};
  ThreadPool pool_{2};
  KernelContext context_{*ParseIsa("native"), &pool_};
};

TEST_F(ExecutorSourceTest, EqualsTheReferenceWithRelativePositions) {
  ExpectEqualsReference([](ModelSpec*) {}, {});
  ExpectEqualsReference([](ModelSpec*) {}, mask_);
}

TEST_F(ExecutorSourceTest, EqualsTheReferenceWithNormsAfterTheSums) {
  ExpectEqualsReference(MakePostNorm, {});
  ExpectEqualsReference(MakePostNorm, mask_);
}

TEST_F(ExecutorSourceTest, EqualsTheReferenceWithTwoVocabularies) {
  ExpectEqualsReference(
      [](ModelSpec* spec) {
        MakePostNorm(spec);
        spec->norm_placement = NormPlacement::kInput;
        spec->final_norm = true;
        spec->embedding_norm = true;
        spec->embedding_scale = 4.9;
        spec->position = PositionKind::kLearned;
        spec->position_offset = 2;
        spec->encoder.vocab = 55;
        spec->tied_head = true;
      },
      mask_);
}

// Sequences that run together see each their own source.
TEST_F(ExecutorSourceTest, EverySequenceHasItsSource) {
  const TinyModel model(SequenceSpec(), Codec::kInt8);
  const std::vector<std::vector<int32_t>> sources = {source_, {4, 4, 31}};
  Executor both(model.weights(), &context_, 16, {.sequences = 2});
  std::vector<Matrix> alone;
  for (int64_t i = 0; i < 2; ++i) {
    const Matrix encoded = Encode(model, sources[static_cast<size_t>(i)], {});
    ASSERT_OK(both.SetSource(encoded.view(), {}, i));
    Executor one(model.weights(), &context_, 16);
    ASSERT_OK(one.SetSource(encoded.view(), {}));
    alone.emplace_back();
    ASSERT_OK(one.Forward(target_, &alone.back()));
  }
  Matrix hidden;
  ASSERT_OK(
      both.Forward({{1, target_}, {0, target_}}, HiddenRows::kAll, &hidden));
  const auto size = static_cast<int64_t>(target_.size());
  const auto half = static_cast<size_t>(size * 24);
  EXPECT_THAT(hidden.values().subspan(0, half),
              ElementsAreArray(alone[1].values()));
  EXPECT_THAT(hidden.values().subspan(half),
              ElementsAreArray(alone[0].values()));
  ASSERT_OK(
      both.Forward({{1, more_}, {0, more_}}, HiddenRows::kLastOfEach, &hidden));
  EXPECT_EQ(hidden.rows(), 2);
  EXPECT_EQ(both.position(0), size + 2);
}

// A copy goes on as the original does, with every kind of cache, and neither
// disturbs the other.
TEST_F(ExecutorSourceTest, ACopyIsTheSequence) {
  const TinyModel model(SequenceSpec(), Codec::kInt8);
  const Matrix encoded = Encode(model, source_, mask_);
  for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kInt8}) {
    Executor executor(model.weights(), &context_, 16,
                      {.sequences = 2, .kv = type});
    ASSERT_OK(executor.SetSource(encoded.view(), mask_, 0));
    Matrix hidden, copied, original;
    ASSERT_OK(executor.Forward({{0, target_}}, HiddenRows::kAll, &hidden));
    executor.CopySequence(0, 1);
    EXPECT_EQ(executor.position(1), executor.position(0));
    ASSERT_OK(executor.Forward({{1, more_}}, HiddenRows::kAll, &copied));
    ASSERT_OK(executor.Forward({{0, more_}}, HiddenRows::kAll, &original));
    EXPECT_THAT(copied.values(), ElementsAreArray(original.values()));
  }
}

TEST_F(ExecutorSourceTest, ANewSourceStartsAnew) {
  const TinyModel model(SequenceSpec());
  Executor decoder(model.weights(), &context_, 16);
  Matrix first, again;
  const Matrix encoded = Encode(model, source_, {});
  ASSERT_OK(decoder.SetSource(encoded.view(), {}));
  ASSERT_OK(decoder.Forward(target_, &first));
  ASSERT_OK(decoder.SetSource(Encode(model, {1, 2}, {}).view(), {}));
  EXPECT_EQ(decoder.position(), 0);
  ASSERT_OK(decoder.Forward(target_, &again));
  ASSERT_OK(decoder.SetSource(encoded.view(), {}));
  ASSERT_OK(decoder.Forward(target_, &again));
  EXPECT_THAT(again.values(), ElementsAreArray(first.values()));
}

TEST_F(ExecutorSourceTest, NoSourceIsAnError) {
  const TinyModel model(SequenceSpec());
  Executor decoder(model.weights(), &context_, 16);
  Matrix hidden;
  EXPECT_THAT(decoder.Forward({1, 2}, &hidden),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("no source text")));
}

TEST_F(ExecutorSourceTest, ThreadsDoNotChangeTheBits) {
  const TinyModel model(SequenceSpec(), Codec::kInt4);
  std::vector<Matrix> results;
  for (const int threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    KernelContext context(*ParseIsa("native"), &pool);
    Executor encoder(*model.weights().encoder, &context, 16);
    Executor decoder(model.weights(), &context, 16);
    Matrix encoded, hidden;
    ASSERT_OK(encoder.Forward(source_, &encoded));
    ASSERT_OK(decoder.SetSource(encoded.view(), {}));
    ASSERT_OK(decoder.Forward(target_, &hidden));
    results.push_back(LogitsOf(&decoder, hidden));
    EXPECT_THAT(results.back().values(),
                ElementsAreArray(results.front().values()));
  }
}

}  // namespace
}  // namespace ounce
