#include "text/sentencepiece_steps.h"

#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "core/status_macros.h"
#include "text/tokenizer_file.h"

namespace ounce {
namespace {

using Text = SentencePieceText;

// U+2581, which stands for a space.
constexpr absl::string_view kMark = "\u2581";

// Options that are not the same for every tokenizer of a class.
struct Options {
  bool lowercases = false;
  bool keeps_accents = false;
  bool adds_prefix_space = true;
  bool is_legacy = true;
  bool splits_by_punctuation = false;
};

absl::StatusOr<Options> ReadOptions(const SentencePieceFamily& family,
                                    const TokenizerSettings& settings) {
  Options options;
  OUNCE_ASSIGN_OR_RETURN(options.lowercases,
                         settings.Flag("do_lower_case", family.lowercases));
  OUNCE_ASSIGN_OR_RETURN(options.keeps_accents,
                         settings.Flag("keep_accents", family.keeps_accents));
  OUNCE_ASSIGN_OR_RETURN(options.adds_prefix_space,
                         settings.Flag("add_prefix_space", true));
  OUNCE_ASSIGN_OR_RETURN(options.splits_by_punctuation,
                         settings.Flag("split_by_punct", false));
  if (family.text == Text::kLlama ||
      family.layout == SentencePieceLayout::kT5) {
    OUNCE_ASSIGN_OR_RETURN(options.is_legacy, settings.Flag("legacy", true));
  }
  return options;
}

Json Metaspace(const Options& options, bool split) {
  const absl::string_view scheme = !options.adds_prefix_space ? "never"
                                   : options.is_legacy        ? "always"
                                                              : "first";
  return Component(
      "Metaspace",
      {{"replacement", kMark}, {"prepend_scheme", scheme}, {"split", split}});
}

Json Strip(bool left, bool right) {
  return Component("Strip", {{"strip_left", left}, {"strip_right", right}});
}

void AddCharsmap(const SentencePieceModel& model, Json::Array* parts) {
  if (model.charsmap.empty()) return;
  parts->push_back(Component(
      "Precompiled",
      {{"precompiled_charsmap", absl::Base64Escape(model.charsmap)}}));
}

// What the library itself does to a text.
Json::Array ModelNormalizers(const SentencePieceModel& model) {
  Json::Array parts;
  AddCharsmap(model, &parts);
  if (model.remove_extra_whitespaces) {
    parts.push_back(ReplacePattern("\\A +| +\\z", ""));
    parts.push_back(ReplacePattern(" {2,}", " "));
  }
  const absl::string_view space = model.escape_whitespaces ? kMark : " ";
  if (model.add_dummy_prefix) {
    parts.push_back(Component("Prepend", {{"prepend", space}}));
  }
  if (model.escape_whitespaces) parts.push_back(ReplaceText(" ", kMark));
  return parts;
}

void AddCaseAndAccents(const Options& options, Json::Array* parts) {
  if (!options.keeps_accents) {
    parts->push_back(Component("NFKD"));
    parts->push_back(Component("StripAccents"));
  }
  if (options.lowercases) parts->push_back(Component("Lowercase"));
}

Json::Array AlbertNormalizers(const SentencePieceModel& model,
                              const Options& options) {
  Json::Array parts = {ReplaceText("``", "\""), ReplaceText("''", "\"")};
  AddCaseAndAccents(options, &parts);
  AddCharsmap(model, &parts);
  parts.push_back(ReplacePattern(" {2,}", " "));
  return parts;
}

Json::Array RemBertNormalizers(const SentencePieceModel& model,
                               const Options& options) {
  Json::Array parts = {ReplaceText("``", "\""), ReplaceText("''", "\""),
                       ReplacePattern(" {2,}", " ")};
  AddCaseAndAccents(options, &parts);
  AddCharsmap(model, &parts);
  return parts;
}

Json::Array DebertaNormalizers(const SentencePieceModel& model,
                               const Options& options) {
  Json::Array parts;
  if (options.lowercases) parts.push_back(Component("Lowercase"));
  parts.push_back(Strip(true, true));
  AddCharsmap(model, &parts);
  parts.push_back(ReplacePattern(" {2,}", " "));
  return parts;
}

Json::Array StandardNormalizers(const SentencePieceModel& model) {
  Json::Array parts;
  AddCharsmap(model, &parts);
  parts.push_back(Strip(false, true));
  parts.push_back(ReplacePattern(" {2,}", kMark));
  return parts;
}

Json::Array LlamaNormalizers(const Options& options) {
  Json::Array parts;
  // Otherwise the pre-tokenizer does this.
  if (!options.is_legacy) return parts;
  if (options.adds_prefix_space) {
    parts.push_back(Component("Prepend", {{"prepend", kMark}}));
  }
  parts.push_back(ReplaceText(" ", kMark));
  return parts;
}

Json::Array Normalizers(const SentencePieceModel& model, Text text,
                        const Options& options) {
  switch (text) {
    case Text::kModel:
      return ModelNormalizers(model);
    case Text::kLlama:
      return LlamaNormalizers(options);
    case Text::kGemma:
      return {ReplaceText(" ", kMark)};
    case Text::kStandard:
    case Text::kPegasus:
      return StandardNormalizers(model);
    case Text::kAlbert:
      return AlbertNormalizers(model, options);
    case Text::kRemBert:
      return RemBertNormalizers(model, options);
    case Text::kDeberta:
      return DebertaNormalizers(model, options);
  }
  return {};
}

Json::Array PreTokenizers(Text text, const Options& options) {
  switch (text) {
    case Text::kModel:
    case Text::kGemma:
      return {};
    case Text::kLlama:
      if (options.is_legacy) return {};
      return {Metaspace(options, /*split=*/false)};
    case Text::kPegasus:
      return {Component("WhitespaceSplit"), Metaspace(options, true)};
    case Text::kDeberta:
      if (options.splits_by_punctuation) {
        return {Component("Punctuation", {{"behavior", "Isolated"}}),
                Metaspace(options, true)};
      }
      return {Metaspace(options, true)};
    case Text::kStandard:
    case Text::kAlbert:
    case Text::kRemBert:
      return {Metaspace(options, true)};
  }
  return {};
}

// Pieces and bytes to text; `strips` takes the space before the text away.
Json ByteDecoder(bool strips) {
  Json::Array parts = {ReplaceText(kMark, " "), Component("ByteFallback"),
                       Component("Fuse")};
  if (strips) {
    parts.push_back(
        Component("Strip", {{"content", " "}, {"start", 1}, {"stop", 0}}));
  }
  return SequenceOf("decoders", std::move(parts));
}

Json DecoderOf(const SentencePieceModel& model, Text text,
               const Options& options) {
  if (text == Text::kModel) return ByteDecoder(model.add_dummy_prefix);
  if (text == Text::kLlama) return ByteDecoder(options.adds_prefix_space);
  if (text == Text::kGemma) return ByteDecoder(false);
  return Metaspace(options, /*split=*/true);
}

}  // namespace

absl::Status AddSentencePieceSteps(const SentencePieceModel& model,
                                   const SentencePieceFamily& family,
                                   const TokenizerSettings& settings,
                                   Json::Object* members) {
  OUNCE_ASSIGN_OR_RETURN(const Options options, ReadOptions(family, settings));
  Json::Array normalizers = Normalizers(model, family.text, options);
  if (!normalizers.empty()) {
    members->Set("normalizer",
                 SequenceOf("normalizers", std::move(normalizers)));
  }
  Json::Array pre_tokenizers = PreTokenizers(family.text, options);
  if (!pre_tokenizers.empty()) {
    members->Set("pre_tokenizer",
                 SequenceOf("pretokenizers", std::move(pre_tokenizers)));
  }
  members->Set("decoder", DecoderOf(model, family.text, options));
  return absl::OkStatus();
}

}  // namespace ounce
