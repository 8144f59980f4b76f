// `ounce diff`: how far two versions of a model are apart.
#include <iostream>
#include <memory>

#include "absl/strings/str_format.h"
#include "core/status_macros.h"
#include "formats/model_file.h"
#include "tools/command.h"
#include "tools/command_line.h"
#include "tools/loaded_model.h"
#include "tools/terminal.h"
#include "verify/tensor_error.h"

namespace ounce {
namespace {

struct DiffArguments {
  std::string a;
  std::string b;
};

void Print(const std::vector<TensorError>& errors,
           const CommonOptions& common) {
  if (common.json) {
    Json::Array tensors;
    for (const TensorError& error : errors) {
      tensors.push_back(Json::Of({{"name", error.name},
                                  {"codec", error.codec},
                                  {"bits", error.bits},
                                  {"snr_db", error.snr_db},
                                  {"max_error", error.max_error}}));
    }
    std::cout << Json::Of({{"tensors", tensors}}).Dump(1) << "\n";
    return;
  }
  std::vector<std::vector<std::string>> rows = {
      {"tensor", "codec of B", "bits", "SNR dB", "max |A - B|"}};
  for (const TensorError& error : errors) {
    rows.push_back(
        {error.name, error.codec, absl::StrFormat("%.3f", error.bits),
         error.max_error == 0 ? "equal" : absl::StrFormat("%.2f", error.snr_db),
         FormatNumber(error.max_error, 4)});
  }
  std::cout << FormatTable(rows, {1});
}

absl::StatusOr<ExitCode> Run(const DiffArguments& arguments,
                             const CommonOptions& common) {
  OUNCE_ASSIGN_OR_RETURN(const ModelFile a, OpenModel(arguments.a));
  OUNCE_ASSIGN_OR_RETURN(const ModelFile b, OpenModel(arguments.b));
  ThreadPool pool(common.num_threads());
  absl::StatusOr<std::vector<TensorError>> errors;
  {
    ProgressBar bar("comparing", "tensors", common);
    errors = MeasureTensorErrors({a.bound, *a.source}, {b.bound, *b.source},
                                 &pool, bar.callback());
  }
  if (!errors.ok()) return errors.status();
  Print(*errors, common);
  return kExitDone;
}

void Declare(CommandLine& line, DiffArguments* arguments) {
  line.Positional("A", "Model to compare with", &arguments->a);
  line.Positional("B", "Model to compare", &arguments->b);
}

}  // namespace

Command DiffCommand() {
  return MakeCommand<DiffArguments>(
      "diff", "Compare the weights of two models, tensor by tensor", Declare,
      Run);
}

}  // namespace ounce
