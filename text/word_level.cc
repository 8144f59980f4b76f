#include "text/word_level.h"

#include <string>
#include <utility>

#include "core/status_macros.h"
#include "text/unknown_token.h"

namespace ounce {
namespace {

class WordLevel : public TokenModel {
 public:
  WordLevel(Vocabulary vocabulary, std::string unk_token)
      : vocabulary_(std::move(vocabulary)),
        unknown_(vocabulary_, std::move(unk_token)) {}

  const Vocabulary& vocabulary() const override { return vocabulary_; }
  std::unique_ptr<WordEncoder> NewEncoder() const override;

  absl::Status Encode(absl::string_view word, std::vector<int32_t>* ids) const {
    const auto id = vocabulary_.Find(word);
    if (!id.has_value()) return unknown_.Append(word, ids);
    ids->push_back(*id);
    return absl::OkStatus();
  }

 private:
  const Vocabulary vocabulary_;
  const UnknownToken unknown_;
};

class WordLevelEncoder : public WordEncoder {
 public:
  explicit WordLevelEncoder(const WordLevel& model) : model_(model) {}
  absl::Status Encode(absl::string_view word,
                      std::vector<int32_t>* ids) override {
    return model_.Encode(word, ids);
  }

 private:
  const WordLevel& model_;
};

std::unique_ptr<WordEncoder> WordLevel::NewEncoder() const {
  return std::make_unique<WordLevelEncoder>(*this);
}

}  // namespace

TokenModelOr ParseWordLevel(ModelConfig config) {
  OUNCE_ASSIGN_OR_RETURN(std::string unk_token,
                         config.settings.GetStringOr("unk_token", "<unk>"));
  OUNCE_ASSIGN_OR_RETURN(Vocabulary vocabulary, std::move(config.vocabulary));
  return std::make_unique<WordLevel>(std::move(vocabulary),
                                     std::move(unk_token));
}

}  // namespace ounce
