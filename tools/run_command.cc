// `ounce run`: a model continues a prompt, or a conversation.
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/json.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "formats/model_file.h"
#include "runtime/executor.h"
#include "runtime/generate.h"
#include "text/tokenizer.h"
#include "tools/chat.h"
#include "tools/chat_session.h"
#include "tools/command.h"
#include "tools/command_line.h"
#include "tools/generation.h"
#include "tools/loaded_model.h"
#include "tools/terminal.h"

namespace ounce {
namespace {

// -n was not given: kDefaultTokens, or with --chat all that fit the context.
constexpr int64_t kTokensUnset = -1;
constexpr int64_t kDefaultTokens = 128;

struct RunArguments {
  std::string model;
  std::string prompt;
  int64_t context = 0;  // 0: the model's limit.
  std::string kv;  // Empty: f32 for a float model, f16 for a quantised one.
  bool check = false;
  int64_t tokens = kTokensUnset;
  TextOptions text;
  ChatArguments chat;
};

std::string ReadPrompt(const RunArguments& arguments) {
  if (arguments.prompt != "-") return arguments.prompt;
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

// The longest sequence that the options allow.
absl::StatusOr<int64_t> ContextLimit(const RunArguments& arguments,
                                     const ModelSpec& spec) {
  if (arguments.context > spec.max_context) {
    return UsageError(absl::InvalidArgumentError(
        absl::StrCat("--context ", arguments.context, "; the model's limit is ",
                     spec.max_context)));
  }
  return arguments.context > 0 ? arguments.context : spec.max_context;
}

// The longest sequence the run may reach.
absl::StatusOr<int64_t> Capacity(const RunArguments& arguments, int64_t limit,
                                 int64_t prompt_tokens) {
  if (prompt_tokens > limit) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the prompt has ", prompt_tokens, " tokens; the context holds ", limit,
        ": shorten it or raise --context"));
  }
  return std::min(limit, prompt_tokens + arguments.text.generate.max_tokens);
}

// A float model is run as it is; beside weights of few bits the rounding of f16
// does not show.
absl::StatusOr<KvType> ChooseKvType(const RunArguments& arguments,
                                    const ModelFile& file) {
  if (arguments.kv.empty()) {
    const bool quantized =
        std::any_of(file.bound.tensors.begin(), file.bound.tensors.end(),
                    [](const BoundTensor& tensor) {
                      const Codec codec = tensor.matrix.codec;
                      return GetCodecInfo(codec).quantized || IsForeign(codec);
                    });
    return quantized ? KvType::kF16 : KvType::kF32;
  }
  const std::optional<KvType> kv = ParseKvType(arguments.kv);
  if (kv.has_value()) return *kv;
  return UsageError(absl::InvalidArgumentError(
      absl::StrCat("--kv ", arguments.kv, "; expected f32, f16 or int8")));
}

// What a run needs besides the model.
struct Loaded {
  Engine engine;
  LoadedModel model;
  std::unique_ptr<Tokenizer> tokenizer;
  KvType kv = KvType::kF32;
  int64_t limit = 0;  // Of the context.
};

absl::StatusOr<Loaded> Load(const RunArguments& arguments,
                            const CommonOptions& common) {
  Loaded loaded;
  OUNCE_ASSIGN_OR_RETURN(loaded.engine, CreateEngine(common));
  OUNCE_ASSIGN_OR_RETURN(loaded.model, LoadModel(arguments.model, false, common,
                                                 loaded.engine.pool.get()));
  const ModelFile& file = loaded.model.file;
  OUNCE_ASSIGN_OR_RETURN(loaded.tokenizer, CreateTokenizer(file));
  if (arguments.check && file.artifact != nullptr) {
    OUNCE_RETURN_IF_ERROR(
        Annotate(file.artifact->CheckHashes(nullptr), arguments.model));
  }
  OUNCE_ASSIGN_OR_RETURN(loaded.kv, ChooseKvType(arguments, file));
  OUNCE_ASSIGN_OR_RETURN(loaded.limit, ContextLimit(arguments, file.spec));
  return loaded;
}

void Report(const Outcome& outcome, int64_t capacity,
            const CommonOptions& common) {
  if (common.json) {
    std::cout << OutcomeJson(outcome).Dump(1) << "\n";
    return;
  }
  std::cout << std::endl;  // Flushed, so that the remark comes after the text.
  Remark(common, Summary(outcome));
  if (outcome.result.reason == StopReason::kContext) {
    Remark(common, absl::StrCat("stopped at the context limit of ", capacity,
                                " tokens, before -n was reached"));
  }
}

absl::Status ContinuePrompt(const RunArguments& arguments,
                            const CommonOptions& common) {
  OUNCE_ASSIGN_OR_RETURN(const Loaded loaded, Load(arguments, common));
  OUNCE_ASSIGN_OR_RETURN(const std::vector<int32_t> prompt,
                         loaded.tokenizer->Encode(ReadPrompt(arguments),
                                                  /*add_special_tokens=*/true));
  OUNCE_ASSIGN_OR_RETURN(
      const int64_t capacity,
      Capacity(arguments, loaded.limit, static_cast<int64_t>(prompt.size())));
  Executor executor(loaded.model.weights, loaded.engine.context.get(), capacity,
                    {1, loaded.kv});
  OUNCE_ASSIGN_OR_RETURN(
      const Outcome outcome,
      GenerateText(arguments.text, *loaded.tokenizer, prompt, &executor,
                   [&common](absl::string_view text) {
                     if (!common.json) std::cout << text << std::flush;
                     return true;
                   }));
  Report(outcome, capacity, common);
  return absl::OkStatus();
}

// The conversation of the command line, its last message the user's if one is
// given.
absl::StatusOr<Conversation> StartConversation(const RunArguments& arguments,
                                               const TokenizerAsset& asset,
                                               const Tokenizer& tokenizer) {
  OUNCE_ASSIGN_OR_RETURN(
      Conversation conversation,
      Conversation::Create(asset, arguments.model, tokenizer, arguments.chat));
  if (!arguments.prompt.empty()) conversation.AddUser(ReadPrompt(arguments));
  return conversation;
}

absl::Status ShowPrompt(const RunArguments& arguments,
                        const CommonOptions& common) {
  OUNCE_ASSIGN_OR_RETURN(const TokenizerAsset asset,
                         OpenTokenizer(arguments.model));
  OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer,
                         Annotate(Tokenizer::Create(asset), arguments.model));
  OUNCE_ASSIGN_OR_RETURN(const Conversation conversation,
                         StartConversation(arguments, asset, *tokenizer));
  if (conversation.messages().empty()) {
    return UsageError(absl::InvalidArgumentError(
        "--show-prompt has no message to show; give -p or --chat-file"));
  }
  OUNCE_ASSIGN_OR_RETURN(const std::string text, conversation.Render());
  if (!common.json) {
    std::cout << text << (isatty(STDOUT_FILENO) != 0 ? "\n" : "");
    return absl::OkStatus();
  }
  OUNCE_ASSIGN_OR_RETURN(const std::vector<int32_t> ids,
                         conversation.Encode(text));
  std::cout << Json::Of({{"prompt", text},
                         {"ids", Json::Array(ids.begin(), ids.end())}})
                   .Dump(1)
            << "\n";
  return absl::OkStatus();
}

absl::Status Chat(const RunArguments& arguments, const CommonOptions& common) {
  OUNCE_ASSIGN_OR_RETURN(const Loaded loaded, Load(arguments, common));
  OUNCE_ASSIGN_OR_RETURN(
      Conversation conversation,
      StartConversation(arguments, loaded.model.file.tokenizer,
                        *loaded.tokenizer));
  Executor executor(loaded.model.weights, loaded.engine.context.get(),
                    loaded.limit, {1, loaded.kv});
  ChatSession session(*loaded.tokenizer, arguments.text, &conversation,
                      &executor);
  if (!conversation.awaits_answer()) return Converse(&session, common);
  OUNCE_ASSIGN_OR_RETURN(const Outcome outcome,
                         session.Answer([&common](absl::string_view text) {
                           if (!common.json) std::cout << text << std::flush;
                           return true;
                         }));
  Report(outcome, loaded.limit, common);
  return absl::OkStatus();
}

absl::Status CheckArguments(const RunArguments& arguments) {
  OUNCE_RETURN_IF_ERROR(CheckSamplerOptions(arguments.text.generate.sampler));
  if (arguments.chat.chat) return absl::OkStatus();
  if (arguments.chat.any()) {
    return absl::InvalidArgumentError(
        "--system, --chat-file, --chat-template, --chat-var and --show-prompt "
        "belong to --chat, which is missing");
  }
  if (arguments.prompt.empty()) {
    return absl::InvalidArgumentError(
        "nothing to continue; give -p PROMPT, or --chat to talk");
  }
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> Run(const RunArguments& given,
                             const CommonOptions& common) {
  OUNCE_RETURN_IF_ERROR(UsageError(CheckArguments(given)));
  RunArguments arguments = given;
  arguments.text.generate.max_tokens = given.tokens != kTokensUnset
                                           ? given.tokens
                                       : given.chat.chat ? kMaxCount
                                                         : kDefaultTokens;
  OUNCE_RETURN_IF_ERROR(given.chat.show_prompt ? ShowPrompt(arguments, common)
                        : given.chat.chat      ? Chat(arguments, common)
                                          : ContinuePrompt(arguments, common));
  return kExitDone;
}

void DeclareChat(CommandLine& line, ChatArguments* chat) {
  line.Flag("--chat",
            "Talk: the prompt becomes a user's message in the model's chat "
            "template; without -p, a conversation line by line",
            &chat->chat);
  line.Option("--system", "With --chat: what the model is told beforehand",
              &chat->system);
  line.Option("--chat-file",
              "With --chat: a JSON list of messages, or an object with "
              "messages, tools and documents",
              &chat->file);
  line.Option("--chat-template",
              "With --chat: a Jinja file, or a name of the model's templates",
              &chat->chat_template);
  line.Option("--chat-var",
              "With --chat: NAME=VALUE for the template, as "
              "enable_thinking=false; may be given several times",
              &chat->variables);
  line.Flag("--show-prompt",
            "With --chat: print what the template makes of the conversation "
            "and generate nothing",
            &chat->show_prompt);
}

void Declare(CommandLine& line, RunArguments* arguments) {
  GenerateOptions& generate = arguments->text.generate;
  SamplerOptions& sampler = generate.sampler;
  line.Positional("MODEL", "Hugging Face folder, .gguf or .oz file",
                  &arguments->model);
  line.Option("-p,--prompt", "Text to continue; - reads it from stdin",
              &arguments->prompt);
  DeclareChat(line, &arguments->chat);
  line.Option("-n,--tokens",
              "Tokens to generate at most; default 128, with --chat all that "
              "fit the context",
              0, kMaxCount, &arguments->tokens);
  line.Option("--context",
              "Tokens of prompt and text together; default the model's limit",
              1, kMaxCount, &arguments->context);
  line.Option("--kv",
              "Type of keys and values: f32 (default for float models), f16 "
              "(default for others) or int8",
              &arguments->kv);
  line.Option("--stop", "Stop before this text; may be given several times",
              &arguments->text.stops);
  line.Flag("--ignore-eos", "Go on after the model's end of text",
            &generate.ignore_stop_ids);
  line.Option("--temperature", "0 (default): always the most probable token",
              &sampler.temperature);
  line.Option("--top-k", "Keep the k most probable; 0 (default): all", 0,
              kMaxCount, &sampler.top_k);
  line.Option(
      "--top-p",
      "Keep the fewest tokens with this total probability; 1 (default): "
      "all",
      &sampler.top_p);
  line.Option("--min-p",
              "Keep tokens above this share of the most probable one's; 0 "
              "(default): all",
              &sampler.min_p);
  line.Option("--repetition-penalty",
              "Above 1 (default): tokens already seen become less probable",
              &sampler.repetition_penalty);
  line.Option("--seed", "Of the random choice; default 0", &sampler.seed);
  line.Flag("--check", "Compare every weight's hash before running",
            &arguments->check);
}

}  // namespace

Command RunCommand() {
  return MakeCommand<RunArguments>("run", "Continue a prompt, or talk", Declare,
                                   Run);
}

}  // namespace ounce
