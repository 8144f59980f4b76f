// `ounce run --chat`, through the program.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/program.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using testing::HasSubstr;

const char kDemo[] = OUNCE_SOURCE_DIR "/examples/demo/model";

// Tells a story: the model knows nothing else.
constexpr char kTemplate[] =
    "{% if messages[0].role == 'critic' %}"
    "{{ raise_exception('no critics') }}{% endif %}"
    "{% for message in messages %}{{ message.content }}{% endfor %}";

Json MustParse(const std::string& text) {
  const absl::StatusOr<Json> json = ParseJson(text);
  EXPECT_TRUE(json.ok()) << text;
  return json.ok() ? *json : Json();
}

class ChatTest : public testing::Test {
 protected:
  ChatTest() : model_(temp_.Path("model")) {
    std::filesystem::copy(kDemo, model_);
    WriteWholeFile(model_ + "/chat_template.jinja", kTemplate);
  }

  ProgramResult Chat(const std::vector<std::string>& more,
                     const std::string& input = "") {
    std::vector<std::string> args = {"run", model_, "--chat"};
    args.insert(args.end(), more.begin(), more.end());
    return RunOunce(args, input);
  }

  TempFolder temp_;
  std::string model_;
};

TEST_F(ChatTest, AnswersAsTheRenderedPromptIsContinued) {
  const std::string prompt = "Once there was a child named Anna.";
  const ProgramResult plain =
      RunOunce({"run", model_, "-p", prompt, "-n", "16", "--json"});
  const ProgramResult chat = Chat({"-p", prompt, "-n", "16", "--json"});
  ASSERT_EQ(chat.exit_code, 0) << chat.err;
  EXPECT_EQ(MustParse(chat.out).Find("ids")->Dump(),
            MustParse(plain.out).Find("ids")->Dump());
}

TEST_F(ChatTest, AnArtifactCarriesTheTemplate) {
  const std::string artifact = temp_.Path("model.oz");
  ASSERT_EQ(RunOunce({"compress", model_, "-o", artifact}).exit_code, 0);
  const ProgramResult shown = RunOunce({"run", artifact, "--chat", "--system",
                                        "S ", "-p", "hello", "--show-prompt"});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_EQ(shown.out, "S hello");
}

TEST_F(ChatTest, EveryLineOfStdinIsATurnThatKeepsWhatWasRun) {
  const ProgramResult run =
      Chat({"-n", "8", "--json"}, "Once there was a child.\nThen it rained.\n");
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json json = MustParse(run.out);
  const Json::Array& turns = *json.Find("turns")->AsArray();
  ASSERT_EQ(turns.size(), 2u);
  EXPECT_EQ(json.Find("messages")->AsArray()->size(), 4u);
  EXPECT_GT(*turns[1].Find("reused_tokens")->AsInt(), 0);
  // The second answer is that of a run which starts with both turns.
  Json::Array messages = *json.Find("messages")->AsArray();
  messages.pop_back();
  const std::string file = temp_.Path("chat.json");
  WriteWholeFile(file, Json(messages).Dump());
  const ProgramResult whole = Chat({"--chat-file", file, "-n", "8", "--json"});
  EXPECT_EQ(MustParse(whole.out).Find("text")->Dump(),
            turns[1].Find("text")->Dump());
}

TEST_F(ChatTest, TextOfEveryTurnGoesToStdoutAndRemarksDoNot) {
  const ProgramResult run = Chat({"-n", "4"}, "Once there\nAnd\n");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(std::count(run.out.begin(), run.out.end(), '\n'), 2);
  EXPECT_EQ(run.err, "");
}

TEST_F(ChatTest, ARefusalOfTheTemplateSaysWhereAndWhy) {
  const std::string file = temp_.Path("chat.json");
  WriteWholeFile(file, R"([{"role": "critic", "content": "x"}])");
  const ProgramResult run = Chat({"--chat-file", file});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("line 1, column 41: the template refuses the "
                                 "conversation: no critics"));
}

TEST_F(ChatTest, AModelWithoutATemplateSaysWhatToDo) {
  const ProgramResult run = RunOunce({"run", kDemo, "--chat", "-p", "x"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("--chat-template FILE.jinja"));
  const std::string file = temp_.Path("mine.jinja");
  WriteWholeFile(file, "[{{ messages[0].content }}]");
  const ProgramResult given =
      RunOunce({"run", kDemo, "--chat", "-p", "x", "--chat-template", file,
                "--show-prompt"});
  EXPECT_EQ(given.out, "[x]") << given.err;
}

TEST_F(ChatTest, WrongUsageExitsWithTwo) {
  EXPECT_EQ(RunOunce({"run", model_}).exit_code, 2);
  EXPECT_EQ(RunOunce({"run", model_, "-p", "x", "--system", "y"}).exit_code, 2);
  EXPECT_EQ(Chat({"--show-prompt"}).exit_code, 2);
  EXPECT_EQ(Chat({"-p", "x", "--chat-var", "y"}).exit_code, 2);
}

}  // namespace
}  // namespace ounce
