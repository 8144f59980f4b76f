#include "text/tokenizer_file.h"

#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/tokenizer_files_fixtures.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;

AddedToken TokenOf(const char* content, bool special) {
  AddedToken token;
  token.content = content;
  token.special = special;
  return token;
}

TEST(TokenizerFileTest, WritesComponentsAsTokenizerJsonDoes) {
  EXPECT_EQ(Component("NFC").Dump(), R"({"type":"NFC"})");
  EXPECT_EQ(SequenceOf("parts", {Component("NFC")}).Dump(),
            R"({"type":"Sequence","parts":[{"type":"NFC"}]})");
  EXPECT_EQ(ReplaceText(" ", "_").Dump(),
            R"({"type":"Replace","pattern":{"String":" "},"content":"_"})");
  EXPECT_EQ(ReplacePattern(" +", "").Dump(),
            R"({"type":"Replace","pattern":{"Regex":" +"},"content":""})");
}

TEST(AddedTokenListTest, NumbersNewTokensOnFromTheVocabularysSize) {
  ASSERT_OK_AND_ASSIGN(const Vocabulary vocabulary,
                       ReadVocabulary(R"({"a": 0, "b": 7})"));
  AddedTokenList list(vocabulary);
  list.Add(TokenOf("x", false));
  list.Add(TokenOf("b", false));
  list.Add(TokenOf("", false));
  list.Add(TokenOf("y", true));
  list.Add(TokenOf("x", true));
  EXPECT_EQ(list.IdOf("a"), 0);
  EXPECT_EQ(list.IdOf("b"), 7);
  EXPECT_EQ(list.IdOf("x"), 2);
  EXPECT_EQ(list.IdOf("y"), 3);
  EXPECT_EQ(list.IdOf("z"), std::nullopt);
  // The ids are those that the loader gives the same list.
  const Json json = list.ToJson();
  ASSERT_OK_AND_ASSIGN(const AddedTokens tokens,
                       AddedTokens::Parse(&json, vocabulary, nullptr));
  EXPECT_EQ(tokens.Find("x"), 2);
  EXPECT_EQ(tokens.Find("y"), 3);
  EXPECT_TRUE(tokens.IsSpecial(2));
}

// The parts of a template: a text's name or a token's id, and the type id.
std::vector<std::string> PartsOf(const Json& config, const char* key) {
  std::vector<std::string> parts;
  for (const Json& part : *config.Find(key)->AsArray()) {
    if (const Json* const text = part.Find("Sequence")) {
      parts.push_back(absl::StrCat(*text->Find("id")->AsString(), ":",
                                   *text->Find("type_id")->AsInt()));
      continue;
    }
    const Json& token = *part.Find("SpecialToken");
    const std::string& name = *token.Find("id")->AsString();
    const Json& ids = *config.Find("special_tokens")->Find(name)->Find("ids");
    parts.push_back(
        absl::StrCat(IdsOf(ids)[0], ":", *token.Find("type_id")->AsInt()));
  }
  return parts;
}

TEST(TemplateTest, PutsTokensByRoleAndByNameAroundTheTexts) {
  ASSERT_OK_AND_ASSIGN(const Vocabulary vocabulary,
                       ReadVocabulary(R"({"<s>": 4, "</s>": 5, "en": 6})"));
  const AddedTokenList list(vocabulary);
  const RoleDefaults roles = {{"<s>", "</s>"}};
  const Json config = TemplateOf({"bos A eos en pad", "bos A B:1 eos:1"},
                                 SettingsOf({}), roles, list);
  EXPECT_THAT(PartsOf(config, "single"),
              ElementsAre("4:0", "A:0", "5:0", "6:0"));
  EXPECT_THAT(PartsOf(config, "pair"), ElementsAre("4:0", "A:0", "B:1", "5:1"));
}

TEST(TemplateTest, ATokenWithoutAnIdIsTheUnknownOne) {
  ASSERT_OK_AND_ASSIGN(const Vocabulary vocabulary,
                       ReadVocabulary(R"({"<unk>": 3})"));
  const AddedTokenList list(vocabulary);
  const RoleDefaults roles = {{nullptr, nullptr, "<unk>"}};
  const Json config = TemplateOf({"A xx", "A"}, SettingsOf({}), roles, list);
  EXPECT_THAT(PartsOf(config, "single"), ElementsAre("A:0", "3:0"));
}

}  // namespace
}  // namespace ounce
