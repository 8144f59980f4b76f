// `ounce logits`: raw outputs for given ids, to compare with any other
// implementation.
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/status_macros.h"
#include "formats/safetensors/safetensors_reader.h"
#include "formats/safetensors/safetensors_writer.h"
#include "tools/command.h"
#include "tools/command_line.h"
#include "tools/loaded_model.h"
#include "tools/raw_outputs.h"
#include "tools/terminal.h"

namespace ounce {
namespace {

struct LogitsArguments {
  std::string model;
  std::string input;
  std::string output;
  int64_t greedy = 0;
};

absl::StatusOr<RawInputs> ReadInputs(const std::string& path) {
  OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<TensorSource> source,
                         OpenSafetensors(path));
  return ReadRawInputs(*source);
}

template <typename T>
absl::Span<const uint8_t> Bytes(absl::Span<const T> values) {
  return absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(values.data()),
                             values.size() * sizeof(T));
}

absl::StatusOr<ExitCode> Run(const LogitsArguments& arguments,
                             const CommonOptions& common) {
  OUNCE_ASSIGN_OR_RETURN(
      const RawInputs inputs,
      Annotate(ReadInputs(arguments.input), arguments.input));
  OUNCE_ASSIGN_OR_RETURN(const Engine engine, CreateEngine(common));
  OUNCE_ASSIGN_OR_RETURN(
      const LoadedModel model,
      LoadModel(arguments.model, false, common, engine.pool.get()));
  OUNCE_ASSIGN_OR_RETURN(
      const std::vector<RawOutput> computed,
      Annotate(ComputeRawOutputs(inputs, model.weights, engine.context.get()),
               arguments.input));
  std::vector<OutputTensor> outputs;
  for (const RawOutput& output : computed) {
    outputs.push_back({output.name, "F32", output.shape,
                       Bytes(absl::MakeConstSpan(output.values))});
  }
  std::vector<int64_t> greedy;
  if (arguments.greedy > 0) {
    OUNCE_ASSIGN_OR_RETURN(
        greedy, Annotate(ComputeGreedy(inputs, model.weights, arguments.greedy,
                                       engine.context.get()),
                         arguments.input));
    outputs.push_back({"greedy",
                       "I64",
                       {1, arguments.greedy},
                       Bytes(absl::MakeConstSpan(greedy))});
  }
  OUNCE_RETURN_IF_ERROR(WriteSafetensors(arguments.output, outputs));
  if (common.json) {
    Json::Object written;
    for (const OutputTensor& tensor : outputs) {
      written.Set(tensor.name,
                  Json::Array(tensor.shape.begin(), tensor.shape.end()));
    }
    std::cout << Json::Of({{"output", arguments.output}, {"tensors", written}})
                     .Dump(1)
              << "\n";
  } else {
    Remark(common, absl::StrCat("wrote ", arguments.output));
  }
  return kExitDone;
}

void Declare(CommandLine& line, LogitsArguments* arguments) {
  line.Positional("MODEL", "Hugging Face folder, .gguf or .oz file",
                  &arguments->model);
  line.Required(
      "--input",
      "Safetensors file with input_ids [rows, tokens] and, as needed, "
      "attention_mask, token_type_ids, decoder_input_ids",
      &arguments->input);
  line.Required("--output",
                "Safetensors file to write: logits [rows, tokens, vocab], or "
                "what the model gives in their place",
                &arguments->output);
  line.Option(
      "--greedy",
      "Also write greedy [1, N]: the most probable continuation of row 0", 0,
      kMaxCount, &arguments->greedy);
}

}  // namespace

Command LogitsCommand() {
  return MakeCommand<LogitsArguments>(
      "logits", "Raw outputs for given ids, to compare implementations",
      Declare, Run);
}

}  // namespace ounce
