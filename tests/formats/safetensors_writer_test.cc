#include "formats/safetensors/safetensors_writer.h"

#include "absl/status/status.h"
#include "formats/safetensors/safetensors_reader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint8_t kBytes[] = {1, 2, 3, 4, 5, 6, 7, 8};

OutputTensor Tensor(const std::string& name, const std::string& dtype,
                    const Shape& shape, size_t num_bytes) {
  return {name, dtype, shape, absl::MakeConstSpan(kBytes, num_bytes)};
}

class SafetensorsWriterTest : public ::testing::Test {
 protected:
  absl::Status Write(const std::vector<OutputTensor>& tensors) {
    return WriteSafetensors(folder_.Path("out.safetensors"), tensors);
  }
  const TempFolder folder_;
};

TEST_F(SafetensorsWriterTest, WritesTheBytesOfTheFormat) {
  ASSERT_OK(Write({Tensor("a", "I32", {1, 1}, 4), Tensor("b", "F32", {0}, 0),
                   Tensor("c", "F16", {}, 2)}));
  const std::string header =
      R"({"a":{"dtype":"I32","shape":[1,1],"data_offsets":[0,4]},)"
      R"("b":{"dtype":"F32","shape":[0],"data_offsets":[4,4]},)"
      R"("c":{"dtype":"F16","shape":[],"data_offsets":[4,6]}})";
  // 161 bytes of header, filled up with blanks to 168 = 0xA8.
  ASSERT_EQ(header.size(), 161u);
  EXPECT_EQ(folder_.Read("out.safetensors"),
            std::string("\xA8\0\0\0\0\0\0\0", 8) + header +
                std::string(7, ' ') + "\x01\x02\x03\x04\x01\x02");
}

TEST_F(SafetensorsWriterTest, WritesWhatTheReaderReads) {
  ASSERT_OK(Write({Tensor("logits \"1\"\n", "F32", {2, 1}, 8)}));
  ASSERT_OK_AND_ASSIGN(const auto source,
                       OpenSafetensors(folder_.Path("out.safetensors")));
  const StoredTensor* tensor = source->Find("logits \"1\"\n");
  ASSERT_NE(tensor, nullptr);
  EXPECT_THAT(tensor->shape, ElementsAre(2, 1));
  EXPECT_THAT(tensor->bytes, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
}

TEST_F(SafetensorsWriterTest, RefusesWhatDoesNotFitTogether) {
  const auto invalid = [](const std::string& words) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words));
  };
  EXPECT_THAT(Write({Tensor("a", "F32", {3}, 8)}),
              invalid("tensor 'a': shape [3] of F32 needs 12 bytes; got 8"));
  EXPECT_THAT(Write({Tensor("a", "float", {2}, 8)}),
              invalid("unknown dtype \"float\""));
  EXPECT_THAT(Write({Tensor("a", "U8", {-1}, 0)}), invalid("shape [-1]"));
  EXPECT_THAT(Write({Tensor("a", "U8", {1}, 1), Tensor("a", "U8", {1}, 1)}),
              invalid("tensor 'a' is given twice"));
  EXPECT_THAT(Write({Tensor("", "U8", {1}, 1)}), invalid("reserved"));
  EXPECT_THAT(Write({Tensor("__metadata__", "U8", {1}, 1)}),
              invalid("reserved"));
  EXPECT_FALSE(folder_.Has("out.safetensors"));
  EXPECT_FALSE(folder_.Has("out.safetensors.partial"));
}

TEST_F(SafetensorsWriterTest, StreamLeavesRoomForTheHeader) {
  const std::string path = folder_.Path("out.safetensors");
  ASSERT_OK_AND_ASSIGN(const auto stream, SafetensorsStream::Create(path, 128));
  ASSERT_OK(stream->Append(Tensor("a", "F16", {1}, 2)));
  EXPECT_THAT(
      stream->Append(Tensor("a", "F16", {1}, 2)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("given twice")));
  Json::Object metadata;
  metadata.Set("k", "v");
  ASSERT_OK(stream->Finish(metadata));
  const std::string header =
      R"({"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},)"
      R"("__metadata__":{"k":"v"}})";
  const std::string file = folder_.Read("out.safetensors");
  EXPECT_EQ(file, std::string("\x80\0\0\0\0\0\0\0", 8) + header +
                      std::string(128 - header.size(), ' ') + "\x01\x02");
  ASSERT_OK_AND_ASSIGN(
      const Json::Object read,
      ParseSafetensorsMetadata(
          {reinterpret_cast<const uint8_t*>(file.data()), file.size()}));
  EXPECT_EQ(*read.Find("k")->AsString(), "v");
}

TEST_F(SafetensorsWriterTest, StreamRefusesAHeaderThatHasNoRoom) {
  const std::string path = folder_.Path("out.safetensors");
  ASSERT_OK_AND_ASSIGN(const auto stream, SafetensorsStream::Create(path, 16));
  ASSERT_OK(stream->Append(Tensor("a", "F16", {1}, 2)));
  EXPECT_THAT(stream->Finish({}), StatusIs(absl::StatusCode::kInternal,
                                           HasSubstr("in room for 16")));
  EXPECT_FALSE(folder_.Has("out.safetensors"));
}

}  // namespace
}  // namespace ounce
