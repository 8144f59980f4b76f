#include "formats/huggingface/json_file.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

TEST(ReadJsonFileTest, GivesTheFileAndNotesItsName) {
  TempFolder folder;
  folder.Write("config.json", "{\"a\": 7}");
  std::vector<std::string> files;
  ASSERT_OK_AND_ASSIGN(const auto json,
                       ReadJsonFile({folder.path(), "config.json"}, &files));
  ASSERT_TRUE(json.has_value());
  EXPECT_EQ(json->Find("a")->AsInt(), 7);
  EXPECT_THAT(files, ::testing::ElementsAre("config.json"));
}

TEST(ReadJsonFileTest, AnAbsentFileIsNone) {
  TempFolder folder;
  std::vector<std::string> files;
  ASSERT_OK_AND_ASSIGN(const auto json,
                       ReadJsonFile({folder.path(), "none.json"}, &files));
  EXPECT_FALSE(json.has_value());
  EXPECT_TRUE(files.empty());
}

TEST(ReadJsonFileTest, NamesTheFileThatIsNoJson) {
  TempFolder folder;
  folder.Write("bad.json", "{");
  std::vector<std::string> files;
  EXPECT_THAT(ReadJsonFile({folder.path(), "bad.json"}, &files),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::HasSubstr("bad.json")));
}

TEST(ReadJsonFileTest, RefusesAFileThatIsTooLarge) {
  TempFolder folder;
  folder.Write("config.json", "{\"a\": 7}");
  std::vector<std::string> files;
  EXPECT_THAT(ReadJsonFile({folder.path(), "config.json", 7}, &files),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::HasSubstr("config.json")));
}

}  // namespace
}  // namespace ounce
