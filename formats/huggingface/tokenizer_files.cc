#include "formats/huggingface/tokenizer_files.h"

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/mapped_file.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

// A tokenizer.json of a large vocabulary has 20 MB.
constexpr int64_t kMaxFileBytes = int64_t{256} << 20;

using Names = std::initializer_list<absl::string_view>;

struct Row {
  TokenizerKind kind;
  Names required;
  Names optional;
};

// The first of which the folder has all required files is its tokenizer.
const Row kRows[] = {
    {TokenizerKind::kTokenizerJson, {"tokenizer.json"}, {}},
    {TokenizerKind::kSentencePiece, {"tokenizer.model"}, {}},
    {TokenizerKind::kSentencePiece, {"spiece.model"}, {}},
    {TokenizerKind::kSentencePiece, {"sentencepiece.bpe.model"}, {}},
    {TokenizerKind::kSentencePiece, {"spm.model"}, {}},
    {TokenizerKind::kSentencePiece, {"sentencepiece.model"}, {}},
    {TokenizerKind::kSentencePiece,
     {"source.spm", "vocab.json"},
     {"target.spm"}},
    {TokenizerKind::kBpeFiles, {"vocab.json", "merges.txt"}, {}},
    {TokenizerKind::kWordPieceFiles, {"vocab.txt"}, {}},
};

// Stored with any tokenizer; and with those of other files than tokenizer.json,
// which says all by itself.
constexpr absl::string_view kCommonNames[] = {
    "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja",
    "chat_template.json"};
constexpr absl::string_view kOtherNames[] = {"added_tokens.json",
                                             "config.json"};
// A folder of more chat templates, NAME.jinja each.
constexpr absl::string_view kMoreTemplates = "additional_chat_templates";
constexpr absl::string_view kTemplateSuffix = ".jinja";

// Tokenizer files that we do not read, or not alone.
constexpr absl::string_view kUnusableNames[] = {
    "bpe.codes",   "dict.txt",  "merges.txt", "source.spm",
    "tekken.json", "vocab.bpe", "vocab.json", "vocab.model"};
constexpr absl::string_view kUnusableSuffixes[] = {".tiktoken",
                                                   ".tokenizer.json"};

bool Exists(const std::string& folder, absl::string_view name) {
  std::error_code error;
  return std::filesystem::exists(absl::StrCat(folder, "/", name), error);
}

absl::Status AddFile(const std::string& folder, absl::string_view name,
                     TokenizerAsset* asset) {
  if (!Exists(folder, name)) return absl::OkStatus();
  OUNCE_ASSIGN_OR_RETURN(
      std::string bytes,
      ReadSmallFile(absl::StrCat(folder, "/", name), kMaxFileBytes));
  asset->files.push_back({std::string(name), std::move(bytes)});
  return absl::OkStatus();
}

template <typename List>
absl::Status AddFiles(const std::string& folder, const List& names,
                      TokenizerAsset* asset) {
  for (const auto& name : names) {
    OUNCE_RETURN_IF_ERROR(AddFile(folder, name, asset));
  }
  return absl::OkStatus();
}

absl::Status AddMoreTemplates(const std::string& folder,
                              TokenizerAsset* asset) {
  std::error_code error;
  std::set<std::string> names;
  for (std::filesystem::directory_iterator
           it(absl::StrCat(folder, "/", kMoreTemplates), error),
       end;
       !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (absl::EndsWith(name, kTemplateSuffix)) {
      names.insert(absl::StrCat(kMoreTemplates, "/", name));
    }
  }
  return AddFiles(folder, names, asset);
}

bool IsUnusable(absl::string_view name) {
  return std::find(std::begin(kUnusableNames), std::end(kUnusableNames),
                   name) != std::end(kUnusableNames) ||
         std::any_of(std::begin(kUnusableSuffixes), std::end(kUnusableSuffixes),
                     [name](absl::string_view suffix) {
                       return absl::EndsWith(name, suffix);
                     });
}

// The first such file of the folder by its name, "file tekken.json"; empty: it
// has none.
std::string FindUnusable(const std::string& folder) {
  std::error_code error;
  std::set<std::string> found;
  for (std::filesystem::directory_iterator it(folder, error), end;
       !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    if (IsUnusable(name)) found.insert(std::move(name));
  }
  return found.empty() ? "" : absl::StrCat("file ", *found.begin());
}

}  // namespace

absl::StatusOr<TokenizerAsset> OpenCheckpointTokenizer(
    const std::string& path) {
  TokenizerAsset asset;
  const Row* const row =
      std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) {
        return std::all_of(
            r.required.begin(), r.required.end(),
            [&](absl::string_view name) { return Exists(path, name); });
      });
  if (row == std::end(kRows)) {
    asset.unusable = FindUnusable(path);
    return asset;
  }
  asset.kind = row->kind;
  OUNCE_RETURN_IF_ERROR(AddFiles(path, row->required, &asset));
  OUNCE_RETURN_IF_ERROR(AddFiles(path, row->optional, &asset));
  OUNCE_RETURN_IF_ERROR(AddFiles(path, kCommonNames, &asset));
  OUNCE_RETURN_IF_ERROR(AddMoreTemplates(path, &asset));
  if (row->kind != TokenizerKind::kTokenizerJson) {
    OUNCE_RETURN_IF_ERROR(AddFiles(path, kOtherNames, &asset));
  }
  return asset;
}

}  // namespace ounce
