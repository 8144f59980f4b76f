#include "core/json_reader.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

testing::Matcher<absl::Status> Invalid(const std::string& words) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words));
}

absl::Status ErrorOf(absl::string_view text) {
  return ParseJson(text).status();
}

// The one string that `text` is.
std::string StringIn(absl::string_view text) {
  JsonReader reader(text);
  absl::string_view value;
  EXPECT_TRUE(reader.ReadString(&value)) << text;
  EXPECT_OK(reader.Finish());
  return std::string(value);
}

TEST(JsonReaderTest, NumbersCanBeReadAsTheyAreSpelled) {
  JsonReader reader(R"([-0.50e+1, 7, "x", 1.])");
  absl::string_view text;
  ASSERT_TRUE(reader.BeginArray());
  ASSERT_TRUE(reader.NextElement());
  EXPECT_TRUE(reader.IsNextNumber());
  ASSERT_TRUE(reader.ReadNumberText(&text));
  EXPECT_EQ(text, "-0.50e+1");
  ASSERT_TRUE(reader.NextElement());
  ASSERT_TRUE(reader.ReadNumberText(&text));
  EXPECT_EQ(text, "7");
  ASSERT_TRUE(reader.NextElement());
  EXPECT_FALSE(reader.IsNextNumber());
  ASSERT_TRUE(reader.ReadString(&text));
  ASSERT_TRUE(reader.NextElement());
  EXPECT_FALSE(reader.ReadNumberText(&text));
  EXPECT_THAT(reader.Finish(), Invalid("expected a digit"));
}

TEST(JsonReaderTest, WalksNestedContainers) {
  JsonReader reader(R"( {"a" : [ "x", [], {} , "y"], "b": {"c": 1}} )");
  std::vector<std::string> seen;
  absl::string_view text;
  Json value;
  ASSERT_TRUE(reader.BeginObject());
  ASSERT_TRUE(reader.NextKey(&text));
  EXPECT_EQ(text, "a");
  ASSERT_TRUE(reader.BeginArray());
  while (reader.NextElement()) {
    if (reader.IsNextString()) {
      ASSERT_TRUE(reader.ReadString(&text));
      seen.emplace_back(text);
    } else {
      seen.emplace_back(reader.IsNextArray() ? "array" : "object");
      ASSERT_TRUE(reader.ReadValue(&value));
    }
  }
  EXPECT_THAT(seen, ElementsAre("x", "array", "object", "y"));
  ASSERT_TRUE(reader.NextKey(&text));
  ASSERT_TRUE(reader.ReadValue(&value));
  EXPECT_EQ(value.Dump(), R"({"c":1})");
  EXPECT_FALSE(reader.NextKey(&text));
  EXPECT_OK(reader.Finish());
}

TEST(JsonReaderTest, MembersTakenElsewhereAreNull) {
  JsonReader reader(R"({"a": 1, "big": [1, 2], "b": 2})");
  Json big;
  Json::Object members;
  ASSERT_TRUE(reader.ReadMembers(
      [&](absl::string_view key) {
        return key == "big" && reader.ReadValue(&big);
      },
      &members));
  EXPECT_EQ(Json(members).Dump(), R"({"a":1,"big":null,"b":2})");
  EXPECT_EQ(big.Dump(), "[1,2]");
}

TEST(JsonReaderTest, ARepeatedKeyIsFoundAlsoWhereItsValueWasTaken) {
  JsonReader reader(R"({"big": 1, "big": 2})");
  Json::Object members;
  EXPECT_FALSE(reader.ReadMembers(
      [&](absl::string_view) {
        Json value;
        return reader.ReadValue(&value);
      },
      &members));
  EXPECT_THAT(reader.Finish(), Invalid("key \"big\" is given twice"));
}

TEST(JsonReaderTest, ALongRepeatedKeyIsCut) {
  const std::string key = absl::StrCat("\"", std::string(5000, 'k'), "\": 1");
  EXPECT_LT(ErrorOf(absl::StrCat("{", key, ",", key, "}")).message().size(),
            300u);
}

TEST(JsonReaderTest, TheFirstErrorStaysAndEndsEveryLoop) {
  JsonReader reader("[?, 1, 2");
  Json value;
  ASSERT_TRUE(reader.BeginArray());
  int num_elements = 0;
  while (reader.NextElement()) {
    reader.ReadValue(&value);
    ASSERT_LT(++num_elements, 3);
  }
  EXPECT_FALSE(reader.ok());
  EXPECT_FALSE(reader.BeginObject());
  EXPECT_FALSE(reader.ReadString(nullptr));
  EXPECT_THAT(reader.Finish(), Invalid("not JSON at byte 2: expected a value"));
}

TEST(JsonReaderTest, AnotherTypeThanWasAskedForIsAnError) {
  JsonReader reader("[1]");
  EXPECT_FALSE(reader.BeginObject());
  EXPECT_THAT(reader.Finish(), Invalid("at byte 1: expected an object"));
}

TEST(JsonReaderTest, EscapesBecomeTheCharactersTheyName) {
  EXPECT_EQ(StringIn(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(StringIn(R"("a\u0120b\u00E9c\u20acd")"), "aĠbéc€d");
  EXPECT_EQ(StringIn(R"("\ud83d\uDE00")"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(StringIn(R"("\u0000")"), std::string(1, '\0'));
}

TEST(JsonReaderTest, StringsOfAnyLengthEndWhereTheyEnd) {
  // Every length on both sides of the chunks that are skipped at a time, with
  // each byte that ends a chunk early at each place.
  for (size_t size = 0; size < 40; ++size) {
    const std::string plain(size, 'x');
    EXPECT_EQ(StringIn(absl::StrCat("\"", plain, "\"")), plain);
    for (size_t at = 0; at < size; ++at) {
      std::string text = plain;
      EXPECT_EQ(StringIn(absl::StrCat("\"", text.replace(at, 1, "é"), "\"")),
                text);
      std::string escaped = plain;
      escaped.replace(at, 1, "\\n");
      EXPECT_EQ(StringIn(absl::StrCat("\"", escaped, "\""))[at], '\n');
      std::string control = plain;
      control[at] = '\x1F';
      EXPECT_THAT(ErrorOf(absl::StrCat("\"", control, "\"")),
                  Invalid(absl::StrCat("at byte ", at + 2, ": ")));
    }
  }
}

TEST(JsonReaderTest, ViewsOfEarlierStringsStayValid) {
  std::string text = "[";
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&text, R"("\u0041)", i, "\",");
  text.back() = ']';
  JsonReader reader(text);
  std::vector<absl::string_view> views;
  reader.BeginArray();
  while (reader.NextElement()) {
    ASSERT_TRUE(reader.ReadString(&views.emplace_back()));
  }
  EXPECT_OK(reader.Finish());
  ASSERT_EQ(views.size(), 1000u);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(views[static_cast<size_t>(i)], absl::StrCat("A", i));
  }
}

TEST(JsonReaderTest, AByteOrderMarkIsSkipped) {
  EXPECT_OK(ErrorOf("\xEF\xBB\xBF{}"));
  EXPECT_THAT(ErrorOf("{}\xEF\xBB\xBF"), Invalid("at byte 3"));
}

TEST(JsonReaderTest, MalformedTextIsRefusedWhereItIsMalformed) {
  const std::pair<const char*, int> kBad[] = {
      {"", 1},
      {" ", 2},
      {"{", 2},
      {"[", 2},
      {"]", 1},
      {"{]", 2},
      {"[}", 2},
      {"{\"a\"}", 5},
      {"{\"a\":}", 6},
      {"{\"a\":1,}", 8},
      {"{,}", 2},
      {"{1:2}", 2},
      {"[1 2]", 4},
      {"[,1]", 2},
      {"tru", 4},
      {"trueish", 5},
      {"-", 2},
      {"+1", 1},
      {"01", 2},
      {"1.", 3},
      {".5", 1},
      {"1e", 3},
      {"1e+", 4},
      {"0x1", 2},
      {"1e999", 1},
      {"-1e999", 1},
      {"Infinity", 1},
      {"'a'", 1},
      {"\"a", 3},
      {"\"\\", 3},
      {"\"\\x\"", 3},
      {"\"\\u12g4\"", 6},
      {"\"\\ud800\"", 8},
      {"\"\\udc00\"", 4},
      {"\"\\ud800\\u0041\"", 10},
      {"\"\xC0\x80\"", 2},
      {"\"\xED\xA0\x80\"", 2},
      {"\"\xF5\"", 2},
      {"\"\xE2\x82\"", 2},
      {"// c\n1", 1},
      {"1 // c", 3},
  };
  for (const auto& [text, position] : kBad) {
    EXPECT_THAT(ErrorOf(text),
                Invalid(absl::StrCat("not JSON at byte ", position, ": ")))
        << text;
  }
}

// A text of pieces that JSON is made of, now and then well-formed.
std::string RandomText(std::minstd_rand* random) {
  static constexpr const char* kPieces[] = {"{",
                                            "}",
                                            "[",
                                            "]",
                                            ",",
                                            ":",
                                            " ",
                                            "\n\t\r ",
                                            "\"a\"",
                                            "\"b\"",
                                            "\"\"",
                                            "true",
                                            "false",
                                            "null",
                                            "0",
                                            "-0",
                                            "12",
                                            "-7.5e-3",
                                            "1e400",
                                            "1e-400",
                                            "9223372036854775807",
                                            "18446744073709551616",
                                            "123456789012345678901234567890",
                                            "0.1",
                                            "4.9e-324",
                                            "\"\\u00e9\\n\"",
                                            "\"é€\xF0\x9F\x98\x80\"",
                                            "\"\\ud83d\\ude00\"",
                                            "\"\\ud83d\"",
                                            "\"\xFF\"",
                                            "\"\x01\"",
                                            "{\"k\": [1, {\"l\": \"m\"}]}",
                                            "[[], {}]",
                                            "\"",
                                            "\\",
                                            "-"};
  std::string text;
  for (unsigned n = (*random)() % 6; n > 0; --n) {
    text += kPieces[(*random)() % std::size(kPieces)];
  }
  return (*random)() % 2 == 0 ? text : absl::StrCat("[", text, "]");
}

TEST(JsonReaderTest, AgreesWithAnotherParser) {
  std::minstd_rand random(1);
  int num_accepted = 0;
  for (int i = 0; i < 200'000; ++i) {
    const std::string text = RandomText(&random);
    const auto expected = nlohmann::ordered_json::parse(
        text, nullptr, /*allow_exceptions=*/false);
    const absl::StatusOr<Json> value = ParseJson(text);
    if (!value.ok() && absl::StrContains(value.status().message(), "twice")) {
      continue;
    }
    ASSERT_EQ(value.ok(), !expected.is_discarded()) << text;
    if (!value.ok()) continue;
    ++num_accepted;
    ASSERT_EQ(value->Dump(), expected.dump()) << text;
  }
  EXPECT_GT(num_accepted, 10'000);
}

}  // namespace
}  // namespace ounce
