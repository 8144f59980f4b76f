#include "text/model_config.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace ounce {

ModelConfig ReadModelConfig(JsonReader* reader) {
  ModelConfig config;
  bool has_vocabulary = false;
  Json::Object settings;
  reader->ReadMembers(
      [&](absl::string_view key) {
        if (key == "vocab" && reader->IsNextObject()) {
          config.vocabulary = Vocabulary::Read(reader);
          has_vocabulary = true;
          return true;
        }
        if (key == "merges" && reader->IsNextArray()) {
          config.merges = ReadMergeList(reader);
          return true;
        }
        return false;
      },
      &settings);
  if (!has_vocabulary) {
    const Json* vocab = settings.Find("vocab");
    config.vocabulary = absl::InvalidArgumentError(absl::StrCat(
        "\"vocab\" is of type ", vocab != nullptr ? vocab->TypeName() : "null",
        "; expected an object of token: id"));
  }
  config.settings = Json(std::move(settings));
  return config;
}

}  // namespace ounce
