#include "compress/statistics_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/checked.h"
#include "core/hash.h"
#include "core/status_macros.h"
#include "formats/safetensors/safetensors_reader.h"

namespace ounce {
namespace {

constexpr absl::string_view kFormat = "ounce-statistics";
constexpr absl::string_view kVersion = "1";
constexpr std::array<double, 4> kQuantiles = {0.5, 0.9, 0.99, 0.999};
// Tensors of an input.
constexpr int64_t kTensorsOfInput = 6;

template <typename T>
absl::Span<const uint8_t> BytesOf(absl::Span<const T> values) {
  return {reinterpret_cast<const uint8_t*>(values.data()),
          values.size() * sizeof(T)};
}

bool AllFinite(absl::Span<const float> values) {
  return std::all_of(values.begin(), values.end(),
                     [](float value) { return std::isfinite(value); });
}

Json SourcesJson(absl::Span<const SourceFile> sources) {
  Json::Array list;
  for (const SourceFile& source : sources) {
    list.push_back(Json::Of({{"name", source.name},
                             {"sha256", source.sha256},
                             {"bytes", source.bytes}}));
  }
  return list;
}

Json CalibrationJson(const StatisticsOrigin& origin) {
  const CalibrationSource& calibration = origin.calibration;
  return Json::Of({{"sha256", calibration.sha256},
                   {"tokens", calibration.tokens},
                   {"token_limit", origin.token_limit},
                   {"context", calibration.context},
                   // As text: an int64_t does not hold every seed.
                   {"seed", absl::StrCat(calibration.seed)},
                   {"own_text", calibration.own_text}});
}

absl::StatusOr<StatisticsOrigin> ParseCalibration(const Json& json) {
  StatisticsOrigin origin;
  CalibrationSource& calibration = origin.calibration;
  OUNCE_ASSIGN_OR_RETURN(calibration.sha256, json.GetString("sha256"));
  OUNCE_ASSIGN_OR_RETURN(calibration.tokens, json.GetInt("tokens"));
  OUNCE_ASSIGN_OR_RETURN(origin.token_limit, json.GetInt("token_limit"));
  OUNCE_ASSIGN_OR_RETURN(calibration.context, json.GetInt("context"));
  OUNCE_ASSIGN_OR_RETURN(const std::string seed, json.GetString("seed"));
  OUNCE_ASSIGN_OR_RETURN(calibration.own_text,
                         json.GetBoolOr("own_text", false));
  if (calibration.sha256.size() != 64 ||
      !absl::SimpleAtoi(seed, &calibration.seed) || calibration.tokens < 1 ||
      calibration.context < 1) {
    return absl::DataLossError("sha256, seed, tokens or context are none");
  }
  return origin;
}

absl::StatusOr<std::vector<SourceFile>> ParseSources(const Json& json) {
  const Json::Array* list = json.AsArray();
  if (list == nullptr) return absl::DataLossError("expected a list");
  std::vector<SourceFile> sources;
  for (const Json& element : *list) {
    SourceFile source;
    OUNCE_ASSIGN_OR_RETURN(source.name, element.GetString("name"));
    OUNCE_ASSIGN_OR_RETURN(source.sha256, element.GetString("sha256"));
    OUNCE_ASSIGN_OR_RETURN(source.bytes, element.GetInt("bytes"));
    sources.push_back(std::move(source));
  }
  return sources;
}

// The value of `key`, which is JSON in a string.
absl::StatusOr<Json> ParseMember(const Json::Object& metadata,
                                 absl::string_view key) {
  const Json* member = metadata.Find(key);
  if (member == nullptr) return absl::DataLossError("it is missing");
  JsonLimits limits;
  limits.max_depth = 8;
  return ParseJson(*member->AsString(), limits);
}

// An object of strings.
absl::StatusOr<Json> ParseNames(const Json::Object& metadata,
                                absl::string_view key) {
  OUNCE_ASSIGN_OR_RETURN(const Json json,
                         Annotate(ParseMember(metadata, key), key));
  const Json::Object* object = json.AsObject();
  const bool good =
      object != nullptr &&
      std::all_of(object->members().begin(), object->members().end(),
                  [](const Json::Member& member) {
                    return member.second.AsString() != nullptr;
                  });
  if (good) return json;
  return absl::DataLossError(
      absl::StrCat("\"", key, "\" is no object of strings"));
}

// Enough for the header, whose strings of JSON escape every quote.
int64_t HeaderRoom(const StatisticsOrigin& origin,
                   absl::Span<const std::vector<std::string>> inputs) {
  int64_t room = 4096;
  for (const SourceFile& source : origin.sources) {
    room += 6 * static_cast<int64_t>(source.name.size()) + 256;
  }
  for (const std::vector<std::string>& readers : inputs) {
    const auto name = static_cast<int64_t>(readers.front().size());
    // An entry and a hash of each tensor, and why there may be none.
    room += kTensorsOfInput * (2 * name + 256) + name + 512;
    for (const std::string& reader : readers) {
      room += name + static_cast<int64_t>(reader.size()) + 16;
    }
  }
  return RoundUp(room, 8);
}

absl::Status CheckStorable(const InputStatistics& statistics) {
  OUNCE_RETURN_IF_ERROR(CheckStatistics(statistics));
  if (AllFinite(statistics.second_moment.values())) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the second moments of its input are NaN or infinite");
}

}  // namespace

StatisticsWriter::StatisticsWriter(std::unique_ptr<SafetensorsStream> file,
                                   const StatisticsOrigin& origin)
    : file_(std::move(file)) {
  metadata_.Set("format", kFormat);
  metadata_.Set("version", kVersion);
  metadata_.Set("tool_version", origin.tool_version);
  metadata_.Set("sources", SourcesJson(origin.sources).Dump());
  metadata_.Set("calibration", CalibrationJson(origin).Dump());
}

absl::StatusOr<std::unique_ptr<StatisticsWriter>> StatisticsWriter::Create(
    const std::string& path, const StatisticsOrigin& origin,
    absl::Span<const std::vector<std::string>> inputs) {
  OUNCE_ASSIGN_OR_RETURN(
      std::unique_ptr<SafetensorsStream> file,
      SafetensorsStream::Create(path, HeaderRoom(origin, inputs)));
  return std::unique_ptr<StatisticsWriter>(
      new StatisticsWriter(std::move(file), origin));
}

absl::Status StatisticsWriter::AddTensor(const OutputTensor& tensor) {
  hashes_.Set(tensor.name, Xxh3(tensor.bytes).Hex());
  return file_->Append(tensor);
}

absl::Status StatisticsWriter::Add(absl::Span<const std::string> readers,
                                   const InputStatistics& statistics) {
  const std::string& name = readers.front();
  for (const std::string& reader : readers) inputs_.Set(reader, name);
  const absl::Status storable = CheckStorable(statistics);
  if (!storable.ok()) {
    unusable_.Set(name, storable.message());
    return absl::OkStatus();
  }
  const std::array<int64_t, 1> tokens = {statistics.tokens};
  OUNCE_RETURN_IF_ERROR(AddTensor({absl::StrCat(name, ".tokens"),
                                   "I64",
                                   {1},
                                   BytesOf(absl::MakeConstSpan(tokens))}));
  std::array<double, kQuantiles.size()> percentiles;
  for (size_t i = 0; i < kQuantiles.size(); ++i) {
    percentiles[i] = statistics.magnitudes.Percentile(kQuantiles[i]);
  }
  OUNCE_RETURN_IF_ERROR(AddTensor({absl::StrCat(name, ".percentiles"),
                                   "F64",
                                   {int64_t{kQuantiles.size()}},
                                   BytesOf(absl::MakeConstSpan(percentiles))}));
  const auto add_floats = [&](absl::string_view what, const Shape& shape,
                              absl::Span<const float> values) {
    return AddTensor(
        {absl::StrCat(name, ".", what), "F32", shape, BytesOf(values)});
  };
  const auto in = static_cast<int64_t>(statistics.mean.size());
  OUNCE_RETURN_IF_ERROR(add_floats("mean", {in}, statistics.mean));
  OUNCE_RETURN_IF_ERROR(add_floats("mean_abs", {in}, statistics.mean_abs));
  OUNCE_RETURN_IF_ERROR(add_floats("abs_max", {in}, statistics.abs_max));
  if (statistics.second_moment.rows() == 0) return absl::OkStatus();
  return add_floats("second_moment", {in, in},
                    statistics.second_moment.values());
}

absl::Status StatisticsWriter::Finish() {
  metadata_.Set("inputs", Json(std::move(inputs_)).Dump());
  metadata_.Set("unusable", Json(std::move(unusable_)).Dump());
  metadata_.Set("hashes", Json(std::move(hashes_)).Dump());
  return file_->Finish(std::move(metadata_));
}

absl::StatusOr<std::unique_ptr<StatisticsFile>> StatisticsFile::Open(
    const std::string& path) {
  std::unique_ptr<StatisticsFile> file(new StatisticsFile());
  OUNCE_ASSIGN_OR_RETURN(file->map_, MappedFile::Open(path));
  OUNCE_RETURN_IF_ERROR(
      Annotate(file->ParseMetadata(), absl::StrCat("'", path, "'")));
  return file;
}

absl::Status StatisticsFile::ParseMetadata() {
  OUNCE_ASSIGN_OR_RETURN(WeightFile found, ParseSafetensors(map_->bytes()));
  for (StoredTensor& tensor : found.tensors) {
    std::string name = tensor.name;
    tensors_[std::move(name)] = std::move(tensor);
  }
  OUNCE_ASSIGN_OR_RETURN(const Json::Object metadata,
                         ParseSafetensorsMetadata(map_->bytes()));
  const Json* format = metadata.Find("format");
  if (format == nullptr || *format->AsString() != kFormat) {
    return absl::InvalidArgumentError(
        "not a file of statistics; give one that --save-stats wrote");
  }
  const Json* version = metadata.Find("version");
  if (version == nullptr || *version->AsString() != kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("statistics of another version than ", kVersion,
                     "; collect them anew with --save-stats"));
  }
  OUNCE_RETURN_IF_ERROR(ParseOrigin(metadata));
  OUNCE_ASSIGN_OR_RETURN(inputs_, ParseNames(metadata, "inputs"));
  OUNCE_ASSIGN_OR_RETURN(unusable_, ParseNames(metadata, "unusable"));
  OUNCE_ASSIGN_OR_RETURN(hashes_, ParseNames(metadata, "hashes"));
  fingerprint_ = Sha256Hex(Json(metadata).Dump());
  return absl::OkStatus();
}

absl::Status StatisticsFile::ParseOrigin(const Json::Object& metadata) {
  OUNCE_ASSIGN_OR_RETURN(
      const Json calibration,
      Annotate(ParseMember(metadata, "calibration"), "calibration"));
  OUNCE_ASSIGN_OR_RETURN(
      origin_, Annotate(ParseCalibration(calibration), "calibration"));
  OUNCE_ASSIGN_OR_RETURN(const Json sources,
                         Annotate(ParseMember(metadata, "sources"), "sources"));
  OUNCE_ASSIGN_OR_RETURN(origin_.sources,
                         Annotate(ParseSources(sources), "sources"));
  OUNCE_ASSIGN_OR_RETURN(origin_.tool_version,
                         Json(metadata).GetStringOr("tool_version", ""));
  return absl::OkStatus();
}

absl::Status StatisticsFile::CheckSources(
    absl::Span<const SourceFile> sources) const {
  std::string differs;
  for (const SourceFile& source : sources) {
    const auto same = [&](const SourceFile& other) {
      return other.name == source.name && other.sha256 == source.sha256;
    };
    const std::vector<SourceFile>& known = origin_.sources;
    if (std::none_of(known.begin(), known.end(), same)) differs = source.name;
  }
  if (differs.empty() && sources.size() == origin_.sources.size()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "'", path(), "' has the statistics of another checkpoint",
      differs.empty() ? ", of more files"
                      : absl::StrCat(", whose '", differs, "' differs"),
      "; collect them anew with --save-stats"));
}

absl::StatusOr<InputStatistics> StatisticsFile::Read(absl::string_view matrix,
                                                     int64_t in,
                                                     bool second_moment) const {
  const Json* name = inputs_.Find(matrix);
  if (name == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        "'", path(),
        "' has no statistics of its input; collect them with --save-stats and "
        "a recipe that calibrates it"));
  }
  const std::string& input = *name->AsString();
  const Json* unusable = unusable_.Find(input);
  if (unusable != nullptr) {
    return absl::FailedPreconditionError(*unusable->AsString());
  }
  if (second_moment &&
      !tensors_.contains(absl::StrCat(input, ".second_moment"))) {
    return absl::FailedPreconditionError(absl::StrCat(
        "'", path(),
        "' has no second moments of its input; collect them with --save-stats "
        "and a recipe whose method for it takes them"));
  }
  return Annotate(ReadInput(input, in, second_moment),
                  absl::StrCat("'", path(), "'"));
}

absl::StatusOr<InputStatistics> StatisticsFile::ReadInput(
    const std::string& name, int64_t in, bool second_moment) const {
  InputStatistics statistics;
  OUNCE_ASSIGN_OR_RETURN(statistics.tokens,
                         ReadTokens(absl::StrCat(name, ".tokens")));
  const struct {
    absl::string_view what;
    std::vector<float>* out;
  } channels[] = {{"mean", &statistics.mean},
                  {"mean_abs", &statistics.mean_abs},
                  {"abs_max", &statistics.abs_max}};
  for (const auto& [what, out] : channels) {
    OUNCE_ASSIGN_OR_RETURN(*out,
                           ReadFloats(absl::StrCat(name, ".", what), {in}));
  }
  if (!second_moment) return statistics;
  const std::string moment_name = absl::StrCat(name, ".second_moment");
  OUNCE_ASSIGN_OR_RETURN(std::vector<float> moment,
                         ReadFloats(moment_name, {in, in}));
  for (int64_t c = 0; c < in; ++c) {
    const float square = moment[static_cast<size_t>(c * in + c)];
    if (square >= 0.0f) continue;
    return absl::DataLossError(
        absl::StrCat("tensor '", moment_name, "': the mean square of channel ",
                     c, " is ", square, "; expected at least 0"));
  }
  statistics.second_moment = Matrix(in, in, std::move(moment));
  return statistics;
}

absl::StatusOr<const StoredTensor*> StatisticsFile::FindTensor(
    const std::string& name, const Shape& shape,
    absl::string_view dtype) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    return absl::DataLossError(absl::StrCat("tensor '", name, "' is missing"));
  }
  const StoredTensor& tensor = found->second;
  if (tensor.shape != shape || tensor.dtype != dtype) {
    return absl::DataLossError(absl::StrCat(
        "tensor '", name, "' is ", ShapeString(tensor.shape), " of ",
        tensor.dtype, "; expected ", ShapeString(shape), " of ", dtype));
  }
  return &tensor;
}

absl::Status StatisticsFile::CheckHash(const StoredTensor& tensor) const {
  const Json* hash = hashes_.Find(tensor.name);
  if (hash != nullptr && *hash->AsString() == Xxh3(tensor.bytes).Hex()) {
    return absl::OkStatus();
  }
  return absl::DataLossError(
      absl::StrCat("tensor '", tensor.name,
                   "' is not what was written; the file is damaged"));
}

absl::StatusOr<std::vector<float>> StatisticsFile::ReadFloats(
    const std::string& name, const Shape& shape) const {
  OUNCE_ASSIGN_OR_RETURN(const StoredTensor* tensor,
                         FindTensor(name, shape, "F32"));
  std::vector<float> values(tensor->bytes.size() / sizeof(float));
  std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
  const absl::Status whole = CheckHash(*tensor);
  map_->Release(tensor->bytes);
  if (!AllFinite(values)) {
    return absl::DataLossError(absl::StrCat(
        "tensor '", name, "' has a value that is NaN or infinite"));
  }
  OUNCE_RETURN_IF_ERROR(whole);
  return values;
}

absl::StatusOr<int64_t> StatisticsFile::ReadTokens(
    const std::string& name) const {
  OUNCE_ASSIGN_OR_RETURN(const StoredTensor* tensor,
                         FindTensor(name, {1}, "I64"));
  OUNCE_RETURN_IF_ERROR(CheckHash(*tensor));
  int64_t tokens;
  std::memcpy(&tokens, tensor->bytes.data(), sizeof(tokens));
  if (tokens >= 1) return tokens;
  return absl::DataLossError(
      absl::StrCat("tensor '", name, "' is ", tokens, "; expected at least 1"));
}

}  // namespace ounce
