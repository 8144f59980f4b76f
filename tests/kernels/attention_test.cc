#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernels/isa_fixture.h"
#include "tests/kernels/random_data.h"

namespace ounce {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

// The definition, in f64: head `head` of token `token`.
std::vector<double> AttendExactly(const AttentionArgs& args, int64_t token,
                                  int64_t head) {
  const int64_t position = args.first_position + token;
  const int64_t kv_offset = head / (args.heads / args.kv_heads) * args.head_dim;
  const float* query = args.query.row(token) + head * args.head_dim;
  double sum = 0.0;
  std::vector<double> out(static_cast<size_t>(args.head_dim));
  for (int64_t key = 0; key <= position; ++key) {
    if (args.window > 0 && key <= position - args.window) continue;
    if (args.key_mask != nullptr && args.key_mask[key] == 0) continue;
    double dot = 0.0;
    for (int64_t i = 0; i < args.head_dim; ++i) {
      dot += double{query[i]} * double{args.keys.at(key, kv_offset + i)};
    }
    // The inputs are small enough to do without a shift.
    const double weight = std::exp(dot * double{args.scale});
    sum += weight;
    for (int64_t i = 0; i < args.head_dim; ++i) {
      out[static_cast<size_t>(i)] +=
          weight * double{args.values.at(key, kv_offset + i)};
    }
  }
  for (double& value : out) value = sum > 0.0 ? value / sum : 0.0;
  return out;
}

class AttentionTest : public IsaTest {
 protected:
  void Prepare(int64_t tokens, int64_t past, int64_t heads, int64_t kv_heads,
               int64_t head_dim) {
    RandomData random;
    query_ = random.Floats(tokens, heads * head_dim);
    keys_ = random.Floats(past + tokens, kv_heads * head_dim);
    values_ = random.Floats(past + tokens, kv_heads * head_dim);
    args_.query = query_.view();
    args_.keys = keys_.view();
    args_.values = values_.view();
    args_.heads = heads;
    args_.kv_heads = kv_heads;
    args_.head_dim = head_dim;
    args_.first_position = past;
    args_.scale = 0.3f;
  }

  Matrix Run(int num_threads = 1) {
    ThreadPool pool(num_threads);
    KernelContext context(GetParam(), &pool);
    Matrix out(query_.rows(), query_.cols());
    Attention(context, args_, out.view());
    return out;
  }

  void ExpectNearExact() {
    const Matrix out = Run();
    for (int64_t t = 0; t < query_.rows(); ++t) {
      for (int64_t head = 0; head < args_.heads; ++head) {
        const std::vector<double> exact = AttendExactly(args_, t, head);
        for (int64_t i = 0; i < args_.head_dim; ++i) {
          // All values are below 1 in magnitude, so that their mean is off by
          // what the weights are: rounded scores up to 20 give 20 * 2^-24
          // each, sums over 600 keys as much again.
          EXPECT_NEAR(double{out.row(t)[head * args_.head_dim + i]},
                      exact[static_cast<size_t>(i)], 5e-6)
              << "token " << t << " head " << head << " at " << i;
        }
      }
    }
  }

  Matrix query_;
  Matrix keys_;
  Matrix values_;
  AttentionArgs args_;
};

TEST_P(AttentionTest, TwoKeysWorkedByHand) {
  // Scores 0 and ln 3: weights 1/4 and 3/4.
  query_ = Matrix(1, 1, {1.0f});
  keys_ = Matrix(2, 1, {0.0f, std::log(3.0f)});
  values_ = Matrix(2, 1, {4.0f, 8.0f});
  args_.query = query_.view();
  args_.keys = keys_.view();
  args_.values = values_.view();
  args_.heads = args_.kv_heads = args_.head_dim = 1;
  args_.first_position = 1;
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
  args_.key_mask = mask.data();
  ExpectNearExact();
  args_.window = 3;
  ExpectNearExact();
}

TEST_P(AttentionTest, AllKeysHiddenGiveZero) {
  Prepare(3, 0, 1, 1, 20);
  const std::vector<uint8_t> mask(3, 0);
  args_.key_mask = mask.data();
  EXPECT_THAT(Run().values(), Each(0.0f));
}

TEST_P(AttentionTest, HugeScoresDoNotOverflow) {
  // Scores 1e8 and -1e8: exp of either is out of range, of their distance not.
  query_ = Matrix(1, 1, {1e4f});
  keys_ = Matrix(2, 1, {1e4f, -1e4f});
  values_ = Matrix(2, 1, {3.0f, 5.0f});
  args_.query = query_.view();
  args_.keys = keys_.view();
  args_.values = values_.view();
  args_.heads = args_.kv_heads = args_.head_dim = 1;
  args_.first_position = 1;
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
