#include "text/tokenizer_class.h"

#include <algorithm>
#include <initializer_list>

namespace ounce {
namespace {

struct Row {
  absl::string_view tokenizer_class;
  std::initializer_list<absl::string_view> model_types;
};

// Families whose checkpoints come with SentencePiece models, byte-level BPE and
// WordPiece vocabularies, in this order.
const Row kRows[] = {
    {"AlbertTokenizer", {"albert", "nystromformer"}},
    {"BarthezTokenizer", {"barthez"}},
    {"BertGenerationTokenizer", {"bert-generation"}},
    {"BigBirdTokenizer", {"big_bird"}},
    {"CamembertTokenizer", {"camembert"}},
    {"CodeLlamaTokenizer", {"code_llama"}},
    {"DebertaV2Tokenizer", {"deberta-v2"}},
    {"FNetTokenizer", {"fnet"}},
    {"GemmaTokenizer",
     {"gemma", "gemma2", "gemma3", "gemma3_text", "recurrent_gemma",
      "paligemma"}},
    {"LlamaTokenizer",
     {"deepseek_v2", "diffllama", "fuyu", "idefics", "idefics2", "internlm2",
      "jamba", "llama", "llava", "minicpm", "ministral", "mistral", "mixtral",
      "persimmon", "phi3", "phimoe", "yi"}},
    {"M2M100Tokenizer", {"m2m_100"}},
    {"MBartTokenizer", {"mbart"}},
    {"MT5Tokenizer", {"mt5", "umt5"}},
    {"MarianTokenizer", {"marian"}},
    {"NllbTokenizer", {"nllb-moe"}},
    {"PegasusTokenizer", {"bigbird_pegasus", "pegasus", "pegasus_x"}},
    {"ReformerTokenizer", {"reformer"}},
    {"RemBertTokenizer", {"rembert"}},
    {"T5Tokenizer", {"longt5", "pop2piano", "switch_transformers", "t5"}},
    {"XGLMTokenizer", {"xglm"}},
    {"XLMRobertaTokenizer", {"xlm-roberta", "xlm-roberta-xl", "xmod"}},
    {"XLNetTokenizer", {"xlnet"}},

    {"BartTokenizer", {"bart"}},
    {"BlenderbotTokenizer", {"blenderbot"}},
    {"CLIPTokenizer", {"clip"}},
    {"CodeGenTokenizer", {"codegen", "phi"}},
    {"DebertaTokenizer", {"deberta"}},
    {"GPT2Tokenizer",
     {"decision_transformer", "gpt2", "gpt_bigcode", "gpt_neo", "gptj", "opt",
      "starcoder2"}},
    {"GPTNeoXTokenizer",
     {"gpt_neox", "mamba", "mamba2", "mpt", "olmo", "olmo2", "olmoe", "rwkv",
      "stablelm"}},
    {"LEDTokenizer", {"led"}},
    {"LongformerTokenizer", {"longformer"}},
    {"MvpTokenizer", {"mvp"}},
    {"OpenAIGPTTokenizer", {"openai-gpt"}},
    {"Qwen2Tokenizer",
     {"qwen2", "qwen2_moe", "qwen2_vl", "qwen2_5_vl", "qwen3", "qwen3_moe"}},
    {"RobertaTokenizer",
     {"data2vec-text", "ibert", "roberta", "roberta-prelayernorm"}},

    {"BertTokenizer",
     {"bert", "convbert", "dpr", "ernie", "megatron-bert", "mobilebert",
      "nezha", "qdqbert", "squeezebert", "visual_bert", "vilt"}},
    {"DistilBertTokenizer", {"distilbert"}},
    {"ElectraTokenizer", {"electra"}},
    {"FunnelTokenizer", {"funnel"}},
    {"LayoutLMTokenizer", {"layoutlm"}},
    {"LxmertTokenizer", {"lxmert"}},
    {"MPNetTokenizer", {"mpnet"}},
    {"SplinterTokenizer", {"splinter"}},
};

}  // namespace

absl::string_view TokenizerClassOf(absl::string_view model_type) {
  for (const Row& row : kRows) {
    if (std::find(row.model_types.begin(), row.model_types.end(), model_type) !=
        row.model_types.end()) {
      return row.tokenizer_class;
    }
  }
  return "";
}

}  // namespace ounce
