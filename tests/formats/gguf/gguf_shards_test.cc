#include "formats/gguf/gguf_shards.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/formats/gguf/gguf_image.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Uint16(uint16_t value) {
  return GgufBytes<uint32_t>(2) + GgufBytes(value);
}

// A shard with one tensor of four numbers.
std::string Shard(uint16_t number, uint16_t count, const std::string& tensor) {
  GgufImage image;
  image.Value("split.no", Uint16(number)).Value("split.count", Uint16(count));
  image.Tensor(tensor, {4}, 0, 0);
  image.data = std::string(32, static_cast<char>('a' + number));
  return image.Build();
}

class GgufShardsTest : public ::testing::Test {
 protected:
  void WriteThree() {
    folder_.Write("m-00001-of-00003.gguf", Shard(0, 3, "x"));
    folder_.Write("m-00002-of-00003.gguf", Shard(1, 3, "y"));
    folder_.Write("m-00003-of-00003.gguf", Shard(2, 3, "z"));
  }
  absl::StatusOr<GgufShards> Open(
      const std::string& name = "m-00001-of-00003.gguf") {
    return GgufShards::Open(folder_.Path(name));
  }

  const TempFolder folder_;
};

TEST_F(GgufShardsTest, OneFileIsOneShard) {
  GgufImage image;
  image.Tensor("x", {4}, 0, 0).data = std::string(32, 'a');
  folder_.Write("model.gguf", image.Build());
  ASSERT_OK_AND_ASSIGN(const GgufShards shards, Open("model.gguf"));
  EXPECT_EQ(shards.folder(), folder_.path());
  EXPECT_THAT(shards.names(), ElementsAre("model.gguf"));
  EXPECT_EQ(shards.tensors().size(), 1u);
  EXPECT_NE(shards.Find("x"), nullptr);
  EXPECT_EQ(shards.Find("y"), nullptr);
}

TEST_F(GgufShardsTest, TensorsOfAllShardsAreFound) {
  WriteThree();
  ASSERT_OK_AND_ASSIGN(const GgufShards shards, Open());
  EXPECT_THAT(shards.names(),
              ElementsAre("m-00001-of-00003.gguf", "m-00002-of-00003.gguf",
                          "m-00003-of-00003.gguf"));
  ASSERT_EQ(shards.tensors().size(), 3u);
  ASSERT_NE(shards.Find("z"), nullptr);
  EXPECT_EQ(shards.Find("z")->bytes[0], 'c');
  // Giving pages back changes nothing.
  for (const GgufTensor* tensor : shards.tensors()) {
    shards.Release(tensor->bytes);
  }
  EXPECT_EQ(shards.Find("z")->bytes[0], 'c');
}

TEST_F(GgufShardsTest, AnotherThanTheFirstIsRefused) {
  WriteThree();
  EXPECT_THAT(Open("m-00002-of-00003.gguf"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("shard 2 of 3"),
                             HasSubstr("-00001-of-00003.gguf"))));
}

TEST_F(GgufShardsTest, ANameThatIsNoShardsIsRefused) {
  folder_.Write("model.gguf", Shard(0, 3, "x"));
  EXPECT_THAT(Open("model.gguf"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("ends in -00001-of-00003.gguf")));
}

TEST_F(GgufShardsTest, AMissingShardIsNamed) {
  folder_.Write("m-00001-of-00003.gguf", Shard(0, 3, "x"));
  folder_.Write("m-00002-of-00003.gguf", Shard(1, 3, "y"));
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kNotFound,
                               HasSubstr("m-00003-of-00003.gguf")));
}

TEST_F(GgufShardsTest, ShardsOfAnotherModelAreRefused) {
  WriteThree();
  folder_.Write("m-00002-of-00003.gguf", Shard(2, 3, "y"));
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss,
                               HasSubstr("shard 3 of 3; expected 2 of 3")));
  folder_.Write("m-00002-of-00003.gguf", Shard(1, 4, "y"));
  EXPECT_THAT(Open(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("shard 2 of 4")));
  folder_.Write("m-00002-of-00003.gguf", Shard(1, 3, "x"));
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss,
                               HasSubstr("tensor 'x' is in two shards")));
}

TEST_F(GgufShardsTest, AbsurdCountsAreRefused) {
  const auto with_count = [](int64_t count) {
    GgufImage image;
    image.Value("split.count", GgufBytes<uint32_t>(11) + GgufBytes(count));
    return image.Build();
  };
  for (const int64_t count : {int64_t{-1}, int64_t{100000}, INT64_MAX}) {
    folder_.Write("m-00001-of-00003.gguf", with_count(count));
    EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr("open the first")));
  }
}

}  // namespace
}  // namespace ounce
