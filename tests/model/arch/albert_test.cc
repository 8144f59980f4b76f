// ALBERT.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

TEST(AlbertTest, LayersTakeTheWeightsOfTheirGroup) {
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec spec,
      FamilySpec("albert",
                 R"("num_hidden_layers": 7, "num_hidden_groups": 3)"));
  EXPECT_EQ(spec.stored_layers(), 3);
  std::vector<int64_t> groups;
  for (int64_t layer = 0; layer < 7; ++layer) {
    groups.push_back(spec.stored_layer(layer));
  }
  // The whole parts of 3 i / 7.
  EXPECT_THAT(groups, ::testing::ElementsAre(0, 0, 0, 1, 1, 2, 2));
}

TEST(AlbertTest, ProjectsItsEmbeddingEvenIfItIsAsWide) {
  for (const std::string size : {"128", "4096"}) {
    ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                         FamilySpec("albert", "\"embedding_size\": " + size));
    EXPECT_EQ(std::to_string(spec.token_width()), size);
    EXPECT_TRUE(spec.embedding_projected_last);
    EXPECT_EQ(spec.position_width(), spec.token_width());
  }
}

TEST(AlbertTest, GroupsThatCannotBeAreNamed) {
  for (const std::string groups :
       {"0", "-1", "-9223372036854775808", "9223372036854775807"}) {
    EXPECT_THAT(
        FamilySpec("albert", "\"num_hidden_groups\": " + groups),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("groups")))
        << groups;
  }
  EXPECT_THAT(FamilySpec("albert", R"("num_hidden_layers": 2,
                                      "num_hidden_groups": 3)"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("layer_groups is 3; expected 0 to 2")));
  EXPECT_THAT(FamilySpec("albert", R"("inner_group_num": 2)"),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("\"inner_group_num\"")));
}

}  // namespace
}  // namespace ounce
