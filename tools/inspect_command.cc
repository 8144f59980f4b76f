// `ounce inspect`: what is in a model file.
#include <algorithm>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/annotate.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "formats/model_file.h"
#include "tools/command.h"
#include "tools/command_line.h"
#include "tools/loaded_model.h"
#include "tools/terminal.h"

namespace ounce {
namespace {

struct InspectArguments {
  std::string model;
  bool check = false;
};

double BitsOf(const PackedMatrix& matrix) {
  return 8.0 * static_cast<double>(matrix.bytes) /
         static_cast<double>(matrix.rows * matrix.cols);
}

// The hash of the tensor `index`, which only artifacts record.
std::string HashOf(const ModelFile& file, size_t index) {
  if (file.artifact == nullptr) return "";
  for (const TensorRecord& record : file.artifact->records()) {
    if (record.name == file.bound.tensors[index].slot.name) {
      return record.hash.Hex();
    }
  }
  return "";
}

int64_t WeightBytes(const BoundTensors& bound) {
  int64_t bytes = 0;
  for (const BoundTensor& tensor : bound.tensors) bytes += tensor.matrix.bytes;
  return bytes;
}

int64_t Parameters(const BoundTensors& bound) {
  int64_t count = 0;
  for (const BoundTensor& tensor : bound.tensors) {
    count += tensor.matrix.rows * tensor.matrix.cols;
  }
  return count;
}

// The names of an enum's values, in their order.
template <typename Enum, size_t kCount>
absl::string_view NameOf(const absl::string_view (&names)[kCount], Enum value) {
  return names[static_cast<size_t>(value)];
}
constexpr absl::string_view kActivations[] = {
    "silu", "gelu", "gelu_tanh", "relu", "tanh", "quick_gelu", "relu_squared"};
constexpr absl::string_view kNorms[] = {"rms", "layer"};
constexpr absl::string_view kPlacements[] = {"input", "output",
                                             "input_and_output", "sum"};
constexpr absl::string_view kOrders[] = {"serial", "parallel",
                                         "parallel_shared_norm"};
constexpr absl::string_view kPositions[] = {"rotary", "learned", "alibi",
                                            "sinusoidal", "relative"};
constexpr absl::string_view kHeads[] = {"language_model", "none",
                                        "sequence_labels", "token_labels"};
constexpr absl::string_view kPoolings[] = {"first", "mean"};
constexpr size_t kMaxLabelsShown = 12;
constexpr absl::string_view kScalings[] = {"none",    "linear", "llama3",
                                           "dynamic", "yarn",   "longrope"};

Json ExpertsJson(const ExpertSpec& experts) {
  if (experts.experts == 0) return Json();
  return Json::Of({{"experts", experts.experts},
                   {"per_token", experts.per_token},
                   {"ffn", experts.ffn},
                   {"shared_ffn", experts.shared_ffn}});
}

// "norm rms (input), positions rotary, experts 8, 2 a token".
std::string Choices(const ModelSpec& spec) {
  std::string text =
      absl::StrCat("norm ", NameOf(kNorms, spec.norm), " (",
                   NameOf(kPlacements, spec.norm_placement), "), residual ",
                   NameOf(kOrders, spec.residual), ", positions ",
                   NameOf(kPositions, spec.position));
  if (spec.position == PositionKind::kRotary &&
      spec.rotary.scaling != RotaryScaling::kNone) {
    absl::StrAppend(&text, " (", NameOf(kScalings, spec.rotary.scaling), ")");
  }
  if (spec.position == PositionKind::kRelative) {
    absl::StrAppend(&text, " (", spec.relative_buckets, " buckets up to ",
                    spec.relative_max_distance, ")");
  }
  if (spec.token_types > 0) {
    absl::StrAppend(&text, ", ", spec.token_types, " token types");
  }
  absl::StrAppend(&text, ", ", NameOf(kActivations, spec.activation),
                  spec.gated_ffn ? " gated" : "");
  if (spec.experts.experts > 0) {
    absl::StrAppend(&text, ", ", spec.experts.experts, " experts, ",
                    spec.experts.per_token, " a token");
  }
  return text;
}

// "decoder", "encoder" or "encoder-decoder".
absl::string_view Stack(const ModelSpec& spec) {
  if (spec.has_encoder()) return "encoder-decoder";
  return spec.causal ? "decoder" : "encoder";
}

// What the model gives: "logits over 3 labels of a text: a, b, c".
std::string HeadText(const ModelSpec& spec) {
  switch (spec.head) {
    case HeadKind::kLanguageModel:
      return spec.causal ? "the next token" : "the token at each position";
    case HeadKind::kNone:
      return absl::StrCat(
          "hidden states", spec.transform.present ? " and a pooled one" : "",
          "; of a text ",
          spec.pooling == Pooling::kMean ? "their mean" : "the first",
          spec.unit_embedding ? ", at length 1" : "");
    case HeadKind::kSequenceLabels:
    case HeadKind::kTokenLabels:
      break;
  }
  const auto shown =
      absl::MakeConstSpan(spec.labels)
          .subspan(0, std::min(spec.labels.size(), kMaxLabelsShown));
  return absl::StrCat(
      spec.labels.size(), spec.labels.size() == 1 ? " label" : " labels",
      spec.head == HeadKind::kTokenLabels ? " of each token" : " of a text",
      spec.multi_label ? ", any number of them" : "", ": ",
      absl::StrJoin(shown, ", "),
      shown.size() < spec.labels.size() ? ", ..." : "");
}

Json EncoderJson(const EncoderSpec& encoder) {
  if (encoder.layers == 0) return Json();
  return Json::Of({{"layers", encoder.layers},
                   {"heads", encoder.heads},
                   {"head_dim", encoder.head_dim},
                   {"ffn", encoder.ffn},
                   {"vocab", encoder.vocab}});
}

Json SpecJson(const ModelSpec& spec) {
  return Json::Of(
      {{"vocab", spec.vocab},
       {"width", spec.width},
       {"layers", spec.layers},
       {"heads", spec.heads},
       {"kv_heads", spec.kv_heads},
       {"head_dim", spec.head_dim},
       {"ffn", spec.ffn},
       {"max_context", spec.max_context},
       {"window", spec.window},
       {"tied_head", spec.tied_head},
       {"activation", NameOf(kActivations, spec.activation)},
       {"norm", NameOf(kNorms, spec.norm)},
       {"norm_placement", NameOf(kPlacements, spec.norm_placement)},
       {"residual", NameOf(kOrders, spec.residual)},
       {"position", NameOf(kPositions, spec.position)},
       {"rotary_base", spec.rotary.base},
       {"rotary_scaling", NameOf(kScalings, spec.rotary.scaling)},
       {"relative_buckets", spec.relative_buckets},
       {"relative_max_distance", spec.relative_max_distance},
       {"token_types", spec.token_types},
       {"experts", ExpertsJson(spec.experts)},
       {"stack", Stack(spec)},
       {"encoder", EncoderJson(spec.encoder)},
       {"stored_layers", spec.stored_layers()},
       {"head", NameOf(kHeads, spec.head)},
       {"pooling", NameOf(kPoolings, spec.pooling)},
       {"unit_embedding", spec.unit_embedding},
       {"labels", Json::Array(spec.labels.begin(), spec.labels.end())},
       {"multi_label", spec.multi_label},
       {"stop_ids", Json::Array(spec.stop_ids.begin(), spec.stop_ids.end())}});
}

Json CalibrationJson(const Provenance& provenance) {
  if (!provenance.calibration.has_value()) return Json();
  const CalibrationSource& calibration = *provenance.calibration;
  return Json::Of({{"text_sha256", calibration.sha256},
                   {"tokens", calibration.tokens},
                   {"context", calibration.context},
                   {"seed", calibration.seed},
                   {"own_text", calibration.own_text}});
}

std::string CalibrationText(const CalibrationSource& calibration) {
  return absl::StrCat(calibration.tokens, " tokens ",
                      calibration.own_text ? "that the model wrote" : "of text",
                      " in windows of ", calibration.context, ", sha256 ",
                      calibration.sha256);
}

Json ProvenanceJson(const Provenance& provenance) {
  Json::Array sources;
  for (const SourceFile& source : provenance.sources) {
    sources.push_back(Json::Of({{"name", source.name},
                                {"sha256", source.sha256},
                                {"bytes", source.bytes}}));
  }
  return Json::Of({{"tool_version", provenance.tool_version},
                   {"recipe", provenance.recipe},
                   {"sources", sources},
                   {"calibration", CalibrationJson(provenance)}});
}

Json InspectJson(const ModelFile& file) {
  Json::Array tensors;
  for (size_t i = 0; i < file.bound.tensors.size(); ++i) {
    const BoundTensor& tensor = file.bound.tensors[i];
    const std::string hash = HashOf(file, i);
    tensors.push_back(
        Json::Of({{"name", tensor.slot.name},
                  {"shape", Json::Array(tensor.slot.shape.begin(),
                                        tensor.slot.shape.end())},
                  {"codec", GetCodecInfo(tensor.matrix.codec).name},
                  {"group_size", tensor.matrix.group_size},
                  {"bits", BitsOf(tensor.matrix)},
                  {"bytes", tensor.matrix.bytes},
                  {"hash", hash.empty() ? Json() : Json(hash)}}));
  }
  const ArtifactReader* artifact = file.artifact.get();
  return Json::Of(
      {{"format", file.format},
       {"version",
        artifact == nullptr ? Json() : Json(int64_t{artifact->version()})},
       {"artifact",
        Json::Of({{"id", artifact == nullptr ? Json()
                                             : Json(artifact->id().Hex())}})},
       {"architecture", file.spec.architecture},
       {"parameters", Parameters(file.bound)},
       {"bytes", WeightBytes(file.bound)},
       {"bits_per_weight", BitsPerWeight(file.bound)},
       {"spec", SpecJson(file.spec)},
       {"tokenizer", file.tokenizer.kind != TokenizerKind::kNone},
       {"provenance",
        artifact == nullptr ? Json() : ProvenanceJson(artifact->provenance())},
       {"tensors", tensors}});
}

std::string DescribeTokenizer(const TokenizerAsset& tokenizer) {
  if (tokenizer.kind == TokenizerKind::kBpeFiles) {
    return "vocab.json, merges.txt";
  }
  if (!tokenizer.files.empty()) return tokenizer.files.front().name;
  return tokenizer.unusable.empty()
             ? "none"
             : absl::StrCat("none (", tokenizer.unusable, " is not supported)");
}

void PrintSummary(const ModelFile& file) {
  const ModelSpec& spec = file.spec;
  std::vector<std::vector<std::string>> rows = {
      {"file", file.path},
      {"format",
       file.artifact == nullptr
           ? file.format
           : absl::StrCat(file.format, ", version ", file.artifact->version())},
      {"architecture",
       absl::StrFormat(
           "%s, %s: %d layers%s, width %d, %d heads (%d kv) of %d, ffn "
           "%d, vocabulary %d, context %d%s",
           spec.architecture, Stack(spec), spec.layers,
           spec.stored_layers() < spec.layers
               ? absl::StrCat(" (", spec.stored_layers(), " stored)")
               : "",
           spec.width, spec.heads, spec.kv_heads, spec.head_dim, spec.ffn,
           spec.vocab, spec.max_context,
           spec.window > 0 ? absl::StrCat(", window ", spec.window) : "")},
      {"choices", Choices(spec)},
      {"gives", HeadText(spec)},
      {"parameters",
       absl::StrCat(Parameters(file.bound),
                    spec.tied_head && spec.head == HeadKind::kLanguageModel
                        ? ", head tied"
                        : "")},
      {"weights", absl::StrFormat("%s, %.3f bits per weight",
                                  FormatBytes(WeightBytes(file.bound)),
                                  BitsPerWeight(file.bound))},
      {"tokenizer", DescribeTokenizer(file.tokenizer)},
      {"stop ids", absl::StrJoin(spec.stop_ids, ", ")}};
  if (spec.has_encoder()) {
    const EncoderSpec& encoder = spec.encoder;
    rows.insert(
        rows.begin() + 3,
        {"encoder",
         absl::StrFormat("%d layers, %d heads of %d, ffn %d%s", encoder.layers,
                         encoder.heads, encoder.head_dim, encoder.ffn,
                         encoder.vocab > 0
                             ? absl::StrCat(", vocabulary ", encoder.vocab)
                             : "")});
  }
  if (file.artifact != nullptr) {
    const Provenance& provenance = file.artifact->provenance();
    rows.push_back({"id", file.artifact->id().Hex()});
    rows.push_back(
        {"made by", absl::StrCat("ounce ", provenance.tool_version)});
    for (const SourceFile& source : provenance.sources) {
      rows.push_back(
          {"from", absl::StrCat(source.name, ", sha256 ", source.sha256)});
    }
    if (provenance.calibration.has_value()) {
      rows.push_back(
          {"calibrated on", CalibrationText(*provenance.calibration)});
    }
  }
  std::cout << FormatTable(rows, {1}) << "\n";
}

void PrintTensors(const ModelFile& file) {
  std::vector<std::vector<std::string>> rows = {
      {"tensor", "shape", "codec", "bits", "bytes", "xxh3-128"}};
  if (file.artifact == nullptr) rows[0].pop_back();
  for (size_t i = 0; i < file.bound.tensors.size(); ++i) {
    const BoundTensor& tensor = file.bound.tensors[i];
    const std::string group = tensor.matrix.group_size > 0
                                  ? absl::StrCat(" g", tensor.matrix.group_size)
                                  : "";
    std::vector<std::string> row = {
        tensor.slot.name, ShapeString(tensor.slot.shape),
        absl::StrCat(GetCodecInfo(tensor.matrix.codec).name, group),
        absl::StrFormat("%.3f", BitsOf(tensor.matrix)),
        absl::StrCat(tensor.matrix.bytes)};
    if (file.artifact != nullptr) row.push_back(HashOf(file, i));
    rows.push_back(std::move(row));
  }
  std::cout << FormatTable(rows, {1, 2});
}

// Hashes of an artifact, finite weights of a checkpoint.
absl::Status Check(const ModelFile& file, const CommonOptions& common) {
  if (file.artifact != nullptr) {
    ProgressBar bar("checking", "bytes", common);
    return Annotate(file.artifact->CheckHashes(bar.callback()), file.path);
  }
  ThreadPool pool(common.num_threads());
  return Annotate(CheckAllFinite(file.bound, &pool), file.path);
}

absl::StatusOr<ExitCode> Run(const InspectArguments& arguments,
                             const CommonOptions& common) {
  OUNCE_ASSIGN_OR_RETURN(const ModelFile file, OpenModel(arguments.model));
  WarnOfSurplus(file, common);
  if (arguments.check) OUNCE_RETURN_IF_ERROR(Check(file, common));
  if (common.json) {
    std::cout << InspectJson(file).Dump(1) << "\n";
    return kExitDone;
  }
  PrintSummary(file);
  PrintTensors(file);
  if (arguments.check) {
    std::cout << (file.artifact != nullptr ? "\nevery hash matches\n"
                                           : "\nevery weight is finite\n");
  }
  return kExitDone;
}

void Declare(CommandLine& line, InspectArguments* arguments) {
  line.Positional("MODEL", "Hugging Face folder, .gguf or .oz file",
                  &arguments->model);
  line.Flag("--check",
            "Read every weight: compare hashes (.oz), refuse NaN (float)",
            &arguments->check);
}

}  // namespace

Command InspectCommand() {
  return MakeCommand<InspectArguments>(
      "inspect", "Show a model's shape, tensors, bits per weight and hashes",
      Declare, Run);
}

}  // namespace ounce
