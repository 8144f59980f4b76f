#include "text/pre_tokenizer.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/byte_alphabet.h"
#include "text/config.h"
#include "text/pattern.h"
#include "text/quote.h"
#include "text/split.h"
#include "text/unicode.h"

namespace ounce {
namespace {

constexpr absl::string_view kGpt2Words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Cuts at a pattern.
class SplitPreTokenizer : public PreTokenizer {
 public:
  SplitPreTokenizer(Pattern pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  absl::Status Apply(TextPieces* pieces) const override {
    return pieces->Rewrite(
        [this](const TextPiece& piece, std::vector<TextPiece>* out) {
          return Cut(piece, out);
        });
  }

  absl::Status Cut(const TextPiece& piece, std::vector<TextPiece>* out) const {
    std::vector<Segment> segments;
    OUNCE_RETURN_IF_ERROR(pattern_.Cut(piece.text, &segments));
    if (invert_) {
      for (Segment& segment : segments) segment.is_match = !segment.is_match;
    }
    AppendSplit(piece, std::move(segments), behavior_, out);
    return absl::OkStatus();
  }

 private:
  const Pattern pattern_;
  const SplitBehavior behavior_;
  const bool invert_;
};

class ByteLevel : public PreTokenizer {
 public:
  // `words` cuts; without it each piece stays whole.
  ByteLevel(bool add_prefix_space, std::unique_ptr<SplitPreTokenizer> words)
      : add_prefix_space_(add_prefix_space), words_(std::move(words)) {}

  absl::Status Apply(TextPieces* pieces) const override {
    if (add_prefix_space_) OUNCE_RETURN_IF_ERROR(AddSpaces(pieces));
    if (words_ != nullptr) OUNCE_RETURN_IF_ERROR(words_->Apply(pieces));
    return WriteBytes(pieces);
  }

 private:
  static absl::Status AddSpaces(TextPieces* pieces) {
    return pieces->Rewrite(
        [pieces](const TextPiece& piece, std::vector<TextPiece>* out) {
          out->push_back(piece);
          if (!absl::StartsWith(piece.text, " ")) {
            out->back().text = pieces->Own(absl::StrCat(" ", piece.text));
          }
          return absl::OkStatus();
        });
  }

  // All pieces share one buffer, reserved in full so that views into it hold.
  static absl::Status WriteBytes(TextPieces* pieces) {
    size_t size = 0;
    for (const TextPiece& piece : pieces->pieces()) {
      if (piece.token_id == kNoToken) size += ByteLevelSize(piece.text);
    }
    std::string buffer;
    buffer.reserve(size);
    for (const TextPiece& piece : pieces->pieces()) {
      if (piece.token_id == kNoToken) AppendByteLevel(piece.text, &buffer);
    }
    absl::string_view rest = pieces->Own(std::move(buffer));
    return pieces->Rewrite([&rest](const TextPiece& piece,
                                   std::vector<TextPiece>* out) {
      const size_t length = ByteLevelSize(piece.text);
      out->push_back({rest.substr(0, length), piece.token_id, piece.is_first});
      rest.remove_prefix(length);
      return absl::OkStatus();
    });
  }

  const bool add_prefix_space_;
  const std::unique_ptr<SplitPreTokenizer> words_;
};

enum class PrependScheme { kAlways, kFirst, kNever };

struct MetaspaceOptions {
  std::string replacement;  // One character.
  PrependScheme scheme = PrependScheme::kAlways;
  bool split = true;
};

class Metaspace : public PreTokenizer {
 public:
  explicit Metaspace(MetaspaceOptions options)
      : options_(std::move(options)),
        space_(Pattern::Literal(" ")),
        words_(Pattern::Literal(options_.replacement),
               SplitBehavior::kMergedWithNext, /*invert=*/false) {}

  absl::Status Apply(TextPieces* pieces) const override {
    OUNCE_RETURN_IF_ERROR(pieces->Rewrite(
        [&](const TextPiece& piece, std::vector<TextPiece>* out) {
          return MarkSpaces(piece, pieces, out);
        }));
    return options_.split ? words_.Apply(pieces) : absl::OkStatus();
  }

 private:
  absl::Status MarkSpaces(const TextPiece& piece, TextPieces* pieces,
                          std::vector<TextPiece>* out) const {
    OUNCE_ASSIGN_OR_RETURN(std::string text,
                           space_.Replace(piece.text, options_.replacement));
    const bool prepends =
        options_.scheme == PrependScheme::kAlways ||
        (options_.scheme == PrependScheme::kFirst && piece.is_first);
    if (prepends && !absl::StartsWith(text, options_.replacement)) {
      text.insert(0, options_.replacement);
    }
    out->push_back({pieces->Own(std::move(text)), kNoToken, piece.is_first});
    return absl::OkStatus();
  }

  const MetaspaceOptions options_;
  const Pattern space_;
  const SplitPreTokenizer words_;
};

class PreTokenizerSequence : public PreTokenizer {
 public:
  explicit PreTokenizerSequence(
      std::vector<std::unique_ptr<PreTokenizer>> parts)
      : parts_(std::move(parts)) {}
  absl::Status Apply(TextPieces* pieces) const override {
    for (const auto& part : parts_) {
      OUNCE_RETURN_IF_ERROR(part->Apply(pieces));
    }
    return absl::OkStatus();
  }

 private:
  const std::vector<std::unique_ptr<PreTokenizer>> parts_;
};

absl::StatusOr<PrependScheme> ParseScheme(const Json& config) {
  OUNCE_ASSIGN_OR_RETURN(const std::string name,
                         config.GetStringOr("prepend_scheme", "always"));
  PrependScheme scheme = PrependScheme::kAlways;
  if (name == "first") {
    scheme = PrependScheme::kFirst;
  } else if (name == "never") {
    scheme = PrependScheme::kNever;
  } else if (name != "always") {
    return absl::InvalidArgumentError(
        absl::StrCat("\"prepend_scheme\" is ", Quote(name),
                     "; expected always, first or never"));
  }
  // Files from before "prepend_scheme" say "add_prefix_space".
  OUNCE_ASSIGN_OR_RETURN(const bool adds,
                         config.GetBoolOr("add_prefix_space", true));
  if (!adds && config.Find("prepend_scheme") != nullptr &&
      scheme != PrependScheme::kNever) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"add_prefix_space\" is false but \"prepend_scheme\" is \"", name,
        "\"; expected never"));
  }
  return adds ? scheme : PrependScheme::kNever;
}

bool IsWordSeparator(char32_t value) {
  return !IsWordCharacter(value) && IsWhitespace(value);
}

// Cuts twice at properties of characters, the second time what is left.
class TwoSplits : public PreTokenizer {
 public:
  struct Cut {
    Pattern::CharacterTest test;
    SplitBehavior behavior;
  };
  TwoSplits(Cut first, Cut second)
      : first_(Make(first)), second_(Make(second)) {}
  absl::Status Apply(TextPieces* pieces) const override {
    OUNCE_RETURN_IF_ERROR(first_.Apply(pieces));
    return second_.Apply(pieces);
  }

 private:
  static SplitPreTokenizer Make(const Cut& cut) {
    return {Pattern::Characters(cut.test), cut.behavior, /*invert=*/false};
  }

  const SplitPreTokenizer first_;
  const SplitPreTokenizer second_;
};

class FixedLength : public PreTokenizer {
 public:
  explicit FixedLength(int64_t num_characters)
      : num_characters_(num_characters) {}

  absl::Status Apply(TextPieces* pieces) const override {
    return pieces->Rewrite(
        [this](const TextPiece& piece, std::vector<TextPiece>* out) {
          for (size_t begin = 0; begin < piece.text.size();) {
            const size_t end = EndOfCharacters(piece.text, begin);
            out->push_back({piece.text.substr(begin, end - begin), kNoToken,
                            piece.is_first && begin == 0});
            begin = end;
          }
          return absl::OkStatus();
        });
  }

 private:
  size_t EndOfCharacters(absl::string_view text, size_t begin) const {
    for (int64_t i = 0; i < num_characters_ && begin < text.size(); ++i) {
      begin += DecodeUtf8(text, begin).num_bytes;
    }
    return begin;
  }

  const int64_t num_characters_;
};

PreTokenizerOr MakeSplit(Pattern pattern, SplitBehavior behavior,
                         bool invert = false) {
  return std::make_unique<SplitPreTokenizer>(std::move(pattern), behavior,
                                             invert);
}

}  // namespace

PreTokenizerOr ParseByteLevelPreTokenizer(const Json& config) {
  OUNCE_ASSIGN_OR_RETURN(const bool add_prefix_space,
                         config.GetBoolOr("add_prefix_space", true));
  OUNCE_ASSIGN_OR_RETURN(const bool use_regex,
                         config.GetBoolOr("use_regex", true));
  std::unique_ptr<SplitPreTokenizer> words;
  if (use_regex) {
    OUNCE_ASSIGN_OR_RETURN(Pattern pattern, Pattern::FromRegex(kGpt2Words));
    words = std::make_unique<SplitPreTokenizer>(
        std::move(pattern), SplitBehavior::kIsolated, /*invert=*/false);
  }
  return std::make_unique<ByteLevel>(add_prefix_space, std::move(words));
}

PreTokenizerOr ParseMetaspacePreTokenizer(const Json& config) {
  MetaspaceOptions options;
  OUNCE_ASSIGN_OR_RETURN(options.replacement,
                         GetCharacter(config, "replacement"));
  OUNCE_ASSIGN_OR_RETURN(options.scheme, ParseScheme(config));
  OUNCE_ASSIGN_OR_RETURN(options.split, config.GetBoolOr("split", true));
  return std::make_unique<Metaspace>(std::move(options));
}

PreTokenizerOr ParseSplit(const Json& config) {
  OUNCE_ASSIGN_OR_RETURN(Pattern pattern, Pattern::Parse(config));
  OUNCE_ASSIGN_OR_RETURN(const SplitBehavior behavior,
                         ParseBehavior(config, SplitBehavior::kIsolated));
  OUNCE_ASSIGN_OR_RETURN(const bool invert, config.GetBoolOr("invert", false));
  return MakeSplit(std::move(pattern), behavior, invert);
}

PreTokenizerOr ParsePunctuation(const Json& config) {
  OUNCE_ASSIGN_OR_RETURN(const SplitBehavior behavior,
                         ParseBehavior(config, SplitBehavior::kIsolated));
  return MakeSplit(Pattern::Characters(&IsPunctuation), behavior);
}

PreTokenizerOr ParseDigits(const Json& config) {
  OUNCE_ASSIGN_OR_RETURN(const bool individual,
                         config.GetBoolOr("individual_digits", false));
  return MakeSplit(
      Pattern::Characters(&IsNumeric),
      individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
}

// Runs of word characters and runs of the others; white space is left out.
PreTokenizerOr ParseWhitespace(const Json&) {
  return std::make_unique<TwoSplits>(
      TwoSplits::Cut{&IsWordSeparator, SplitBehavior::kRemoved},
      TwoSplits::Cut{&IsWordCharacter, SplitBehavior::kContiguous});
}

PreTokenizerOr ParseBertPreTokenizer(const Json&) {
  return std::make_unique<TwoSplits>(
      TwoSplits::Cut{&IsWhitespace, SplitBehavior::kRemoved},
      TwoSplits::Cut{&IsPunctuation, SplitBehavior::kIsolated});
}

PreTokenizerOr ParseCharDelimiterSplit(const Json& config) {
  OUNCE_ASSIGN_OR_RETURN(const std::string delimiter,
                         GetCharacter(config, "delimiter"));
  return MakeSplit(Pattern::Literal(delimiter), SplitBehavior::kRemoved);
}

PreTokenizerOr ParseFixedLength(const Json& config) {
  OUNCE_ASSIGN_OR_RETURN(const int64_t length, config.GetIntOr("length", 5));
  if (length < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"length\" is ", length, "; expected 1 character or more"));
  }
  return std::make_unique<FixedLength>(length);
}

PreTokenizerOr ParseWhitespaceSplit(const Json&) {
  return MakeSplit(Pattern::Characters(&IsWhitespace), SplitBehavior::kRemoved);
}

std::unique_ptr<PreTokenizer> MakeSequence(
    std::vector<std::unique_ptr<PreTokenizer>> parts) {
  return std::make_unique<PreTokenizerSequence>(std::move(parts));
}

}  // namespace ounce
