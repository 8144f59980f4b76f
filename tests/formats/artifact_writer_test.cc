#include "formats/artifact/artifact_writer.h"

#include <cmath>
#include <filesystem>
#include <limits>

#include "absl/status/status.h"
#include "formats/artifact/artifact_reader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/formats/artifact_image.h"
#include "tests/formats/tiny_artifact.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

class ArtifactWriterTest : public ::testing::Test {
 protected:
  void SetUp() override { Create(/*weight_bytes=*/100); }

  void Create(int64_t weight_bytes) {
    writer_.reset();  // Gives up the lock on the partial file.
    ASSERT_OK_AND_ASSIGN(
        writer_, ArtifactWriter::Create(folder_.Path("a.oz"), weight_bytes));
  }
  static TensorRecord Vector(const std::string& name, int64_t size) {
    TensorRecord record;
    record.name = name;
    record.shape = {size};
    return record;
  }
  absl::Status Append(size_t bytes) {
    return writer_->AppendBytes(std::vector<uint8_t>(bytes, 0xAB));
  }
  absl::Status WriteVector(const std::string& name, int64_t size) {
    OUNCE_RETURN_IF_ERROR(writer_->BeginTensor(Vector(name, size)));
    OUNCE_RETURN_IF_ERROR(Append(static_cast<size_t>(size) * 4));
    return writer_->EndTensor(0.0, 0.0);
  }
  absl::Status Finish() {
    return writer_->Finish(TinySpec(), {}, TinyProvenance()).status();
  }

  const TempFolder folder_;
  std::unique_ptr<ArtifactWriter> writer_;
};

testing::Matcher<absl::Status> Internal(const std::string& words) {
  return StatusIs(absl::StatusCode::kInternal, HasSubstr(words));
}
testing::Matcher<absl::Status> Invalid(const std::string& words) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words));
}

TEST_F(ArtifactWriterTest, EqualInputsGiveEqualBytes) {
  ASSERT_OK(WriteTinyArtifact(folder_.Path("one.oz")));
  ASSERT_OK(WriteTinyArtifact(folder_.Path("two.oz")));
  EXPECT_EQ(folder_.Read("one.oz"), folder_.Read("two.oz"));
}

TEST_F(ArtifactWriterTest, ReturnsTheIdThatTheReaderSees) {
  ASSERT_OK_AND_ASSIGN(
      const Hash128 id,
      writer_->Finish(TinySpec(), TinyTokenizer(), TinyProvenance()));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ArtifactReader> reader,
                       ArtifactReader::Open(folder_.Path("a.oz")));
  EXPECT_EQ(reader->id(), id);
}

// 3 floats take 12 bytes: the second tensor starts 64 bytes after the first,
// and 52 zeros lie between them.
TEST_F(ArtifactWriterTest, AlignsSegmentsAndFillsGapsWithZeros) {
  ASSERT_OK(WriteVector("x", 3));
  ASSERT_OK(WriteVector("y", 1));
  ASSERT_OK(Finish());
  const std::string file = folder_.Read("a.oz");
  EXPECT_EQ(file.substr(64, 4096 - 64), std::string(4096 - 64, '\0'));
  EXPECT_EQ(file.substr(4096, 12), std::string(12, '\xAB'));
  EXPECT_EQ(file.substr(4108, 52), std::string(52, '\0'));
  EXPECT_EQ(file.substr(4160, 4), std::string(4, '\xAB'));
  EXPECT_EQ(file.substr(4164, 60), std::string(60, '\0'));
  EXPECT_EQ(ArtifactImage(file).metadata_offset(), 4224u);
}

TEST_F(ArtifactWriterTest, StartsLargeWeightsAtAHugePage) {
  Create(/*weight_bytes=*/(int64_t{64} << 20) + 1);
  ASSERT_OK(WriteVector("x", 3));
  ASSERT_OK(Finish());
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ArtifactReader> reader,
                       ArtifactReader::Open(folder_.Path("a.oz")));
  EXPECT_EQ(reader->records()[0].offset, int64_t{2} << 20);
  EXPECT_OK(reader->CheckHashes({}));
}

TEST_F(ArtifactWriterTest, RefusesTensorsItCouldNotReadBack) {
  EXPECT_THAT(writer_->BeginTensor(Vector("", 3)), Invalid("name has 0 bytes"));
  EXPECT_THAT(writer_->BeginTensor(Vector("x", 0)),
              Invalid("tensor 'x': shape [0]; expected positive dimensions"));
  TensorRecord cube = Vector("x", 3);
  cube.shape = {1, 2, 3};
  EXPECT_THAT(writer_->BeginTensor(cube), Invalid("[1, 2, 3]"));
  TensorRecord grouped = Vector("x", 3);
  grouped.group_size = 32;
  EXPECT_THAT(writer_->BeginTensor(grouped), Invalid("group size 32"));
  ASSERT_OK(WriteVector("x", 3));
  EXPECT_THAT(writer_->BeginTensor(Vector("x", 3)), Invalid("written twice"));
}

TEST_F(ArtifactWriterTest, ReportsCallsOutOfOrder) {
  EXPECT_THAT(Append(4), Internal("outside a tensor"));
  EXPECT_THAT(writer_->EndTensor(0.0, 0.0), Internal("did not begin"));
  ASSERT_OK(writer_->BeginTensor(Vector("x", 3)));
  EXPECT_THAT(writer_->BeginTensor(Vector("y", 3)),
              Internal("'y' begins before 'x' ended"));
  ASSERT_OK(Append(8));
  EXPECT_THAT(writer_->EndTensor(0.0, 0.0),
              Internal("tensor 'x' got 8 bytes; codec and shape need 12"));
  EXPECT_THAT(Finish(), Internal("before tensor 'x' ended"));
}

TEST_F(ArtifactWriterTest, RefusesMetadataItCouldNotReadBack) {
  ModelSpec spec = TinySpec();
  spec.heads = 0;
  EXPECT_THAT(writer_->Finish(spec, {}, TinyProvenance()).status(),
              Invalid("heads is 0"));
  Provenance unhashed = TinyProvenance();
  unhashed.sources[0].sha256.clear();
  EXPECT_THAT(writer_->Finish(TinySpec(), {}, unhashed).status(),
              Invalid("SHA-256 has 0 bytes"));
  TokenizerAsset crowded;
  crowded.files.resize(65);
  EXPECT_THAT(writer_->Finish(TinySpec(), crowded, TinyProvenance()).status(),
              Invalid("65 files; an artifact holds at most 64"));
}

TEST_F(ArtifactWriterTest, ShowsNothingUnderTheFinalNameBeforeFinish) {
  ASSERT_OK(WriteVector("x", 3));
  EXPECT_FALSE(folder_.Has("a.oz"));
  EXPECT_TRUE(folder_.Has("a.oz.partial"));
  writer_.reset();
  EXPECT_FALSE(folder_.Has("a.oz"));
  EXPECT_FALSE(folder_.Has("a.oz.partial"));
}

TEST_F(ArtifactWriterTest, RefusesASecondWriterOfTheSameFile) {
  EXPECT_THAT(ArtifactWriter::Create(folder_.Path("a.oz"), 0).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("another process is writing")));
}

// Tensors [begin, end) of the tiny artifact.
absl::Status WriteTinyTensors(ArtifactWriter* writer, size_t begin,
                              size_t end) {
  const std::vector<TensorRecord> records = TinyRecords();
  for (size_t i = begin; i < end; ++i) {
    OUNCE_ASSIGN_OR_RETURN(const int64_t bytes, SegmentBytes(records[i]));
    OUNCE_RETURN_IF_ERROR(writer->BeginTensor(records[i]));
    OUNCE_RETURN_IF_ERROR(writer->AppendBytes(TinyWeights(i, bytes)));
    const bool exact = records[i].codec == Codec::kF32;
    OUNCE_RETURN_IF_ERROR(writer->EndTensor(
        exact ? std::numeric_limits<double>::infinity() : 21.5, 0.25));
  }
  return absl::OkStatus();
}

class ArtifactResumeTest : public ::testing::Test {
 protected:
  static constexpr int64_t kWeightBytes = 4096;

  // Leaves what a run leaves that ends after `count` tensors and a checkpoint,
  // within the tensor after them.
  std::vector<TensorRecord> Interrupt(size_t count) {
    auto writer = ArtifactWriter::Create(path_, kWeightBytes);
    EXPECT_OK(writer);
    EXPECT_OK(WriteTinyTensors(writer->get(), 0, count));
    EXPECT_OK((*writer)->Checkpoint());
    const absl::Span<const TensorRecord> records = (*writer)->records();
    std::vector<TensorRecord> written(records.begin(), records.end());
    EXPECT_EQ(written.size(), count);
    if (count < TinyRecords().size()) {
      EXPECT_OK((*writer)->BeginTensor(TinyRecords()[count]));
      EXPECT_OK((*writer)->AppendBytes(std::vector<uint8_t>(3, 1)));
    }
    EXPECT_EQ((*writer)->partial_path(), path_ + ".partial");
    return written;
  }
  absl::Status Resume(std::vector<TensorRecord> records) {
    return ArtifactWriter::Resume(path_, kWeightBytes, std::move(records))
        .status();
  }

  const TempFolder folder_;
  const std::string path_ = folder_.Path("a.oz");
};

TEST_F(ArtifactResumeTest, GivesTheBytesOfARunThatWasNotInterrupted) {
  ASSERT_OK(WriteTinyArtifact(folder_.Path("whole.oz")));
  const std::string whole = folder_.Read("whole.oz");
  const size_t all = TinyRecords().size();
  for (size_t count = 0; count <= all; ++count) {
    SCOPED_TRACE(count);
    const std::vector<TensorRecord> records = Interrupt(count);
    ASSERT_OK_AND_ASSIGN(const auto writer,
                         ArtifactWriter::Resume(path_, kWeightBytes, records));
    EXPECT_EQ(writer->records().size(), count);
    if (count > 0) {
      // Names of before count as written.
      EXPECT_THAT(writer->BeginTensor(TinyRecords()[0]),
                  Invalid("written twice"));
    }
    ASSERT_OK(WriteTinyTensors(writer.get(), count, all));
    ASSERT_OK(
        writer->Finish(TinySpec(), TinyTokenizer(), TinyProvenance()).status());
    EXPECT_TRUE(folder_.Read("a.oz") == whole);
  }
}

TEST_F(ArtifactResumeTest, NamesTheTensorWhoseBytesAreOthers) {
  const std::vector<TensorRecord> records = Interrupt(5);
  const std::string good = folder_.Read("a.oz.partial");
  for (const TensorRecord& record : records) {
    for (const int64_t at : {record.offset, record.offset + record.bytes - 1}) {
      std::string bad = good;
      bad[static_cast<size_t>(at)] ^= 4;
      folder_.Write("a.oz.partial", bad);
      EXPECT_THAT(Resume(records),
                  StatusIs(absl::StatusCode::kDataLoss,
                           HasSubstr("tensor '" + record.name + "' is not")));
    }
  }
  // It can still be put right.
  folder_.Write("a.oz.partial", good);
  EXPECT_OK(Resume(records));
}

TEST_F(ArtifactResumeTest, NeedsThePartialFileWhole) {
  const std::vector<TensorRecord> records = Interrupt(5);
  const std::string good = folder_.Read("a.oz.partial");
  const auto end =
      static_cast<size_t>(records.back().offset + records.back().bytes);
  folder_.Write("a.oz.partial", good.substr(0, end - 1));
  EXPECT_THAT(Resume(records),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("expected at")));
  std::filesystem::remove(folder_.Path("a.oz.partial"));
  EXPECT_THAT(Resume(records),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("a.oz")));
}

// What a journal holds may be anything.
TEST_F(ArtifactResumeTest, RefusesRecordsOfNoFile) {
  const std::vector<TensorRecord> good = Interrupt(5);
  const std::string partial = folder_.Read("a.oz.partial");
  const auto expect_refused = [&](const std::vector<TensorRecord>& records) {
    folder_.Write("a.oz.partial", partial);
    EXPECT_THAT(Resume(records),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("start anew without --resume")));
  };
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  for (size_t i = 0; i < good.size(); ++i) {
    for (const int64_t offset :
         {int64_t{-1}, kLeast, int64_t{0}, int64_t{64}, good[i].offset - 64,
          good[i].offset + (int64_t{1} << 40), kMost, kMost - 3}) {
      std::vector<TensorRecord> records = good;
      records[i].offset = offset;
      SCOPED_TRACE(absl::StrCat(i, " at ", offset));
      expect_refused(records);
    }
    for (const int64_t bytes :
         {int64_t{-1}, kLeast, int64_t{0}, good[i].bytes + 1, int64_t{1} << 40,
          kMost, kMost - good[i].offset}) {
      std::vector<TensorRecord> records = good;
      records[i].bytes = bytes;
      SCOPED_TRACE(absl::StrCat(i, " of ", bytes));
      expect_refused(records);
    }
    // What the bytes are said to be, must be as long as they are.
    TensorRecord other = good[i];
    other.shape = {1000};
    other.codec = Codec::kF32;
    other.group_size = 0;
    std::vector<TensorRecord> records = good;
    records[i] = other;
    expect_refused(records);
    records[i].shape = {1, 2, 3, -4};
    expect_refused(records);
  }
  folder_.Write("a.oz.partial", partial);
  EXPECT_OK(Resume(good));
}

}  // namespace
}  // namespace ounce
