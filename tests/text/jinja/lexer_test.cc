// Oracle: the rules of jinja2's documentation on whitespace control, worked by
// hand; tests/text/chat_templates_golden_test.cc compares with jinja2 itself.
#include "text/jinja/lexer.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/text/jinja/render.h"

namespace ounce::jinja {
namespace {

// The texts of a template between brackets, a tag as ., its end as nothing.
std::string Outline(absl::string_view source) {
  const auto tokens = Tokenize(PrepareSource(source));
  EXPECT_THAT(tokens, IsOk());
  std::string out;
  for (const Token& token : *tokens) {
    if (token.kind == TokenKind::kText)
      absl::StrAppend(&out, "[", token.text, "]");
    if (token.kind == TokenKind::kBlockBegin ||
        token.kind == TokenKind::kVariableBegin) {
      out += ".";
    }
  }
  return out;
}

TEST(LexerTest, EveryLineEndBecomesOneAndTheLastIsDropped) {
  EXPECT_EQ(PrepareSource("a\r\nb\rc\nd\n\n"), "a\nb\nc\nd\n");
  EXPECT_EQ(PrepareSource("\n"), "");
  EXPECT_EQ(PrepareSource(""), "");
}

TEST(LexerTest, ABlockTakesItsLineEndAndItsIndentation) {
  EXPECT_EQ(Outline("a\n  {% x %}\n b"), "[a\n].[ b]");
  EXPECT_EQ(Outline("  {% x %}\n\nb"), ".[\nb]");
  EXPECT_EQ(Outline("a  {% x %}\nb"), "[a  ].[b]");
}

TEST(LexerTest, AVariableKeepsItsSurroundings) {
  EXPECT_EQ(Outline("  {{ x }}\n b"), "[  ].[\n b]");
}

TEST(LexerTest, AMinusTakesAllWhitespaceAndAPlusKeepsIt) {
  EXPECT_EQ(Outline("a \n {{- x -}} \n b"), "[a].[b]");
  EXPECT_EQ(Outline("a\n  {%+ x +%}\n b"), "[a\n  ].[\n b]");
}

TEST(LexerTest, CommentsVanishAndRawBlocksAreText) {
  EXPECT_EQ(Outline("a{# {{ x }} #}b"), "[a][b]");
  EXPECT_EQ(Outline("{% raw %}{{ x }}{% endraw %}"), "[{{ x }}]");
}

TEST(LexerTest, AnEndInsideAStringOrABracketIsNone) {
  EXPECT_EQ(Outline("{{ '}}' }}b"), ".[b]");
  EXPECT_EQ(Outline("{{ {'a': {}}}}b"), ".[b]");
}

TEST(LexerTest, NamesThePlaceOfWhatDoesNotEnd) {
  for (const char* source :
       {"a\n {{ x", "a\n {% x", "a\n {# x", "a\n {% raw %} x", "a\n {{ 'x }}",
        "a\n {{ (x }}"}) {
    EXPECT_THAT(Tokenize(source),
                FailsWith(absl::StatusCode::kInvalidArgument, "line 2, column"))
        << source;
  }
  EXPECT_THAT(Tokenize("{{ é }}"),
              FailsWith(absl::StatusCode::kInvalidArgument,
                        "line 1, column 4: the character \"é\""));
}

TEST(LexerTest, EveryCutOffTemplateIsAnErrorOrTokens) {
  const std::string source =
      "a {%- if x[1:'é'] -%} {{ {'a': 1.5e3} }} {# c #} {% raw %}{{{% endraw "
      "%}";
  for (size_t size = 0; size < source.size(); ++size) {
    Tokenize(absl::string_view(source).substr(0, size)).status().IgnoreError();
  }
}

}  // namespace
}  // namespace ounce::jinja
