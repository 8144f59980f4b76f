#include "text/bpe_files.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/annotate.h"
#include "core/json_reader.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/quote.h"

namespace ounce {
namespace {

constexpr absl::string_view kVocabName = "vocab.json";
constexpr absl::string_view kMergesName = "merges.txt";

// "a b\n"
constexpr size_t kMinMergeBytes = 4;

constexpr absl::string_view kQwen2Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr absl::string_view kClipWords =
    R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)";

// How the text becomes words.
enum class Style { kGpt2, kQwen2, kClip, kOpenAi };

struct Family {
  absl::string_view tokenizer_class;
  Style style = Style::kGpt2;
  // Of TemplateOf(); empty: what "add_bos_token" and "add_eos_token" ask for.
  absl::string_view single;
  absl::string_view pair;
  RoleDefaults defaults;
  bool adds_prefix_space = false;
};

// By Role: bos, eos, unk, sep, pad, cls, mask.
constexpr RoleDefaults kGpt2Roles = {
    {"<|endoftext|>", "<|endoftext|>", "<|endoftext|>"}};
constexpr RoleDefaults kRobertaRoles = {
    {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
    /*mask_takes_space=*/true};
constexpr RoleDefaults kDebertaRoles = {
    {"[CLS]", "[SEP]", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"},
    /*mask_takes_space=*/true};
constexpr RoleDefaults kQwen2Roles = {
    {nullptr, "<|endoftext|>", "<|endoftext|>", nullptr, "<|endoftext|>"}};
constexpr RoleDefaults kClipRoles = {{"<|startoftext|>", "<|endoftext|>",
                                      "<|endoftext|>", nullptr,
                                      "<|endoftext|>"}};
constexpr RoleDefaults kOpenAiRoles = {{nullptr, nullptr, "<unk>"}};

constexpr absl::string_view kRoberta = "cls A sep";
constexpr absl::string_view kRobertaPair = "cls A sep sep B sep";

constexpr Family kFamilies[] = {
    {"GPT2Tokenizer", Style::kGpt2, "", "", kGpt2Roles},
    {"GPTNeoXTokenizer", Style::kGpt2, "", "", kGpt2Roles},
    {"CodeGenTokenizer", Style::kGpt2, "", "", kGpt2Roles},
    {"RobertaTokenizer", Style::kGpt2, kRoberta, kRobertaPair, kRobertaRoles},
    {"BartTokenizer", Style::kGpt2, kRoberta, kRobertaPair, kRobertaRoles},
    {"LEDTokenizer", Style::kGpt2, kRoberta, kRobertaPair, kRobertaRoles},
    {"LongformerTokenizer", Style::kGpt2, kRoberta, kRobertaPair,
     kRobertaRoles},
    {"MvpTokenizer", Style::kGpt2, kRoberta, kRobertaPair, kRobertaRoles},
    {"LayoutLMv3Tokenizer", Style::kGpt2, kRoberta, kRobertaPair, kRobertaRoles,
     /*adds_prefix_space=*/true},
    {"BlenderbotTokenizer", Style::kGpt2, "A eos", "A B:1", kRobertaRoles},
    {"DebertaTokenizer", Style::kGpt2, "cls A sep", "cls A sep B:1 sep:1",
     kDebertaRoles},
    {"Qwen2Tokenizer", Style::kQwen2, "A", "A B:1", kQwen2Roles},
    {"CLIPTokenizer", Style::kClip, "bos A eos", "bos A eos eos B eos",
     kClipRoles},
    {"OpenAIGPTTokenizer", Style::kOpenAi, "A", "A B:1", kOpenAiRoles},
};

absl::StatusOr<Family> FindFamily(absl::string_view name) {
  if (name.empty()) return kFamilies[0];
  std::string supported;
  for (const Family& family : kFamilies) {
    if (family.tokenizer_class == name) return family;
    absl::StrAppend(&supported, supported.empty() ? "" : ", ",
                    family.tokenizer_class);
  }
  return absl::UnimplementedError(
      absl::StrCat("class ", Quote(name), " is not supported with ", kVocabName,
                   " and ", kMergesName, "; supported are ", supported,
                   "; any class is with a tokenizer.json"));
}

absl::StatusOr<absl::string_view> FindFile(const TokenizerAsset& asset,
                                           absl::string_view name) {
  const SharedBytes* const file = asset.Find(name);
  if (file != nullptr) return file->view();
  return absl::InvalidArgumentError(
      absl::StrCat("the tokenizer has no file ", name));
}

absl::StatusOr<Vocabulary> ReadVocab(absl::string_view text) {
  JsonReader reader(text);
  if (!reader.IsNextObject()) {
    return absl::InvalidArgumentError("no JSON object; expected token: id");
  }
  absl::StatusOr<Vocabulary> vocabulary = Vocabulary::Read(&reader);
  OUNCE_RETURN_IF_ERROR(reader.Finish());
  return vocabulary;
}

// Lines "a b"; the first may be a comment.
absl::StatusOr<MergeList> ReadMerges(absl::string_view text) {
  if (!IsValidUtf8(text)) {
    return absl::InvalidArgumentError("the file is no UTF-8");
  }
  MergeList list;
  list.merges.reserve(text.size() / kMinMergeBytes);
  for (size_t line_number = 1; !text.empty(); ++line_number) {
    const size_t end = std::min(text.find('\n'), text.size());
    absl::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line = absl::StripSuffix(line, "\r");
    line = absl::StripSuffix(line, " ");
    if (line.empty()) continue;
    if (line_number == 1 && absl::StartsWith(line, "#version")) continue;
    const size_t space = line.find(' ');
    if (space == absl::string_view::npos || space == 0 ||
        absl::StrContains(line.substr(space + 1), ' ')) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", line_number, " is ", Quote(line),
                       "; expected two tokens with a space between them"));
    }
    list.merges.push_back({line.substr(0, space), line.substr(space + 1)});
  }
  return list;
}

Json ByteLevel(bool add_prefix_space, bool use_regex) {
  return Component("ByteLevel", {{"add_prefix_space", add_prefix_space},
                                 {"trim_offsets", true},
                                 {"use_regex", use_regex}});
}

Json SplitAt(absl::string_view pattern, absl::string_view behavior,
             bool invert) {
  return Component("Split", {{"pattern", Json::Of({{"Regex", pattern}})},
                             {"behavior", behavior},
                             {"invert", invert}});
}

// The steps before and after the model.
void AddSteps(Style style, bool add_prefix_space, Json::Object* members) {
  Json pre_tokenizer = ByteLevel(add_prefix_space, /*use_regex=*/true);
  Json decoder = ByteLevel(true, true);
  if (style == Style::kQwen2) {
    members->Set("normalizer", Component("NFC"));
    pre_tokenizer =
        SequenceOf("pretokenizers", {SplitAt(kQwen2Words, "Isolated", false),
                                     ByteLevel(add_prefix_space, false)});
  } else if (style == Style::kClip) {
    members->Set("normalizer",
                 SequenceOf("normalizers",
                            {Component("NFC"), ReplacePattern("\\s+", " "),
                             Component("Lowercase")}));
    pre_tokenizer = SequenceOf(
        "pretokenizers",
        {SplitAt(kClipWords, "Removed", true), ByteLevel(false, true)});
  } else if (style == Style::kOpenAi) {
    members->Set("normalizer",
                 Component("BertNormalizer", {{"clean_text", true},
                                              {"handle_chinese_chars", true},
                                              {"strip_accents", nullptr},
                                              {"lowercase", true}}));
    pre_tokenizer = Component("BertPreTokenizer");
    decoder = Component("BPEDecoder", {{"suffix", "</w>"}});
  }
  members->Set("pre_tokenizer", std::move(pre_tokenizer));
  members->Set("decoder", std::move(decoder));
}

Json ModelSettings(const Family& family, const TokenizerSettings& settings) {
  std::vector<Json::Member> members = {{"type", "BPE"}};
  if (family.style == Style::kClip || family.style == Style::kOpenAi) {
    members.push_back({"end_of_word_suffix", "</w>"});
    const auto unknown = settings.TokenIn(Role::kUnk, family.defaults);
    if (unknown.has_value()) members.push_back({"unk_token", unknown->content});
  }
  return Json::Of(std::move(members));
}

absl::StatusOr<TemplateWords> WordsOf(const Family& family,
                                      const TokenizerSettings& settings) {
  if (!family.single.empty()) {
    return TemplateWords{std::string(family.single), std::string(family.pair)};
  }
  OUNCE_ASSIGN_OR_RETURN(const bool adds_bos,
                         settings.Flag("add_bos_token", false));
  OUNCE_ASSIGN_OR_RETURN(const bool adds_eos,
                         settings.Flag("add_eos_token", false));
  const absl::string_view bos = adds_bos ? "bos " : "";
  const absl::string_view eos = adds_eos ? " eos" : "";
  return TemplateWords{absl::StrCat(bos, "A", eos),
                       absl::StrCat(bos, "A", eos, " B:1")};
}

}  // namespace

absl::StatusOr<TokenizerFile> ReadBpeFiles(const TokenizerAsset& asset,
                                           const TokenizerSettings& settings) {
  OUNCE_ASSIGN_OR_RETURN(const Family family,
                         FindFamily(settings.class_name()));
  OUNCE_ASSIGN_OR_RETURN(const absl::string_view vocab,
                         FindFile(asset, kVocabName));
  OUNCE_ASSIGN_OR_RETURN(const absl::string_view merges,
                         FindFile(asset, kMergesName));
  OUNCE_ASSIGN_OR_RETURN(Vocabulary vocabulary,
                         Annotate(ReadVocab(vocab), kVocabName));
  OUNCE_ASSIGN_OR_RETURN(MergeList list,
                         Annotate(ReadMerges(merges), kMergesName));
  OUNCE_ASSIGN_OR_RETURN(
      const bool adds_prefix_space,
      settings.Flag("add_prefix_space", family.adds_prefix_space));
  OUNCE_ASSIGN_OR_RETURN(const TemplateWords words, WordsOf(family, settings));
  AddedTokenList tokens(vocabulary);
  tokens.AddAll(settings.TokensToAdd(family.defaults));
  Json::Object members;
  members.Set("added_tokens", tokens.ToJson());
  AddSteps(family.style, adds_prefix_space, &members);
  members.Set("post_processor",
              TemplateOf(words, settings, family.defaults, tokens));
  TokenizerFile file;
  file.members = Json(std::move(members));
  ModelConfig& model = file.model.emplace();
  model.settings = ModelSettings(family, settings);
  model.vocabulary = std::move(vocabulary);
  model.merges = std::move(list);
  return file;
}

}  // namespace ounce
