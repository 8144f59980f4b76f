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
#include "kernels/isa.h"

namespace CLI {
class App;
}

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
  bool json = false;   // One JSON document on stdout instead of text.
  bool quiet = false;  // No progress and no remarks on stderr.
  int threads = 0;     // 0: the physical cores.
  std::string isa;     // Empty: the fastest this CPU has.

  int num_threads() const { return threads > 0 ? threads : PhysicalCores(); }
};

// A usage error: the same status, but the program ends with kExitUsage.
absl::Status UsageError(const absl::Status& status);
bool IsUsageError(const absl::Status& status);

// What a parsed command line asks for.
using Action = std::function<absl::StatusOr<ExitCode>(const CommonOptions&)>;

// Each adds its command to `app` and, when the command is chosen, fills
// `action`.
void AddCompressCommand(CLI::App* app, Action* action);
void AddVerifyCommand(CLI::App* app, Action* action);
void AddRunCommand(CLI::App* app, Action* action);
void AddInspectCommand(CLI::App* app, Action* action);
void AddDiffCommand(CLI::App* app, Action* action);
void AddLogitsCommand(CLI::App* app, Action* action);
void AddTokenizeCommand(CLI::App* app, Action* action);

// The version of the program, as "0.1.0".
absl::string_view ToolVersion();

}  // namespace ounce

#endif  // OUNCE_TOOLS_COMMAND_H_
