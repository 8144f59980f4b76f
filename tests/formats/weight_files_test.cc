#include "formats/huggingface/weight_files.h"

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/formats/pytorch/pickle_ops.h"
#include "tests/formats/pytorch/zip_image.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A safetensors file with this header and these data bytes.
std::string File(const std::string& header, const std::string& data) {
  return Le(header.size(), 8) + header + data;
}

std::string Header(const std::vector<std::string>& entries) {
  return absl::StrCat("{", absl::StrJoin(entries, ","), "}");
}

// An entry of one-byte elements at [begin, end).
std::string Bytes(const std::string& name, int begin, int end) {
  return absl::StrCat("\"", name, R"(":{"dtype":"U8","shape":[)", end - begin,
                      R"(],"data_offsets":[)", begin, ",", end, "]}");
}

// A file of torch.save() with one tensor of one byte.
std::string PytorchFile(const std::string& name) {
  const TensorOps ops = {
      .type = "ByteStorage", .elements = 1, .shape = {1}, .strides = {1}};
  return MakeZip({{"a/data.pkl", Protocol2(Dict({{name, ops.Rebuild()}}))},
                  {"a/data/0", "p"}})
      .bytes;
}

testing::Matcher<absl::Status> DataLoss(const std::string& words) {
  return StatusIs(absl::StatusCode::kDataLoss, HasSubstr(words));
}
testing::Matcher<absl::Status> Invalid(const std::string& words) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words));
}

// A folder of shards under an index.
class WeightFilesTest : public ::testing::Test {
 protected:
  void WriteShard(const std::string& shard, const std::string& tensor) {
    folder_.Write(shard, File(Header({Bytes(tensor, 0, 1)}), "1"));
  }
  void WriteIndex(const std::string& weight_map) {
    folder_.Write(
        "model.safetensors.index.json",
        R"({"metadata":{"total_size":2},"weight_map":)" + weight_map + "}");
  }
  absl::StatusOr<std::unique_ptr<TensorSource>> Open() {
    OUNCE_ASSIGN_OR_RETURN(WeightFiles found, OpenWeightFiles(folder_.path()));
    files_ = std::move(found.files);
    format_ = std::move(found.format);
    return std::move(found.source);
  }

  const TempFolder folder_;
  std::vector<std::string> files_;
  std::string format_;
};

TEST_F(WeightFilesTest, PrefersTheSingleFileAndIgnoresOthers) {
  WriteShard("model.safetensors", "x");
  WriteShard("other.safetensors", "y");
  WriteIndex(R"({"y":"other.safetensors"})");
  ASSERT_OK_AND_ASSIGN(const auto source, Open());
  EXPECT_NE(source->Find("x"), nullptr);
  EXPECT_EQ(source->Find("y"), nullptr);
  EXPECT_THAT(files_, ElementsAre("model.safetensors"));
}

TEST_F(WeightFilesTest, JoinsTheShardsOfAnIndex) {
  std::filesystem::create_directory(folder_.Path("part"));
  WriteShard("2.safetensors", "y");
  WriteShard("part/1.safetensors", "x");
  WriteShard("3.safetensors", "unused");
  WriteIndex(R"({"x":"part/1.safetensors","y":"2.safetensors"})");
  ASSERT_OK_AND_ASSIGN(const auto source, Open());
  EXPECT_NE(source->Find("x"), nullptr);
  EXPECT_NE(source->Find("y"), nullptr);
  EXPECT_EQ(source->Find("unused"), nullptr);
  source->Release(source->Find("x")->bytes);
  EXPECT_THAT(files_, ElementsAre("model.safetensors.index.json",
                                  "2.safetensors", "part/1.safetensors"));
}

TEST_F(WeightFilesTest, FollowsLinksAsADownloadCacheHasThem) {
  const TempFolder blobs;
  blobs.Write("blob", File(Header({Bytes("x", 0, 1)}), "1"));
  std::filesystem::create_symlink(blobs.Path("blob"),
                                  folder_.Path("1.safetensors"));
  WriteIndex(R"({"x":"1.safetensors"})");
  EXPECT_OK(Open().status());
}

TEST_F(WeightFilesTest, KeepsTensorsThatTheIndexDoesNotList) {
  folder_.Write("1.safetensors",
                File(Header({Bytes("x", 0, 1), Bytes("y", 1, 2)}), "12"));
  WriteIndex(R"({"x":"1.safetensors"})");
  ASSERT_OK_AND_ASSIGN(const auto source, Open());
  EXPECT_NE(source->Find("y"), nullptr);
}

TEST_F(WeightFilesTest, ReportsAFolderWithoutWeights) {
  WriteShard("other.safetensors", "x");
  EXPECT_THAT(
      Open().status(),
      StatusIs(absl::StatusCode::kNotFound,
               HasSubstr("has no weights; expected one of model.safetensors, "
                         "model.safetensors.index.json, "
                         "pytorch_model.bin, "
                         "pytorch_model.bin.index.json;")));
}

TEST_F(WeightFilesTest, ReportsAMissingShard) {
  WriteIndex(R"({"x":"1.safetensors"})");
  EXPECT_THAT(Open().status(),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("1.safetensors' does not exist, but")));
}

TEST_F(WeightFilesTest, ReportsATensorThatIsNotWhereTheIndexSays) {
  WriteShard("1.safetensors", "x");
  WriteShard("2.safetensors", "y");
  WriteIndex(R"({"x":"1.safetensors","y":"1.safetensors"})");
  EXPECT_THAT(Open().status(), DataLoss("tensor 'y' is not in '"));
  WriteIndex(R"({"x":"2.safetensors","y":"1.safetensors"})");
  EXPECT_THAT(Open().status(), DataLoss("tensor 'x' is not in '"));
}

TEST_F(WeightFilesTest, ReportsATensorInTwoShards) {
  WriteShard("1.safetensors", "x");
  folder_.Write("2.safetensors",
                File(Header({Bytes("x", 0, 1), Bytes("y", 1, 2)}), "12"));
  WriteIndex(R"({"x":"1.safetensors","y":"2.safetensors"})");
  EXPECT_THAT(Open().status(), DataLoss("tensor 'x' is both in '"));
}

TEST_F(WeightFilesTest, RefusesShardsOutsideTheFolder) {
  for (const std::string shard :
       {"../1.safetensors", "/etc/passwd", "a/../../1", "..", "",
        "1.safetensors\\u0000.txt"}) {
    WriteIndex(absl::StrCat("{\"x\":\"", shard, "\"}"));
    EXPECT_THAT(Open().status(),
                Invalid("expected a path inside the checkpoint's folder"))
        << shard;
  }
}

TEST_F(WeightFilesTest, RefusesAWrongIndex) {
  WriteIndex("{}");
  EXPECT_THAT(Open().status(), Invalid("\"weight_map\" is missing or empty"));
  WriteIndex("7");
  EXPECT_THAT(Open().status(), Invalid("\"weight_map\" is missing or empty"));
  WriteIndex(R"({"x":1})");
  EXPECT_THAT(Open().status(), Invalid("\"x\" is integer"));
  folder_.Write("model.safetensors.index.json", "{");
  EXPECT_THAT(Open().status(), Invalid("index.json': not JSON at byte"));
}

TEST_F(WeightFilesTest, ReadsPytorchFilesWhereThereAreNoSafetensors) {
  folder_.Write("pytorch_model.bin", PytorchFile("x"));
  ASSERT_OK_AND_ASSIGN(const auto single, Open());
  EXPECT_EQ(format_, "pytorch");
  EXPECT_THAT(files_, ElementsAre("pytorch_model.bin"));
  EXPECT_THAT(single->Find("x")->bytes, ElementsAre('p'));
  // Even an index of safetensors wins.
  WriteShard("1.safetensors", "x");
  WriteIndex(R"({"x":"1.safetensors"})");
  ASSERT_OK_AND_ASSIGN(const auto source, Open());
  EXPECT_EQ(format_, "safetensors");
  EXPECT_THAT(files_,
              ElementsAre("model.safetensors.index.json", "1.safetensors"));
}

TEST_F(WeightFilesTest, JoinsPytorchShards) {
  folder_.Write("pytorch_model-00001-of-00002.bin", PytorchFile("x"));
  folder_.Write("pytorch_model-00002-of-00002.bin", PytorchFile("y"));
  folder_.Write("training_args.bin", "a pickle that nobody may read");
  folder_.Write("pytorch_model.bin.index.json", R"({"weight_map":{
      "x":"pytorch_model-00001-of-00002.bin",
      "y":"pytorch_model-00002-of-00002.bin"}})");
  ASSERT_OK_AND_ASSIGN(const auto source, Open());
  EXPECT_EQ(format_, "pytorch");
  EXPECT_EQ(source->tensors().size(), 2u);
  EXPECT_THAT(files_, ElementsAre("pytorch_model.bin.index.json",
                                  "pytorch_model-00001-of-00002.bin",
                                  "pytorch_model-00002-of-00002.bin"));
  folder_.Write("pytorch_model-00002-of-00002.bin", PytorchFile("z"));
  EXPECT_THAT(Open().status(), DataLoss("tensor 'y' is not in '"));
  folder_.Write("pytorch_model-00002-of-00002.bin", "PK");
  EXPECT_THAT(Open().status(),
              DataLoss("/pytorch_model-00002-of-00002.bin': no end of a zip"));
}

TEST_F(WeightFilesTest, KnowsWeightFilesByTheirNames) {
  for (const char* name : {"pytorch_model.bin", "a/model-1-of-2.safetensors",
                           "checkpoint.pth", "last.pt"}) {
    EXPECT_TRUE(IsWeightFileName(name)) << name;
  }
  for (const char* name : {"model.oz", "bin", "model.gguf", "notes.txt"}) {
    EXPECT_FALSE(IsWeightFileName(name)) << name;
  }
}

std::string GoldenModel(const std::string& name) {
  return std::string(OUNCE_SOURCE_DIR "/tests/golden/models/") + name;
}

// 170,432 parameters of two bytes, as the index written by transformers says.
TEST(GoldenShardsTest, ReadsAllShardsOfAPublishedWriter) {
  ASSERT_OK_AND_ASSIGN(const WeightFiles found,
                       OpenWeightFiles(GoldenModel("llama-bf16-sharded")));
  size_t bytes = 0;
  for (const StoredTensor& tensor : found.source->tensors()) {
    EXPECT_EQ(tensor.codec, Codec::kBF16);
    bytes += tensor.bytes.size();
  }
  EXPECT_EQ(bytes, 340864u);
  EXPECT_EQ(found.files.size(), 4u);
  EXPECT_EQ(found.format, "safetensors");
}

}  // namespace
}  // namespace ounce
