#include "tools/raw_outputs.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "runtime/executor.h"
#include "runtime/sampler.h"

namespace ounce {
namespace {

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

absl::StatusOr<std::vector<int64_t>> ReadIntegers(const StoredTensor& tensor) {
  if (tensor.dtype == "I64") return Widen<int64_t>(tensor.bytes);
  if (tensor.dtype == "I32") return Widen<int32_t>(tensor.bytes);
  return absl::InvalidArgumentError(absl::StrCat("tensor '", tensor.name,
                                                 "' has type ", tensor.dtype,
                                                 "; expected I64 or I32"));
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
  OUNCE_ASSIGN_OR_RETURN(const std::vector<int64_t> values,
                         ReadIntegers(tensor));
  if (values.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor '", tensor.name, "' is empty"));
  }
  for (const int64_t value : values) {
    if (value < INT32_MIN || value > INT32_MAX) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tensor '", tensor.name, "' holds ", value, ", which is no id"));
    }
    ids.values.push_back(static_cast<int32_t>(value));
  }
  return ids;
}

// The tensor called `name`, shaped as `ids` are, or nothing.
absl::StatusOr<std::optional<IdMatrix>> ReadBeside(const TensorSource& source,
                                                   absl::string_view name,
                                                   const IdMatrix& ids) {
  const StoredTensor* tensor = source.Find(name);
  if (tensor == nullptr) return std::nullopt;
  OUNCE_ASSIGN_OR_RETURN(IdMatrix read, ReadIds(*tensor));
  if (read.rows == ids.rows && read.tokens == ids.tokens) return read;
  return absl::InvalidArgumentError(absl::StrCat(
      "tensor '", name, "' has shape ", ShapeString(tensor->shape),
      "; expected that of 'input_ids', [", ids.rows, ", ", ids.tokens, "]"));
}

std::vector<uint8_t> MaskOf(const RawInputs& inputs, int64_t row) {
  std::vector<uint8_t> mask;
  if (!inputs.mask.has_value()) return mask;
  for (const int32_t value : inputs.mask->row(row)) mask.push_back(value != 0);
  return mask;
}

const uint8_t* DataOrNull(const std::vector<uint8_t>& mask) {
  return mask.empty() ? nullptr : mask.data();
}

// Outputs by name, each row's appended to the others'.
class Collector {
 public:
  // `shape` is that of one row's values.
  void Add(absl::string_view name, Shape shape,
           absl::Span<const float> values) {
    auto found = std::find_if(
        outputs_.begin(), outputs_.end(),
        [name](const RawOutput& output) { return output.name == name; });
    if (found == outputs_.end()) {
      shape.insert(shape.begin(), 0);
      outputs_.push_back({std::string(name), std::move(shape), {}});
      found = outputs_.end() - 1;
    }
    ++found->shape[0];
    found->values.insert(found->values.end(), values.begin(), values.end());
  }
  std::vector<RawOutput> Take() { return std::move(outputs_); }

 private:
  std::vector<RawOutput> outputs_;
};

void AddLogits(MatrixView<const float> hidden, Executor* executor,
               Collector* out) {
  Matrix logits(hidden.rows, executor->spec().vocab);
  executor->Logits(hidden, logits.view());
  out->Add("logits", {logits.rows(), logits.cols()}, logits.values());
}

absl::Status DecodeRow(const RawInputs& inputs, int64_t row, Executor* executor,
                       Collector* out) {
  const std::vector<uint8_t> mask = MaskOf(inputs, row);
  Matrix hidden;
  executor->Reset();
  OUNCE_RETURN_IF_ERROR(
      executor->Forward(inputs.ids.row(row), &hidden, DataOrNull(mask)));
  AddLogits(hidden.view(), executor, out);
  return absl::OkStatus();
}

absl::Status EncodeRow(const RawInputs& inputs, int64_t row, Executor* executor,
                       Matrix* hidden) {
  const std::vector<uint8_t> mask = MaskOf(inputs, row);
  const int32_t* types = inputs.token_types.has_value()
                             ? inputs.token_types->row(row).data()
                             : nullptr;
  return executor->Forward({{0, inputs.ids.row(row), DataOrNull(mask), types}},
                           HiddenRows::kAll, hidden);
}

absl::Status AddEncoderRow(const RawInputs& inputs, int64_t row,
                           Executor* executor, Collector* out) {
  Matrix hidden;
  OUNCE_RETURN_IF_ERROR(EncodeRow(inputs, row, executor, &hidden));
  out->Add("last_hidden_state", {hidden.rows(), hidden.cols()},
           hidden.values());
  const ModelSpec& spec = executor->spec();
  const std::vector<uint8_t> mask = MaskOf(inputs, row);
  const TextStates text = {hidden.view(), DataOrNull(mask)};
  if (spec.head == HeadKind::kLanguageModel) {
    AddLogits(hidden.view(), executor, out);
  } else if (spec.has_labels()) {
    const Matrix logits = executor->heads().LabelLogits(text);
    Shape shape = {logits.cols()};
    if (spec.head == HeadKind::kTokenLabels)
      shape.insert(shape.begin(), logits.rows());
    out->Add("class_logits", shape, logits.values());
  } else if (spec.transform.present) {
    const Matrix pooled = executor->heads().Pooled(text);
    out->Add("pooled", {pooled.cols()}, pooled.values());
  }
  return absl::OkStatus();
}

// Row `row` through the encoder: what `decoder` sees from now on.
absl::Status SetSourceRow(const RawInputs& inputs, int64_t row,
                          Executor* encoder, Executor* decoder,
                          Collector* out) {
  Matrix hidden;
  OUNCE_RETURN_IF_ERROR(EncodeRow(inputs, row, encoder, &hidden));
  if (out != nullptr) {
    out->Add("encoder_last_hidden_state", {hidden.rows(), hidden.cols()},
             hidden.values());
  }
  return decoder->SetSource(hidden.view(), MaskOf(inputs, row));
}

absl::StatusOr<std::vector<RawOutput>> ComputeSequenceToSequence(
    const RawInputs& inputs, const ModelWeights& weights,
    KernelContext* context) {
  IdMatrix decoder_ids;
  if (inputs.decoder_ids.has_value()) {
    decoder_ids = *inputs.decoder_ids;
  } else {
    decoder_ids = {inputs.ids.rows, 1,
                   std::vector<int32_t>(static_cast<size_t>(inputs.ids.rows),
                                        weights.spec.generation.start_id)};
  }
  Executor encoder(*weights.encoder, context, inputs.ids.tokens);
  Executor decoder(weights, context, decoder_ids.tokens);
  Collector out;
  for (int64_t row = 0; row < inputs.ids.rows; ++row) {
    OUNCE_RETURN_IF_ERROR(SetSourceRow(inputs, row, &encoder, &decoder, &out));
    Matrix hidden;
    OUNCE_RETURN_IF_ERROR(decoder.Forward(decoder_ids.row(row), &hidden));
    AddLogits(hidden.view(), &decoder, &out);
  }
  return out.Take();
}

// The ids of row 0 that are no padding.
absl::StatusOr<std::vector<int32_t>> TextOfRow0(const RawInputs& inputs) {
  const std::vector<uint8_t> mask = MaskOf(inputs, 0);
  const absl::Span<const int32_t> row = inputs.ids.row(0);
  std::vector<int32_t> text;
  for (size_t i = 0; i < row.size(); ++i) {
    if (mask.empty() || mask[i] != 0) text.push_back(row[i]);
  }
  if (!text.empty()) return text;
  return absl::InvalidArgumentError(
      "row 0 of 'attention_mask' hides every token; --greedy needs one");
}

// Continues `input` on `executor`.  Each token is that of the text before it as
// a whole: where positions turn otherwise as the text grows, it is computed
// anew.
absl::StatusOr<std::vector<int64_t>> Continue(std::vector<int32_t> input,
                                              int64_t count,
                                              Executor* executor) {
  std::vector<int64_t> greedy;
  Matrix hidden;
  Matrix logits(1, executor->spec().vocab);
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

}  // namespace

absl::StatusOr<RawInputs> ReadRawInputs(const TensorSource& source) {
  const StoredTensor* ids = source.Find("input_ids");
  if (ids == nullptr) {
    return absl::InvalidArgumentError(
        "no tensor 'input_ids'; expected one of shape [rows, tokens], I64 or "
        "I32");
  }
  RawInputs inputs;
  OUNCE_ASSIGN_OR_RETURN(inputs.ids, ReadIds(*ids));
  OUNCE_ASSIGN_OR_RETURN(inputs.mask,
                         ReadBeside(source, "attention_mask", inputs.ids));
  OUNCE_ASSIGN_OR_RETURN(inputs.token_types,
                         ReadBeside(source, "token_type_ids", inputs.ids));
  const StoredTensor* decoder_ids = source.Find("decoder_input_ids");
  if (decoder_ids == nullptr) return inputs;
  OUNCE_ASSIGN_OR_RETURN(inputs.decoder_ids, ReadIds(*decoder_ids));
  if (inputs.decoder_ids->rows == inputs.ids.rows) return inputs;
  return absl::InvalidArgumentError(absl::StrCat(
      "tensor 'decoder_input_ids' has ", inputs.decoder_ids->rows,
      " rows; expected as many as 'input_ids', ", inputs.ids.rows));
}

absl::StatusOr<std::vector<RawOutput>> ComputeRawOutputs(
    const RawInputs& inputs, const ModelWeights& weights,
    KernelContext* context) {
  if (weights.spec.has_encoder()) {
    return ComputeSequenceToSequence(inputs, weights, context);
  }
  Executor executor(weights, context, inputs.ids.tokens);
  Collector out;
  for (int64_t row = 0; row < inputs.ids.rows; ++row) {
    OUNCE_RETURN_IF_ERROR(weights.spec.causal
                              ? DecodeRow(inputs, row, &executor, &out)
                              : AddEncoderRow(inputs, row, &executor, &out));
  }
  return out.Take();
}

absl::StatusOr<std::vector<int64_t>> ComputeGreedy(const RawInputs& inputs,
                                                   const ModelWeights& weights,
                                                   int64_t count,
                                                   KernelContext* context) {
  const ModelSpec& spec = weights.spec;
  if (!spec.causal) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", spec.architecture,
                     "' is an encoder and generates no text; leave --greedy "
                     "out"));
  }
  if (!spec.has_encoder()) {
    OUNCE_ASSIGN_OR_RETURN(std::vector<int32_t> text, TextOfRow0(inputs));
    Executor executor(weights, context, inputs.ids.tokens + count);
    return Continue(std::move(text), count, &executor);
  }
  Executor encoder(*weights.encoder, context, inputs.ids.tokens);
  Executor decoder(weights, context, 1 + count);
  OUNCE_RETURN_IF_ERROR(SetSourceRow(inputs, 0, &encoder, &decoder, nullptr));
  return Continue({spec.generation.start_id}, count, &decoder);
}

}  // namespace ounce
