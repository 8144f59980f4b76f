#include "text/sentencepiece_family.h"

#include <initializer_list>

#include "absl/strings/str_cat.h"
#include "text/quote.h"

namespace ounce {
namespace {

using Layout = SentencePieceLayout;
using Text = SentencePieceText;

// By Role: bos, eos, unk, sep, pad, cls, mask.
constexpr RoleDefaults kLlamaRoles = {{"<s>", "</s>", "<unk>"}};
constexpr RoleDefaults kGemmaRoles = {
    {"<bos>", "<eos>", "<unk>", nullptr, "<pad>"}};
constexpr RoleDefaults kT5Roles = {
    {nullptr, "</s>", "<unk>", nullptr, "<pad>"}};
constexpr RoleDefaults kRobertaRoles = {
    {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
    /*mask_takes_space=*/true};
constexpr RoleDefaults kMBart50Roles = {
    {nullptr, "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
    /*mask_takes_space=*/true};
constexpr RoleDefaults kXglmRoles = {
    {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>"}};
constexpr RoleDefaults kAlbertRoles = {
    {"[CLS]", "[SEP]", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]"},
    /*mask_takes_space=*/true};
constexpr RoleDefaults kFNetRoles = {
    {nullptr, nullptr, "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]"},
    /*mask_takes_space=*/true};
constexpr RoleDefaults kBigBirdRoles = {
    {"<s>", "</s>", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]"},
    /*mask_takes_space=*/true};
constexpr RoleDefaults kXlnetRoles = {
    {"<s>", "</s>", "<unk>", "<sep>", "<pad>", "<cls>", "<mask>"},
    /*mask_takes_space=*/true};
constexpr RoleDefaults kDebertaRoles = {
    {"[CLS]", "[SEP]", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"}};
constexpr RoleDefaults kReformerRoles = {{nullptr, "</s>", "<unk>"}};
constexpr RoleDefaults kBertGenerationRoles = {
    {"<s>", "</s>", "<unk>", "<::::>", "<pad>"}};
constexpr RoleDefaults kPegasusRoles = {
    {nullptr, "</s>", "<unk>", nullptr, "<pad>", nullptr, "<mask_2>"}};

constexpr absl::string_view kCodeLlamaTokens[] = {"\u2581<PRE>", "\u2581<MID>",
                                                  "\u2581<SUF>", "\u2581<EOT>"};
constexpr absl::string_view kCamembertTokens[] = {"<s>NOTUSED", "</s>NOTUSED",
                                                  "<unk>NOTUSED"};
constexpr absl::string_view kXlnetTokens[] = {"<eop>", "<eod>"};
constexpr absl::string_view kXglmTokens[] = {
    "<madeupword0>", "<madeupword1>", "<madeupword2>", "<madeupword3>",
    "<madeupword4>", "<madeupword5>", "<madeupword6>"};
constexpr absl::string_view kLanguages[] = {
    "ar_AR", "cs_CZ", "de_DE", "en_XX", "es_XX", "et_EE", "fi_FI", "fr_XX",
    "gu_IN", "hi_IN", "it_IT", "ja_XX", "kk_KZ", "ko_KR", "lt_LT", "lv_LV",
    "my_MM", "ne_NP", "nl_XX", "ro_RO", "ru_RU", "si_LK", "tr_TR", "vi_VN",
    "zh_CN", "af_ZA", "az_AZ", "bn_IN", "fa_IR", "he_IL", "hr_HR", "id_ID",
    "ka_GE", "km_KH", "mk_MK", "ml_IN", "mn_MN", "mr_IN", "pl_PL", "ps_AF",
    "pt_XX", "sv_SE", "sw_KE", "ta_IN", "te_IN", "th_TH", "tl_XX", "uk_UA",
    "ur_PK", "xh_ZA", "gl_ES", "sl_SI"};
// Of the 52 languages of mBART-50 the first are those of mBART.
constexpr size_t kNumMBartLanguages = 25;

const SentencePieceFamily kFamilies[] = {
    {"LlamaTokenizer", Layout::kLlama, Text::kLlama, "", "", kLlamaRoles},
    {"CodeLlamaTokenizer", Layout::kLlama, Text::kLlama, "", "", kLlamaRoles,
     kCodeLlamaTokens},
    {"GemmaTokenizer", Layout::kGemma, Text::kGemma, "", "", kGemmaRoles},
    {"T5Tokenizer", Layout::kT5, Text::kStandard, "A eos", "A eos B eos",
     kT5Roles},
    {"MT5Tokenizer", Layout::kT5, Text::kStandard, "A eos", "A eos B eos",
     kT5Roles},
    {"XLMRobertaTokenizer", Layout::kFairseq, Text::kStandard, "bos A eos",
     "bos A eos eos B eos", kRobertaRoles},
    {"LayoutXLMTokenizer", Layout::kFairseq, Text::kStandard, "bos A eos",
     "bos A eos eos B eos", kRobertaRoles},
    {"CamembertTokenizer", Layout::kCamembert, Text::kStandard, "bos A eos",
     "bos A eos eos B eos", kRobertaRoles, kCamembertTokens},
    {"BarthezTokenizer", Layout::kAsIs, Text::kStandard, "bos A eos",
     "bos A eos eos B eos", kRobertaRoles},
    {"MBartTokenizer", Layout::kFairseq, Text::kStandard, "A eos src_lang",
     "A B eos src_lang", kRobertaRoles,
     absl::MakeConstSpan(kLanguages).first(kNumMBartLanguages)},
    {"MBart50Tokenizer", Layout::kFairseq, Text::kStandard, "src_lang A eos",
     "src_lang A B eos", kMBart50Roles, kLanguages},
    {"XGLMTokenizer", Layout::kFairseq, Text::kStandard, "eos A",
     "eos A eos eos B", kXglmRoles, kXglmTokens},
    {"AlbertTokenizer",
     Layout::kAsIs,
     Text::kAlbert,
     "cls A sep",
     "cls A sep B:1 sep:1",
     kAlbertRoles,
     {},
     /*lowercases=*/true},
    {"FNetTokenizer",
     Layout::kAsIs,
     Text::kAlbert,
     "cls A sep",
     "cls A sep B:1 sep:1",
     kFNetRoles,
     {},
     /*lowercases=*/false,
     /*keeps_accents=*/true},
    {"XLNetTokenizer", Layout::kAsIs, Text::kAlbert, "A sep cls:2",
     "A sep B:1 sep:1 cls:2", kXlnetRoles, kXlnetTokens},
    {"RemBertTokenizer",
     Layout::kAsIs,
     Text::kRemBert,
     "cls A sep",
     "cls A sep B:1 sep:1",
     kAlbertRoles,
     {},
     /*lowercases=*/true},
    {"DebertaV2Tokenizer", Layout::kAsIs, Text::kDeberta, "cls A sep",
     "cls A sep B:1 sep:1", kDebertaRoles},
    {"BigBirdTokenizer", Layout::kAsIs, Text::kStandard, "cls A sep",
     "cls A sep B:1 sep:1", kBigBirdRoles},
    {"ReformerTokenizer", Layout::kAsIs, Text::kStandard, "A", "A B:1",
     kReformerRoles},
    {"BertGenerationTokenizer", Layout::kAsIs, Text::kStandard, "A", "A B:1",
     kBertGenerationRoles},
    {"PegasusTokenizer", Layout::kPegasus, Text::kPegasus, "A eos", "A B eos",
     kPegasusRoles},
    {"MarianTokenizer", Layout::kMarian, Text::kModel, "A eos", "A B eos",
     kT5Roles},
};

// Whether the first pieces are those, in this order.
bool StartsWith(const SentencePieceModel& model,
                std::initializer_list<absl::string_view> texts) {
  if (model.pieces.size() < texts.size()) return false;
  size_t i = 0;
  for (const absl::string_view text : texts) {
    if (model.pieces[i++].text != text) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<SentencePieceFamily> FindSentencePieceFamily(
    absl::string_view name) {
  std::string supported;
  for (const SentencePieceFamily& family : kFamilies) {
    if (family.tokenizer_class == name) return family;
    absl::StrAppend(&supported, supported.empty() ? "" : ", ",
                    family.tokenizer_class);
  }
  return absl::UnimplementedError(absl::StrCat(
      "class ", Quote(name),
      " is not supported with a SentencePiece model; supported are ", supported,
      "; any class is with a tokenizer.json"));
}

absl::string_view GuessSentencePieceClass(const SentencePieceModel& model,
                                          absl::string_view file_name) {
  if (file_name == "source.spm") return "MarianTokenizer";
  if (StartsWith(model, {"<pad>", "<eos>", "<bos>", "<unk>"})) {
    return "GemmaTokenizer";
  }
  const bool is_bpe = model.kind == SentencePieceKind::kBpe;
  const bool has_llama_ids =
      model.unk_id == 0 && model.bos_id == 1 && model.eos_id == 2;
  if (has_llama_ids && (is_bpe || file_name == "tokenizer.model")) {
    return "LlamaTokenizer";
  }
  if (is_bpe) return "";
  if (file_name == "sentencepiece.bpe.model") return "XLMRobertaTokenizer";
  if (StartsWith(model, {"<pad>", "</s>", "<unk>"}) && model.bos_id < 0) {
    return "T5Tokenizer";
  }
  if (StartsWith(model, {"<pad>", "<unk>", "[CLS]", "[SEP]"})) {
    return "AlbertTokenizer";
  }
  if (StartsWith(model, {"[PAD]", "[CLS]", "[SEP]", "[UNK]"})) {
    return "DebertaV2Tokenizer";
  }
  return "";
}

SentencePieceFamily PlainSentencePieceFamily() {
  SentencePieceFamily family;
  family.text = Text::kModel;
  family.single = "A";
  family.pair = "A B:1";
  return family;
}

}  // namespace ounce
