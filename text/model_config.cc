#include "text/model_config.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace ounce {

namespace {

absl::Status IsOfType(absl::string_view type, absl::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"vocab\" is of type ", type, "; expected an ", expected));
}

constexpr absl::string_view kIdObject = "object of token: id";
constexpr absl::string_view kScoredArray = "array of [token, score]";

}  // namespace

ModelConfig ReadModelConfig(JsonReader* reader) {
  ModelConfig config;
  config.vocabulary = IsOfType("null", kIdObject);
  config.scored_vocabulary = IsOfType("null", kScoredArray);
  Json::Object settings;
  reader->ReadMembers(
      [&](absl::string_view key) {
        if (key == "vocab" && reader->IsNextObject()) {
          config.vocabulary = Vocabulary::Read(reader);
          config.scored_vocabulary = IsOfType("object", kScoredArray);
          return true;
        }
        if (key == "vocab" && reader->IsNextArray()) {
          config.scored_vocabulary =
              Vocabulary::ReadScored(reader, &config.scores);
          config.vocabulary = IsOfType("array", kIdObject);
          return true;
        }
        if (key == "merges" && reader->IsNextArray()) {
          config.merges = ReadMergeList(reader);
          return true;
        }
        return false;
      },
      &settings);
  if (const Json* vocab = settings.Find("vocab"); vocab && !vocab->is_null()) {
    config.vocabulary = IsOfType(vocab->TypeName(), kIdObject);
    config.scored_vocabulary = IsOfType(vocab->TypeName(), kScoredArray);
  }
  config.settings = Json(std::move(settings));
  return config;
}

}  // namespace ounce
