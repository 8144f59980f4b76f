// Any text as a chat template: an error, or a text that is valid UTF-8, within
// the limit, and the same a second time.
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <string>

#include "absl/strings/string_view.h"
#include "core/json.h"
#include "core/utf8.h"
#include "text/jinja/template.h"

namespace ounce::jinja {
namespace {

constexpr char kVariables[] = R"json({
  "messages": [
    {"role": "system", "content": "Be kind.\n"},
    {"role": "user", "content": " Hé <b>'llo' 漢 "},
    {"role": "assistant", "content": null, "tool_calls": [
      {"id": "abcdef123", "type": "function", "function": {
        "name": "f", "arguments": {"x": 1.5, "y": [true, null]}}}]},
    {"role": "tool", "content": "{\"a\": 1}"},
    {"role": "user", "content": [{"type": "text", "text": "t"}]}],
  "tools": [{"type": "function", "function": {"name": "f", "description": "d",
    "parameters": {"type": "object", "properties": {
      "x": {"type": "number"}}, "required": ["x"]}}}],
  "documents": null, "add_generation_prompt": true, "bos_token": "<s>",
  "eos_token": "</s>", "n": 7, "l": [3, 1, 2]})json";

const Variables& KnownVariables() {
  static const auto* const variables = [] {
    auto* const made = new Variables;
    const absl::StatusOr<Json> json = ParseJson(kVariables);
    if (!json.ok()) std::abort();
    for (const auto& [name, member] : json->AsObject()->members()) {
      absl::StatusOr<Value> value = FromJson(member);
      if (!value.ok()) std::abort();
      made->emplace_back(name, *std::move(value));
    }
    return made;
  }();
  return *variables;
}

void RunTemplate(absl::string_view source) {
  Limits limits;
  limits.max_template_bytes = 1 << 16;
  limits.max_output_bytes = 1 << 18;
  limits.max_work = 1 << 21;
  const absl::StatusOr<Template> parsed = Template::Parse(source, limits);
  if (!parsed.ok()) return;
  const std::tm now = {};
  const absl::StatusOr<std::string> text =
      parsed->Render(KnownVariables(), now);
  if (!text.ok()) return;
  if (!IsValidUtf8(*text) || text->size() > limits.max_output_bytes) {
    std::abort();
  }
  const absl::StatusOr<std::string> again =
      parsed->Render(KnownVariables(), now);
  if (!again.ok() || *again != *text) std::abort();
}

}  // namespace
}  // namespace ounce::jinja

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ounce::jinja::RunTemplate(
      absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
