// `ounce tokenize`: text to ids and back, to compare with any other tokenizer.
#include <iostream>
#include <memory>

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
};

Json IdsJson(const std::vector<int32_t>& ids) {
  return Json::Array(ids.begin(), ids.end());
}

absl::StatusOr<Json> TokenizeLine(const Tokenizer& tokenizer,
                                  const std::string& line) {
  OUNCE_ASSIGN_OR_RETURN(const Json json, ParseJson(line));
  const std::string* text = json.AsString();
  if (text == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "of type ", json.TypeName(), "; expected one JSON string"));
  }
  OUNCE_ASSIGN_OR_RETURN(const std::vector<int32_t> ids,
                         tokenizer.Encode(*text, /*add_special_tokens=*/true));
  OUNCE_ASSIGN_OR_RETURN(const std::vector<int32_t> plain,
                         tokenizer.Encode(*text, /*add_special_tokens=*/false));
  return Json::Of(
      {{"ids", IdsJson(ids)},
       {"ids_plain", IdsJson(plain)},
       {"decoded", tokenizer.Decode(plain, /*skip_special_tokens=*/false)},
       {"decoded_skip", tokenizer.Decode(ids, /*skip_special_tokens=*/true)}});
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
                           Annotate(TokenizeLine(*tokenizer, line),
                                    absl::StrCat("line ", number)));
    std::cout << result.Dump() << "\n";
  }
  return kExitDone;
}

void Declare(CommandLine& line, TokenizeArguments* arguments) {
  line.Positional("MODEL", "Folder with tokenizer.json, or .oz file",
                  &arguments->model);
}

}  // namespace

Command TokenizeCommand() {
  return MakeCommand<TokenizeArguments>(
      "tokenize",
      "Read one JSON string a line, write its ids and their decoding", Declare,
      Run);
}

}  // namespace ounce
