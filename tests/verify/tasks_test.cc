#include "verify/tasks.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/tiny_model.h"
#include "tests/verify/letter_tokenizer.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(ParseTasksTest, ReadsOneItemALine) {
  ASSERT_OK_AND_ASSIGN(const std::vector<TaskItem> items, ParseTasks(R"(
{"task": "owner", "prompt": "It is", "choices": [" his", " hers"], "answer": 1}

{"prompt": "", "choices": ["a", "b", "c"], "answer": 0, "note": 7}
)"));
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].task, "owner");
  EXPECT_EQ(items[0].prompt, "It is");
  EXPECT_THAT(items[0].choices, ElementsAre(" his", " hers"));
  EXPECT_EQ(items[0].answer, 1);
  EXPECT_EQ(items[1].task, "tasks");
  EXPECT_THAT(items[1].choices, ElementsAre("a", "b", "c"));
}

TEST(ParseTasksTest, AcceptsWindowsLineEndings) {
  ASSERT_OK_AND_ASSIGN(
      const std::vector<TaskItem> items,
      ParseTasks("{\"prompt\": \"p\", \"choices\": [\"a\", \"b\"], "
                 "\"answer\": 0}\r\n\r\n"));
  EXPECT_EQ(items.size(), 1u);
}

TEST(ParseTasksTest, NamesTheLineAndWhatIsWrong) {
  const std::string good =
      "{\"prompt\": \"p\", \"choices\": [\"a\", \"b\"], \"answer\": 0}\n\n";
  const std::pair<std::string, std::string> cases[] = {
      {R"({"prompt")", "byte"},
      {R"([1])", "prompt"},
      {R"({"choices": ["a", "b"], "answer": 0})", "prompt"},
      {R"({"prompt": 1, "choices": ["a", "b"], "answer": 0})", "prompt"},
      {R"({"prompt": "p", "answer": 0})", "at least two texts"},
      {R"({"prompt": "p", "choices": ["a"], "answer": 0})",
       "at least two texts"},
      {R"({"prompt": "p", "choices": "ab", "answer": 0})",
       "at least two texts"},
      {R"({"prompt": "p", "choices": ["a", 2], "answer": 0})",
       "something that is no text"},
      {R"({"prompt": "p", "choices": ["a", "b"]})", "answer"},
      {R"({"prompt": "p", "choices": ["a", "b"], "answer": "0"})", "answer"},
      {R"({"prompt": "p", "choices": ["a", "b"], "answer": 2})",
       "\"answer\" is 2; expected 0 to 1"},
      {R"({"prompt": "p", "choices": ["a", "b"], "answer": -1})",
       "\"answer\" is -1; expected 0 to 1"},
      {R"({"task": 3, "prompt": "p", "choices": ["a", "b"], "answer": 0})",
       "task"},
  };
  for (const auto& [line, words] : cases) {
    EXPECT_THAT(
        ParseTasks(good + line),
        StatusIs(kInvalid, AllOf(HasSubstr("line 3: "), HasSubstr(words))))
        << line;
  }
}

TEST(ParseTasksTest, RefusesAFileWithoutItems) {
  EXPECT_THAT(ParseTasks(" \n\n"),
              StatusIs(kInvalid, HasSubstr("no items; expected one JSON")));
}

class CompareOnTasksTest : public ::testing::Test {
 protected:
  // `count` items whose prompts differ; those at odd places belong to "odd".
  static std::vector<TaskItem> Items(int count) {
    std::vector<TaskItem> items;
    for (int i = 0; i < count; ++i) {
      TaskItem item;
      item.task = i % 2 == 0 ? "even" : "odd";
      item.prompt = std::string("abc") + static_cast<char>('a' + i % 26) +
                    static_cast<char>('a' + i / 26);
      item.choices = {"k", "l", "m"};
      item.answer = i % 3;
      items.push_back(item);
    }
    return items;
  }
  absl::StatusOr<TaskComparison> Compare(const std::vector<TaskItem>& items) {
    return CompareOnTasks(float_model_.weights(), model_.weights(),
                          LetterTokenizer(), items, {}, &context_);
  }

  ThreadPool pool_{1};
  KernelContext context_{*ParseIsa("native"), &pool_};
  const TinyModel float_model_{TinySpec()};
  const TinyModel model_{TinySpec(), Codec::kF32, /*seed=*/2};
};

TEST_F(CompareOnTasksTest, CountsRightAnswersAndFlipsByTask) {
  const std::vector<TaskItem> items = Items(61);
  ASSERT_OK_AND_ASSIGN(const TaskComparison result, Compare(items));
  ASSERT_EQ(result.winners.size(), 61u);
  ASSERT_EQ(result.winners_float.size(), 61u);
  ASSERT_EQ(result.results.size(), 3u);
  EXPECT_EQ(result.results[0].name, "even");
  EXPECT_EQ(result.results[1].name, "odd");
  EXPECT_EQ(result.results[2].name, "all");
  const int64_t expected_items[] = {31, 30, 61};
  for (size_t task = 0; task < 3; ++task) {
    int float_right = 0, right = 0, flips = 0;
    for (size_t i = 0; i < items.size(); ++i) {
      if (task != 2 && i % 2 != task) continue;
      float_right += result.winners_float[i] == items[i].answer ? 1 : 0;
      right += result.winners[i] == items[i].answer ? 1 : 0;
      flips += result.winners_float[i] != result.winners[i] ? 1 : 0;
    }
    const TaskResult& actual = result.results[task];
    EXPECT_EQ(actual.items, expected_items[task]);
    const auto count = static_cast<double>(actual.items);
    EXPECT_DOUBLE_EQ(actual.accuracy_float, float_right / count);
    EXPECT_DOUBLE_EQ(actual.accuracy, right / count);
    EXPECT_EQ(actual.flips, flips);
    EXPECT_GT(flips, 0);  // Else nothing was compared.
    EXPECT_NEAR(actual.accuracy_difference.value, (right - float_right) / count,
                1e-12);
    EXPECT_LE(*actual.accuracy_difference.low,
              actual.accuracy_difference.value);
    EXPECT_GE(*actual.accuracy_difference.high,
              actual.accuracy_difference.value);
  }
}

TEST_F(CompareOnTasksTest, OneTaskNeedsNoTotal) {
  std::vector<TaskItem> items = Items(3);
  for (TaskItem& item : items) item.task = "one";
  ASSERT_OK_AND_ASSIGN(const TaskComparison result, Compare(items));
  ASSERT_EQ(result.results.size(), 1u);
  EXPECT_EQ(result.results[0].name, "one");
  EXPECT_FALSE(result.results[0].accuracy_difference.low.has_value());
}

TEST_F(CompareOnTasksTest, ModelHasNoFlipsAgainstItself) {
  const std::vector<TaskItem> items = Items(40);
  ASSERT_OK_AND_ASSIGN(const TaskComparison result,
                       CompareOnTasks(model_.weights(), model_.weights(),
                                      LetterTokenizer(), items, {}, &context_));
  EXPECT_EQ(result.winners, result.winners_float);
  EXPECT_EQ(result.results[2].flips, 0);
  EXPECT_EQ(*result.results[2].accuracy_difference.low, 0.0);
  EXPECT_EQ(*result.results[2].accuracy_difference.high, 0.0);
}

// What differs is the compressed model's keys and values alone.
TEST_F(CompareOnTasksTest, ScoresWithTheKeysAndValuesAsked) {
  const std::vector<TaskItem> items = Items(200);
  TaskOptions options;
  options.kv = KvType::kInt8;
  ASSERT_OK_AND_ASSIGN(
      const TaskComparison result,
      CompareOnTasks(model_.weights(), model_.weights(), LetterTokenizer(),
                     items, options, &context_));
  ASSERT_OK_AND_ASSIGN(const TaskComparison plain,
                       CompareOnTasks(model_.weights(), model_.weights(),
                                      LetterTokenizer(), items, {}, &context_));
  EXPECT_EQ(result.winners_float, plain.winners_float);
  EXPECT_NE(result.winners, plain.winners);
}

TEST_F(CompareOnTasksTest, NamesTheItemThatCannotBeScored) {
  std::vector<TaskItem> items = Items(2);
  items[1].prompt = std::string(70, 'a');  // The context is 64.
  EXPECT_THAT(Compare(items),
              StatusIs(kInvalid, AllOf(HasSubstr("item 2: "),
                                       HasSubstr("context is 64"))));
  items = Items(2);
  items[0].choices[1] = "";
  EXPECT_THAT(Compare(items),
              StatusIs(kInvalid, AllOf(HasSubstr("item 1: "),
                                       HasSubstr("adds no token"))));
}

}  // namespace
}  // namespace ounce
