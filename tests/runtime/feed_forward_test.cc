#include "runtime/feed_forward.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/tiny_model.h"

namespace ounce {
namespace {

using ::testing::ElementsAreArray;

ModelSpec SpecWithExperts() {
  ModelSpec spec = TinySpec();
  spec.experts = {.experts = 6, .per_token = 2, .ffn = 40, .shared_ffn = 8};
  return spec;
}

class FeedForwardTest : public ::testing::Test {
 protected:
  std::vector<float> Mix(const TinyModel& model, MatrixView<const float> x,
                         int threads = 1) {
    ThreadPool pool(threads);
    KernelContext context(*ParseIsa("native"), &pool);
    FeedForward feed_forward(model.spec(), &context);
    const MatrixView<const float> out =
        feed_forward.Mix(*model.weights().layers[0].experts, x, nullptr);
    return {out.data, out.data + out.rows * out.cols};
  }
};

// What the other tokens of a batch are must not change a token's bits: which
// experts it takes, and what they give.
TEST_F(FeedForwardTest, ATokensMixIsTheSameAloneAndInABatch) {
  Gaussian gaussian(3);
  const Matrix x(70, 24, gaussian.Floats(70 * 24));
  for (const Codec codec :
       {Codec::kInt8, Codec::kInt8ActivationGroups, Codec::kInt4Progressive}) {
    const TinyModel model(SpecWithExperts(), codec);
    const std::vector<float> together = Mix(model, x.view());
    for (int64_t t = 0; t < 70; ++t) {
      const std::vector<float> alone = Mix(model, x.view().Rows(t, t + 1));
      EXPECT_THAT(alone, ElementsAreArray(absl::MakeConstSpan(together).subspan(
                             static_cast<size_t>(t * 24), 24)));
    }
    for (const int threads : {2, 3}) {
      EXPECT_THAT(Mix(model, x.view(), threads), ElementsAreArray(together));
    }
  }
}

TEST_F(FeedForwardTest, EqualScoresTakeTheFirstExperts) {
  ModelSpec spec = SpecWithExperts();
  spec.experts.shared_ffn = 0;
  TinyModel model(spec);
  // A router of zeros: all scores are equal, so that experts 0 and 1 get half
  // each, and what the others hold does not matter.
  Gaussian gaussian(4);
  const Matrix x(1, 24, gaussian.Floats(24));
  const std::string layer = "model.layers.0.mlp.";
  std::fill_n(model.source().MutableBytes(layer + "router.weight"), 6 * 24 * 4,
              uint8_t{0});
  const std::vector<float> before = Mix(model, x.view());
  for (int e = 2; e < 6; ++e) {
    std::fill_n(model.source().MutableBytes(
                    absl::StrCat(layer, "experts.", e, ".down_proj.weight")),
                24 * 40 * 4, uint8_t{0});
  }
  EXPECT_THAT(Mix(model, x.view()), ElementsAreArray(before));
  std::fill_n(model.source().MutableBytes(layer + "experts.1.down_proj.weight"),
              24 * 40 * 4, uint8_t{0});
  EXPECT_THAT(Mix(model, x.view()), ::testing::Not(ElementsAreArray(before)));
}

}  // namespace
}  // namespace ounce
