#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/half.h"
#include "core/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernels/isa_fixture.h"
#include "tests/kernels/random_data.h"

namespace ounce {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

// What a cache of `type` holds of a head's vector, worked by the book: f16 to
// the nearest, int8 with a scale of the largest magnitude over 127.
std::vector<float> AsStored(KvType type, const float* x, int64_t size) {
  std::vector<float> stored(x, x + size);
  if (type == KvType::kF16) {
    for (float& value : stored) value = F16ToF32(F32ToF16(value));
  }
  if (type == KvType::kInt8) {
    float max_abs = 0.0f;
    for (const float value : stored)
      max_abs = std::max(max_abs, std::abs(value));
    const float scale = max_abs / 127.0f;
    for (float& value : stored) value = scale * std::nearbyint(value / scale);
  }
  return stored;
}

class AttentionTest : public IsaTest {
 protected:
  void Prepare(int64_t tokens, int64_t past, int64_t heads, int64_t kv_heads,
               int64_t head_dim) {
    RandomData random;
    Use(past, kv_heads, head_dim, random.Floats(tokens, heads * head_dim),
        random.Floats(past + tokens, kv_heads * head_dim),
        random.Floats(past + tokens, kv_heads * head_dim));
    args_.scale = 0.3f;
  }

  void Use(int64_t past, int64_t kv_heads, int64_t head_dim, Matrix query,
           Matrix keys, Matrix values) {
    query_ = std::move(query);
    keys_ = std::move(keys);
    values_ = std::move(values);
    args_ = AttentionArgs();
    args_.query = query_.view();
    args_.heads = query_.cols() / head_dim;
    sequence_ = AttentionSequence();
    sequence_.tokens = query_.rows();
    sequence_.first_position = past;
    sequence_.num_keys = keys_.rows();
    sequence_.kv.kv_heads = kv_heads;
    sequence_.kv.head_dim = head_dim;
    sequence_.kv.capacity = RoundUp(keys_.rows(), kKeyBlock);
    // What was never written must not matter.
    memory_.assign(static_cast<size_t>(
                       kv_heads * *KvLayer::HeadBytes(KvType::kF32, head_dim,
                                                      sequence_.kv.capacity)),
                   0xFF);
    sequence_.kv.data = memory_.data();
  }

  Matrix Run(int num_threads = 1) {
    ThreadPool pool(num_threads);
    KernelContext context(GetParam(), &pool);
    AttentionSequence all = sequence_;
    all.tokens = keys_.rows();
    all.first_position = 0;
    StoreKeysAndValues(context, {all}, keys_.view(), values_.view());
    args_.sequences = absl::MakeConstSpan(&sequence_, 1);
    Matrix out(query_.rows(), query_.cols());
    Attention(context, args_, out.view());
    return out;
  }

  // The definition, in f64: head `head` of token `token`.
  std::vector<double> AttendExactly(int64_t token, int64_t head) const {
    const int64_t head_dim = sequence_.kv.head_dim;
    const int64_t position = sequence_.first_position + token;
    const int64_t kv_column =
        head / (args_.heads / sequence_.kv.kv_heads) * head_dim;
    const float* query = query_.row(token) + head * head_dim;
    double sum = 0.0;
    std::vector<double> out(static_cast<size_t>(head_dim));
    const int64_t last = args_.causal ? position : sequence_.num_keys - 1;
    for (int64_t key = 0; key <= last; ++key) {
      if (args_.window > 0 && std::abs(key - position) >= args_.window) {
        continue;
      }
      if (sequence_.key_mask != nullptr && sequence_.key_mask[key] == 0) {
        continue;
      }
      const KvType type = sequence_.kv.type;
      const std::vector<float> k =
          AsStored(type, keys_.row(key) + kv_column, head_dim);
      const std::vector<float> v =
          AsStored(type, values_.row(key) + kv_column, head_dim);
      double dot = 0.0;
      for (size_t i = 0; i < k.size(); ++i) {
        dot += double{query[i]} * double{k[i]};
      }
      // The inputs are small enough to do without a shift.
      double score = dot * double{args_.scale};
      if (args_.soft_cap > 0.0f) {
        score =
            double{args_.soft_cap} * std::tanh(score / double{args_.soft_cap});
      }
      if (args_.biases.data != nullptr) {
        const int64_t column =
            args_.bias_origin < 0 ? key : args_.bias_origin + key - position;
        score += double{args_.biases.at(head, column)};
      }
      const double weight = std::exp(score);
      sum += weight;
      for (size_t i = 0; i < v.size(); ++i) out[i] += weight * double{v[i]};
    }
    for (double& value : out) value = sum > 0.0 ? value / sum : 0.0;
    return out;
  }

  void ExpectNearExact() {
    const Matrix out = Run();
    const int64_t head_dim = sequence_.kv.head_dim;
    for (int64_t t = 0; t < query_.rows(); ++t) {
      for (int64_t head = 0; head < args_.heads; ++head) {
        const std::vector<double> exact = AttendExactly(t, head);
        for (int64_t i = 0; i < head_dim; ++i) {
          // All values are below 1 in magnitude, so that their mean is off by
          // what the weights are: rounded scores up to 20 give 20 * 2^-24
          // each, sums over 600 keys as much again.
          EXPECT_NEAR(double{out.row(t)[head * head_dim + i]},
                      exact[static_cast<size_t>(i)], 5e-6)
              << "token " << t << " head " << head << " at " << i;
        }
      }
    }
  }

  Matrix query_;
  Matrix keys_;
  Matrix values_;
  std::vector<uint8_t> memory_;
  AttentionSequence sequence_;
  AttentionArgs args_;
};

TEST_P(AttentionTest, TwoKeysWorkedByHand) {
  // Scores 0 and ln 3: weights 1/4 and 3/4.
  Use(/*past=*/1, 1, 1, Matrix(1, 1, {1.0f}),
      Matrix(2, 1, {0.0f, std::log(3.0f)}), Matrix(2, 1, {4.0f, 8.0f}));
  EXPECT_NEAR(Run().row(0)[0], 7.0f, 2e-6f);
}

TEST_P(AttentionTest, OneKeyGivesItsValue) {
  Prepare(1, 0, 2, 2, 40);
  EXPECT_THAT(Run().values(),
              ::testing::Pointwise(::testing::FloatEq(), values_.values()));
}

TEST_P(AttentionTest, IsTheSoftmaxOfTheScores) {
  for (const int64_t head_dim : {1, 7, 8, 64, 80, 128, 136}) {
    Prepare(5, 3, 2, 2, head_dim);
    ExpectNearExact();
  }
}

TEST_P(AttentionTest, LongPast) {
  Prepare(1, 599, 1, 1, 64);
  ExpectNearExact();
}

TEST_P(AttentionTest, HalfPrecisionAndInt8Caches) {
  for (const KvType type : {KvType::kF16, KvType::kInt8}) {
    SCOPED_TRACE(KvTypeName(type));
    for (const int64_t head_dim : {7, 16, 80}) {
      Prepare(20, 70, 6, 2, head_dim);
      sequence_.kv.type = type;
      ExpectNearExact();
      args_.window = 33;
      ExpectNearExact();
    }
  }
}

TEST_P(AttentionTest, StoresTheReferenceBytes) {
  constexpr int64_t kPositions = 21;
  for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kInt8}) {
    for (const int64_t head_dim : {1, 7, 16, 40, 64, 72, 128}) {
      SCOPED_TRACE(testing::Message() << KvTypeName(type) << ' ' << head_dim);
      RandomData random;
      Matrix keys = random.Floats(kPositions, head_dim);
      keys.row(3)[0] = 1e6f;     // More than an f16 holds,
      keys.row(4)[0] = -3e-8f;   // and nearly less.
      keys.row(5)[0] = 0.5015f;  // Between two of its values.
      std::fill_n(keys.row(6), head_dim, 0.0f);
      KvLayer layer;
      layer.type = type;
      layer.kv_heads = 1;
      layer.head_dim = head_dim;
      layer.capacity = 2 * kKeyBlock;
      const int64_t bytes = *KvLayer::HeadBytes(type, head_dim, layer.capacity);
      std::vector<uint8_t> stored(static_cast<size_t>(bytes), 0xFF);
      std::vector<uint8_t> expected = stored;
      for (int64_t position = 0; position < kPositions; ++position) {
        const float* key = keys.row(position);
        const float* value = keys.row(kPositions - 1 - position);
        layer.data = stored.data();
        table().store_kv(layer.head(0), position, key, value);
        layer.data = expected.data();
        reference().store_kv(layer.head(0), position, key, value);
      }
      EXPECT_EQ(stored, expected);
    }
  }
}

TEST_P(AttentionTest, SequencesDoNotSeeEachOther) {
  Prepare(3, 40, 4, 2, 24);
  const Matrix alone = Run();
  // The same three tokens behind two of another sequence.
  ThreadPool pool(2);
  KernelContext context(GetParam(), &pool);
  RandomData random;
  std::vector<uint8_t> other_memory(memory_.size());
  AttentionSequence other = sequence_;
  other.tokens = 2;
  other.first_position = 0;
  other.kv.data = other_memory.data();
  const Matrix other_kv = random.Floats(2, 48);
  StoreKeysAndValues(context, {other}, other_kv.view(), other_kv.view());
  Matrix query(5, query_.cols());
  std::copy_n(query_.row(0), 3 * query_.cols(), query.row(2));
  sequence_.first_row = 2;
  const AttentionSequence both[] = {other, sequence_};
  args_.query = query.view();
  args_.sequences = both;
  Matrix out(5, query_.cols());
  Attention(context, args_, out.view());
  EXPECT_THAT(out.values().subspan(static_cast<size_t>(2 * out.cols())),
              ::testing::ElementsAreArray(alone.values()));
}

TEST_P(AttentionTest, TokensTogetherGiveTheBitsOfOneAtATime) {
  Prepare(37, 50, 4, 2, 24);
  args_.window = 21;
  const Matrix together = Run();
  ThreadPool pool(1);
  KernelContext context(GetParam(), &pool);
  for (int64_t t = 0; t < 37; ++t) {
    AttentionSequence one = sequence_;
    one.first_row = t;
    one.tokens = 1;
    one.first_position += t;
    args_.sequences = absl::MakeConstSpan(&one, 1);
    Matrix out(37, query_.cols());
    Attention(context, args_, out.view());
    for (int64_t i = 0; i < out.cols(); ++i) {
      ASSERT_EQ(out.row(t)[i], together.row(t)[i]) << t << " at " << i;
    }
  }
}

TEST_P(AttentionTest, HalfPrecisionSaturates) {
  Use(0, 1, 1, Matrix(1, 1, {1.0f}), Matrix(1, 1, {0.0f}),
      Matrix(1, 1, {1e6f}));
  sequence_.kv.type = KvType::kF16;
  EXPECT_THAT(Run().values(), ElementsAre(65504.0f));
}

TEST_P(AttentionTest, HeadsShareKeysInGroups) {
  Prepare(20, 2, 6, 2, 16);
  ExpectNearExact();
}

TEST_P(AttentionTest, WindowHidesOldKeys) {
  for (const int64_t window : {1, 3, 9, 1000}) {
    Prepare(12, 5, 2, 1, 16);
    args_.window = window;
    ExpectNearExact();
  }
}

TEST_P(AttentionTest, MaskHidesKeys) {
  Prepare(6, 4, 2, 1, 16);
  const std::vector<uint8_t> mask = {0, 0, 1, 1, 0, 1, 1, 0, 1, 1};
  sequence_.key_mask = mask.data();
  ExpectNearExact();
  args_.window = 3;
  ExpectNearExact();
}

TEST_P(AttentionTest, ScoresAreCappedAndThenBiased) {
  RandomData random;
  const Matrix biases = random.Floats(6, 101);
  for (const float cap : {0.0f, 0.7f}) {
    for (const int64_t window : {0, 40}) {
      Prepare(31, 70, 6, 2, 16);
      args_.window = window;
      args_.soft_cap = cap;
      ExpectNearExact();
      args_.biases = biases.view();
      ExpectNearExact();
    }
  }
}

TEST_P(AttentionTest, EveryTokenSeesAllKeysOnBothSides) {
  for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kInt8}) {
    for (const int64_t tokens : {1, 2, 15, 16, 17, 50}) {
      SCOPED_TRACE(testing::Message() << KvTypeName(type) << ' ' << tokens);
      Prepare(tokens, 0, 4, 2, 24);
      sequence_.kv.type = type;
      args_.causal = false;
      ExpectNearExact();
    }
  }
}

// As a decoder's tokens see a source text: positions of their own, and another
// number of keys.
TEST_P(AttentionTest, TokensSeeTheStoredKeysWhateverTheirPosition) {
  for (const int64_t keys : {1, 3, 16, 33}) {
    Prepare(5, 32, 4, 2, 24);
    args_.causal = false;
    sequence_.num_keys = keys;
    for (const int64_t first : {0, 2, 40}) {
      sequence_.first_position = first;
      ExpectNearExact();
    }
  }
}

TEST_P(AttentionTest, WindowHidesFarKeysOnBothSides) {
  for (const int64_t window : {1, 2, 3, 16, 17, 18, 1000}) {
    SCOPED_TRACE(window);
    Prepare(37, 0, 4, 2, 16);
    args_.causal = false;
    args_.window = window;
    ExpectNearExact();
    std::vector<uint8_t> mask(37, 1);
    for (const size_t hidden : {0, 1, 2, 17, 20, 35}) mask[hidden] = 0;
    sequence_.key_mask = mask.data();
    ExpectNearExact();
  }
}

TEST_P(AttentionTest, BiasesByTheDistanceOfKeyAndQuery) {
  RandomData random;
  // Column 49 is distance 0.
  const Matrix biases = random.Floats(6, 99);
  for (const bool causal : {true, false}) {
    for (const int64_t past : {0, 13}) {
      Prepare(37, past, 6, 2, 16);
      args_.causal = causal;
      args_.biases = biases.view();
      args_.bias_origin = 49;
      ExpectNearExact();
      args_.window = 5;
      ExpectNearExact();
    }
  }
}

TEST_P(AttentionTest, ThreadsDoNotChangeTheBitsOfBothSides) {
  Prepare(40, 0, 4, 2, 24);
  args_.causal = false;
  args_.window = 9;
  const Matrix one = Run(1);
  for (const int threads : {2, 3}) {
    EXPECT_THAT(Run(threads).values(),
                ::testing::ElementsAreArray(one.values()));
  }
}

TEST_P(AttentionTest, AllKeysHiddenGiveZero) {
  Prepare(3, 0, 1, 1, 20);
  const std::vector<uint8_t> mask(3, 0);
  sequence_.key_mask = mask.data();
  EXPECT_THAT(Run().values(), Each(0.0f));
}

TEST_P(AttentionTest, HugeScoresDoNotOverflow) {
  // Scores 1e8 and -1e8: exp of either is out of range, of their distance not.
  Use(/*past=*/1, 1, 1, Matrix(1, 1, {1e4f}), Matrix(2, 1, {1e4f, -1e4f}),
      Matrix(2, 1, {3.0f, 5.0f}));
  EXPECT_THAT(Run().values(), ElementsAre(3.0f));
}

TEST_P(AttentionTest, ThreadsDoNotChangeTheBits) {
  Prepare(40, 7, 4, 2, 24);
  const Matrix one = Run(1);
  for (const int threads : {2, 3}) {
    EXPECT_THAT(Run(threads).values(),
                ::testing::ElementsAreArray(one.values()));
  }
}

TEST_P(AttentionTest, NoTokensAreFine) {
  Prepare(0, 4, 2, 1, 8);
  EXPECT_EQ(Run().rows(), 0);
}

OUNCE_INSTANTIATE_ISA_TEST(AttentionTest);

}  // namespace
}  // namespace ounce
