#include "text/model_config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

TEST(ModelConfigTest, KeepsTheListsApartInAnyOrder) {
  JsonReader reader(R"({"merges": ["a b"], "type": "BPE",
                        "vocab": {"a": 0, "b": 1}, "fuse_unk": true})");
  const ModelConfig config = ReadModelConfig(&reader);
  ASSERT_OK(reader.Finish());
  EXPECT_EQ(config.settings.Dump(),
            R"({"merges":null,"type":"BPE","vocab":null,"fuse_unk":true})");
  ASSERT_THAT(config.vocabulary, IsOk());
  EXPECT_EQ(config.vocabulary->Find("b"), 1);
  ASSERT_TRUE(config.merges.has_value());
  EXPECT_EQ(config.merges->merges.size(), 1u);
}

TEST(ModelConfigTest, AnArrayIsAScoredVocabulary) {
  JsonReader reader(R"({"merges": {}, "vocab": [["a", -1.5]]})");
  const ModelConfig config = ReadModelConfig(&reader);
  ASSERT_OK(reader.Finish());
  EXPECT_EQ(config.settings.Dump(), R"({"merges":{},"vocab":null})");
  EXPECT_FALSE(config.merges.has_value());
  EXPECT_THAT(config.vocabulary,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("\"vocab\" is of type array; expected an "
                                 "object of token: id")));
  ASSERT_THAT(config.scored_vocabulary, IsOk());
  EXPECT_EQ(config.scored_vocabulary->Find("a"), 0);
  EXPECT_THAT(config.scores, testing::ElementsAre(-1.5));
}

TEST(ModelConfigTest, AVocabularyOfAnotherTypeStaysAsItIs) {
  JsonReader reader(R"({"vocab": "x"})");
  const ModelConfig config = ReadModelConfig(&reader);
  ASSERT_OK(reader.Finish());
  EXPECT_EQ(config.settings.Dump(), R"({"vocab":"x"})");
  for (const auto& vocabulary :
       {config.vocabulary.status(), config.scored_vocabulary.status()}) {
    EXPECT_THAT(vocabulary, StatusIs(absl::StatusCode::kInvalidArgument,
                                     HasSubstr("is of type string")));
  }
}

TEST(ModelConfigTest, AMissingVocabularyIsAnError) {
  JsonReader reader("{}");
  EXPECT_THAT(ReadModelConfig(&reader).vocabulary,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("expected an object")));
}

TEST(ModelConfigTest, ARepeatedListIsAnErrorOfTheText) {
  for (const char* text :
       {R"({"vocab": {}, "vocab": {}})", R"({"merges": [], "merges": []})",
        R"({"vocab": {"a": 0, "b": 1, "a": 2}})"}) {
    JsonReader reader(text);
    ReadModelConfig(&reader);
    EXPECT_THAT(reader.Finish(), StatusIs(absl::StatusCode::kInvalidArgument,
                                          HasSubstr("given twice")))
        << text;
  }
}

}  // namespace
}  // namespace ounce
