#include "tools/command_line.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace ounce {
namespace {

std::string Text(absl::string_view text) { return std::string(text); }

}  // namespace

void CommandLine::Positional(absl::string_view name, absl::string_view help,
                             std::string* value) {
  app_.add_option(Text(name), *value, Text(help))->required();
}

void CommandLine::Required(absl::string_view names, absl::string_view help,
                           std::string* value) {
  app_.add_option(Text(names), *value, Text(help))->required();
}

void CommandLine::Option(absl::string_view names, absl::string_view help,
                         std::string* value) {
  app_.add_option(Text(names), *value, Text(help));
}

void CommandLine::Option(absl::string_view names, absl::string_view help,
                         std::vector<std::string>* values) {
  app_.add_option(Text(names), *values, Text(help))->allow_extra_args(false);
}

void CommandLine::Option(absl::string_view names, absl::string_view help,
                         int64_t low, int64_t high, int64_t* value) {
  app_.add_option(Text(names), *value, Text(help))
      ->check(CLI::Range(low, high));
}

void CommandLine::Option(absl::string_view names, absl::string_view help,
                         uint64_t* value) {
  app_.add_option(Text(names), *value, Text(help));
}

void CommandLine::Option(absl::string_view names, absl::string_view help,
                         double* value) {
  app_.add_option(Text(names), *value, Text(help));
}

void CommandLine::Option(absl::string_view names, absl::string_view help,
                         std::optional<double>* value) {
  app_.add_option(Text(names), *value, Text(help))
      ->check(CLI::NonNegativeNumber);
}

void CommandLine::Flag(absl::string_view names, absl::string_view help,
                       bool* value) {
  app_.add_flag(Text(names), *value, Text(help));
}

void CommandLine::Section(absl::string_view heading) {
  app_.option_defaults()->group(Text(heading));
}

void CommandLine::NoteGiven(std::vector<std::string>* names) {
  CLI::App* const app = &app_;
  app_.parse_complete_callback([app, names] {
    for (const CLI::Option* option : app->get_options()) {
      if (option->count() > 0) names->push_back(option->get_name());
    }
  });
}

absl::StatusOr<std::optional<size_t>> ParseCommandLine(
    const ProgramSyntax& syntax, int argc, const char* const* argv) {
  CLI::App app(Text(syntax.description), Text(syntax.name));
  app.set_version_flag("--version",
                       absl::StrCat(syntax.name, " ", syntax.version));
  app.require_subcommand(1);
  CommandLine common(&app);
  syntax.declare_common(common);
  std::vector<CLI::App*> commands;
  for (const CommandSyntax& command : syntax.commands) {
    CLI::App* sub = app.add_subcommand(Text(command.name), Text(command.help));
    sub->fallthrough();
    sub->footer(Text(syntax.common_help));
    CommandLine line(sub);
    command.declare(line);
    commands.push_back(sub);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    app.exit(help);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(error.what(), "; see `", syntax.name, " --help`"));
  }
  size_t chosen = 0;
  while (!commands[chosen]->parsed()) ++chosen;
  return chosen;
}

}  // namespace ounce
