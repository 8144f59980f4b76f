#include "compress/statistics_file.h"

#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/hash.h"
#include "formats/safetensors/safetensors_reader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kDataLoss = absl::StatusCode::kDataLoss;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;

InputStatistics Two() {
  InputStatistics statistics;
  statistics.tokens = 3;
  statistics.second_moment = Matrix(2, 2, {4.0f, -1.0f, -1.0f, 2.0f});
  statistics.mean = {0.5f, -0.25f};
  statistics.mean_abs = {1.5f, 1.0f};
  statistics.abs_max = {3.0f, 2.0f};
  for (const float value : {0.3f, 0.3f, 0.3f, 5.0f}) {
    statistics.magnitudes.Add(value);
  }
  return statistics;
}

StatisticsOrigin Origin() {
  StatisticsOrigin origin;
  origin.tool_version = "1.2";
  origin.sources = {{"config.json", "aa", 10}, {"w.safetensors", "bb", 20}};
  origin.calibration = {std::string(64, 'c'), 3, 8, ~uint64_t{0}, true};
  origin.token_limit = 5;
  return origin;
}

class StatisticsFileTest : public ::testing::Test {
 protected:
  // Of one input, which q and k read.
  void Write(const InputStatistics& statistics) {
    ASSERT_OK_AND_ASSIGN(
        const auto writer,
        StatisticsWriter::Create(path_, Origin(), {{"q"}, {"k"}}));
    ASSERT_OK(writer->Add({"q", "k"}, statistics));
    ASSERT_OK(writer->Finish());
  }
  // The file again with other values of one tensor, and hashes that fit.
  void Forge(const std::string& name, const std::string& dtype,
             const Shape& shape, const std::string& bytes) {
    const std::string file = folder_.Read("s");
    const auto* data = reinterpret_cast<const uint8_t*>(file.data());
    ASSERT_OK_AND_ASSIGN(const WeightFile found,
                         ParseSafetensors({data, file.size()}));
    ASSERT_OK_AND_ASSIGN(Json::Object metadata,
                         ParseSafetensorsMetadata({data, file.size()}));
    ASSERT_OK_AND_ASSIGN(const auto out,
                         SafetensorsStream::Create(path_, 8192));
    Json::Object hashes;
    for (const StoredTensor& tensor : found.tensors) {
      OutputTensor copy = {tensor.name, tensor.dtype, tensor.shape,
                           tensor.bytes};
      if (tensor.name == name) {
        copy = {name,
                dtype,
                shape,
                {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}};
      }
      hashes.Set(copy.name, Xxh3(copy.bytes).Hex());
      ASSERT_OK(out->Append(copy));
    }
    metadata.Set("hashes", Json(std::move(hashes)).Dump());
    ASSERT_OK(out->Finish(std::move(metadata)));
  }
  absl::StatusOr<InputStatistics> Read(const std::string& matrix,
                                       int64_t in = 2) {
    OUNCE_ASSIGN_OR_RETURN(const auto file, StatisticsFile::Open(path_));
    return file->Read(matrix, in, /*second_moment=*/true);
  }
  static std::string Floats(const std::vector<float>& values) {
    return {reinterpret_cast<const char*>(values.data()), 4 * values.size()};
  }

  const TempFolder folder_;
  const std::string path_ = folder_.Path("s");
};

TEST_F(StatisticsFileTest, GivesBackWhatWasWritten) {
  Write(Two());
  ASSERT_OK_AND_ASSIGN(const auto file, StatisticsFile::Open(path_));
  const StatisticsOrigin& origin = file->origin();
  EXPECT_EQ(origin.tool_version, "1.2");
  EXPECT_EQ(origin.calibration, Origin().calibration);
  EXPECT_EQ(origin.token_limit, 5);
  for (const char* matrix : {"q", "k"}) {
    ASSERT_OK_AND_ASSIGN(const InputStatistics read, Read(matrix));
    EXPECT_EQ(read.tokens, 3);
    EXPECT_THAT(read.mean, ElementsAre(0.5f, -0.25f));
    EXPECT_THAT(read.mean_abs, ElementsAre(1.5f, 1.0f));
    EXPECT_THAT(read.abs_max, ElementsAre(3.0f, 2.0f));
    EXPECT_THAT(read.second_moment.values(),
                ElementsAre(4.0f, -1.0f, -1.0f, 2.0f));
  }
}

TEST_F(StatisticsFileTest, IsASafetensorsFileWithPercentiles) {
  Write(Two());
  ASSERT_OK_AND_ASSIGN(const auto source, OpenSafetensors(path_));
  EXPECT_EQ(source->tensors().size(), 6u);
  const StoredTensor* tensor = source->Find("q.percentiles");
  ASSERT_NE(tensor, nullptr);
  double values[4];
  ASSERT_EQ(tensor->bytes.size(), sizeof(values));
  std::memcpy(values, tensor->bytes.data(), sizeof(values));
  // Three of four are below 0.5, the last between 4 and 8.
  EXPECT_THAT(values, ElementsAre(0.5, 8.0, 8.0, 8.0));
}

TEST_F(StatisticsFileTest, RefusesAnotherCheckpoint) {
  Write(Two());
  ASSERT_OK_AND_ASSIGN(const auto file, StatisticsFile::Open(path_));
  std::vector<SourceFile> sources = Origin().sources;
  EXPECT_OK(file->CheckSources(sources));
  sources[1].sha256 = "b0";
  EXPECT_THAT(file->CheckSources(sources),
              StatusIs(kPrecondition, AllOf(HasSubstr("another checkpoint"),
                                            HasSubstr("'w.safetensors'"))));
  sources.pop_back();
  EXPECT_THAT(file->CheckSources(sources),
              StatusIs(kPrecondition, HasSubstr("of more files")));
}

TEST_F(StatisticsFileTest, SaysWhyThereAreNone) {
  Write({});
  EXPECT_THAT(Read("q"),
              StatusIs(kPrecondition, HasSubstr("no calibration token")));
  EXPECT_THAT(Read("v"), StatusIs(kPrecondition, HasSubstr("--save-stats")));
  InputStatistics infinite = Two();
  infinite.second_moment.values()[0] = std::numeric_limits<float>::infinity();
  Write(infinite);
  EXPECT_THAT(Read("k"), StatusIs(kPrecondition, HasSubstr("second moments")));
  InputStatistics means = Two();
  means.second_moment = Matrix();
  Write(means);
  EXPECT_THAT(Read("q"),
              StatusIs(kPrecondition, HasSubstr("has no second moments")));
}

TEST_F(StatisticsFileTest, RefusesWrongValuesByName) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const struct {
    std::string name, dtype;
    Shape shape;
    std::string bytes, words;
  } cases[] = {
      {"q.second_moment", "F32", {1, 4}, Floats({1, 0, 0, 1}), "[1, 4]"},
      {"q.second_moment", "I32", {2, 2}, Floats({1, 0, 0, 1}), "of I32"},
      {"q.second_moment", "F32", {2, 2}, Floats({1, 0, 0, -1}), "channel 1"},
      {"q.second_moment", "F32", {2, 2}, Floats({1, 0, nan, 1}), "NaN"},
      {"q.mean", "F32", {2}, Floats({nan, 1}), "NaN"},
      {"q.abs_max", "F32", {3}, Floats({1, 1, 1}), "[3]"},
      {"q.tokens", "I64", {1}, std::string(8, '\0'), "at least 1"},
  };
  for (const auto& test : cases) {
    Write(Two());
    Forge(test.name, test.dtype, test.shape, test.bytes);
    EXPECT_THAT(Read("k"), StatusIs(kDataLoss, AllOf(HasSubstr(test.name),
                                                     HasSubstr(test.words))));
  }
  Write(Two());
  EXPECT_THAT(Read("q", 3), StatusIs(kDataLoss, HasSubstr("expected [3]")));
}

TEST_F(StatisticsFileTest, NoticesAChangedByteOfAnyTensorThatItReads) {
  Write(Two());
  const std::string whole = folder_.Read("s");
  // tokens 8 bytes, percentiles 32, three times 8, and 16.
  const size_t data = whole.size() - 80;
  for (size_t at = data; at < whole.size(); ++at) {
    if (at >= data + 8 && at < data + 40) continue;  // Not read.
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    folder_.Write("s", changed);
    EXPECT_THAT(Read("q").status().code(), kDataLoss) << at;
  }
}

TEST_F(StatisticsFileTest, RefusesEveryTruncation) {
  Write(Two());
  const std::string whole = folder_.Read("s");
  for (size_t size = 0; size < whole.size(); ++size) {
    folder_.Write("s", whole.substr(0, size));
    EXPECT_FALSE(StatisticsFile::Open(path_).ok()) << size;
  }
}

TEST_F(StatisticsFileTest, RefusesMetadataThatIsNotOurs) {
  const auto open = [&](const std::vector<Json::Member>& members) {
    Json::Object metadata;
    for (const auto& [key, value] : members) metadata.Set(key, value);
    EXPECT_OK((*SafetensorsStream::Create(path_, 4096))->Finish(metadata));
    return StatisticsFile::Open(path_).status();
  };
  EXPECT_THAT(open({}), StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr("not a file of statistics")));
  EXPECT_THAT(open({{"format", "ounce-statistics"}, {"version", "2"}}),
              StatusIs(kPrecondition, HasSubstr("another version")));
  const std::string calibration =
      R"({"sha256":"","tokens":1,"token_limit":1,"context":1,"seed":"x"})";
  std::vector<Json::Member> members = {{"format", "ounce-statistics"},
                                       {"version", "1"}};
  EXPECT_THAT(open(members), StatusIs(kDataLoss, HasSubstr("calibration")));
  members.push_back({"calibration", calibration});
  EXPECT_THAT(open(members), StatusIs(kDataLoss, HasSubstr("seed")));
}

TEST_F(StatisticsFileTest, FingerprintsDifferWhereStatisticsDo) {
  Write(Two());
  const std::string first = (*StatisticsFile::Open(path_))->fingerprint();
  Write(Two());
  EXPECT_EQ((*StatisticsFile::Open(path_))->fingerprint(), first);
  InputStatistics other = Two();
  other.second_moment.values()[3] = 2.5f;
  Write(other);
  EXPECT_NE((*StatisticsFile::Open(path_))->fingerprint(), first);
}

}  // namespace
}  // namespace ounce
