#include "formats/model_file.h"

#include "absl/status/status.h"
#include "formats/registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/formats/tiny_artifact.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// An artifact with these tensors under the tiny spec; the weights are 0.
absl::Status WriteArtifactOf(const std::string& path,
                             const std::vector<TensorRecord>& records) {
  OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<ArtifactWriter> writer,
                         ArtifactWriter::Create(path, /*weight_bytes=*/0));
  for (const TensorRecord& record : records) {
    OUNCE_RETURN_IF_ERROR(writer->BeginTensor(record));
    OUNCE_ASSIGN_OR_RETURN(const int64_t bytes, SegmentBytes(record));
    OUNCE_RETURN_IF_ERROR(
        writer->AppendBytes(std::vector<uint8_t>(static_cast<size_t>(bytes))));
    OUNCE_RETURN_IF_ERROR(writer->EndTensor(0.0, 0.0));
  }
  return writer->Finish(TinySpec(), {}, TinyProvenance()).status();
}

class OpenModelTest : public ::testing::Test {
 protected:
  absl::Status OpenArtifactOf(const std::vector<TensorRecord>& records) {
    OUNCE_RETURN_IF_ERROR(WriteArtifactOf(folder_.Path("a.oz"), records));
    return OpenModel(folder_.Path("a.oz")).status();
  }
  const TempFolder folder_;
};

TEST_F(OpenModelTest, OpensAnArtifactWhateverItsName) {
  ASSERT_OK(WriteTinyArtifact(folder_.Path("model.bin")));
  ASSERT_OK_AND_ASSIGN(const ModelFile model,
                       OpenModel(folder_.Path("model.bin")));
  EXPECT_EQ(model.format, "oz");
  EXPECT_EQ(model.spec.vocab, 8);
  EXPECT_EQ(model.bound.tensors.size(), TinyRecords().size());
  EXPECT_THAT(model.bound.surplus, IsEmpty());
  EXPECT_THAT(model.files, IsEmpty());
  ASSERT_NE(model.artifact, nullptr);
  EXPECT_EQ(model.source, model.artifact);
  EXPECT_EQ(model.tokenizer.kind, TokenizerKind::kTokenizerJson);
  // Every bound matrix is one of the file's segments.
  for (const BoundTensor& tensor : model.bound.tensors) {
    const StoredTensor* stored = model.source->Find(tensor.slot.name);
    ASSERT_NE(stored, nullptr);
    EXPECT_EQ(tensor.matrix.data, stored->bytes.data());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.matrix.data) % 64, 0u);
  }
}

TEST_F(OpenModelTest, OpensACheckpointFolder) {
  ASSERT_OK_AND_ASSIGN(
      const ModelFile model,
      OpenModel(OUNCE_SOURCE_DIR "/tests/golden/models/llama-gqa"));
  EXPECT_EQ(model.format, "safetensors");
  EXPECT_EQ(model.artifact, nullptr);
}

TEST_F(OpenModelTest, ListsTheFormatsWhenThereIsNothing) {
  EXPECT_THAT(OpenModel(folder_.Path("none")).status(),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("none' does not exist"),
                             HasSubstr("a Hugging Face folder with config.json "
                                       "and model.safetensors or "
                                       "pytorch_model.bin, or a .gguf file, or "
                                       "an .oz file"))));
}

TEST_F(OpenModelTest, ListsTheFormatsWhenItIsNone) {
  const auto unknown = StatusIs(
      absl::StatusCode::kUnimplemented,
      AllOf(HasSubstr("is no model that we read"), HasSubstr("an .oz file")));
  EXPECT_THAT(OpenModel(folder_.Write("a.oz", "")).status(), unknown);
  EXPECT_THAT(OpenModel(folder_.Write("a.gguf", "GGML")).status(), unknown);
  EXPECT_THAT(OpenTokenizer(folder_.Write("a.txt", "text")).status(), unknown);
}

TEST_F(OpenModelTest, AsksForTheFolderOfAWeightFile) {
  for (const char* name : {"pytorch_model.bin", "a.pth", "a.safetensors"}) {
    EXPECT_THAT(OpenModel(folder_.Write(name, "PK")).status(),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("is one file of a checkpoint"),
                               HasSubstr(folder_.path() + "'"))));
  }
}

TEST_F(OpenModelTest, ReportsADamagedArtifactAsOne) {
  ASSERT_OK(WriteTinyArtifact(folder_.Path("a.oz")));
  const std::string file = folder_.Read("a.oz");
  folder_.Write("a.oz", file.substr(0, file.size() - 1));
  EXPECT_THAT(
      OpenModel(folder_.Path("a.oz")).status(),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("/a.oz': truncated")));
}

TEST_F(OpenModelTest, RefusesAnArtifactWithoutAllTensorsOfItsSpec) {
  std::vector<TensorRecord> records = TinyRecords();
  records.pop_back();
  EXPECT_THAT(
      OpenArtifactOf(records),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("model.norm.weight")));
  records = TinyRecords();
  records[0].shape = {4, 8};
  EXPECT_THAT(OpenArtifactOf(records),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("[4, 8]")));
}

TEST_F(OpenModelTest, RefusesAnArtifactWithMoreThanItsSpec) {
  std::vector<TensorRecord> records = TinyRecords();
  records.push_back(records.back());
  records.back().name = "extra";
  EXPECT_THAT(OpenArtifactOf(records),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("tensor 'extra' is none of the spec's")));
}

TEST_F(OpenModelTest, OpensATokenizerAlone) {
  ASSERT_OK(WriteTinyArtifact(folder_.Path("a.oz")));
  ASSERT_OK_AND_ASSIGN(const TokenizerAsset of_artifact,
                       OpenTokenizer(folder_.Path("a.oz")));
  ASSERT_EQ(of_artifact.files.size(), 2u);
  // The file stays mapped, though its reader is gone.
  EXPECT_EQ(*of_artifact.Find("tokenizer.json"), "{\"model\": {}}");
  folder_.Write("tokenizer.json", "T");
  ASSERT_OK_AND_ASSIGN(const TokenizerAsset of_folder,
                       OpenTokenizer(folder_.path()));
  EXPECT_EQ(*of_folder.Find("tokenizer.json"), "T");
}

// 10 x 10 weights in 200 bytes and 28 in 32: 8 * 232 / 128 bits.
TEST(BitsPerWeightTest, IsBytesOfAllTensorsOverParameters) {
  BoundTensors bound;
  EXPECT_EQ(BitsPerWeight(bound), 0.0);
  bound.tensors.resize(2);
  bound.tensors[0].matrix.rows = 10;
  bound.tensors[0].matrix.cols = 10;
  bound.tensors[0].matrix.bytes = 200;
  bound.tensors[1].matrix.rows = 1;
  bound.tensors[1].matrix.cols = 28;
  bound.tensors[1].matrix.bytes = 32;
  EXPECT_EQ(BitsPerWeight(bound), 14.5);
}

}  // namespace
}  // namespace ounce
