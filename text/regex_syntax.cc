#include "text/regex_syntax.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "core/status_macros.h"
#include "text/quote.h"

namespace ounce {
namespace {

constexpr int kMaxClassDepth = 32;

// Members for a bracketed class.  Each starts and ends with a property, so that
// a hyphen beside it stays a hyphen.
constexpr absl::string_view kSpaces = R"(\p{Zs}\t-\r\x{85}\p{Z})";
constexpr absl::string_view kWords =
    R"(\p{L}\p{M}\p{Nd}\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}\x{1F150}-\x{1F169})"
    R"(\x{1F170}-\x{1F189}\p{Nl}\p{Pc})";
// Outside of classes Oniguruma looks characters below U+0100 up in a table of
// Latin-1, where superscripts and fractions are \w.
constexpr absl::string_view kLatin1Words = R"(\xB2\xB3\xB9\xBC-\xBE)";

struct PropertyName {
  absl::string_view name;     // Lower case, without separators.
  absl::string_view members;  // Of a bracketed class.
};

// The classes between "[:" and ":]".
constexpr PropertyName kPosixClasses[] = {
    {"alnum", R"(\p{Alphabetic}\p{Nd})"},
    {"alpha", R"(\p{Alphabetic})"},
    {"blank", R"(\p{Zs}\t)"},
    {"cntrl", R"(\p{Cc})"},
    {"digit", R"(\p{Nd})"},
    {"lower", R"(\p{Lowercase})"},
    {"punct", R"(\p{P}\p{S})"},
    {"space", kSpaces},
    {"upper", R"(\p{Uppercase})"},
    {"word", kWords},
    {"xdigit", "0-9a-fA-F"},
};

// The names that are not scripts and longer than a category's two letters.
constexpr PropertyName kProperties[] = {
    {"any", R"(\p{Any})"},
    {"ascii", R"(\p{ASCII})"},
    {"alphabetic", R"(\p{Alphabetic})"},
    {"lowercase", R"(\p{Lowercase})"},
    {"uppercase", R"(\p{Uppercase})"},
    {"whitespace", R"(\p{White_Space})"},
    {"punct", R"(\p{P})"},
    {"emoji", R"(\p{Emoji})"},
    {"ideographic", R"(\p{Ideographic})"},
    {"extendedpictographic", R"(\p{Extended_Pictographic})"},
    {"letter", R"(\p{L})"},
    {"uppercaseletter", R"(\p{Lu})"},
    {"lowercaseletter", R"(\p{Ll})"},
    {"titlecaseletter", R"(\p{Lt})"},
    {"modifierletter", R"(\p{Lm})"},
    {"otherletter", R"(\p{Lo})"},
    {"mark", R"(\p{M})"},
    {"nonspacingmark", R"(\p{Mn})"},
    {"spacingmark", R"(\p{Mc})"},
    {"enclosingmark", R"(\p{Me})"},
    {"number", R"(\p{N})"},
    {"decimalnumber", R"(\p{Nd})"},
    {"letternumber", R"(\p{Nl})"},
    {"othernumber", R"(\p{No})"},
    {"punctuation", R"(\p{P})"},
    {"connectorpunctuation", R"(\p{Pc})"},
    {"dashpunctuation", R"(\p{Pd})"},
    {"openpunctuation", R"(\p{Ps})"},
    {"closepunctuation", R"(\p{Pe})"},
    {"initialpunctuation", R"(\p{Pi})"},
    {"finalpunctuation", R"(\p{Pf})"},
    {"otherpunctuation", R"(\p{Po})"},
    {"symbol", R"(\p{S})"},
    {"mathsymbol", R"(\p{Sm})"},
    {"currencysymbol", R"(\p{Sc})"},
    {"modifiersymbol", R"(\p{Sk})"},
    {"othersymbol", R"(\p{So})"},
    {"separator", R"(\p{Z})"},
    {"spaceseparator", R"(\p{Zs})"},
    {"lineseparator", R"(\p{Zl})"},
    {"paragraphseparator", R"(\p{Zp})"},
    {"other", R"(\p{C})"},
    {"control", R"(\p{Cc})"},
    {"format", R"(\p{Cf})"},
    {"surrogate", R"(\p{Cs})"},
    {"privateuse", R"(\p{Co})"},
    {"unassigned", R"(\p{Cn})"},
};

std::string FoldName(absl::string_view name) {
  std::string key;
  for (const char c : name) {
    if (c == ' ' || c == '_' || c == '-') continue;
    key += absl::ascii_tolower(static_cast<unsigned char>(c));
  }
  return key;
}

const PropertyName* FindName(absl::Span<const PropertyName> table,
                             absl::string_view key) {
  for (const PropertyName& row : table) {
    if (row.name == key) return &row;
  }
  return nullptr;
}

// The members that \p{name} stands for.
std::string PropertyMembers(absl::string_view name) {
  const std::string key = FoldName(name);
  if (key.size() <= 2) return absl::StrCat("\\p{", name, "}");
  for (const auto& table :
       {absl::MakeConstSpan(kProperties), absl::MakeConstSpan(kPosixClasses)}) {
    const PropertyName* row = FindName(table, key);
    if (row != nullptr) return std::string(row->members);
  }
  return absl::StrCat("\\p{sc:", name, "}");
}

// What one escape, or one class, stands for: a set of characters given by
// members of a bracketed class, the complement of such a set, or neither (an
// assertion, a back reference), when only `other` is set.
struct Escape {
  std::string members;
  bool negated = false;
  std::string other;
};

// A union of sets: class members, and expressions that match one character.
struct Union {
  std::string members;
  std::vector<std::string> others;

  std::string ToRegex() const {
    if (others.empty()) return absl::StrCat("[", members, "]");
    std::string out = "(?:";
    if (!members.empty()) absl::StrAppend(&out, "[", members, "]|");
    for (size_t i = 0; i < others.size(); ++i) {
      absl::StrAppend(&out, i == 0 ? "" : "|", others[i]);
    }
    return out + ")";
  }
};

class Translator {
 public:
  explicit Translator(absl::string_view pattern) : pattern_(pattern) {}

  absl::StatusOr<std::string> Run() {
    while (!AtEnd()) OUNCE_RETURN_IF_ERROR(TranslateNext());
    return std::move(out_);
  }

 private:
  bool AtEnd() const { return next_ >= pattern_.size(); }
  char Peek() const { return AtEnd() ? '\0' : pattern_[next_]; }
  absl::string_view Rest() const { return pattern_.substr(next_); }
  bool Skip(absl::string_view text) {
    if (!absl::StartsWith(Rest(), text)) return false;
    next_ += text.size();
    return true;
  }
  absl::Status Error(absl::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " at byte ", next_, " of the pattern"));
  }

  absl::Status TranslateNext() {
    switch (Peek()) {
      case '\\':
        return TranslateEscape();
      case '[':
        return TranslateClass();
      case '(':
        OpenGroup();
        return absl::OkStatus();
      case ')':
        CloseGroup();
        return absl::OkStatus();
      case '{':
        TranslateInterval();
        return absl::OkStatus();
      case '*':
      case '+':
      case '?':
        out_ += pattern_[next_++];  // The atom it repeats stays the last one.
        return absl::OkStatus();
      default:
        CopyCharacter();
        return absl::OkStatus();
    }
  }

  void CopyCharacter() {
    atom_ = out_.size();
    do {
      out_ += pattern_[next_++];
    } while ((static_cast<unsigned char>(Peek()) & 0xC0) == 0x80);
  }

  void OpenGroup() {
    groups_.push_back(out_.size());
    out_ += pattern_[next_++];
    if (!Skip("?")) return;
    out_ += '?';
    // Option letters; of these only m differs.
    while (absl::ascii_islower(static_cast<unsigned char>(Peek())) ||
           Peek() == '-') {
      const char c = pattern_[next_++];
      out_ += c == 'm' ? 's' : c;
    }
  }

  void CloseGroup() {
    if (!groups_.empty()) {
      atom_ = groups_.back();
      groups_.pop_back();
    }
    out_ += pattern_[next_++];
  }

  // {n}, {n,}, {,m} or {n,m}; any other brace is a character.
  void TranslateInterval() {
    size_t end = next_ + 1;
    const auto skip_digits = [&] {
      const size_t begin = end;
      while (end < pattern_.size() &&
             absl::ascii_isdigit(static_cast<unsigned char>(pattern_[end]))) {
        ++end;
      }
      return std::string(pattern_.substr(begin, end - begin));
    };
    const std::string low = skip_digits();
    const bool is_range = end < pattern_.size() && pattern_[end] == ',';
    if (is_range) ++end;
    const std::string high = is_range ? skip_digits() : "";
    if ((low.empty() && high.empty()) || end >= pattern_.size() ||
        pattern_[end] != '}') {
      atom_ = out_.size();
      out_ += "\\{";
      ++next_;
      return;
    }
    next_ = end + 1;
    AppendInterval(absl::StrCat("{", low.empty() ? "0" : low,
                                is_range ? "," : "", high, "}"),
                   is_range);
  }

  // A + after an interval, and a ? after a fixed one, repeat the repetition.
  void AppendInterval(absl::string_view interval, bool is_range) {
    const bool repeats = Peek() == '+' || (Peek() == '?' && !is_range);
    if (repeats) out_.insert(atom_, "(?:");
    absl::StrAppend(&out_, interval, repeats ? ")" : "");
  }

  absl::Status TranslateEscape() {
    atom_ = out_.size();
    if (absl::StartsWith(Rest(), "\\b") || absl::StartsWith(Rest(), "\\B")) {
      AppendWordBoundary(Rest()[1] == 'b');
      next_ += 2;
      return absl::OkStatus();
    }
    OUNCE_ASSIGN_OR_RETURN(Escape escape, ParseEscape());
    if (escape.members == kWords) {
      absl::StrAppend(&escape.members, kLatin1Words);
    }
    out_ += escape.members.empty() ? escape.other : ToClass(escape);
    return absl::OkStatus();
  }

  // One property needs no brackets, and matches faster without.
  static std::string ToClass(const Escape& set) {
    if (absl::StartsWith(set.members, "\\p{") &&
        set.members.find('}') + 1 == set.members.size()) {
      return absl::StrCat(set.negated ? "\\P" : "\\p",
                          absl::string_view(set.members).substr(2));
    }
    return absl::StrCat(set.negated ? "[^" : "[", set.members, "]");
  }

  void AppendWordBoundary(bool is_boundary) {
    const std::string word = absl::StrCat("[", kWords, kLatin1Words, "])");
    const char* after = is_boundary ? "(?!" : "(?=";
    const char* before = is_boundary ? "(?=" : "(?!";
    absl::StrAppend(&out_, "(?:(?<=", word, after, word);
    absl::StrAppend(&out_, "|(?<!", word, before, word, ")");
  }

  // REQUIRES: at a backslash.
  absl::StatusOr<Escape> ParseEscape() {
    ++next_;
    if (AtEnd()) return Error("the escape is not complete");
    const char c = pattern_[next_++];
    const bool negated = absl::ascii_isupper(static_cast<unsigned char>(c));
    switch (c) {
      case 's':
      case 'S':
        return Escape{std::string(kSpaces), negated, ""};
      case 'w':
      case 'W':
        return Escape{std::string(kWords), negated, ""};
      case 'd':
      case 'D':
        return Escape{"\\p{Nd}", negated, ""};
      case 'h':
      case 'H':
        return Escape{"0-9a-fA-F", negated, ""};
      case 'p':
      case 'P':
        return ParseProperty(negated);
      case 'u':
        return ParseHex4();
      case 'v':
        return Escape{"", false, "\\x0B"};
      case 'x':
        return Escape{"", false, absl::StrCat("\\x", TakeBraces())};
      case 'Q':  // In PCRE2 these two would quote what follows.
      case 'E':
        return Escape{"", false, std::string(1, c)};
      default:
        return Escape{"", false, TakeEscaped(c)};
    }
  }

  std::string TakeEscaped(char c) {
    std::string out = {'\\', c};
    if (static_cast<unsigned char>(c) >= 0x80) out.erase(0, 1);
    while ((static_cast<unsigned char>(Peek()) & 0xC0) == 0x80) {
      out += pattern_[next_++];
    }
    return out;
  }

  // "{...}" where one follows, else "".
  absl::string_view TakeBraces() {
    if (Peek() != '{') return "";
    const size_t close = Rest().find('}');
    if (close == absl::string_view::npos) return "";
    const absl::string_view braces = Rest().substr(0, close + 1);
    next_ += braces.size();
    return braces;
  }

  absl::StatusOr<Escape> ParseProperty(bool negated) {
    absl::string_view name = TakeBraces();
    if (name.empty()) return Error("\\p needs a name in braces");
    name = name.substr(1, name.size() - 2);
    if (absl::StartsWith(name, "^")) {
      negated = !negated;
      name.remove_prefix(1);
    }
    return Escape{PropertyMembers(name), negated, ""};
  }

  absl::StatusOr<Escape> ParseHex4() {
    const absl::string_view digits = Rest().substr(0, 4);
    if (digits.size() < 4) return Error("\\u needs four hexadecimal digits");
    for (const char c : digits) {
      if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) {
        return Error("\\u needs four hexadecimal digits");
      }
    }
    next_ += 4;
    return Escape{"", false, absl::StrCat("\\x{", digits, "}")};
  }

  absl::Status TranslateClass() {
    atom_ = out_.size();
    OUNCE_ASSIGN_OR_RETURN(const Escape set, ParseClass(0));
    out_ += set.other.empty() ? ToClass(set) : set.other;
    return absl::OkStatus();
  }

  // REQUIRES: at '['.  A plain class gives its members, any other an expression
  // that matches one character.
  absl::StatusOr<Escape> ParseClass(int depth) {
    if (depth > kMaxClassDepth) return Error("classes are nested too deeply");
    ++next_;
    const bool negated = Skip("^");
    std::vector<Union> operands(1);
    if (Skip("]")) operands.back().members = "\\]";
    while (!Skip("]")) {
      if (AtEnd()) return Error("a class is not closed");
      if (Skip("&&")) {
        operands.emplace_back();
      } else {
        OUNCE_RETURN_IF_ERROR(ParseMember(depth, &operands.back()));
      }
    }
    return Combine(operands, negated);
  }

  absl::Status ParseMember(int depth, Union* set) {
    if (Peek() == '\\') {
      OUNCE_ASSIGN_OR_RETURN(const Escape escape, ParseEscape());
      AddTo(set, escape);
    } else if (absl::StartsWith(Rest(), "[:") &&
               absl::StrContains(Rest(), ":]")) {
      OUNCE_ASSIGN_OR_RETURN(const Escape posix, ParsePosixClass());
      AddTo(set, posix);
    } else if (Peek() == '[') {
      OUNCE_ASSIGN_OR_RETURN(const Escape nested, ParseClass(depth + 1));
      AddTo(set, nested);
    } else {
      set->members += pattern_[next_++];
    }
    return absl::OkStatus();
  }

  // REQUIRES: at "[:" with a ":]" after it.
  absl::StatusOr<Escape> ParsePosixClass() {
    const size_t length = Rest().find(":]") + 2;
    absl::string_view name = Rest().substr(2, length - 4);
    const bool negated = absl::ConsumePrefix(&name, "^");
    const PropertyName* row = FindName(kPosixClasses, name);
    if (row == nullptr) {
      return Error(absl::StrCat("there is no POSIX class ", Quote(name)));
    }
    next_ += length;
    return Escape{std::string(row->members), negated, ""};
  }

  static void AddTo(Union* set, const Escape& escape) {
    if (escape.members.empty()) {
      const bool is_set = absl::StartsWith(escape.other, "(?:");
      if (is_set) {
        set->others.push_back(escape.other);
      } else {
        set->members += escape.other;
      }
    } else if (escape.negated) {
      set->others.push_back(absl::StrCat("[^", escape.members, "]"));
    } else {
      set->members += escape.members;
    }
  }

  static Escape Combine(const std::vector<Union>& operands, bool negated) {
    if (operands.size() == 1 && operands[0].others.empty()) {
      return Escape{operands[0].members, negated, ""};
    }
    std::string all = "(?:";
    for (size_t i = 0; i + 1 < operands.size(); ++i) {
      absl::StrAppend(&all, "(?=", operands[i].ToRegex(), ")");
    }
    absl::StrAppend(&all, operands.back().ToRegex(), ")");
    if (negated) all = absl::StrCat("(?:(?!", all, ")(?s:.))");
    return Escape{"", false, all};
  }

  const absl::string_view pattern_;
  size_t next_ = 0;
  std::string out_;
  size_t atom_ = 0;             // Where in out_ the last atom starts.
  std::vector<size_t> groups_;  // Where in out_ the open groups start.
};

}  // namespace

absl::StatusOr<std::string> TranslateOniguruma(absl::string_view pattern) {
  return Translator(pattern).Run();
}

}  // namespace ounce
