#include "text/jinja/template.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/lexer.h"
#include "text/jinja/parser.h"

namespace ounce::jinja {

struct Template::Parsed {
  std::string source;
  Limits limits;
  Body body;
};

Template::Template(std::unique_ptr<const Parsed> parsed)
    : parsed_(std::move(parsed)) {}
Template::~Template() = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;

absl::StatusOr<Template> Template::Parse(absl::string_view source,
                                         const Limits& limits) {
  if (source.size() > limits.max_template_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a template of ", source.size(), " bytes; at most ",
                     limits.max_template_bytes, " are read"));
  }
  if (!IsValidUtf8(source)) {
    return absl::InvalidArgumentError("the template is not UTF-8");
  }
  auto parsed = std::make_unique<Parsed>();
  parsed->source = PrepareSource(source);
  parsed->limits = limits;
  OUNCE_ASSIGN_OR_RETURN(parsed->body, ParseTemplate(parsed->source));
  return Template(std::move(parsed));
}

absl::StatusOr<std::string> Template::Render(const Variables& variables,
                                             const std::tm& now) const {
  Interpreter interpreter(parsed_->source, parsed_->limits, now);
  return interpreter.Render(parsed_->body, variables);
}

}  // namespace ounce::jinja
