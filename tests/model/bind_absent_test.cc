// What a checkpoint decides over its config: AdoptHead() and DropAbsent().
#include <numeric>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/arch/registry.h"
#include "model/bind.h"
#include "tests/util/fake_tensor_source.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

ModelSpec SmallSpec() {
  ModelSpec spec;
  spec.vocab = 3;
  spec.width = 2;
  spec.tied_head = true;
  return spec;
}

// The same beside an encoder.
ModelSpec BesideEncoder() {
  ModelSpec spec = SmallSpec();
  spec.encoder.layers = 1;
  return spec;
}

class AdoptHeadTest : public ::testing::Test {
 protected:
  void Add(const std::string& name, const Shape& shape, float first,
           Codec codec = Codec::kF32) {
    std::vector<float> values(static_cast<size_t>(shape[0] * shape[1]));
    std::iota(values.begin(), values.end(), first);
    source_.AddFloats(name, shape, values, codec);
  }
  // Whether the head is the embedding in the end.
  bool IsTied(const std::string& architecture,
              ModelSpec spec = BesideEncoder()) {
    AdoptHead(**FindArchitecture(architecture), source_, &spec);
    return spec.tied_head;
  }

  FakeTensorSource source_;
};

TEST_F(AdoptHeadTest, AHeadWithOtherValuesIsItsOwn) {
  Add("shared.weight", {3, 2}, 0);
  EXPECT_TRUE(IsTied("t5"));
  Add("lm_head.weight", {3, 2}, 1);
  EXPECT_FALSE(IsTied("t5"));
  // The config may say so already.
  ModelSpec own = BesideEncoder();
  own.tied_head = false;
  EXPECT_FALSE(IsTied("t5", own));
}

TEST_F(AdoptHeadTest, ADecodersConfigIsBelieved) {
  Add("model.embed_tokens.weight", {3, 2}, 0);
  Add("lm_head.weight", {3, 2}, 1);
  EXPECT_TRUE(IsTied("llama", SmallSpec()));
}

TEST_F(AdoptHeadTest, ACopyIsNoHead) {
  Add("shared.weight", {3, 2}, 0);
  Add("lm_head.weight", {3, 2}, 0);
  EXPECT_TRUE(IsTied("t5"));
}

TEST_F(AdoptHeadTest, ATensorOfAnotherShapeIsNoHead) {
  Add("shared.weight", {3, 2}, 0);
  Add("lm_head.weight", {2, 3}, 1);
  EXPECT_TRUE(IsTied("t5"));
}

TEST_F(AdoptHeadTest, ATensorOfAnotherTypeIsNoHead) {
  Add("shared.weight", {3, 2}, 0);
  Add("lm_head.weight", {3, 2}, 1, Codec::kBF16);
  EXPECT_TRUE(IsTied("t5"));
}

TEST_F(AdoptHeadTest, UnderTheFamilysNames) {
  Add("bert.embeddings.word_embeddings.weight", {3, 2}, 0);
  Add("cls.predictions.decoder.weight", {3, 2}, 1);
  EXPECT_FALSE(IsTied("bert"));
  ModelSpec base = BesideEncoder();
  base.head = HeadKind::kNone;
  EXPECT_TRUE(IsTied("bert", base));
  Add("shared.weight", {3, 2}, 0);
  EXPECT_TRUE(IsTied("t5"));
  Add("lm_head.weight", {3, 2}, 1);
  EXPECT_FALSE(IsTied("t5"));
}

class DropAbsentTest : public ::testing::Test {
 protected:
  ModelSpec Dropped(const std::string& architecture, ModelSpec spec) {
    DropAbsent(**FindArchitecture(architecture), source_, &spec);
    return spec;
  }
  void AddVector(const std::string& name, int64_t size) {
    source_.AddFloats(name, {size},
                      std::vector<float>(static_cast<size_t>(size)));
  }

  FakeTensorSource source_;
};

TEST_F(DropAbsentTest, APoolerThatIsNotThere) {
  ModelSpec spec = SmallSpec();
  spec.causal = false;
  spec.head = HeadKind::kNone;
  spec.transform.present = true;
  EXPECT_FALSE(Dropped("bert", spec).transform.present);
  source_.AddFloats("bert.pooler.dense.weight", {2, 2}, std::vector<float>(4));
  EXPECT_TRUE(Dropped("bert", spec).transform.present);
  // What a classifier needs is an error if it lacks.
  spec.head = HeadKind::kSequenceLabels;
  source_.Remove("bert.pooler.dense.weight");
  EXPECT_TRUE(Dropped("bert", spec).transform.present);
}

TEST_F(DropAbsentTest, TheBiasOfAnEncodersHead) {
  ModelSpec spec = SmallSpec();
  spec.causal = false;
  spec.head_bias = true;
  EXPECT_FALSE(Dropped("bert", spec).head_bias);
  AddVector("cls.predictions.bias", 3);
  EXPECT_TRUE(Dropped("bert", spec).head_bias);
  EXPECT_FALSE(Dropped("bart", spec).head_bias);
  source_.AddFloats("final_logits_bias", {1, 3}, std::vector<float>(3));
  EXPECT_TRUE(Dropped("bart", spec).head_bias);
  // A decoder's, say Phi's, is no choice of the file.
  spec.causal = true;
  EXPECT_TRUE(Dropped("phi", spec).head_bias);
}

}  // namespace
}  // namespace ounce
