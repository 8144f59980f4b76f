#include "runtime/relative_bias.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

ModelSpec Spec(bool causal, int64_t buckets = 32, int64_t distance = 128) {
  ModelSpec spec;
  spec.position = PositionKind::kRelative;
  spec.causal = causal;
  spec.heads = 2;
  spec.relative_buckets = buckets;
  spec.relative_max_distance = distance;
  return spec;
}

struct Bucket {
  int64_t distance;
  int64_t bucket;
};

// T5's own numbers.  Of an encoder 16 buckets before and 16 behind, 8 of them
// for a distance each; bucket 8 + k begins at 8 * 16^(k / 8), which is 8, 11.3,
// 16, 22.6, 32, 45.3, 64, 90.5.
TEST(RelativeBucketTest, OfAnEncoderWorkedByHand) {
  const Bucket buckets[] = {{0, 0},    {-1, 1},   {-7, 7},    {-8, 8},
                            {-11, 8},  {-12, 9},  {-15, 9},   {-16, 10},
                            {-22, 10}, {-23, 11}, {-31, 11},  {-32, 12},
                            {-45, 12}, {-46, 13}, {-63, 13},  {-64, 14},
                            {-90, 14}, {-91, 15}, {-128, 15}, {-100000, 15}};
  for (const Bucket& expected : buckets) {
    EXPECT_EQ(RelativeBucket(Spec(false), expected.distance), expected.bucket)
        << expected.distance;
    if (expected.distance == 0) continue;
    EXPECT_EQ(RelativeBucket(Spec(false), -expected.distance),
              16 + expected.bucket)
        << -expected.distance;
  }
}

// Of a decoder all 32 are before, 16 of them for a distance each; bucket 16 + k
// begins at 16 * 8^(k / 16), which is 16, 18.2, 20.7, 23.6, 26.9 ... 112.4.
TEST(RelativeBucketTest, OfADecoderWorkedByHand) {
  const Bucket buckets[] = {{5, 0},    {0, 0},     {-1, 1},    {-15, 15},
                            {-16, 16}, {-18, 16},  {-19, 17},  {-20, 17},
                            {-21, 18}, {-23, 18},  {-24, 19},  {-26, 19},
                            {-27, 20}, {-112, 30}, {-113, 31}, {-9999, 31}};
  for (const Bucket& expected : buckets) {
    EXPECT_EQ(RelativeBucket(Spec(true), expected.distance), expected.bucket)
        << expected.distance;
  }
}

TEST(RelativeBucketTest, NeverLeavesTheTableNorFallsWithDistance) {
  for (const int64_t buckets : {4, 5, 7, 8, 9, 32, 33}) {
    for (const int64_t distance : {buckets / 2 + 1, buckets, int64_t{500}}) {
      for (const bool causal : {false, true}) {
        const ModelSpec spec = Spec(causal, buckets, distance);
        int64_t before = 0;
        for (int64_t d = 0; d < 1000; ++d) {
          const int64_t bucket = RelativeBucket(spec, -d);
          ASSERT_GE(bucket, before);
          before = bucket;
          ASSERT_LT(bucket, causal ? buckets : buckets / 2);
          ASSERT_LT(RelativeBucket(spec, d), buckets);
          ASSERT_GE(RelativeBucket(spec, d), 0);
        }
      }
    }
  }
}

// 4 buckets: of an encoder 2 each side, of a decoder distances 0, 1, then two
// ranges, the last from 2 * (8 / 2)^(1/2) = 4 on.
TEST(RelativeBiasesTest, ColumnsAreDistances) {
  Matrix table(4, 2);
  for (int64_t bucket = 0; bucket < 4; ++bucket) {
    table.row(bucket)[0] = static_cast<float>(bucket);
    table.row(bucket)[1] = static_cast<float>(10 * bucket);
  }
  const Matrix encoder = RelativeBiases(Spec(false, 4, 8), table.view(), 3);
  ASSERT_EQ(encoder.cols(), 5);
  EXPECT_THAT(std::vector<float>(encoder.row(0), encoder.row(0) + 5),
              ::testing::ElementsAre(1, 1, 0, 3, 3));
  EXPECT_THAT(std::vector<float>(encoder.row(1), encoder.row(1) + 5),
              ::testing::ElementsAre(10, 10, 0, 30, 30));
  const Matrix decoder = RelativeBiases(Spec(true, 4, 8), table.view(), 6);
  ASSERT_EQ(decoder.cols(), 6);
  EXPECT_THAT(std::vector<float>(decoder.row(0), decoder.row(0) + 6),
              ::testing::ElementsAre(3, 3, 2, 2, 1, 0));
}

}  // namespace
}  // namespace ounce
