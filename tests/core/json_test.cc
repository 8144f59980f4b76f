#include "core/json.h"

#include <cmath>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

// The error for `text`.
absl::Status ParseError(const std::string& text,
                        const JsonLimits& limits = {}) {
  return ParseJson(text, limits).status();
}

// The value of a text that parses.
Json Parse(const std::string& text) {
  absl::StatusOr<Json> value = ParseJson(text);
  EXPECT_OK(value.status()) << text;
  return value.ok() ? *std::move(value) : Json();
}

testing::Matcher<absl::Status> Invalid(const std::string& words) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words));
}

TEST(ParseJsonTest, ReadsEveryType) {
  EXPECT_TRUE(Parse("null").is_null());
  EXPECT_EQ(Parse("true").AsBool(), true);
  EXPECT_EQ(Parse("-7").AsInt(), -7);
  EXPECT_EQ(Parse("1.5e1").AsDouble(), 15.0);
  EXPECT_EQ(*Parse(R"("a\u00e9\n")").AsString(), "a\xC3\xA9\n");
  ASSERT_NE(Parse(" [1, [], {}] ").AsArray(), nullptr);
  EXPECT_EQ(Parse("[1, [], {}]").AsArray()->size(), 3u);
  EXPECT_EQ(Parse(R"({"a": {"b": 3}})").Find("a")->Find("b")->AsInt(), 3);
}

TEST(ParseJsonTest, KeepsTheOrderOfMembers) {
  const Json value = Parse(R"({"z": 1, "a": 2, "m": 3})");
  const auto& members = value.AsObject()->members();
  EXPECT_EQ(members[0].first, "z");
  EXPECT_EQ(members[1].first, "a");
  EXPECT_EQ(members[2].first, "m");
}

TEST(ParseJsonTest, NamesTheBytePositionOfAnError) {
  EXPECT_THAT(ParseError(""), Invalid("not JSON at byte"));
  EXPECT_THAT(ParseError("[1, 2"), Invalid("not JSON at byte 6"));
  EXPECT_THAT(ParseError("{\"a\": nope}"), Invalid("not JSON at byte 8"));
  EXPECT_THAT(ParseError("{} {}"), Invalid("not JSON at byte 4"));
  EXPECT_THAT(ParseError("[1,]"), Invalid("not JSON"));
  EXPECT_THAT(ParseError("NaN"), Invalid("not JSON"));
  EXPECT_THAT(ParseError("\"a\nb\""), Invalid("not JSON"));
  EXPECT_THAT(ParseError("\"\xFF\""), Invalid("not JSON"));
  EXPECT_THAT(ParseError("1e999"), Invalid("not JSON"));
}

TEST(ParseJsonTest, RefusesAKeyGivenTwice) {
  EXPECT_THAT(ParseError(R"({"a": 1, "b": 2, "a": 3})"),
              Invalid("key \"a\" is given twice in one object"));
  // The same key in two objects is no repetition.
  EXPECT_OK(ParseError(R"({"a": {"a": 1}, "b": {"a": 1}})"));
  // Escapes do not hide one.
  EXPECT_THAT(ParseError(R"({"a": 1, "\u0061": 2})"), Invalid("given twice"));
}

TEST(ParseJsonTest, BoundsDepthExactly) {
  JsonLimits limits;
  limits.max_depth = 3;
  EXPECT_OK(ParseError(R"([{"a": [1]}])", limits));
  EXPECT_THAT(ParseError(R"([{"a": [[1]]}])", limits),
              Invalid("nested deeper than 3 levels"));
}

TEST(ParseJsonTest, DoesNotExhaustTheStackOnDeepNesting) {
  EXPECT_THAT(ParseError(std::string(10'000'000, '[')),
              Invalid("nested deeper than 64 levels"));
}

TEST(ParseJsonTest, BoundsSizeExactly) {
  JsonLimits limits;
  limits.max_bytes = 4;
  EXPECT_OK(ParseError("1234", limits));
  EXPECT_THAT(ParseError("12345", limits),
              Invalid("JSON text of 5 bytes; at most 4 are read"));
}

TEST(JsonNumberTest, IntegersAreExactToTheEndsOfTheirRange) {
  EXPECT_EQ(Parse("9223372036854775807").AsInt(), INT64_MAX);
  EXPECT_EQ(Parse("-9223372036854775808").AsInt(), INT64_MIN);
  // 2^63 is no int64_t: it becomes a double, and no integer any more.
  const Json large = Parse("9223372036854775808");
  EXPECT_EQ(large.TypeName(), "number");
  EXPECT_EQ(large.AsInt(), std::nullopt);
  EXPECT_EQ(large.AsDouble(), 0x1p63);
}

TEST(JsonNumberTest, ADoubleIsAnIntegerOnlyWhileItIsExact) {
  EXPECT_EQ(Parse("1e6").AsInt(), 1000000);
  EXPECT_EQ(Parse("-0.0").AsInt(), 0);
  EXPECT_EQ(Parse("9007199254740992.0").AsInt(), int64_t{1} << 53);
  EXPECT_EQ(Parse("9007199254740994.0").AsInt(), std::nullopt);
  EXPECT_EQ(Parse("1.5").AsInt(), std::nullopt);
  EXPECT_EQ(Parse("1e300").AsInt(), std::nullopt);
  EXPECT_EQ(Parse("7").AsDouble(), 7.0);
}

TEST(JsonMemberTest, NamesAMissingOrWrongMember) {
  const Json value = Parse(R"({"n": 3, "s": "x", "d": 0.5, "b": true,
                               "nothing": null})");
  EXPECT_EQ(*value.GetInt("n"), 3);
  EXPECT_EQ(*value.GetDouble("d"), 0.5);
  EXPECT_EQ(*value.GetDouble("n"), 3.0);
  EXPECT_EQ(*value.GetString("s"), "x");
  EXPECT_THAT(value.GetInt("gone").status(),
              Invalid("\"gone\" is missing; expected an integer"));
  EXPECT_THAT(value.GetInt("d").status(),
              Invalid("\"d\" is of type number; expected an integer"));
  EXPECT_THAT(value.GetString("n").status(),
              Invalid("\"n\" is of type integer; expected a string"));
  EXPECT_THAT(value.GetDouble("s").status(), Invalid("expected a number"));
  EXPECT_THAT(value.GetInt("nothing").status(), Invalid("of type null"));
}

TEST(JsonMemberTest, FallsBackOnlyForMissingAndNull) {
  const Json value = Parse(R"({"s": "x", "nothing": null})");
  EXPECT_EQ(*value.GetIntOr("gone", 7), 7);
  EXPECT_EQ(*value.GetIntOr("nothing", 7), 7);
  EXPECT_EQ(*value.GetDoubleOr("gone", 0.5), 0.5);
  EXPECT_EQ(*value.GetBoolOr("gone", true), true);
  EXPECT_EQ(*value.GetStringOr("gone", "y"), "y");
  EXPECT_THAT(value.GetIntOr("s", 7).status(), Invalid("\"s\" is of type"));
  EXPECT_THAT(value.GetBoolOr("s", true).status(),
              Invalid("expected true or false"));
}

TEST(JsonMemberTest, OtherTypesHaveNoMembers) {
  EXPECT_EQ(Parse("[1]").Find("a"), nullptr);
  EXPECT_EQ(Json().Find("a"), nullptr);
  EXPECT_THAT(Json(3).GetInt("a").status(), Invalid("\"a\" is missing"));
}

TEST(JsonObjectTest, SetReplacesAnEarlierValueInPlace) {
  Json::Object object;
  object.Set("a", 1);
  object.Set("b", 2);
  object.Set("a", 3);
  EXPECT_EQ(Json(object).Dump(), R"({"a":3,"b":2})");
}

TEST(JsonDumpTest, WritesWhatItParses) {
  const std::string text =
      R"({"z":[1,-2,0.5,true,null],"a":{"s":"\"\\\n\u0001"},"e":[],"o":{}})";
  EXPECT_EQ(Parse(text).Dump(), text);
  EXPECT_EQ(Json::Of({{"a", 1}}).Dump(2), "{\n  \"a\": 1\n}");
}

TEST(JsonDumpTest, ReplacesWhatJsonCannotHold) {
  EXPECT_EQ(Json(std::string("a\xFF")).Dump(), "\"a\xEF\xBF\xBD\"");
  EXPECT_EQ(Json(std::nan("")).Dump(), "null");
  EXPECT_EQ(Json(INFINITY).Dump(), "null");
}

}  // namespace
}  // namespace ounce
