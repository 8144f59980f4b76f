#include "kernels/onednn/float_panel.h"

#include <cstring>
#include <vector>

#include "core/packing/codec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/onednn/cpu_isa.h"
#include "tests/kernels/random_data.h"

namespace ounce {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

class FloatPanelTest : public ::testing::Test {
 protected:
  FloatPanelTest() { CapOneDnn(SupportedIsas().back()); }
  void SetUp() override {
    if (!OneDnnHasSgemm()) GTEST_SKIP() << "oneDNN has no sgemm here";
  }
};

TEST_F(FloatPanelTest, WorkedByHandInAWiderOutput) {
  // Rows 1 and 2 of a weight of three rows, times two tokens that are four
  // floats apart.
  StoredMatrix w(Codec::kF32, 3, 2, 0);
  const float weights[6] = {9, 9, 1, 2, 3, 4};
  std::memcpy(w.bytes(), weights, sizeof(weights));
  const float x[6] = {1, 1, 0, 0, 10, 1};
  Matrix out(2, 3, {-1, -1, -1, -1, -1, -1});
  std::vector<float> scratch(
      static_cast<size_t>(FloatPanelScratch(w.view(), 2)) + 1);
  ASSERT_TRUE(MultiplyFloatPanel({x, 2, 2, 4}, w.view(), 1, 3, scratch.data(),
                                 out.view()));
  EXPECT_THAT(out.values(), ElementsAre(-1, 3, 7, -1, 12, 34));
}

TEST_F(FloatPanelTest, WidensHalves) {
  for (const Codec codec : {Codec::kF16, Codec::kBF16}) {
    StoredMatrix w(codec, 5, 33, 0);
    for (int64_t i = 0; i < 5 * 33; ++i) {
      const uint16_t one = codec == Codec::kF16 ? 0x3C00 : 0x3F80;
      std::memcpy(w.bytes() + i * 2, &one, 2);
    }
    const Matrix x(20, 33, std::vector<float>(20 * 33, 2.0f));
    std::vector<float> scratch(
        static_cast<size_t>(FloatPanelScratch(w.view(), 5)));
    Matrix out(20, 5);
    ASSERT_TRUE(MultiplyFloatPanel(x.view(), w.view(), 0, 5, scratch.data(),
                                   out.view()));
    EXPECT_THAT(out.values(), Each(66.0f));
  }
}

TEST_F(FloatPanelTest, WidensForeignBlocks) {
  StoredMatrix w(Codec::kQ8_0, 5, 64, 0);
  for (int64_t block = 0; block < 10; ++block) {
    const uint16_t half = 0x3800;
    std::memcpy(w.bytes() + block * 34, &half, 2);
    std::memset(w.bytes() + block * 34 + 2, 3, 32);
  }
  const Matrix x(20, 64, std::vector<float>(20 * 64, 2.0f));
  std::vector<float> scratch(
      static_cast<size_t>(FloatPanelScratch(w.view(), 2)));
  EXPECT_EQ(scratch.size(), 2u * 64);
  Matrix out(20, 5, std::vector<float>(100, -1.0f));
  ASSERT_TRUE(
      MultiplyFloatPanel(x.view(), w.view(), 1, 3, scratch.data(), out.view()));
  EXPECT_EQ(out.view().at(19, 2), 192.0f);  // 64 * 2 * 0.5 * 3
  EXPECT_EQ(out.view().at(19, 3), -1.0f);
}

TEST_F(FloatPanelTest, AlignedF32NeedsNoScratch) {
  StoredMatrix w(Codec::kF32, 5, 33, 0);
  EXPECT_EQ(FloatPanelScratch(w.view(), 5), 0);
  PackedMatrix unaligned = w.view();
  ++unaligned.data;
  EXPECT_EQ(FloatPanelScratch(unaligned, 5), 5 * 33);
}

TEST(FloatPanelWithoutSgemmTest, LeavesTheProductToOurKernel) {
  if (OneDnnHasSgemm()) GTEST_SKIP() << "oneDNN has an sgemm here";
  StoredMatrix w(Codec::kF16, 1, 2, 0);
  const Matrix x(1, 2);
  Matrix out(1, 1);
  EXPECT_EQ(FloatPanelScratch(w.view(), 1), 0);
  EXPECT_FALSE(MultiplyFloatPanel(x.view(), w.view(), 0, 1,
                                  /*scratch=*/nullptr, out.view()));
}

}  // namespace
}  // namespace ounce
