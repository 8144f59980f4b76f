#include "text/renumbered_model.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

constexpr absl::string_view kUnknown = "<unk>";

class RenumberedEncoder : public WordEncoder {
 public:
  RenumberedEncoder(std::unique_ptr<WordEncoder> inner,
                    const std::vector<int32_t>& ids)
      : inner_(std::move(inner)), ids_(ids) {}

  absl::Status Encode(absl::string_view word,
                      std::vector<int32_t>* ids) override {
    const size_t first = ids->size();
    OUNCE_RETURN_IF_ERROR(inner_->Encode(word, ids));
    for (size_t i = first; i < ids->size(); ++i) {
      (*ids)[i] = ids_[static_cast<size_t>((*ids)[i])];
    }
    return absl::OkStatus();
  }

 private:
  const std::unique_ptr<WordEncoder> inner_;
  const std::vector<int32_t>& ids_;
};

class RenumberedModel : public TokenModel {
 public:
  RenumberedModel(std::unique_ptr<TokenModel> inner, Vocabulary vocabulary,
                  std::vector<int32_t> ids)
      : inner_(std::move(inner)),
        vocabulary_(std::move(vocabulary)),
        ids_(std::move(ids)) {}

  const Vocabulary& vocabulary() const override { return vocabulary_; }
  std::unique_ptr<WordEncoder> NewEncoder() const override {
    return std::make_unique<RenumberedEncoder>(inner_->NewEncoder(), ids_);
  }

 private:
  const std::unique_ptr<TokenModel> inner_;
  const Vocabulary vocabulary_;
  const std::vector<int32_t> ids_;  // By the inner model's.
};

}  // namespace

TokenModelOr MakeRenumberedModel(std::unique_ptr<TokenModel> model,
                                 Vocabulary vocabulary) {
  const std::optional<int32_t> unknown = vocabulary.Find(kUnknown);
  if (!unknown.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the vocabulary has no token ", kUnknown));
  }
  const int32_t limit = model->vocabulary().id_limit();
  std::vector<int32_t> ids(static_cast<size_t>(limit), *unknown);
  for (int32_t id = 0; id < limit; ++id) {
    const auto token = model->vocabulary().TokenOf(id);
    if (!token.has_value()) continue;
    ids[static_cast<size_t>(id)] = vocabulary.Find(*token).value_or(*unknown);
  }
  return std::make_unique<RenumberedModel>(
      std::move(model), std::move(vocabulary), std::move(ids));
}

}  // namespace ounce
