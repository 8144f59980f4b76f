#include "text/sentencepiece_vocabulary.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/config.h"
#include "text/unicode.h"

namespace ounce {
namespace {

using Piece = SentencePieceModel::Piece;
using Layout = SentencePieceLayout;

// Keeps a piece out of every text.
constexpr float kNeverScore = -100;
// Of Pegasus: ids up to here are its own.
constexpr int64_t kPegasusOffset = 103;
constexpr int64_t kT5ExtraIds = 100;
// More than any model has.
constexpr int64_t kMaxExtraIds = 100000;

class Builder {
 public:
  Builder(const SentencePieceModel& model, const SentencePieceFamily& family,
          const TokenizerSettings& settings)
      : model_(model), family_(family), settings_(settings) {}

  absl::StatusOr<SentencePieceVocabulary> Build() {
    out_.unk_id = model_.unk_id;
    out_.extra.assign(family_.extra.begin(), family_.extra.end());
    OUNCE_RETURN_IF_ERROR(AddPieces());
    if (family_.text == SentencePieceText::kAlbert) LowerNumberCommas();
    return std::move(out_);
  }

 private:
  absl::Status AddPieces() {
    switch (family_.layout) {
      case Layout::kAsIs:
      case Layout::kMarian:
        return AddModelFrom(0);
      case Layout::kLlama:
        return AddLlama();
      case Layout::kGemma:
        return AddGemma();
      case Layout::kFairseq:
        return AddFairseq();
      case Layout::kCamembert:
        return AddCamembert();
      case Layout::kT5:
        return AddT5();
      case Layout::kPegasus:
        return AddPegasus();
    }
    return absl::InternalError("a layout without a case");
  }

  void Add(absl::string_view text, float score = 0) {
    out_.pieces.push_back({text, score, PieceType::kControl});
  }
  void AddOwned(std::string text, float score = 0) {
    Add(out_.owned.emplace_back(std::move(text)), score);
  }
  void AddRole(Role role) {
    const auto token = settings_.TokenIn(role, family_.defaults);
    if (token.has_value()) AddOwned(token->content);
  }

  absl::Status AddModelFrom(size_t first) {
    if (model_.pieces.size() < first) {
      return absl::InvalidArgumentError(
          absl::StrCat("a model of ", model_.pieces.size(), " pieces; class ",
                       family_.tokenizer_class, " expects more than ", first));
    }
    out_.pieces.insert(
        out_.pieces.end(),
        model_.pieces.begin() + static_cast<std::ptrdiff_t>(first),
        model_.pieces.end());
    return absl::OkStatus();
  }

  // The first three can be renamed by the files' added tokens.
  absl::Status AddLlama() {
    OUNCE_RETURN_IF_ERROR(AddModelFrom(3));
    out_.pieces = model_.pieces;
    for (int32_t id = 0; id < 3; ++id) {
      const auto added = settings_.added().find(id);
      if (added == settings_.added().end()) continue;
      out_.pieces[static_cast<size_t>(id)].text =
          out_.owned.emplace_back(added->second.content);
    }
    return absl::OkStatus();
  }

  absl::Status AddGemma() {
    AddRole(Role::kPad);
    AddRole(Role::kEos);
    AddRole(Role::kBos);
    OUNCE_RETURN_IF_ERROR(AddModelFrom(3));
    Piece* byte = nullptr;
    for (Piece& piece : out_.pieces) {
      if (piece.text == "\t") return absl::OkStatus();
      if (piece.text == "<0x09>") byte = &piece;
    }
    if (byte != nullptr) *byte = {"\t", 0, PieceType::kNormal};
    return absl::OkStatus();
  }

  absl::Status AddFairseq() {
    // Of mBART-50 the first token is that of the class.
    AddRole(settings_.TokenIn(Role::kBos, family_.defaults).has_value()
                ? Role::kBos
                : Role::kCls);
    AddRole(Role::kPad);
    AddRole(Role::kEos);
    AddRole(Role::kUnk);
    out_.unk_id = 3;
    OUNCE_RETURN_IF_ERROR(AddModelFrom(3));
    for (const absl::string_view token : family_.extra) Add(token);
    AddRole(Role::kMask);
    return absl::OkStatus();
  }

  absl::Status AddCamembert() {
    Add("<s>NOTUSED");
    AddRole(Role::kPad);
    Add("</s>NOTUSED");
    AddRole(Role::kUnk);
    Add("<unk>NOTUSED", kNeverScore);
    out_.unk_id = 3;
    OUNCE_RETURN_IF_ERROR(AddModelFrom(1));
    AddRole(Role::kMask);
    return absl::OkStatus();
  }

  absl::Status AddT5() {
    OUNCE_ASSIGN_OR_RETURN(
        const int64_t num_extra,
        settings_.config().GetIntOr("extra_ids", kT5ExtraIds));
    if (num_extra < 0 || num_extra > kMaxExtraIds) {
      return absl::InvalidArgumentError(absl::StrCat(
          "\"extra_ids\" is ", num_extra, "; expected 0 to ", kMaxExtraIds));
    }
    OUNCE_RETURN_IF_ERROR(AddModelFrom(0));
    for (int64_t i = num_extra; i-- > 0;) {
      AddOwned(absl::StrCat("<extra_id_", i, ">"));
      out_.extra.push_back(out_.pieces.back().text);
    }
    return absl::OkStatus();
  }

  absl::Status AddPegasus() {
    AddRole(Role::kPad);
    AddRole(Role::kEos);
    AddOwned("<mask_1>");
    out_.extra.push_back(out_.pieces.back().text);
    AddRole(Role::kMask);
    for (int64_t i = 2; i < kPegasusOffset; ++i) {
      AddOwned(absl::StrCat("<unk_", i, ">"), kNeverScore);
      out_.extra.push_back(out_.pieces.back().text);
    }
    out_.unk_id = model_.unk_id + static_cast<int32_t>(kPegasusOffset);
    return AddModelFrom(2);
  }

  // "9," is worth less than "9" and ",", which these classes keep apart.
  void LowerNumberCommas() {
    for (Piece& piece : out_.pieces) {
      if (piece.text.size() < 2 || !absl::EndsWith(piece.text, ",")) continue;
      const char32_t before =
          DecodeUtf8Before(piece.text, piece.text.size() - 1).value;
      if (IsNumeric(before)) piece.score += kNeverScore;
    }
  }

  const SentencePieceModel& model_;
  const SentencePieceFamily& family_;
  const TokenizerSettings& settings_;
  SentencePieceVocabulary out_;
};

// What neighbours in a text can become.
bool IsMergeable(const Piece& piece) {
  return piece.type == PieceType::kNormal ||
         piece.type == PieceType::kUserDefined ||
         piece.type == PieceType::kUnused;
}

// By piece: 0 for the highest score, one more for each lower one.
std::vector<int32_t> RanksOf(const std::vector<Piece>& pieces) {
  std::vector<size_t> order(pieces.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return pieces[a].score > pieces[b].score;
  });
  std::vector<int32_t> ranks(pieces.size());
  int32_t rank = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && pieces[order[i]].score != pieces[order[i - 1]].score) ++rank;
    ranks[order[i]] = rank;
  }
  return ranks;
}

// Finds the tokens of cuts, many at a time (Vocabulary::FindAll).
class MergeFinder {
 public:
  MergeFinder(const Vocabulary& vocabulary, MergeList* list)
      : vocabulary_(vocabulary), list_(list) {}

  // The cut of piece `merged`.
  void AddCut(absl::string_view left, absl::string_view right, int32_t merged,
              int32_t rank) {
    texts_[2 * size_] = left;
    texts_[2 * size_ + 1] = right;
    cuts_[size_] = {0, 0, merged, rank};
    if (++size_ == kBatch) Flush();
  }
  void Flush() {
    vocabulary_.FindAll(absl::MakeConstSpan(texts_).first(2 * size_),
                        absl::MakeSpan(ids_));
    for (size_t i = 0; i < size_; ++i) {
      if (!ids_[2 * i].has_value() || !ids_[2 * i + 1].has_value()) continue;
      list_->merges.push_back({texts_[2 * i], texts_[2 * i + 1]});
      list_->ids.push_back(
          {*ids_[2 * i], *ids_[2 * i + 1], cuts_[i].merged, cuts_[i].rank});
    }
    size_ = 0;
  }

 private:
  static constexpr size_t kBatch = 32;

  const Vocabulary& vocabulary_;
  MergeList* const list_;
  std::array<absl::string_view, 2 * kBatch> texts_;
  std::array<std::optional<int32_t>, 2 * kBatch> ids_;
  std::array<MergeIds, kBatch> cuts_;  // But for the parts' ids.
  size_t size_ = 0;
};

}  // namespace

absl::StatusOr<SentencePieceVocabulary> LayOutVocabulary(
    const SentencePieceModel& model, const SentencePieceFamily& family,
    const TokenizerSettings& settings) {
  return Builder(model, family, settings).Build();
}

MergeList MakeMerges(const std::vector<Piece>& pieces,
                     const Vocabulary& vocabulary) {
  const std::vector<int32_t> ranks = RanksOf(pieces);
  MergeList list;
  list.merges.reserve(2 * pieces.size());
  list.ids.reserve(2 * pieces.size());
  MergeFinder finder(vocabulary, &list);
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (!IsMergeable(pieces[i])) continue;
    const absl::string_view text = pieces[i].text;
    for (size_t at = DecodeUtf8(text, 0).num_bytes; at < text.size();
         at += DecodeUtf8(text, at).num_bytes) {
      finder.AddCut(text.substr(0, at), text.substr(at),
                    static_cast<int32_t>(i), ranks[i]);
    }
  }
  finder.Flush();
  return list;
}

}  // namespace ounce
