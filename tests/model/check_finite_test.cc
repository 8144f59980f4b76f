// CheckFinite() of model/bind.h.
#include <bit>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/half.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/bind.h"
#include "tests/util/fake_tensor_source.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A stored [rows, cols] matrix called "w".
class Stored {
 public:
  Stored(Codec codec, int64_t rows, int64_t cols,
         absl::Span<const float> values) {
    source_.AddFloats("w", {rows, cols}, values, codec);
    const StoredTensor& stored = *source_.Find("w");
    tensor_.slot = {"w", {rows, cols}, TensorRole::kMatrix};
    tensor_.matrix = {codec,
                      rows,
                      cols,
                      0,
                      stored.bytes.data(),
                      static_cast<int64_t>(stored.bytes.size())};
  }
  absl::Status Check(int64_t begin, int64_t end) const {
    return CheckFinite(tensor_, begin, end);
  }

 private:
  FakeTensorSource source_;
  BoundTensor tensor_;
};

class CheckFiniteTest : public ::testing::TestWithParam<Codec> {};

TEST_P(CheckFiniteTest, NamesTensorRowAndColumnOfWhatIsNotFinite) {
  for (const float bad : {kNan, kInfinity, -kInfinity}) {
    std::vector<float> values(5 * 3, 1.0f);
    values[2 * 3 + 1] = bad;
    const Stored stored(GetParam(), 5, 3, values);
    EXPECT_THAT(stored.Check(0, 5),
                StatusIs(kInvalid, AllOf(HasSubstr("tensor 'w'"),
                                         HasSubstr("row 2, column 1"))));
    EXPECT_THAT(stored.Check(2, 3),
                StatusIs(kInvalid, HasSubstr("row 2, column 1")));
    // The rows around it are fine.
    EXPECT_OK(stored.Check(0, 2));
    EXPECT_OK(stored.Check(3, 5));
    EXPECT_OK(stored.Check(2, 2));
  }
}

TEST_P(CheckFiniteTest, NamesTheFirstOfSeveral) {
  // More than one internal chunk of elements.
  std::vector<float> values(3 * 5000, 0.5f);
  values[5000 + 4999] = kNan;
  values[2 * 5000 + 1] = kNan;
  const Stored stored(GetParam(), 3, 5000, values);
  EXPECT_THAT(stored.Check(0, 3),
              StatusIs(kInvalid, HasSubstr("row 1, column 4999")));
}

TEST_P(CheckFiniteTest, LargestSmallestAndNegativeZeroAreFinite) {
  const float largest = GetParam() == Codec::kF16 ? kF16Max : BF16ToF32(0x7F7F);
  const Stored stored(GetParam(), 1, 5,
                      {largest, -largest, -0.0f, 0.0f,
                       std::numeric_limits<float>::denorm_min()});
  EXPECT_OK(stored.Check(0, 1));
}

INSTANTIATE_TEST_SUITE_P(Codecs, CheckFiniteTest,
                         ::testing::Values(Codec::kF32, Codec::kF16,
                                           Codec::kBF16),
                         [](const ::testing::TestParamInfo<Codec>& test) {
                           return std::string(GetCodecInfo(test.param).name);
                         });

TEST(CheckFiniteOfPackedTest, PackedTensorsPass) {
  // All bits set: codes and scales that would be NaN as floats.
  const std::vector<uint8_t> bytes(
      static_cast<size_t>(*PackedBytes(Codec::kInt8, 16, 4, 0)), 0xFF);
  const BoundTensor tensor = {{"w", {16, 4}, TensorRole::kMatrix},
                              {Codec::kInt8, 16, 4, 0, bytes.data(),
                               static_cast<int64_t>(bytes.size())}};
  EXPECT_OK(CheckFinite(tensor, 0, 16));
}

}  // namespace
}  // namespace ounce
