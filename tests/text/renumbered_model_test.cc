#include "text/renumbered_model.h"

#include <memory>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"
#include "text/bpe.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Of single characters: a 0, b 1, c 2.
std::unique_ptr<TokenModel> Characters() {
  JsonReader reader(R"({"vocab": {"a": 0, "b": 1, "c": 2}, "merges": []})");
  auto model = ParseBpe(ReadModelConfig(&reader));
  EXPECT_THAT(model, IsOk());
  return *std::move(model);
}

TEST(RenumberedModelTest, GivesTheOtherVocabularysIds) {
  ASSERT_OK_AND_ASSIGN(Vocabulary vocabulary,
                       ReadVocabulary(R"({"c": 7, "<unk>": 8, "a": 9})"));
  ASSERT_OK_AND_ASSIGN(
      const auto model,
      MakeRenumberedModel(Characters(), std::move(vocabulary)));
  const auto encoder = model->NewEncoder();
  std::vector<int32_t> ids = {1};
  ASSERT_OK(encoder->Encode("abc", &ids));
  ASSERT_OK(encoder->Encode("a", &ids));
  EXPECT_THAT(ids, ElementsAre(1, 9, 8, 7, 9));
  EXPECT_EQ(*model->vocabulary().TokenOf(7), "c");
}

TEST(RenumberedModelTest, NeedsAnUnknownToken) {
  ASSERT_OK_AND_ASSIGN(Vocabulary vocabulary, ReadVocabulary(R"({"a": 0})"));
  EXPECT_THAT(MakeRenumberedModel(Characters(), std::move(vocabulary)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("no token <unk>")));
}

}  // namespace
}  // namespace ounce
