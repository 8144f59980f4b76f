// The command line's grammar.  command_line.cc is the only file that sees the
// library that parses it, and its exceptions end there.
#ifndef OUNCE_TOOLS_COMMAND_LINE_H_
#define OUNCE_TOOLS_COMMAND_LINE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace CLI {
class App;
}

namespace ounce {

// The most that any count on the line may say.
inline constexpr int64_t kMaxCount = int64_t{1} << 30;

// Declares the arguments of one command.  `names` is "-o,--output" or
// "--stop"; values are written when the line is parsed and must live until
// then.
class CommandLine {
 public:
  explicit CommandLine(CLI::App* app) : app_(*app) {}

  // An argument without a name, which must be given.
  void Positional(absl::string_view name, absl::string_view help,
                  std::string* value);
  void Required(absl::string_view names, absl::string_view help,
                std::string* value);
  void Option(absl::string_view names, absl::string_view help,
              std::string* value);
  // May be given several times.
  void Option(absl::string_view names, absl::string_view help,
              std::vector<std::string>* values);
  // From `low` to `high`.
  void Option(absl::string_view names, absl::string_view help, int64_t low,
              int64_t high, int64_t* value);
  void Option(absl::string_view names, absl::string_view help, uint64_t* value);
  void Option(absl::string_view names, absl::string_view help, double* value);
  // 0 or more.
  void Option(absl::string_view names, absl::string_view help,
              std::optional<double>* value);
  void Flag(absl::string_view names, absl::string_view help, bool* value);
  // What is declared from now on stands under `heading` in the help.
  void Section(absl::string_view heading);
  // Once the line is parsed, `names` are those of all options that were given,
  // the long ones: "--output".
  void NoteGiven(std::vector<std::string>* names);

 private:
  CLI::App& app_;
};

// One command of a program: its name, and how it declares its arguments.
struct CommandSyntax {
  absl::string_view name;
  absl::string_view help;
  std::function<void(CommandLine&)> declare;
};

struct ProgramSyntax {
  absl::string_view name;
  absl::string_view description;
  absl::string_view version;
  // Options that every command takes, before or after its name, and the text
  // that each command's help shows for them.
  std::function<void(CommandLine&)> declare_common;
  absl::string_view common_help;
  std::vector<CommandSyntax> commands;
};

// Parses a line.  Returns the index of the chosen command, or nullopt when help
// or the version was asked for and printed.
// kInvalidArgument: the line breaks the grammar; the message says how.
absl::StatusOr<std::optional<size_t>> ParseCommandLine(
    const ProgramSyntax& syntax, int argc, const char* const* argv);

}  // namespace ounce

#endif  // OUNCE_TOOLS_COMMAND_LINE_H_
