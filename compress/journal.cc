#include "compress/journal.h"

#include <unistd.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/atomic_file.h"
#include "core/hash.h"
#include "core/json.h"
#include "core/mapped_file.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

constexpr int64_t kVersion = 1;
constexpr int64_t kMaxBytes = int64_t{256} << 20;

// The line that follows a line of JSON and is its hash.
std::string HashLine(absl::string_view json) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(json.data());
  return absl::StrCat("\n", Xxh3({bytes, json.size()}).Hex(), "\n");
}

Json RecordJson(const TensorRecord& record) {
  return Json::Of(
      {{"name", record.name},
       {"shape", Json::Array(record.shape.begin(), record.shape.end())},
       {"codec", static_cast<int64_t>(record.codec)},
       {"group_size", record.group_size},
       {"offset", record.offset},
       {"bytes", record.bytes},
       {"hash", record.hash.Hex()},
       {"snr_db", record.snr_db == std::numeric_limits<double>::infinity()
                      ? Json()
                      : Json(record.snr_db)},
       {"sparsity", record.sparsity}});
}

absl::StatusOr<Hash128> ParseHash(const std::string& hex) {
  Hash128 hash;
  if (hex.size() != 32 || !absl::SimpleHexAtoi(hex.substr(0, 16), &hash.high) ||
      !absl::SimpleHexAtoi(hex.substr(16), &hash.low)) {
    return absl::DataLossError(absl::StrCat("\"", hex, "\" is no hash"));
  }
  return hash;
}

absl::StatusOr<TensorRecord> ParseRecord(const Json& json) {
  TensorRecord record;
  OUNCE_ASSIGN_OR_RETURN(record.name, json.GetString("name"));
  const Json* shape = json.Find("shape");
  const Json::Array* sizes = shape == nullptr ? nullptr : shape->AsArray();
  if (sizes == nullptr) return absl::DataLossError("a tensor has no shape");
  for (const Json& size : *sizes) {
    record.shape.push_back(size.AsInt().value_or(-1));
  }
  OUNCE_ASSIGN_OR_RETURN(const int64_t codec, json.GetInt("codec"));
  const CodecInfo* info =
      codec < 0 || codec > 255 ? nullptr : FindCodec(static_cast<int>(codec));
  if (info == nullptr) return absl::DataLossError("a codec is unknown");
  record.codec = info->codec;
  OUNCE_ASSIGN_OR_RETURN(record.group_size, json.GetInt("group_size"));
  OUNCE_ASSIGN_OR_RETURN(record.offset, json.GetInt("offset"));
  OUNCE_ASSIGN_OR_RETURN(record.bytes, json.GetInt("bytes"));
  OUNCE_ASSIGN_OR_RETURN(const std::string hash, json.GetString("hash"));
  OUNCE_ASSIGN_OR_RETURN(record.hash, ParseHash(hash));
  const Json* snr = json.Find("snr_db");
  record.snr_db = (snr == nullptr ? std::nullopt : snr->AsDouble())
                      .value_or(std::numeric_limits<double>::infinity());
  OUNCE_ASSIGN_OR_RETURN(record.sparsity, json.GetDouble("sparsity"));
  return record;
}

// The array `key` of `json`, each element by `parse`.
template <typename T>
absl::Status ParseList(const Json& json, absl::string_view key,
                       absl::StatusOr<T> (*parse)(const Json&),
                       std::vector<T>* out) {
  const Json* list = json.Find(key);
  const Json::Array* elements = list == nullptr ? nullptr : list->AsArray();
  if (elements == nullptr) {
    return absl::DataLossError(absl::StrCat("\"", key, "\" is no list"));
  }
  for (const Json& element : *elements) {
    OUNCE_ASSIGN_OR_RETURN(T value, parse(element));
    out->push_back(std::move(value));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int32_t>> ParseWindow(const Json& json) {
  const Json::Array* ids = json.AsArray();
  if (ids == nullptr) return absl::DataLossError("a window is no list");
  std::vector<int32_t> window;
  for (const Json& id : *ids) {
    const int64_t value = id.AsInt().value_or(-1);
    if (value < 0 || value > std::numeric_limits<int32_t>::max()) {
      return absl::DataLossError("a window has an element that is no token id");
    }
    window.push_back(static_cast<int32_t>(value));
  }
  return window;
}

absl::StatusOr<std::string> ParseText(const Json& json) {
  const std::string* text = json.AsString();
  if (text == nullptr) return absl::DataLossError("a warning is no text");
  return *text;
}

template <typename T>
Json ListOf(const std::vector<T>& values, Json (*convert)(const T&)) {
  Json::Array list;
  for (const T& value : values) list.push_back(convert(value));
  return list;
}

Json WindowJson(const std::vector<int32_t>& window) {
  Json::Array ids;
  for (const int32_t id : window) ids.push_back(int64_t{id});
  return ids;
}

absl::StatusOr<Journal> Parse(absl::string_view text) {
  const size_t size = text.size() - std::min(text.size(), HashLine("").size());
  const absl::string_view line = text.substr(0, size);
  if (text.substr(size) != HashLine(line)) {
    return absl::DataLossError("its hash is another");
  }
  OUNCE_ASSIGN_OR_RETURN(const Json json, ParseJson(line));
  OUNCE_ASSIGN_OR_RETURN(const int64_t version, json.GetInt("journal"));
  if (version != kVersion) return absl::DataLossError("another version");
  Journal journal;
  OUNCE_ASSIGN_OR_RETURN(journal.fingerprint, json.GetString("fingerprint"));
  OUNCE_ASSIGN_OR_RETURN(journal.layers, json.GetInt("layers"));
  OUNCE_RETURN_IF_ERROR(
      ParseList(json, "records", ParseRecord, &journal.records));
  CompressReport& report = journal.report;
  OUNCE_RETURN_IF_ERROR(
      ParseList(json, "tensors", ParseTensorReport, &report.tensors));
  OUNCE_RETURN_IF_ERROR(ParseList(
      json, "channel_scales", ParseChannelScaleReport, &report.channel_scales));
  OUNCE_RETURN_IF_ERROR(
      ParseList(json, "warnings", ParseText, &report.warnings));
  OUNCE_RETURN_IF_ERROR(
      ParseList(json, "windows", ParseWindow, &journal.windows));
  return journal;
}

}  // namespace

std::string JournalPath(const std::string& path) {
  return absl::StrCat(path, ".journal");
}

absl::Status WriteJournal(const std::string& path, const Journal& journal) {
  const Json json =
      Json::Of({{"journal", kVersion},
                {"fingerprint", journal.fingerprint},
                {"layers", journal.layers},
                {"records", ListOf(journal.records, RecordJson)},
                {"tensors", ListOf(journal.report.tensors, TensorReportJson)},
                {"channel_scales",
                 ListOf(journal.report.channel_scales, ChannelScaleReportJson)},
                {"warnings", Json::Array(journal.report.warnings.begin(),
                                         journal.report.warnings.end())},
                {"windows", ListOf(journal.windows, WindowJson)}});
  const std::string line = json.Dump();
  return WriteFileAtomically(JournalPath(path),
                             absl::StrCat(line, HashLine(line)));
}

absl::StatusOr<Journal> ReadJournal(const std::string& path) {
  const std::string file = JournalPath(path);
  OUNCE_ASSIGN_OR_RETURN(const std::string text,
                         ReadSmallFile(file, kMaxBytes));
  absl::StatusOr<Journal> journal = Parse(text);
  if (journal.ok()) return journal;
  return absl::DataLossError(absl::StrCat("'", file, "' is damaged (",
                                          journal.status().message(),
                                          "); start anew without --resume"));
}

void RemoveJournal(const std::string& path) {
  unlink(JournalPath(path).c_str());
}

}  // namespace ounce
