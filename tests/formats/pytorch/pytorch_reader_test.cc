#include "formats/pytorch/pytorch_reader.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/formats/pytorch/pickle_ops.h"
#include "tests/formats/pytorch/zip_image.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::Status ParseStatus(const std::string& bytes) {
  return ParsePytorch(AsBytes(bytes)).status();
}

testing::Matcher<absl::Status> Unimplemented(const std::string& words) {
  return StatusIs(absl::StatusCode::kUnimplemented, HasSubstr(words));
}
testing::Matcher<absl::Status> DataLoss(const std::string& words) {
  return StatusIs(absl::StatusCode::kDataLoss, HasSubstr(words));
}
testing::Matcher<absl::Status> Invalid(const std::string& words) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words));
}

// {'w': [[1, 2], [3, 4]]} in f32, and `more` entries of the archive.
ZipImage TinyFile(const ZipContents& more = {}) {
  const float values[] = {1, 2, 3, 4};
  const TensorOps ops = {.elements = 4, .shape = {2, 2}, .strides = {2, 1}};
  ZipContents contents = {
      {"m/data.pkl", Protocol2(Dict({{"w", ops.Rebuild()}}))},
      {"m/data/0",
       std::string(reinterpret_cast<const char*>(values), sizeof(values))}};
  contents.insert(contents.end(), more.begin(), more.end());
  return MakeZip(contents);
}

TEST(ParsePytorchTest, ReadsAFileWrittenByHand) {
  const ZipImage zip = TinyFile({{"m/byteorder", "little"}});
  ASSERT_OK_AND_ASSIGN(const WeightFile found,
                       ParsePytorch(AsBytes(zip.bytes)));
  ASSERT_EQ(found.tensors.size(), 1u);
  EXPECT_EQ(found.tensors[0].name, "w");
  EXPECT_EQ(found.tensors[0].dtype, "F32");
  EXPECT_EQ(found.tensors[0].codec, Codec::kF32);
  EXPECT_THAT(found.tensors[0].shape, ElementsAre(2, 2));
  EXPECT_EQ(found.tensors[0].bytes.data(),
            AsBytes(zip.bytes).data() + zip.data[1]);
  EXPECT_EQ(found.tensors[0].bytes.size(), 16u);
}

TEST(ParsePytorchTest, RefusesBigEndian) {
  EXPECT_THAT(ParseStatus(TinyFile({{"m/byteorder", "big"}}).bytes),
              Unimplemented("entry 'm/byteorder' is \"big\"; expected"));
}

TEST(ParsePytorchTest, RefusesADamagedPickle) {
  ZipImage zip = TinyFile();
  zip.bytes[zip.data[0] + 20] ^= 0x20;
  EXPECT_THAT(ParseStatus(zip.bytes),
              DataLoss("entry 'm/data.pkl' has the CRC-32"));
}

TEST(ParsePytorchTest, RefusesAProgramInAPickle) {
  const std::string pickle =
      Protocol2("cos\nsystem\n(" + Str("touch /tmp/x") + "tR");
  EXPECT_THAT(ParseStatus(MakeZip({{"m/data.pkl", pickle}}).bytes),
              Invalid("entry 'm/data.pkl': at byte 2: GLOBAL: global "
                      "'os.system' is none of those that weights need"));
}

TEST(ParsePytorchTest, RefusesArchivesOfOthers) {
  EXPECT_THAT(ParseStatus(MakeZip({}).bytes), Invalid("the archive is empty"));
  EXPECT_THAT(ParseStatus(MakeZip({{"data.pkl", "x"}}).bytes),
              Invalid("first entry is 'data.pkl'; expected one in a folder"));
  EXPECT_THAT(ParseStatus(MakeZip({{"m/weights.npy", "x"}}).bytes),
              Invalid("no entry 'm/data.pkl' in the archive"));
}

TEST(ParsePytorchTest, SaysWhatAFileIsThatIsNoArchive) {
  EXPECT_THAT(ParseStatus(""), Invalid("begins with \"\"; expected the zip"));
  EXPECT_THAT(ParseStatus("{\"a\": 1}"), Invalid("begins with \"{\\\"a\\\""));
  EXPECT_THAT(ParseStatus("version https://git-lfs.github.com/spec/v1\n"),
              DataLoss("a Git LFS pointer in place of the file"));
  std::string tar(512, '\0');
  tar.replace(257, 5, "ustar");
  EXPECT_THAT(ParseStatus(tar), Unimplemented("a tar archive"));
}

TEST(ParsePytorchTest, RefusesEveryTruncation) {
  const std::string bytes = TinyFile().bytes;
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(ParseStatus(bytes.substr(0, size)).ok()) << size;
  }
}

// An expanded tensor of 4 bytes may not become 16 MiB and more of them.
TEST(ParsePytorchTest, BoundsWhatAnExpandedTensorTakes) {
  TensorOps ops = {.elements = 1, .shape = {4 << 20}, .strides = {0}};
  const auto file = [&] {
    return MakeZip({{"m/data.pkl", Protocol2(Dict({{"w", ops.Rebuild()}}))},
                    {"m/data/0", "abcd"}})
        .bytes;
  };
  EXPECT_OK(ParseStatus(file()));
  ops.shape = {5 << 20};
  EXPECT_THAT(ParseStatus(file()), Invalid("call .contiguous() on it"));
}

// Files of PyTorch 1.13.1 (testdata/make_testdata.py).
std::string TestData(const std::string& name) {
  std::ifstream file(
      absl::StrCat(OUNCE_SOURCE_DIR "/tests/formats/pytorch/testdata/", name),
      std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The tensors of testdata/make_testdata.py's `tensors`.
class PytorchFileTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    bytes_ = TestData(GetParam());
    ASSERT_OK_AND_ASSIGN(found_, ParsePytorch(AsBytes(bytes_)));
  }
  const StoredTensor& At(const std::string& name) {
    for (const StoredTensor& tensor : found_.tensors) {
      if (tensor.name == name) return tensor;
    }
    ADD_FAILURE() << "no tensor " << name;
    return found_.tensors[0];
  }
  template <typename T>
  std::vector<T> Values(const std::string& name) {
    const StoredTensor& tensor = At(name);
    std::vector<T> values(tensor.bytes.size() / sizeof(T));
    if (!values.empty()) {
      std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    }
    return values;
  }
  void ExpectInPlace(const std::string& name, bool in_place) {
    const uint8_t* data = At(name).bytes.data();
    const absl::Span<const uint8_t> file = AsBytes(bytes_);
    EXPECT_EQ(data >= file.data() && data < file.data() + file.size(), in_place)
        << name;
  }

  std::string bytes_;
  WeightFile found_;
};

TEST_P(PytorchFileTest, HoldsEveryTensorAndNothingElse) {
  std::vector<std::string> names;
  for (const StoredTensor& tensor : found_.tensors) {
    names.push_back(tensor.name);
  }
  EXPECT_THAT(
      names, ElementsAre("plain", "rows", "transposed", "columns", "permuted",
                         "row", "expanded", "scalar", "empty", "parameter",
                         "complex64", "float16", "bfloat16", "float64", "int64",
                         "int32", "int16", "int8", "uint8", "bool"));
}

// 0, 1 ... 23 in four rows of six.
TEST_P(PytorchFileTest, HoldsItsViews) {
  std::vector<float> plain, transposed, permuted;
  for (int i = 0; i < 24; ++i) {
    plain.push_back(static_cast<float>(i));
    transposed.push_back(static_cast<float>(i % 4 * 6 + i / 4));
    // (a, b, c) is (b, c, a) of the shape [2, 3, 4].
    permuted.push_back(static_cast<float>(i / 3 % 2 * 12 + i % 3 * 4 + i / 6));
  }
  EXPECT_EQ(Values<float>("plain"), plain);
  EXPECT_EQ(Values<float>("transposed"), transposed);
  EXPECT_EQ(Values<float>("permuted"), permuted);
  EXPECT_THAT(At("permuted").shape, ElementsAre(4, 2, 3));
  EXPECT_THAT(Values<float>("rows"),
              ElementsAre(6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17));
  EXPECT_THAT(Values<float>("columns"),
              ElementsAre(1, 2, 3, 7, 8, 9, 13, 14, 15, 19, 20, 21));
  EXPECT_THAT(Values<float>("row"), ElementsAre(12, 13, 14, 15, 16, 17));
  EXPECT_THAT(Values<float>("expanded"),
              ElementsAre(1.5, 2.5, 1.5, 2.5, 1.5, 2.5));
  EXPECT_THAT(Values<float>("scalar"), ElementsAre(7));
  EXPECT_TRUE(At("scalar").shape.empty());
  EXPECT_TRUE(Values<float>("empty").empty());
  EXPECT_THAT(At("empty").shape, ElementsAre(0, 5));
  EXPECT_THAT(Values<float>("parameter"), ElementsAre(1, -2));
  for (const char* name : {"plain", "rows", "row", "scalar", "parameter"}) {
    ExpectInPlace(name, true);
  }
  for (const char* name : {"transposed", "columns", "permuted", "expanded"}) {
    ExpectInPlace(name, false);
  }
}

// 0, 1, 2, 3 in every type; 1, 2, 3 are 3C00, 4000, 4200 as half floats and
// 3F80, 4000, 4040 as brain floats.
TEST_P(PytorchFileTest, HoldsEveryType) {
  EXPECT_THAT(Values<uint16_t>("float16"),
              ElementsAre(0, 0x3C00, 0x4000, 0x4200));
  EXPECT_THAT(Values<uint16_t>("bfloat16"),
              ElementsAre(0, 0x3F80, 0x4000, 0x4040));
  EXPECT_THAT(Values<double>("float64"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Values<int64_t>("int64"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Values<int32_t>("int32"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Values<int16_t>("int16"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Values<int8_t>("int8"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Values<uint8_t>("uint8"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Values<uint8_t>("bool"), ElementsAre(0, 1, 1, 1));
  EXPECT_THAT(Values<float>("complex64"), ElementsAre(1, 2));
  EXPECT_EQ(At("float64").dtype, "F64");
  EXPECT_EQ(At("float64").codec, std::nullopt);
  EXPECT_EQ(At("bfloat16").codec, Codec::kBF16);
}

// Pickles of every protocol, and a dict with the tensors as "state_dict".
INSTANTIATE_TEST_SUITE_P(All, PytorchFileTest,
                         testing::Values("protocol2.bin", "protocol3.bin",
                                         "protocol4.bin", "protocol5.bin",
                                         "training.bin"));

TEST(PytorchTestDataTest, RefusesWhatIsNoStateDictByName) {
  EXPECT_THAT(ParseStatus(TestData("module.bin")),
              Invalid("global 'torch.nn.modules.linear.Linear' is none"));
  EXPECT_THAT(ParseStatus(TestData("quantized.bin")),
              Invalid("global 'torch._utils._rebuild_qtensor'"));
  EXPECT_THAT(ParseStatus(TestData("sparse.bin")),
              Invalid("global 'torch._utils._rebuild_sparse_tensor'"));
  EXPECT_THAT(ParseStatus(TestData("tensor.bin")),
              Invalid("what was saved is the result of a call; expected a "
                      "dict of tensors"));
  EXPECT_THAT(ParseStatus(TestData("script.bin")),
              Unimplemented("a TorchScript program (torch.jit.save)"));
  EXPECT_THAT(ParseStatus(TestData("legacy.bin")),
              Unimplemented("the format before PyTorch 1.6, which is no zip "
                            "archive; load it with a current PyTorch and save "
                            "its state_dict() anew, or convert it to "
                            "safetensors"));
  EXPECT_THAT(ParseStatus(TestData("deflated.zip")),
              Unimplemented("entry 'a/data.pkl' is compressed (method 8, "
                            "deflate)"));
}

TEST(PytorchTestDataTest, ReadsAParameterAlone) {
  const std::string bytes = TestData("parameter.bin");
  ASSERT_OK_AND_ASSIGN(const WeightFile found, ParsePytorch(AsBytes(bytes)));
  ASSERT_EQ(found.tensors.size(), 1u);
  EXPECT_EQ(found.tensors[0].bytes.size(), 12u);
}

}  // namespace
}  // namespace ounce
