// Renders templates in tests.
#ifndef OUNCE_TESTS_TEXT_JINJA_RENDER_H_
#define OUNCE_TESTS_TEXT_JINJA_RENDER_H_

#include <ctime>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "text/jinja/template.h"

namespace ounce::jinja {

// A JSON text that the test itself wrote, as a value.
inline Value ValueOf(absl::string_view json) {
  const absl::StatusOr<Json> parsed = ParseJson(json);
  EXPECT_THAT(parsed, IsOk());
  const absl::StatusOr<Value> value = FromJson(parsed.ok() ? *parsed : Json());
  EXPECT_THAT(value, IsOk());
  return value.ok() ? *value : Value();
}

// With the members of a JSON object as variables, on 2000-01-02 03:04:05.
inline absl::StatusOr<std::string> Render(absl::string_view source,
                                          absl::string_view variables = "{}",
                                          const Limits& limits = {}) {
  absl::StatusOr<Template> parsed = Template::Parse(source, limits);
  if (!parsed.ok()) return parsed.status();
  Variables values;
  const Value object = ValueOf(variables);
  for (const auto& [key, value] : object.AsDict()->entries()) {
    values.emplace_back(key.AsText()->bytes, value);
  }
  std::tm now = {};
  now.tm_year = 100;
  now.tm_mday = 2;
  now.tm_hour = 3;
  now.tm_min = 4;
  now.tm_sec = 5;
  return parsed->Render(values, now);
}

// Matches an error of this code whose message has this part.
MATCHER_P2(FailsWith, code, part, "") {
  const absl::Status& status = arg.status();
  *result_listener << status;
  return status.code() == code && testing::Matches(testing::HasSubstr(part))(
                                      std::string(status.message()));
}

}  // namespace ounce::jinja

#endif  // OUNCE_TESTS_TEXT_JINJA_RENDER_H_
