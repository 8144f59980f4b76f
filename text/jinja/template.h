// A Jinja template: parsed once, rendered any number of times.
// Source: jinja2 3.1 in the environment that transformers sets up for chat
// templates: sandboxed, trim_blocks, lstrip_blocks, loop controls.
// docs/chat_templates.md lists what we have of the language.
#ifndef OUNCE_TEXT_JINJA_TEMPLATE_H_
#define OUNCE_TEXT_JINJA_TEMPLATE_H_

#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "text/jinja/value.h"
#include "text/jinja/work.h"

namespace ounce::jinja {

using Variables = std::vector<std::pair<std::string, Value>>;

// Immutable; Render() may be called from several threads.
class Template {
 public:
  // Errors begin with the line and column.  kInvalidArgument: not a template;
  // kUnimplemented: a statement that we do not have, with the list of those we
  // do; kResourceExhausted: larger or deeper than allowed.
  static absl::StatusOr<Template> Parse(absl::string_view source,
                                        const Limits& limits = {});
  ~Template();
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;

  // Errors as Interpreter::Render(); `now` is what strftime_now() shows.  A
  // filter, test, method or function that we do not have is refused where it
  // is reached, as in jinja2, with the list of those we have.
  absl::StatusOr<std::string> Render(const Variables& variables,
                                     const std::tm& now) const;

 private:
  struct Parsed;
  explicit Template(std::unique_ptr<const Parsed> parsed);

  std::unique_ptr<const Parsed> parsed_;
};

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_TEMPLATE_H_
