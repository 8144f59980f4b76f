#include "formats/mapped_source.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

StoredTensor Tensor(const std::string& name, absl::Span<const uint8_t> bytes) {
  StoredTensor tensor;
  tensor.name = name;
  tensor.bytes = bytes;
  return tensor;
}

// A format for this test: one tensor, called as the file's first byte, of the
// others.  In a file that ends in 'r' they lie the wrong way round.
absl::StatusOr<WeightFile> ParseLetters(absl::Span<const uint8_t> file) {
  if (file.empty()) return absl::DataLossError("nothing there");
  WeightFile found;
  const absl::Span<const uint8_t> rest = file.subspan(1);
  const std::string name(1, static_cast<char>(file[0]));
  if (!rest.empty() && rest.back() == 'r') {
    found.gathered.emplace_back(rest.rbegin(), rest.rend());
    found.tensors.push_back(Tensor(name, found.gathered.back()));
  } else {
    found.tensors.push_back(Tensor(name, rest));
  }
  return found;
}

class MappedSourceTest : public testing::Test {
 protected:
  absl::Status Add(const std::string& name, const std::string& bytes) {
    return source_.AddFile(folder_.Write(name, bytes), ParseLetters);
  }
  const TempFolder folder_;
  MappedSource source_;
};

TEST_F(MappedSourceTest, FindsTensorsOfAllFiles) {
  ASSERT_OK(Add("1", "xab"));
  ASSERT_OK(Add("2", "yc"));
  EXPECT_EQ(source_.tensors().size(), 2u);
  const StoredTensor* y = source_.Find("y");
  ASSERT_NE(y, nullptr);
  EXPECT_THAT(y->bytes, ElementsAre('c'));
  EXPECT_EQ(source_.PathOf(*y), folder_.Path("2"));
  EXPECT_EQ(source_.PathOf(*source_.Find("x")), folder_.Path("1"));
  EXPECT_EQ(source_.Find("z"), nullptr);
}

TEST_F(MappedSourceTest, KeepsGatheredBytesThroughRelease) {
  ASSERT_OK(Add("1", "xabr"));
  ASSERT_OK(Add("2", "ycdr"));
  ASSERT_OK(Add("3", "zef"));
  for (const StoredTensor& tensor : source_.tensors()) {
    source_.Release(tensor.bytes);
  }
  source_.Release({});
  EXPECT_THAT(source_.Find("x")->bytes, ElementsAre('r', 'b', 'a'));
  EXPECT_THAT(source_.Find("y")->bytes, ElementsAre('r', 'd', 'c'));
  EXPECT_THAT(source_.Find("z")->bytes, ElementsAre('e', 'f'));
}

TEST_F(MappedSourceTest, RefusesANameInTwoFiles) {
  ASSERT_OK(Add("1", "xa"));
  EXPECT_THAT(Add("2", "xb"),
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr("tensor 'x' is both in '"),
                             HasSubstr("/1' and in '"), HasSubstr("/2'"))));
}

TEST_F(MappedSourceTest, NamesTheFileInErrors) {
  EXPECT_THAT(Add("1", ""), StatusIs(absl::StatusCode::kDataLoss,
                                     HasSubstr("/1': nothing there")));
  EXPECT_THAT(source_.AddFile(folder_.Path("none"), ParseLetters),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/none")));
}

}  // namespace
}  // namespace ounce
