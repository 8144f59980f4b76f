#include "text/merge_list.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

struct Read {
  std::vector<std::pair<std::string, std::string>> merges;
  absl::Status status;
};

Read ReadAll(absl::string_view text) {
  JsonReader reader(text);
  const MergeList list = ReadMergeList(&reader);
  EXPECT_OK(reader.Finish()) << text;
  Read read{{}, list.status};
  for (const Merge& merge : list.merges) {
    read.merges.emplace_back(merge.left, merge.right);
  }
  return read;
}

TEST(MergeListTest, BothSpellingsAreRead) {
  const Read read =
      ReadAll(R"(["#version: 0.2", "a b", ["c d", "\u00e9"], []])");
  EXPECT_THAT(read.merges, ElementsAre(Pair("a", "b"), Pair("c d", "é")));
}

TEST(MergeListTest, SidesMayBeEmpty) {
  EXPECT_THAT(ReadAll(R"([" b", "a ", ["", ""]])").merges,
              ElementsAre(Pair("", "b"), Pair("a", ""), Pair("", "")));
}

TEST(MergeListTest, WhatIsNoPairEndsTheListButIsReadToItsEnd) {
  for (const char* bad :
       {"1", "null", "{}", "\"ab\"", "\"a b c\"", "[]", "[\"a\"]", "[\"a\", 1]",
        "[1, \"a\", \"b\"]", "[\"a\", \"b\", \"c\"]", "[[\"a\"], \"b\"]"}) {
    const Read read =
        ReadAll(absl::StrCat(R"(["#version", "x y", )", bad, R"(, "v w", 3])"));
    EXPECT_THAT(read.merges, ElementsAre(Pair("x", "y"))) << bad;
    EXPECT_THAT(read.status, StatusIs(absl::StatusCode::kInvalidArgument,
                                      HasSubstr("\"merges\"[1] is no pair")))
        << bad;
  }
}

TEST(MergeListTest, AnEmptyListHasNoMerges) {
  const Read read = ReadAll("[]");
  EXPECT_THAT(read.merges, IsEmpty());
  EXPECT_OK(read.status);
}

}  // namespace
}  // namespace ounce
