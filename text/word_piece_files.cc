#include "text/word_piece_files.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/quote.h"

namespace ounce {
namespace {

constexpr absl::string_view kVocabName = "vocab.txt";

struct Family {
  absl::string_view tokenizer_class;
  RoleDefaults defaults;
  // Of TemplateOf().
  absl::string_view single = "cls A sep";
  absl::string_view pair = "cls A sep B:1 sep:1";
};

// By Role: bos, eos, unk, sep, pad, cls, mask.
constexpr RoleDefaults kBertRoles = {
    {nullptr, nullptr, "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"}};
constexpr RoleDefaults kMpnetRoles = {
    {"<s>", "</s>", "[UNK]", "</s>", "<pad>", "<s>", "<mask>"},
    /*mask_takes_space=*/true};
constexpr RoleDefaults kFunnelRoles = {
    {"<s>", "</s>", "<unk>", "<sep>", "<pad>", "<cls>", "<mask>"}};

constexpr Family kFamilies[] = {
    {"BertTokenizer", kBertRoles},
    {"ConvBertTokenizer", kBertRoles},
    {"DPRContextEncoderTokenizer", kBertRoles},
    {"DPRQuestionEncoderTokenizer", kBertRoles},
    {"DPRReaderTokenizer", kBertRoles},
    {"DistilBertTokenizer", kBertRoles},
    {"ElectraTokenizer", kBertRoles},
    {"FunnelTokenizer", kFunnelRoles, "cls:2 A sep", "cls:2 A sep B:1 sep:1"},
    {"LayoutLMTokenizer", kBertRoles},
    {"LxmertTokenizer", kBertRoles},
    {"MPNetTokenizer", kMpnetRoles, "cls A sep", "cls A sep sep B:1 sep:1"},
    {"MobileBertTokenizer", kBertRoles},
    {"RealmTokenizer", kBertRoles},
    {"RetriBertTokenizer", kBertRoles},
    {"SplinterTokenizer", kBertRoles},
    {"SqueezeBertTokenizer", kBertRoles},
};

absl::StatusOr<Family> FindFamily(absl::string_view name) {
  if (name.empty()) return kFamilies[0];
  std::string supported;
  for (const Family& family : kFamilies) {
    if (family.tokenizer_class == name) return family;
    absl::StrAppend(&supported, supported.empty() ? "" : ", ",
                    family.tokenizer_class);
  }
  return absl::UnimplementedError(absl::StrCat(
      "class ", Quote(name), " is not supported with ", kVocabName,
      "; supported are ", supported, "; any class is with a tokenizer.json"));
}

// The lines, each ended by "\n", "\r\n" or "\r".
std::vector<absl::string_view> SplitLines(absl::string_view text) {
  std::vector<absl::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of("\r\n"), text.size());
    lines.push_back(text.substr(0, end));
    const bool is_pair = text.substr(end, 2) == "\r\n";
    text.remove_prefix(std::min(end + (is_pair ? 2 : 1), text.size()));
  }
  return lines;
}

// A line's number is its token's id; of a token's lines the last one counts.
absl::StatusOr<Vocabulary> ReadVocab(absl::string_view text) {
  if (!IsValidUtf8(text)) {
    return absl::InvalidArgumentError("the file is no UTF-8");
  }
  const std::vector<absl::string_view> lines = SplitLines(text);
  absl::flat_hash_map<absl::string_view, size_t> last;
  last.reserve(lines.size());
  for (size_t i = 0; i < lines.size(); ++i) last[lines[i]] = i;
  std::vector<Vocabulary::Token> tokens;
  tokens.reserve(lines.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    if (last.find(lines[i])->second == i) {
      tokens.push_back({lines[i], static_cast<int32_t>(i)});
    }
  }
  return Vocabulary::Create(tokens);
}

absl::StatusOr<Json> NormalizerOf(const TokenizerSettings& settings) {
  OUNCE_ASSIGN_OR_RETURN(const bool lower,
                         settings.Flag("do_lower_case", true));
  OUNCE_ASSIGN_OR_RETURN(const bool chinese,
                         settings.Flag("tokenize_chinese_chars", true));
  // Left open, it follows the case.
  OUNCE_ASSIGN_OR_RETURN(const bool strips,
                         settings.Flag("strip_accents", lower));
  return Component("BertNormalizer", {{"clean_text", true},
                                      {"handle_chinese_chars", chinese},
                                      {"strip_accents", strips},
                                      {"lowercase", lower}});
}

}  // namespace

absl::StatusOr<TokenizerFile> ReadWordPieceFiles(
    const TokenizerAsset& asset, const TokenizerSettings& settings) {
  OUNCE_ASSIGN_OR_RETURN(const Family family,
                         FindFamily(settings.class_name()));
  const SharedBytes* const vocab = asset.Find(kVocabName);
  if (vocab == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the tokenizer has no file ", kVocabName));
  }
  OUNCE_ASSIGN_OR_RETURN(Vocabulary vocabulary,
                         Annotate(ReadVocab(vocab->view()), kVocabName));
  AddedTokenList tokens(vocabulary);
  tokens.AddAll(settings.TokensToAdd(family.defaults));
  Json::Object members;
  members.Set("added_tokens", tokens.ToJson());
  OUNCE_ASSIGN_OR_RETURN(Json normalizer, NormalizerOf(settings));
  members.Set("normalizer", std::move(normalizer));
  members.Set("pre_tokenizer", Component("BertPreTokenizer"));
  members.Set("post_processor",
              TemplateOf({std::string(family.single), std::string(family.pair)},
                         settings, family.defaults, tokens));
  members.Set("decoder",
              Component("WordPiece", {{"prefix", "##"}, {"cleanup", true}}));
  const auto unknown = settings.TokenIn(Role::kUnk, family.defaults);
  TokenizerFile file;
  file.members = Json(std::move(members));
  ModelConfig& model = file.model.emplace();
  model.settings = Component(
      "WordPiece",
      {{"unk_token", unknown.has_value() ? unknown->content : "[UNK]"},
       {"continuing_subword_prefix", "##"},
       {"max_input_chars_per_word", 100}});
  model.vocabulary = std::move(vocabulary);
  return file;
}

}  // namespace ounce
