// Templates in the style of published ones, and one row per construct, against
// jinja2 set up as transformers does (testdata/make_chat_templates.py).
#include <ctime>
#include <string>

#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"
#include "text/jinja/template.h"

namespace ounce {
namespace {

// 2026-07-04, a Saturday, 15:06:07: what the generator takes for now.
std::tm GoldenTime() {
  std::tm now = {};
  now.tm_year = 126;
  now.tm_mon = 6;
  now.tm_mday = 4;
  now.tm_hour = 15;
  now.tm_min = 6;
  now.tm_sec = 7;
  now.tm_wday = 6;
  now.tm_yday = 184;
  return now;
}

void Add(const Json& members, jinja::Variables* variables) {
  for (const auto& [name, json] : members.AsObject()->members()) {
    absl::StatusOr<jinja::Value> value = jinja::FromJson(json);
    ASSERT_THAT(value, IsOk());
    // The last one of a name is the one that counts.
    variables->emplace_back(name, *std::move(value));
  }
}

absl::StatusOr<std::string> RenderText(const std::string& source,
                                       const jinja::Variables& variables) {
  absl::StatusOr<jinja::Template> parsed = jinja::Template::Parse(source);
  if (!parsed.ok()) return parsed.status();
  return parsed->Render(variables, GoldenTime());
}

// The same text, or an error where jinja2 has one.
void ExpectAsGolden(const absl::StatusOr<std::string>& rendered,
                    const Json& row) {
  const Json* const text = row.Find("text");
  if (text == nullptr) {
    EXPECT_FALSE(rendered.ok())
        << "jinja2 raises " << *row.Find("error")->AsString() << "; we render "
        << *rendered;
    return;
  }
  ASSERT_TRUE(rendered.ok()) << rendered.status();
  EXPECT_EQ(*rendered, *text->AsString());
}

class ChatTemplatesGoldenTest : public testing::Test {
 protected:
  const Json golden_ =
      ParseOrDie(ReadSource("tests/text/testdata/chat_templates.json"));
};

TEST_F(ChatTemplatesGoldenTest, EveryConversationIsRenderedAsJinja2Does) {
  for (const Json& row : *golden_.Find("cases")->AsArray()) {
    const std::string& name = *row.Find("name")->AsString();
    SCOPED_TRACE(name);
    const size_t colon = name.find(": ");
    const Json& source =
        *golden_.Find("templates")->Find(name.substr(0, colon));
    jinja::Variables variables;
    Add(*golden_.Find("common"), &variables);
    Add(*golden_.Find("conversations")->Find(name.substr(colon + 2)),
        &variables);
    ExpectAsGolden(RenderText(*source.AsString(), variables), row);
  }
}

TEST_F(ChatTemplatesGoldenTest, EveryConstructDoesWhatJinja2Does) {
  jinja::Variables variables;
  Add(*golden_.Find("row_variables"), &variables);
  for (const Json& row : *golden_.Find("rows")->AsArray()) {
    const std::string& source = *row.Find("template")->AsString();
    SCOPED_TRACE(source);
    ExpectAsGolden(RenderText(source, variables), row);
  }
}

}  // namespace
}  // namespace ounce
