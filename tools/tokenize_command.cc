// `ounce tokenize`: text to ids and back, to compare with any other tokenizer.
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/json.h"
#include "core/status_macros.h"
#include "formats/model_file.h"
#include "text/tokenizer.h"
#include "tools/command.h"
#include "tools/command_line.h"

namespace ounce {
namespace {

struct TokenizeArguments {
  std::string model;
  bool truncate_and_pad = false;
};

Json IdsJson(const std::vector<int32_t>& ids) {
  return Json::Array(ids.begin(), ids.end());
}

// A line of the input: one text or two.
struct Line {
  std::string first;
  std::optional<std::string> second;

  TextPair texts() const { return {first, second}; }
};

absl::StatusOr<Line> ParseLine(const std::string& line) {
  OUNCE_ASSIGN_OR_RETURN(const Json json, ParseJson(line));
  if (const std::string* text = json.AsString()) {
    return Line{*text, std::nullopt};
  }
  const Json::Array* pair = json.AsArray();
  if (pair == nullptr || pair->size() != 2 ||
      pair->front().AsString() == nullptr ||
      pair->back().AsString() == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("of type ", json.TypeName(),
                     "; expected one JSON string or an array of two"));
  }
  return Line{*pair->front().AsString(), *pair->back().AsString()};
}

absl::StatusOr<Windows> EncodeLine(const Tokenizer& tokenizer, const Line& line,
                                   const TokenizeArguments& arguments,
                                   bool add_special_tokens) {
  const BatchSettings& settings = tokenizer.batch_settings();
  EncodeOptions options;
  options.add_special_tokens = add_special_tokens;
  if (arguments.truncate_and_pad) options.truncation = settings.truncation;
  OUNCE_ASSIGN_OR_RETURN(Windows windows,
                         tokenizer.EncodeWindows(line.texts(), options));
  if (!arguments.truncate_and_pad || !settings.padding.has_value()) {
    return windows;
  }
  std::vector<Windows> batch = {std::move(windows)};
  OUNCE_RETURN_IF_ERROR(Pad(*settings.padding, &batch));
  return std::move(batch.front());
}

// The windows over what was cut off.
Json OverflowJson(const Windows& windows) {
  Json::Array overflow;
  for (const Encoding& window : absl::MakeConstSpan(windows).subspan(1)) {
    overflow.push_back(
        Json::Of({{"ids", IdsJson(window.ids)},
                  {"type_ids", IdsJson(window.type_ids)},
                  {"attention_mask", IdsJson(window.attention_mask)}}));
  }
  return overflow;
}

absl::StatusOr<Json> TokenizeLine(const Tokenizer& tokenizer,
                                  const std::string& text,
                                  const TokenizeArguments& arguments) {
  OUNCE_ASSIGN_OR_RETURN(const Line line, ParseLine(text));
  OUNCE_ASSIGN_OR_RETURN(const Windows windows,
                         EncodeLine(tokenizer, line, arguments, true));
  OUNCE_ASSIGN_OR_RETURN(const Windows plain_windows,
                         EncodeLine(tokenizer, line, arguments, false));
  const Encoding& whole = windows.front();
  const Encoding& plain = plain_windows.front();
  Json::Object out;
  out.Set("ids", IdsJson(whole.ids));
  out.Set("ids_plain", IdsJson(plain.ids));
  if (line.second.has_value() || arguments.truncate_and_pad) {
    out.Set("type_ids", IdsJson(whole.type_ids));
    out.Set("type_ids_plain", IdsJson(plain.type_ids));
  }
  if (arguments.truncate_and_pad) {
    out.Set("attention_mask", IdsJson(whole.attention_mask));
    out.Set("overflow", OverflowJson(windows));
  }
  out.Set("decoded", tokenizer.Decode(plain.ids, false));
  out.Set("decoded_skip", tokenizer.Decode(whole.ids, true));
  return Json(std::move(out));
}

absl::StatusOr<ExitCode> Run(const TokenizeArguments& arguments,
                             const CommonOptions&) {
  OUNCE_ASSIGN_OR_RETURN(const TokenizerAsset asset,
                         OpenTokenizer(arguments.model));
  OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer,
                         Annotate(Tokenizer::Create(asset), arguments.model));
  std::string line;
  int64_t number = 0;
  while (std::getline(std::cin, line)) {
    ++number;
    if (line.empty()) continue;
    OUNCE_ASSIGN_OR_RETURN(const Json result,
                           Annotate(TokenizeLine(*tokenizer, line, arguments),
                                    absl::StrCat("line ", number)));
    std::cout << result.Dump() << "\n";
  }
  return kExitDone;
}

void Declare(CommandLine& line, TokenizeArguments* arguments) {
  line.Positional("MODEL", "Folder with a tokenizer's files, .gguf or .oz file",
                  &arguments->model);
  line.Flag("--truncate-and-pad",
            "Apply \"truncation\" and \"padding\" of tokenizer.json, each line "
            "being a batch",
            &arguments->truncate_and_pad);
}

}  // namespace

Command TokenizeCommand() {
  return MakeCommand<TokenizeArguments>(
      "tokenize",
      "Read one JSON string, or an array of two, a line; write ids and their "
      "decoding",
      Declare, Run);
}

}  // namespace ounce
