// That the number of threads changes no bit of what an Executor computes.
#include <cstring>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/executor.h"
#include "tests/util/status_matchers.h"
#include "tests/util/tiny_model.h"

namespace ounce {
namespace {

// Large enough that every product is cut into many tasks, with a last one that
// is partial.
ModelSpec Spec() {
  ModelSpec spec = TinySpec();
  spec.vocab = 1000;
  spec.width = 160;
  spec.heads = 6;
  spec.kv_heads = 3;
  spec.head_dim = 32;
  spec.ffn = 420;
  return spec;
}

class ExecutorThreadsTest : public ::testing::TestWithParam<Codec> {
 protected:
  // Logits of a prompt of 70 tokens and of one token after it.
  static std::vector<float> Run(const TinyModel& model, int threads) {
    ThreadPool pool(threads);
    KernelContext context(*ParseIsa("native"), &pool);
    Executor executor(model.weights(), &context, 80);
    std::vector<int32_t> ids;
    for (int i = 0; i < 70; ++i) ids.push_back(i * 131 % 1000);
    std::vector<float> all;
    for (const std::vector<int32_t>& part : {ids, {17}}) {
      Matrix hidden;
      EXPECT_OK(executor.Forward(part, &hidden));
      Matrix logits(hidden.rows(), model.spec().vocab);
      executor.Logits(hidden.view(), logits.view());
      all.insert(all.end(), logits.values().begin(), logits.values().end());
    }
    return all;
  }
};

TEST_P(ExecutorThreadsTest, BitsAreTheSameForAnyNumberOfThreads) {
  const TinyModel model(Spec(), GetParam());
  const std::vector<float> one = Run(model, 1);
  ASSERT_EQ(one.size(), 71u * 1000u);
  for (const int threads : {2, 3}) {
    const std::vector<float> many = Run(model, threads);
    ASSERT_EQ(many.size(), one.size());
    EXPECT_EQ(std::memcmp(many.data(), one.data(), one.size() * sizeof(float)),
              0)
        << threads;
  }
}

INSTANTIATE_TEST_SUITE_P(Codecs, ExecutorThreadsTest,
                         ::testing::Values(Codec::kF32, Codec::kF16,
                                           Codec::kBF16, Codec::kInt8,
                                           Codec::kInt4, Codec::kInt4Asymmetric,
                                           Codec::kInt4Progressive,
                                           Codec::kInt8ActivationGroups),
                         [](const ::testing::TestParamInfo<Codec>& test) {
                           std::string name(GetCodecInfo(test.param).name);
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace ounce
