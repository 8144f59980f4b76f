// The `ounce` program: parses the command line and runs one command.
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tools/command.h"
#include "tools/command_line.h"

namespace ounce {
namespace {

constexpr char kDescription[] =
    "Ounce compresses transformer checkpoints, proves what the compression "
    "cost, and runs\nthe result on ordinary CPUs.\n\n"
    "MODEL is a Hugging Face folder (config.json, model.safetensors or "
    "pytorch_model.bin),\na .gguf file or an .oz file.";

constexpr char kCommonHelp[] =
    "Options of every command:\n"
    "  --json                      One JSON document on stdout\n"
    "  --quiet                     No progress and no remarks\n"
    "  --threads N                 Default: the physical cores\n"
    "  --isa NAME                  native (default), reference, avx2, "
    "avx-vnni,\n"
    "                              avx512-vnni, avx512-amx; on ARM neon,\n"
    "                              neon-dot, neon-i8mm\n";

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

void DeclareCommon(CommandLine& line, CommonOptions* options) {
  line.Flag("--json", "One JSON document on stdout", &options->json);
  line.Flag("--quiet", "No progress and no remarks", &options->quiet);
  line.Option("--threads", "Threads; default: the physical cores", 1, 1024,
              &options->threads);
  line.Option("--isa",
              "Instruction set: native (default), reference, avx2, avx-vnni, "
              "avx512-vnni, avx512-amx; on ARM neon, neon-dot, neon-i8mm",
              &options->isa);
}

int Main(int argc, char** argv) {
  const std::vector<Command> commands = {
      CompressCommand(), VerifyCommand(), RunCommand(),    BenchCommand(),
      InspectCommand(),  DiffCommand(),   LogitsCommand(), TokenizeCommand()};
  CommonOptions common;
  ProgramSyntax syntax = {
      "ounce",       kDescription,
      ToolVersion(), [&](CommandLine& line) {
                            DeclareCommon(line, &common); },
      kCommonHelp,   {}};
  for (const Command& command : commands) {
    syntax.commands.push_back(command.syntax);
  }
  const absl::StatusOr<std::optional<size_t>> chosen =
      ParseCommandLine(syntax, argc, argv);
  if (!chosen.ok()) {
    PrintError(chosen.status().message());
    return kExitUsage;
  }
  if (!chosen->has_value()) return kExitDone;
  const absl::StatusOr<ExitCode> code = commands[**chosen].run(common);
  if (code.ok()) return *code;
  PrintError(code.status().message());
  return IsUsageError(code.status()) ? kExitUsage : kExitFailed;
}

}  // namespace
}  // namespace ounce

int main(int argc, char** argv) { return ounce::Main(argc, argv); }
