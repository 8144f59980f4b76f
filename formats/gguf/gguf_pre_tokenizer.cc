#include "formats/gguf/gguf_pre_tokenizer.h"

#include "absl/strings/str_cat.h"

namespace ounce {
namespace {

using View = absl::string_view;

// ---- Whole patterns, as they stand in tokenizer.json files.

constexpr View kGpt2Words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr View kLlama3Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr View kQwen2Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr View kQwen35Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr View kJais2Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1})";
constexpr View kMiniCpm5Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr View kExaoneMoeWords =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr View kBailingWords =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr View kSeedCoderWords =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr View kUfakZekaWords =
    R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr View kDeepSeek3Words =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr View kSparkWords =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+)";
// Words that begin with capitals and end in small letters.
constexpr View kTekkenWords =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr View kGpt4oWords =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr View kYoutuWords =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr View kKimiWords =
    R"([\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr View kBloomWords =
    " ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+";
// Cased letters, as DeepSeek's tokenizer.json lists them.
constexpr View kDeepSeekLetters =
    "\\s?[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf"
    "\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f"
    "\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-"
    "\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba"
    "\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-"
    "\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-"
    "\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-"
    "\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107"
    "\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-"
    "\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b"
    "\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-"
    "\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17"
    "\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3"
    "\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0"
    "-\U000118df\U0001e900-\U0001e943]+";
constexpr View kDeepSeekPunctuation =
    "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+";
// Ideographs, the scripts from U+0800 on, Hangul.
constexpr View kDeepSeekIdeographs =
    "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+";
constexpr View kIdeographsAndKana =
    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+";
constexpr View kYoutuScripts =
    "[\uac00-\ud7a3\u3131-\u318e]+|[\uff01\u2026\u201c\u201d\u2018\u2019\u2014"
    "\uff1a\uff1b\uff0c\u3001-\u303f\ufe30-\ufe4f]+|[\u3105-\u312f]+|[\u4e00-"
    "\u9fa5\u3040-\u309f\u30a0-\u30ff]+";
// Scripts without spaces between words, one block after the other.
constexpr View kAsianScripts =
    "[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-"
    "\uff9f\u2f00-\u2fdf\u0e40-\u0e7f\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f"
    "\uaa60-\uaa7f\ua9e0-\ua9ff\uac00-\ud7af\u1100-\u11ff]+";
// Digits in threes, counted from the right.
constexpr View kThreesFromTheRight = R"(\d{1,3}(?=(?:\d{3})*\b))";
constexpr View kNumbersInThreesFromTheRight =
    R"(\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N})))";
constexpr View kThreesOfARun = R"((?=(\d{3})+(?!\d)))";

// ---- What the names stand for: such patterns one after the other.

constexpr View kDefault[] = {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2Words, R"(\p{N}+)",
                             "[0-9][0-9][0-9]"};
constexpr View kGpt2[] = {kGpt2Words};
constexpr View kDigitsThenGpt2[] = {R"(\p{N})", kGpt2Words};
constexpr View kFalcon[] = {R"([\p{P}\$\+<=>\^~\|`]+)", kGpt2Words,
                            "[0-9][0-9][0-9]"};
constexpr View kLlama3[] = {kLlama3Words};
constexpr View kQwen2[] = {kQwen2Words};
constexpr View kQwen35[] = {kQwen35Words};
constexpr View kJais2[] = {kJais2Words};
constexpr View kMiniCpm5[] = {R"(\p{N}{1,3})", kMiniCpm5Words};
constexpr View kExaoneMoe[] = {kExaoneMoeWords};
constexpr View kBailing[] = {kBailingWords};
constexpr View kSeedCoder[] = {kSeedCoderWords};
constexpr View kUfakZeka[] = {kUfakZekaWords};
constexpr View kLaguna[] = {R"([^\n]+|[\n]+)", kQwen2Words};
constexpr View kDeepSeekLlm[] = {R"([\r\n])",          kDeepSeekLetters,
                                 kDeepSeekPunctuation, R"(\s+$)",
                                 kDeepSeekIdeographs,  R"(\p{N}+)"};
constexpr View kDeepSeekCoder[] = {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)",
                                   kDeepSeekIdeographs, R"(\p{N})"};
constexpr View kDeepSeek3[] = {R"(\p{N}{1,3})", kIdeographsAndKana,
                               kDeepSeek3Words};
constexpr View kSpark[] = {R"(\p{N}{1,3})", kIdeographsAndKana, kSparkWords,
                           R"(\p{N})"};
constexpr View kAfMoe[] = {kNumbersInThreesFromTheRight, kAsianScripts,
                           kDeepSeek3Words};
constexpr View kYoutu[] = {kYoutuScripts, kYoutuWords};
constexpr View kBloom[] = {kBloomWords};
constexpr View kViking[] = {kBloomWords, R"(\p{N})"};
constexpr View kTekken[] = {kTekkenWords};
constexpr View kGpt4o[] = {kGpt4oWords};
constexpr View kTinyAya[] = {kThreesFromTheRight, kGpt4oWords};
constexpr View kKimi[] = {kKimiWords};
constexpr View kSuperBpe[] = {R"(\p{N}+)", kThreesOfARun};
constexpr View kChameleon[] = {
    "<sentinel:[0-9]+>",       "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z",
    "([\\t\\n]|    |  )",      R"(\p{N})",
    R"([\p{P}!-/:-@\[-`{-~])", kGpt2Words};
constexpr View kLines[] = {R"([^\n]+|[\n]+)"};

// ---- The names.

const GgufPreTokenizer kPreTokenizers[] = {
    {"default", kDefault},
    {"a.x-4.0", kGpt2},
    {"afmoe", kAfMoe},
    {"bailingmoe", kBailing},
    {"bailingmoe2", kBailing},
    {"bloom", kBloom},
    {"chameleon", kChameleon, /*ignores_merges=*/false, /*adds_bos=*/true},
    {"chatglm-bpe", kLlama3},
    {"codeshell", kDigitsThenGpt2},
    {"cohere2moe", kTinyAya},
    {"command-r", kDigitsThenGpt2},
    {"dbrx", kLlama3},
    {"deepseek-coder", kDeepSeekCoder},
    {"deepseek-llm", kDeepSeekLlm},
    {"deepseek-r1-qwen", kQwen2},
    {"deepseek-v3", kDeepSeek3},
    {"exaone", kDigitsThenGpt2},
    {"exaone-moe", kExaoneMoe},
    {"exaone4", kGpt2},
    {"f2llmv2", kQwen2},
    {"falcon", kFalcon},
    {"falcon-h1", kLlama3, /*ignores_merges=*/true, /*adds_bos=*/true},
    {"falcon3", kLlama3, /*ignores_merges=*/true, /*adds_bos=*/true},
    {"gemma4", kLines, /*ignores_merges=*/false, /*adds_bos=*/true,
     /*marks_spaces=*/true},
    {"gigachat", kGpt2},
    {"glm4", kLlama3},
    {"gpt-2", kGpt2},
    {"gpt-4o", kGpt4o},
    {"gpt3-finnish", kBloom},
    {"granite-docling", kGpt2},
    {"granite-embed-multi-311m", kLines, /*ignores_merges=*/false,
     /*adds_bos=*/true, /*marks_spaces=*/true},
    {"granite-embed-multi-97m", kGpt4o, /*ignores_merges=*/true},
    {"grok-2", kQwen2},
    {"hunyuan", kQwen2},
    {"hunyuan-dense", kDeepSeek3},
    {"hy_v4", kDeepSeek3},
    {"jais", kGpt2},
    {"jais-2", kJais2},
    {"jina-de", kGpt2},
    {"jina-es", kGpt2},
    {"jina-v1-en", kGpt2},
    {"jina-v2-code", kGpt2},
    {"jina-v2-de", kGpt2},
    {"jina-v2-es", kGpt2},
    {"jina-v5-nano", kLlama3, /*ignores_merges=*/true, /*adds_bos=*/true},
    {"joyai-llm", kDeepSeek3},
    {"kanana2", kGpt4o},
    {"kimi-k2", kKimi},
    {"kormo", kQwen2},
    {"laguna", kLaguna},
    {"lfm2", kLlama3, /*ignores_merges=*/true, /*adds_bos=*/true},
    {"llada-moe", kBailing},
    {"llama-bpe", kLlama3, /*ignores_merges=*/true, /*adds_bos=*/true},
    {"llama-v3", kLlama3, /*ignores_merges=*/true, /*adds_bos=*/true},
    {"llama3", kLlama3, /*ignores_merges=*/true, /*adds_bos=*/true},
    {"llama4", kGpt4o},
    {"megrez", kQwen2},
    {"mellum", kGpt2},
    {"mellum2", kDigitsThenGpt2},
    {"midm-2.0", kLlama3, /*ignores_merges=*/true, /*adds_bos=*/true},
    {"minerva-7b", kDigitsThenGpt2},
    {"minicpm5", kMiniCpm5, /*ignores_merges=*/true},
    {"minimax-m2", kGpt4o},
    {"modern-bert", kGpt2},
    {"mpt", kGpt2},
    {"olmo", kGpt2},
    {"phi-2", kGpt2},
    {"pixtral", kLlama3, /*ignores_merges=*/true, /*adds_bos=*/true},
    {"poro-chat", kBloom},
    {"qwen2", kQwen2},
    {"qwen35", kQwen35},
    {"refact", kDigitsThenGpt2},
    {"roberta-bpe", kGpt2},
    {"sarvam-moe", kLines, /*ignores_merges=*/false, /*adds_bos=*/false,
     /*marks_spaces=*/true},
    {"seed-coder", kSeedCoder},
    {"smaug-bpe", kLlama3},
    {"smollm", kDigitsThenGpt2},
    {"solar-open", kQwen2},
    {"spark2_5", kSpark},
    {"stablelm2", kQwen2},
    {"starcoder", kDigitsThenGpt2},
    {"superbpe", kSuperBpe},
    {"talkie", kGpt4o},
    {"tekken", kTekken, /*ignores_merges=*/true, /*adds_bos=*/true},
    {"tiny_aya", kTinyAya},
    {"trillion", kGpt2},
    {"ufakzeka", kUfakZeka},
    {"viking", kViking},
    {"youtu", kYoutu, /*ignores_merges=*/true},
};

}  // namespace

const GgufPreTokenizer* FindGgufPreTokenizer(absl::string_view name) {
  for (const GgufPreTokenizer& row : kPreTokenizers) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

std::string GgufPreTokenizerList() {
  std::string list;
  for (const GgufPreTokenizer& row : kPreTokenizers) {
    absl::StrAppend(&list, list.empty() ? "" : ", ", row.name);
  }
  return list;
}

}  // namespace ounce
