// What every command of the `ounce` program shares: its options, how it
// reports, and how it is added to the command line.
#ifndef OUNCE_TOOLS_COMMAND_H_
#define OUNCE_TOOLS_COMMAND_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/thread_pool.h"
#include "tools/command_line.h"

namespace ounce {

// Exit codes of the program.
enum ExitCode : int {
  kExitDone = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitGateMissed = 3,
};

// Options that every command takes.
struct CommonOptions {
  bool json = false;    // One JSON document on stdout instead of text.
  bool quiet = false;   // No progress and no remarks on stderr.
  int64_t threads = 0;  // 0: the physical cores.
  std::string isa;      // Empty: the fastest this CPU has.

  int num_threads() const {
    return threads > 0 ? static_cast<int>(threads) : PhysicalCores();
  }
};

// A usage error: the same status, but the program ends with kExitUsage.
absl::Status UsageError(const absl::Status& status);
bool IsUsageError(const absl::Status& status);

// A command: what its arguments are, and what it does once they are parsed.
struct Command {
  CommandSyntax syntax;
  std::function<absl::StatusOr<ExitCode>(const CommonOptions&)> run;
};

// A command whose arguments live in a T: `declare(line, T*)` declares them,
// `run(T, common)` does the work.
template <typename T>
Command MakeCommand(absl::string_view name, absl::string_view help,
                    void (*declare)(CommandLine&, T*),
                    absl::StatusOr<ExitCode> (*run)(const T&,
                                                    const CommonOptions&)) {
  auto arguments = std::make_shared<T>();
  return {
      {name, help, [=](CommandLine& line) { declare(line, arguments.get()); }},
      [=](const CommonOptions& common) { return run(*arguments, common); }};
}

Command CompressCommand();
Command VerifyCommand();
Command RunCommand();
Command BenchCommand();
Command InspectCommand();
Command DiffCommand();
Command LogitsCommand();
Command TokenizeCommand();

// The version of the program, as "0.1.0".
absl::string_view ToolVersion();

}  // namespace ounce

#endif  // OUNCE_TOOLS_COMMAND_H_
