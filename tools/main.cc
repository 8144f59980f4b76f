// The `ounce` program: parses the command line and runs one command.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tools/command.h"

namespace ounce {
namespace {

constexpr char kDescription[] =
    "Ounce compresses transformer checkpoints, proves what the compression "
    "cost, and runs\nthe result on ordinary CPUs.\n\n"
    "MODEL is a Hugging Face folder (config.json, model.safetensors) or an .oz "
    "file.";

constexpr char kCommonOptions[] =
    "Options of every command:\n"
    "  --json                      One JSON document on stdout\n"
    "  --quiet                     No progress and no remarks\n"
    "  --threads N                 Default: the physical cores\n"
    "  --isa NAME                  reference, avx2, avx512-vnni or native "
    "(default)\n";

constexpr size_t kMaxErrorBytes = 4000;

// One line, whatever the message holds: names in it may come from a file that
// means ill, so nothing that a terminal obeys gets through.
void PrintError(absl::string_view message) {
  std::string line = absl::StrCat("ounce: ", message.substr(0, kMaxErrorBytes));
  for (char& c : line) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  std::fprintf(stderr, "%s\n", line.c_str());
}

void AddCommonOptions(CLI::App* app, CommonOptions* options) {
  app->add_flag("--json", options->json, "One JSON document on stdout");
  app->add_flag("--quiet", options->quiet, "No progress and no remarks");
  app->add_option("--threads", options->threads,
                  "Threads; default: the physical cores")
      ->check(CLI::Range(1, 1024));
  app->add_option("--isa", options->isa,
                  "Instruction set: reference, avx2, avx512-vnni or native");
}

int Main(int argc, char** argv) {
  CLI::App app(kDescription, "ounce");
  app.set_version_flag("--version", absl::StrCat("ounce ", ToolVersion()));
  app.require_subcommand(1);
  CommonOptions common;
  AddCommonOptions(&app, &common);
  Action action;
  AddCompressCommand(&app, &action);
  AddVerifyCommand(&app, &action);
  AddRunCommand(&app, &action);
  AddInspectCommand(&app, &action);
  AddDiffCommand(&app, &action);
  AddLogitsCommand(&app, &action);
  AddTokenizeCommand(&app, &action);
  for (CLI::App* command : app.get_subcommands({})) {
    command->fallthrough();
    command->footer(kCommonOptions);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    PrintError(absl::StrCat(error.what(), "; see `ounce --help`"));
    return kExitUsage;
  }
  const absl::StatusOr<ExitCode> code = action(common);
  if (code.ok()) return *code;
  PrintError(code.status().message());
  return IsUsageError(code.status()) ? kExitUsage : kExitFailed;
}

}  // namespace
}  // namespace ounce

int main(int argc, char** argv) { return ounce::Main(argc, argv); }
