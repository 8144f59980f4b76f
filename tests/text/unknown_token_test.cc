#include "text/unknown_token.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(UnknownTokenTest, AppendsItsIdOrSaysWhatIsMissing) {
  ASSERT_OK_AND_ASSIGN(const Vocabulary vocabulary,
                       ReadVocabulary(R"({"a": 0, "?": 5})"));
  std::vector<int32_t> ids = {1};
  EXPECT_OK(UnknownToken(vocabulary, "?").Append("word", &ids));
  EXPECT_THAT(ids, ElementsAre(1, 5));
  EXPECT_THAT(UnknownToken(vocabulary, "<unk>").Append("word", &ids),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("no token for \"word\" and lacks the unknown "
                                 "token \"<unk>\"")));
  EXPECT_THAT(ids, ElementsAre(1, 5));
}

}  // namespace
}  // namespace ounce
