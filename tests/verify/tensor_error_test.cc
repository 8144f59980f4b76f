#include "verify/tensor_error.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/half.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/fake_tensor_source.h"
#include "tests/util/gaussian.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Tensors given one by one, bound under their own names.
class Model {
 public:
  Model& Add(const std::string& name, const Shape& shape,
             const std::vector<float>& values, Codec codec = Codec::kF32) {
    source_.AddFloats(name, shape, values, codec);
    const StoredTensor& stored = *source_.Find(name);
    bound_.tensors.push_back(
        {{name, shape, TensorRole::kMatrix},
         {codec, shape[0], shape[1], 0, stored.bytes.data(),
          static_cast<int64_t>(stored.bytes.size())}});
    return *this;
  }
  TensorSet set() const { return {bound_, source_}; }
  const FakeTensorSource& source() const { return source_; }

 private:
  FakeTensorSource source_;
  BoundTensors bound_;
};

absl::StatusOr<std::vector<TensorError>> Measure(const Model& a, const Model& b,
                                                 int threads = 1) {
  ThreadPool pool(threads);
  return MeasureTensorErrors(a.set(), b.set(), &pool, nullptr);
}

TEST(MeasureTensorErrorsTest, IsWorkedByHand) {
  // Signal 9 + 16 = 25, noise 0.3^2 + 0.4^2 = 0.25: a ratio of 100, 20 dB.
  Model a, b;
  a.Add("w", {1, 2}, {3, 4});
  b.Add("w", {1, 2}, {3.3f, 3.6f});
  ASSERT_OK_AND_ASSIGN(const std::vector<TensorError> errors, Measure(a, b));
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].name, "w");
  EXPECT_EQ(errors[0].codec, "f32");
  EXPECT_EQ(errors[0].bits, 32.0);
  EXPECT_NEAR(errors[0].snr_db, 20.0, 1e-5);  // 3.3 and 3.6 in f32.
  EXPECT_NEAR(errors[0].max_error, 0.4, 1e-6);
}

TEST(MeasureTensorErrorsTest, EqualTensorsHaveNoError) {
  Model a, b;
  a.Add("w", {2, 2}, {1, -2, 0, 4});
  b.Add("w", {2, 2}, {1, -2, 0, 4}, Codec::kBF16);
  ASSERT_OK_AND_ASSIGN(const std::vector<TensorError> errors, Measure(a, b));
  EXPECT_EQ(errors[0].snr_db, std::numeric_limits<double>::infinity());
  EXPECT_EQ(errors[0].max_error, 0.0);
  EXPECT_EQ(errors[0].codec, "bf16");
  EXPECT_EQ(errors[0].bits, 16.0);
}

TEST(MeasureTensorErrorsTest, ErrorOfAnAllZeroTensorIsBelowAnyNumber) {
  Model a, b;
  a.Add("w", {1, 2}, {0, 0});
  b.Add("w", {1, 2}, {0, 1});
  ASSERT_OK_AND_ASSIGN(const std::vector<TensorError> errors, Measure(a, b));
  EXPECT_EQ(errors[0].snr_db, -std::numeric_limits<double>::infinity());
}

TEST(MeasureTensorErrorsTest, FindsTensorsInAnyOrderAndKeepsTheFirstModels) {
  Model a, b;
  a.Add("x", {1, 1}, {1}).Add("y", {1, 1}, {2});
  b.Add("y", {1, 1}, {2}).Add("x", {1, 1}, {1});
  ASSERT_OK_AND_ASSIGN(const std::vector<TensorError> errors, Measure(a, b));
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_EQ(errors[0].name, "x");
  EXPECT_EQ(errors[1].name, "y");
  EXPECT_EQ(errors[0].max_error, 0.0);
}

TEST(MeasureTensorErrorsTest, ThreadsChangeNoBit) {
  // 200 rows: several tasks.
  Gaussian gaussian(1);
  const std::vector<float> values = gaussian.Floats(200 * 7);
  Model a, b;
  a.Add("w", {200, 7}, values);
  b.Add("w", {200, 7}, values, Codec::kBF16);
  double signal = 0, noise = 0;
  for (const float value : values) {
    const float rounded = BF16ToF32(F32ToBF16(value));
    signal += double{value} * double{value};
    noise +=
        (double{value} - double{rounded}) * (double{value} - double{rounded});
  }
  const double one = (*Measure(a, b, 1))[0].snr_db;
  // Sums of doubles in another order.
  EXPECT_NEAR(one, 10 * std::log10(signal / noise), 1e-9);
  EXPECT_EQ((*Measure(a, b, 2))[0].snr_db, one);
  EXPECT_EQ((*Measure(a, b, 3))[0].snr_db, one);
}

TEST(MeasureTensorErrorsTest, GivesMemoryBackAndReportsProgress) {
  Model a, b;
  a.Add("x", {2, 3}, std::vector<float>(6)).Add("y", {1, 1}, {2});
  b.Add("x", {2, 3}, std::vector<float>(6), Codec::kF16).Add("y", {1, 1}, {2});
  std::vector<std::pair<int64_t, int64_t>> progress;
  ThreadPool pool(1);
  ASSERT_OK(MeasureTensorErrors(a.set(), b.set(), &pool,
                                [&](int64_t done, int64_t total) {
                                  progress.emplace_back(done, total);
                                }));
  EXPECT_EQ(a.source().released_bytes(), 6 * 4 + 4);
  EXPECT_EQ(b.source().released_bytes(), 6 * 2 + 4);
  EXPECT_THAT(progress, ElementsAre(std::pair(1, 2), std::pair(2, 2)));
}

TEST(MeasureTensorErrorsTest, RefusesTwoDifferentModels) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  Model a, more, renamed, reshaped;
  a.Add("w", {1, 2}, {1, 2});
  more.Add("w", {1, 2}, {1, 2}).Add("v", {1, 1}, {1});
  renamed.Add("v", {1, 2}, {1, 2});
  reshaped.Add("w", {2, 1}, {1, 2});
  EXPECT_THAT(Measure(a, more),
              StatusIs(kInvalid, HasSubstr("have 1 and 2 tensors")));
  EXPECT_THAT(Measure(more, a),
              StatusIs(kInvalid, HasSubstr("have 2 and 1 tensors")));
  EXPECT_THAT(Measure(a, renamed),
              StatusIs(kInvalid, HasSubstr("tensor 'w' of shape [1, 2]")));
  EXPECT_THAT(Measure(a, reshaped),
              StatusIs(kInvalid, HasSubstr("tensor 'w' of shape [1, 2]")));
}

}  // namespace
}  // namespace ounce
