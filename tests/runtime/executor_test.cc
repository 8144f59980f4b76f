#include "runtime/executor.h"

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/runtime/reference_transformer.h"
#include "tests/util/status_matchers.h"
#include "tests/util/tiny_model.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

const std::vector<int32_t>& Ids() {
  static const auto& ids = *new std::vector<int32_t>{
      7, 0, 49, 7, 13, 28, 5, 5, 41, 30, 2, 19, 33, 8, 46, 1, 27};
  return ids;
}

class ExecutorTest : public ::testing::Test {
 protected:
  // Logits of all of `ids` at once.
  Matrix Logits(const TinyModel& model, const std::vector<int32_t>& ids,
                const std::vector<uint8_t>& key_mask = {}) {
    Executor executor(model.weights(), &context_, 64);
    Matrix hidden;
    EXPECT_OK(executor.Forward(ids, &hidden,
                               key_mask.empty() ? nullptr : key_mask.data()));
    return LogitsOf(&executor, hidden);
  }
  static Matrix LogitsOf(Executor* executor, const Matrix& hidden) {
    Matrix logits(hidden.rows(), executor->spec().vocab);
    executor->Logits(hidden.view(), logits.view());
    return logits;
  }

  // The executor sums some hundred products in f32, whose rounding of 6e-8 each
  // grows through two blocks: 1e-5 of the largest logit leaves a factor of ten.
  void ExpectEqualsReference(const TinyModel& model,
                             const std::vector<uint8_t>& key_mask = {}) {
    const Matrix logits = Logits(model, Ids(), key_mask);
    const ReferenceTransformer reference(model.spec(), model.bound());
    const ReferenceTransformer::Rows expected =
        reference.Logits(Ids(), key_mask);
    double largest = 0;
    double error = 0;
    for (size_t t = 0; t < expected.size(); ++t) {
      for (size_t i = 0; i < expected[t].size(); ++i) {
        const double actual = logits.row(static_cast<int64_t>(t))[i];
        largest = std::max(largest, std::abs(expected[t][i]));
        error = std::max(error, std::abs(actual - expected[t][i]));
      }
    }
    EXPECT_GT(largest, 1.0);  // The comparison means something.
    EXPECT_LT(error, 1e-5 * largest);
  }
  // TinySpec() after `change`.
  void ExpectEqualsReference(const std::function<void(ModelSpec*)>& change) {
    ModelSpec spec = TinySpec();
    change(&spec);
    ExpectEqualsReference(TinyModel(spec));
  }

  ThreadPool pool_{2};
  KernelContext context_{*ParseIsa("native"), &pool_};
};

TEST_F(ExecutorTest, EqualsTheReferenceWithGroupedQueries) {
  ExpectEqualsReference([](ModelSpec*) {});
}

TEST_F(ExecutorTest, EqualsTheReferenceWithOneKeyHeadPerQueryHead) {
  ExpectEqualsReference([](ModelSpec* spec) { spec->kv_heads = 4; });
}

TEST_F(ExecutorTest, EqualsTheReferenceWithBiases) {
  ExpectEqualsReference([](ModelSpec* spec) {
    spec->qkv_bias = spec->output_bias = spec->ffn_bias = true;
  });
}

TEST_F(ExecutorTest, EqualsTheReferenceWithATiedHead) {
  ExpectEqualsReference([](ModelSpec* spec) { spec->tied_head = true; });
}

TEST_F(ExecutorTest, EqualsTheReferenceWithAWindow) {
  for (const int64_t window : {1, 3, 16, 17, 1000}) {
    ExpectEqualsReference([=](ModelSpec* spec) { spec->window = window; });
  }
}

TEST_F(ExecutorTest, EqualsTheReferenceWithEveryActivation) {
  for (const auto kind :
       {ActivationKind::kGelu, ActivationKind::kGeluTanh, ActivationKind::kRelu,
        ActivationKind::kTanh, ActivationKind::kQuickGelu,
        ActivationKind::kReluSquared}) {
    ExpectEqualsReference([=](ModelSpec* spec) { spec->activation = kind; });
  }
}

TEST_F(ExecutorTest, EqualsTheReferenceWithOtherNumbers) {
  ExpectEqualsReference([](ModelSpec* spec) {
    spec->rotary.base = 500.0;
    spec->rotary.scaling = RotaryScaling::kLinear;
    spec->rotary.factor = 4.0;
    spec->norm_epsilon = 0.1;
  });
}

TEST_F(ExecutorTest, EqualsTheReferenceWithEitherNormAnywhere) {
  for (const NormKind norm : {NormKind::kRms, NormKind::kLayer}) {
    for (const bool bias : {false, true}) {
      for (const NormPlacement placement :
           {NormPlacement::kInput, NormPlacement::kOutput,
            NormPlacement::kInputAndOutput, NormPlacement::kSum}) {
        SCOPED_TRACE(static_cast<int>(placement));
        ExpectEqualsReference([&](ModelSpec* spec) {
          spec->norm = norm;
          spec->norm_bias = bias;
          spec->norm_placement = placement;
          spec->final_norm = placement != NormPlacement::kSum;
          spec->norm_offset = 0.5;
        });
      }
    }
  }
}

TEST_F(ExecutorTest, EqualsTheReferenceWithParallelSubLayers) {
  for (const ResidualOrder order :
       {ResidualOrder::kParallel, ResidualOrder::kParallelShared}) {
    for (const double scale : {1.0, 0.3}) {
      ExpectEqualsReference([=](ModelSpec* spec) {
        spec->residual = order;
        spec->residual_scale = scale;
      });
    }
  }
}

TEST_F(ExecutorTest, EqualsTheReferenceWithAResidualFromTheNorm) {
  ExpectEqualsReference(
      [](ModelSpec* spec) { spec->residual_from_norm = true; });
}

TEST_F(ExecutorTest, EqualsTheReferenceWithNormsOfQueriesAndKeys) {
  for (const QkNorm norm : {QkNorm::kHead, QkNorm::kWhole}) {
    for (const NormKind kind : {NormKind::kRms, NormKind::kLayer}) {
      ExpectEqualsReference([=](ModelSpec* spec) {
        spec->qk_norm = norm;
        spec->norm = kind;
        spec->norm_bias = true;
      });
    }
  }
}

TEST_F(ExecutorTest, EqualsTheReferenceWithPartialAndAdjacentRotary) {
  for (const bool adjacent : {false, true}) {
    for (const int64_t dims : {0, 2, 6}) {
      ExpectEqualsReference([=](ModelSpec* spec) {
        spec->rotary.dims = dims;
        spec->rotary.adjacent_pairs = adjacent;
      });
    }
  }
}

TEST_F(ExecutorTest, EqualsTheReferenceWithLearnedPositions) {
  ExpectEqualsReference([](ModelSpec* spec) {
    spec->position = PositionKind::kLearned;
    spec->position_offset = 2;
    spec->embedding_norm = true;
    spec->head_dim = 7;  // Odd: nothing rotates.
  });
}

TEST_F(ExecutorTest, EqualsTheReferenceWithAlibi) {
  for (const double scale : {1.0, 0.35}) {
    ExpectEqualsReference([=](ModelSpec* spec) {
      spec->position = PositionKind::kAlibi;
      spec->alibi_scale = scale;
    });
  }
}

TEST_F(ExecutorTest, EqualsTheReferenceWithLayersOfDifferentKinds) {
  ExpectEqualsReference([](ModelSpec* spec) {
    spec->layers = 4;
    spec->window = 3;
    spec->local_rotary.base = 50.0;
    spec->layer_kinds = {{.windowed = true, .rotary = LayerRotary::kLocal},
                         {.windowed = false, .rotary = LayerRotary::kGlobal},
                         {.windowed = true, .rotary = LayerRotary::kNone},
                         {.windowed = false, .rotary = LayerRotary::kNone}};
  });
}

TEST_F(ExecutorTest, EqualsTheReferenceWithPlainFeedForward) {
  for (const bool bias : {false, true}) {
    ExpectEqualsReference([=](ModelSpec* spec) {
      spec->gated_ffn = false;
      spec->ffn_bias = bias;
      spec->activation = ActivationKind::kGelu;
    });
  }
}

TEST_F(ExecutorTest, EqualsTheReferenceWithExperts) {
  for (const bool normalized : {false, true}) {
    for (const int64_t shared : {0, 12}) {
      for (const NormPlacement placement :
           {NormPlacement::kInput, NormPlacement::kInputAndOutput}) {
        ExpectEqualsReference([=](ModelSpec* spec) {
          spec->experts = {.experts = 5,
                           .per_token = 2,
                           .ffn = 16,
                           .shared_ffn = shared,
                           .normalized = normalized};
          spec->norm_placement = placement;
          spec->layer_kinds = {{.routed = true}, {.routed = false}};
        });
      }
    }
  }
}

TEST_F(ExecutorTest, EqualsTheReferenceWithScalesAndCaps) {
  ExpectEqualsReference([](ModelSpec* spec) {
    spec->embedding_scale = 4.9;
    spec->attention_scale = 0.17;
    spec->attention_soft_cap = 3.0;
    spec->residual_scale = 0.6;
    spec->logit_scale = 0.8;
    spec->logit_soft_cap = 5.0;
  });
  ExpectEqualsReference(
      [](ModelSpec* spec) { spec->attention_scale_by_layer = true; });
}

TEST_F(ExecutorTest, EqualsTheReferenceWithANarrowEmbeddingAndAHeadBias) {
  for (const bool tied : {false, true}) {
    ExpectEqualsReference([=](ModelSpec* spec) {
      spec->embedding_width = 11;
      spec->head_bias = true;
      spec->tied_head = tied;
    });
  }
}

TEST_F(ExecutorTest, LearnedPositionsEndWhereTheModelDoes) {
  ModelSpec spec = TinySpec();
  spec.position = PositionKind::kLearned;
  spec.max_context = 4;
  const TinyModel model(spec);
  Executor executor(model.weights(), &context_, 8);
  Matrix hidden;
  ASSERT_OK(executor.Forward({1, 2, 3}, &hidden));
  EXPECT_THAT(executor.Forward({4, 5}, &hidden),
              StatusIs(absl::StatusCode::kOutOfRange,
                       HasSubstr("has positions for 4")));
  EXPECT_OK(executor.Forward({4}, &hidden));
}

// A text that grows beyond the original context token by token ends up where
// the whole text does at once: the keys of short texts are computed anew.
TEST_F(ExecutorTest, LongRopeTurnsAllPositionsWhenATextGetsLong) {
  ModelSpec spec = TinySpec();
  spec.rotary.scaling = RotaryScaling::kLongRope;
  spec.rotary.original_context = 9;
  spec.rotary.short_factors = {1.0, 1.5, 2.0, 2.5};
  spec.rotary.long_factors = {3.0, 5.0, 8.0, 16.0};
  const TinyModel model(spec);
  Executor whole(model.weights(), &context_, 64);
  Executor grown(model.weights(), &context_, 64);
  Matrix expected, hidden;
  ASSERT_OK(whole.Forward(Ids(), &expected));
  for (const int32_t id : Ids()) ASSERT_OK(grown.Forward({id}, &hidden));
  EXPECT_EQ(grown.position(), 17);
  const auto last = expected.values().subspan(expected.values().size() - 24);
  EXPECT_THAT(hidden.values(), Pointwise(FloatNear(3e-5f), last));
  // And back: a text cut short is a short text again.
  Executor brief(model.weights(), &context_, 64);
  Matrix short_hidden;
  ASSERT_OK(
      brief.Forward(absl::MakeConstSpan(Ids()).subspan(0, 9), &short_hidden));
  grown.Rewind(8);
  ASSERT_OK(grown.Forward({Ids()[8]}, &hidden));
  EXPECT_THAT(
      hidden.values(),
      Pointwise(FloatNear(3e-5f), short_hidden.values().subspan(8 * 24, 24)));
}

TEST_F(ExecutorTest, EqualsTheReferenceOnHalfPrecisionWeights) {
  for (const Codec codec : {Codec::kF16, Codec::kBF16}) {
    ExpectEqualsReference(TinyModel(TinySpec(), codec));
  }
}

TEST_F(ExecutorTest, HiddenKeysAreNotAttendedTo) {
  std::vector<uint8_t> mask(Ids().size(), 1);
  mask[0] = mask[1] = 0;  // As padding on the left: tokens 0 and 1 see nothing.
  mask[9] = 0;
  ExpectEqualsReference(TinyModel(TinySpec()), mask);
}

TEST_F(ExecutorTest, HiddenPaddingHasNoInfluenceOnLaterTokens) {
  const TinyModel model(TinySpec());
  std::vector<int32_t> other = Ids();
  other[1] = 22;
  std::vector<uint8_t> mask(Ids().size(), 1);
  mask[1] = 0;
  const Matrix a = Logits(model, Ids(), mask);
  const Matrix b = Logits(model, other, mask);
  for (int64_t i = 0; i < a.cols(); ++i) {
    EXPECT_EQ(a.row(16)[i], b.row(16)[i]);
  }
}

TEST_F(ExecutorTest, PartsGiveWhatTheWholeGives) {
  // More tokens than one internal chunk of 512.
  std::vector<int32_t> ids;
  for (int i = 0; i < 600; ++i) ids.push_back((i * 37 + i / 50) % 50);
  for (const int64_t window : {0, 40}) {
    ModelSpec spec = TinySpec();
    spec.window = window;
    const TinyModel model(spec);
    Executor whole(model.weights(), &context_, 600);
    Executor parts(model.weights(), &context_, 600);
    Matrix expected, hidden;
    ASSERT_OK(whole.Forward(ids, &expected));
    std::vector<float> all;
    for (const size_t part : {1u, 1u, 5u, 64u, 500u, 28u, 1u}) {
      ASSERT_OK(parts.Forward(
          absl::MakeConstSpan(ids).subspan(all.size() / 24, part), &hidden));
      all.insert(all.end(), hidden.values().begin(), hidden.values().end());
    }
    // Products of many tokens add up in another order than those of one: the
    // tolerance is ExpectEqualsReference()'s, the largest value is about 3.
    EXPECT_THAT(all, Pointwise(FloatNear(3e-5f), expected.values()));
  }
}

TEST_F(ExecutorTest, LastRowsAreThoseOfAllRows) {
  std::vector<int32_t> ids;
  for (int i = 0; i < 600; ++i) ids.push_back((i * 37 + i / 50) % 50);
  const TinyModel model(TinySpec(), Codec::kInt4);
  for (const size_t count : {1u, 17u, 512u, 513u, 600u}) {
    Executor executor(model.weights(), &context_, 600);
    Matrix all, last;
    ASSERT_OK(
        executor.Forward(absl::MakeConstSpan(ids).subspan(0, count), &all));
    executor.Reset();
    ASSERT_OK(executor.Forward(
        {{0, absl::MakeConstSpan(ids).subspan(0, count), nullptr}},
        HiddenRows::kLastOfEach, &last));
    ASSERT_EQ(last.rows(), 1);
    EXPECT_THAT(last.values(), ::testing::ElementsAreArray(all.values().subspan(
                                   all.values().size() - 24)));
    EXPECT_EQ(executor.position(), static_cast<int64_t>(count));
  }
}

// Three sequences of different lengths side by side, two passes: each gives the
// bits of its run alone.
TEST_F(ExecutorTest, SequencesSideBySideGiveWhatEachGivesAlone) {
  const std::vector<std::vector<int32_t>> prompts = {
      {1, 2, 3, 4, 5, 6, 7}, {49}, std::vector<int32_t>(530, 11)};
  const std::vector<int32_t> next = {8, 9, 10};
  for (const Codec codec :
       {Codec::kInt8, Codec::kInt8ActivationGroups, Codec::kInt4}) {
    const TinyModel model(TinySpec(), codec);
    for (const KvType kv : {KvType::kF32, KvType::kF16, KvType::kInt8}) {
      Executor together(model.weights(), &context_, 540, {3, kv});
      std::vector<SequenceTokens> batch;
      for (size_t i = 0; i < 3; ++i) {
        batch.push_back({static_cast<int64_t>(i), prompts[i], nullptr});
      }
      Matrix first, second;
      ASSERT_OK(together.Forward(batch, HiddenRows::kLastOfEach, &first));
      for (size_t i = 0; i < 3; ++i) {
        batch[i].ids = absl::MakeConstSpan(&next[i], 1);
      }
      ASSERT_OK(together.Forward(batch, HiddenRows::kAll, &second));
      for (int64_t i = 0; i < 3; ++i) {
        Executor alone(model.weights(), &context_, 540, {1, kv});
        Matrix hidden;
        const auto index = static_cast<size_t>(i);
        ASSERT_OK(alone.Forward({{0, prompts[index], nullptr}},
                                HiddenRows::kLastOfEach, &hidden));
        for (int64_t c = 0; c < 24; ++c) {
          ASSERT_EQ(first.row(i)[c], hidden.row(0)[c]) << i;
        }
        ASSERT_OK(alone.Forward({next[index]}, &hidden));
        for (int64_t c = 0; c < 24; ++c) {
          ASSERT_EQ(second.row(i)[c], hidden.row(0)[c]) << i;
        }
      }
    }
  }
}

// An f16 key or value is off by 2^-11 of itself at most; an int8 one by 1/254
// of its head's largest.  The scores of these weights reach 20, so that softmax
// and a second block make of it up to forty times as much.
TEST_F(ExecutorTest, SmallerCachesStayNearTheFullOne) {
  const TinyModel model(TinySpec());
  Matrix hidden;
  Executor full(model.weights(), &context_, 64);
  ASSERT_OK(full.Forward(Ids(), &hidden));
  const std::vector<float> expected(hidden.values().begin(),
                                    hidden.values().end());
  Executor half(model.weights(), &context_, 64, {1, KvType::kF16});
  ASSERT_OK(half.Forward(Ids(), &hidden));
  EXPECT_THAT(hidden.values(), Pointwise(FloatNear(2e-2f), expected));
  EXPECT_THAT(hidden.values(),
              ::testing::Not(Pointwise(FloatNear(1e-7f), expected)));
  Executor int8(model.weights(), &context_, 64, {1, KvType::kInt8});
  ASSERT_OK(int8.Forward(Ids(), &hidden));
  EXPECT_THAT(hidden.values(), Pointwise(FloatNear(1.6e-1f), expected));
  EXPECT_THAT(hidden.values(),
              ::testing::Not(Pointwise(FloatNear(1e-5f), expected)));
}

TEST_F(ExecutorTest, RewindForgetsTheTokensBehind) {
  const TinyModel model(TinySpec());
  Executor executor(model.weights(), &context_, 8);
  Matrix first, second, ignored;
  ASSERT_OK(executor.Forward({3, 4, 5}, &ignored));
  ASSERT_OK(executor.Forward({6}, &first));
  executor.Rewind(1);
  EXPECT_EQ(executor.position(), 1);
  ASSERT_OK(executor.Forward({9, 9}, &ignored));
  executor.Rewind(1);
  ASSERT_OK(executor.Forward({4, 5}, &ignored));
  ASSERT_OK(executor.Forward({6}, &second));
  EXPECT_THAT(second.values(), ::testing::ElementsAreArray(first.values()));
  executor.Reset();
  EXPECT_EQ(executor.position(), 0);
}

TEST_F(ExecutorTest, RefusesAnIdOutsideTheVocabularyAndStaysAsItWas) {
  const TinyModel model(TinySpec());
  Executor executor(model.weights(), &context_, 8);
  Matrix hidden;
  for (const int32_t id : {50, -1}) {
    EXPECT_THAT(executor.Forward({1, id}, &hidden),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("token id " + std::to_string(id) +
                                   " is outside the model's vocabulary, 0 to "
                                   "49")));
    EXPECT_EQ(executor.position(), 0);
  }
}

TEST_F(ExecutorTest, RefusesMoreTokensThanItsCapacity) {
  const TinyModel model(TinySpec());
  Executor executor(model.weights(), &context_, 4);
  Matrix hidden;
  EXPECT_THAT(executor.Forward({1, 2, 3, 4, 5}, &hidden),
              StatusIs(absl::StatusCode::kOutOfRange,
                       HasSubstr("5 tokens in a context of 4")));
  ASSERT_OK(executor.Forward({1, 2, 3, 4}, &hidden));
  EXPECT_THAT(executor.Forward({5}, &hidden),
              StatusIs(absl::StatusCode::kOutOfRange,
                       AllOf(HasSubstr("5 tokens in a context of 4"),
                             HasSubstr("larger context"))));
  EXPECT_EQ(executor.position(), 4);
}

}  // namespace
}  // namespace ounce
