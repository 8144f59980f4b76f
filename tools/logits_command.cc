// `ounce logits`: raw outputs for given ids, to compare with any other
// implementation.
#include <cstring>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/status_macros.h"
#include "formats/safetensors/safetensors_reader.h"
#include "formats/safetensors/safetensors_writer.h"
#include "runtime/executor.h"
#include "runtime/sampler.h"
#include "tools/command.h"
#include "tools/command_line.h"
#include "tools/loaded_model.h"
#include "tools/terminal.h"

namespace ounce {
namespace {

struct LogitsArguments {
  std::string model;
  std::string input;
  std::string output;
  int64_t greedy = 0;
};

// Integers [rows, tokens].
struct IdMatrix {
  int64_t rows = 0;
  int64_t tokens = 0;
  std::vector<int64_t> values;

  absl::Span<const int64_t> row(int64_t index) const {
    return absl::MakeConstSpan(values).subspan(
        static_cast<size_t>(index * tokens), static_cast<size_t>(tokens));
  }
};

template <typename T>
std::vector<int64_t> Widen(absl::Span<const uint8_t> bytes) {
  std::vector<int64_t> values(bytes.size() / sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = value;
  }
  return values;
}

absl::StatusOr<IdMatrix> ReadIds(const StoredTensor& tensor) {
  if (tensor.shape.empty() || tensor.shape.size() > 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor '", tensor.name, "' has shape ",
                     ShapeString(tensor.shape), "; expected [rows, tokens]"));
  }
  IdMatrix ids;
  ids.rows = tensor.shape.size() == 2 ? tensor.shape[0] : 1;
  ids.tokens = tensor.shape.back();
  if (tensor.dtype == "I64") {
    ids.values = Widen<int64_t>(tensor.bytes);
  } else if (tensor.dtype == "I32") {
    ids.values = Widen<int32_t>(tensor.bytes);
  } else {
    return absl::InvalidArgumentError(absl::StrCat("tensor '", tensor.name,
                                                   "' has type ", tensor.dtype,
                                                   "; expected I64 or I32"));
  }
  if (ids.values.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor '", tensor.name, "' is empty"));
  }
  return ids;
}

struct Inputs {
  IdMatrix ids;
  std::optional<IdMatrix> mask;
};

absl::StatusOr<Inputs> ReadInputs(const std::string& path) {
  OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<TensorSource> source,
                         OpenSafetensors(path));
  const StoredTensor* ids = source->Find("input_ids");
  if (ids == nullptr) {
    return absl::InvalidArgumentError(
        "no tensor 'input_ids'; expected one of shape [rows, tokens], I64 or "
        "I32");
  }
  Inputs inputs;
  OUNCE_ASSIGN_OR_RETURN(inputs.ids, ReadIds(*ids));
  if (const StoredTensor* mask = source->Find("attention_mask")) {
    OUNCE_ASSIGN_OR_RETURN(inputs.mask, ReadIds(*mask));
    if (inputs.mask->rows != inputs.ids.rows ||
        inputs.mask->tokens != inputs.ids.tokens) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tensor 'attention_mask' has shape ", ShapeString(mask->shape),
          "; expected that of 'input_ids', ", ShapeString(ids->shape)));
    }
  }
  return inputs;
}

absl::StatusOr<std::vector<int32_t>> ToTokenIds(absl::Span<const int64_t> row,
                                                int64_t vocab) {
  std::vector<int32_t> ids;
  for (const int64_t id : row) {
    if (id < 0 || id >= vocab) {
      return absl::InvalidArgumentError(absl::StrCat(
          "'input_ids' holds ", id, "; expected 0 to ", vocab - 1));
    }
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

std::vector<uint8_t> MaskOf(const Inputs& inputs, int64_t row) {
  std::vector<uint8_t> mask;
  if (!inputs.mask.has_value()) return mask;
  for (const int64_t value : inputs.mask->row(row)) mask.push_back(value != 0);
  return mask;
}

// Logits of every row, one after the other: [rows * tokens, vocab].
absl::StatusOr<Matrix> ComputeLogits(const Inputs& inputs, Executor* executor) {
  const int64_t vocab = executor->spec().vocab;
  const int64_t tokens = inputs.ids.tokens;
  Matrix logits(inputs.ids.rows * tokens, vocab);
  Matrix hidden;
  for (int64_t row = 0; row < inputs.ids.rows; ++row) {
    OUNCE_ASSIGN_OR_RETURN(const std::vector<int32_t> ids,
                           ToTokenIds(inputs.ids.row(row), vocab));
    const std::vector<uint8_t> mask = MaskOf(inputs, row);
    executor->Reset();
    OUNCE_RETURN_IF_ERROR(
        executor->Forward(ids, &hidden, mask.empty() ? nullptr : mask.data()));
    executor->Logits(hidden.view(),
                     logits.view().Rows(row * tokens, (row + 1) * tokens));
  }
  return logits;
}

// The most probable continuation of row 0, padding left out.  Each token is
// that of the text before it as a whole: where positions turn otherwise as the
// text grows, it is computed anew.
absl::StatusOr<std::vector<int64_t>> ComputeGreedy(const Inputs& inputs,
                                                   int64_t count,
                                                   Executor* executor) {
  OUNCE_ASSIGN_OR_RETURN(const std::vector<int32_t> row,
                         ToTokenIds(inputs.ids.row(0), executor->spec().vocab));
  const std::vector<uint8_t> mask = MaskOf(inputs, 0);
  std::vector<int32_t> input;
  for (size_t i = 0; i < row.size(); ++i) {
    if (mask.empty() || mask[i] != 0) input.push_back(row[i]);
  }
  if (input.empty()) {
    return absl::InvalidArgumentError(
        "row 0 of 'attention_mask' hides every token; --greedy needs one");
  }
  std::vector<int64_t> greedy;
  Matrix hidden;
  Matrix logits(1, executor->spec().vocab);
  executor->Reset();
  const bool anew = executor->spec().rotary.scaling == RotaryScaling::kDynamic;
  while (static_cast<int64_t>(greedy.size()) < count) {
    if (anew) executor->Reset();
    OUNCE_RETURN_IF_ERROR(executor->Forward(input, &hidden));
    executor->Logits(hidden.view().Rows(hidden.rows() - 1, hidden.rows()),
                     logits.view());
    if (!anew) input.clear();
    input.push_back(ArgMax(logits.values()));
    greedy.push_back(input.back());
  }
  return greedy;
}

template <typename T>
absl::Span<const uint8_t> Bytes(absl::Span<const T> values) {
  return absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(values.data()),
                             values.size() * sizeof(T));
}

absl::StatusOr<ExitCode> Run(const LogitsArguments& arguments,
                             const CommonOptions& common) {
  OUNCE_ASSIGN_OR_RETURN(
      const Inputs inputs,
      Annotate(ReadInputs(arguments.input), arguments.input));
  OUNCE_ASSIGN_OR_RETURN(const Engine engine, CreateEngine(common));
  OUNCE_ASSIGN_OR_RETURN(
      const LoadedModel model,
      LoadModel(arguments.model, false, common, engine.pool.get()));
  // Beyond the model's context where its positions go on: what it says there
  // may be poor, but it is what other implementations give too.
  const int64_t capacity = inputs.ids.tokens + arguments.greedy;
  const ModelSpec& spec = model.file.spec;
  Executor executor(model.weights, engine.context.get(), capacity);
  OUNCE_ASSIGN_OR_RETURN(
      const Matrix logits,
      Annotate(ComputeLogits(inputs, &executor), arguments.input));
  std::vector<OutputTensor> outputs = {
      {"logits",
       "F32",
       {inputs.ids.rows, inputs.ids.tokens, spec.vocab},
       Bytes(logits.values())}};
  std::vector<int64_t> greedy;
  if (arguments.greedy > 0) {
    OUNCE_ASSIGN_OR_RETURN(
        greedy, Annotate(ComputeGreedy(inputs, arguments.greedy, &executor),
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
  line.Positional("MODEL", "Hugging Face folder or .oz file",
                  &arguments->model);
  line.Required(
      "--input",
      "Safetensors file with input_ids [rows, tokens] and, if padded, "
      "attention_mask",
      &arguments->input);
  line.Required("--output",
                "Safetensors file to write: logits [rows, tokens, vocab]",
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
