#include "text/jinja/lexer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/jinja/literal.h"
#include "text/jinja/python_text.h"
#include "text/quote.h"

namespace ounce::jinja {
namespace {

constexpr absl::string_view kOperators[] = {
    "**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<",
    ">",  "=",  "(",  ")",  "[",  "]",  "{", "}", ",", ":", ".", "|", ";"};

class Lexer {
 public:
  explicit Lexer(absl::string_view source) : source_(source) {}

  absl::StatusOr<std::vector<Token>> Run() {
    while (position_ < source_.size()) {
      OUNCE_RETURN_IF_ERROR(ReadTextAndTag());
    }
    Add(TokenKind::kEnd, "", source_.size());
    return std::move(tokens_);
  }

 private:
  absl::Status Error(size_t offset, absl::string_view message) const {
    return AnnotatePlace(absl::InvalidArgumentError(message), source_, offset);
  }

  void Add(TokenKind kind, absl::string_view text, size_t offset) {
    tokens_.push_back({kind, std::string(text), static_cast<uint32_t>(offset)});
  }

  absl::string_view Rest() const { return source_.substr(position_); }

  // The next place where a tag opens, or the end.
  size_t FindTag() const {
    size_t at = position_;
    while ((at = source_.find('{', at)) != absl::string_view::npos) {
      const char next = at + 1 < source_.size() ? source_[at + 1] : '\0';
      if (next == '{' || next == '%' || next == '#') return at;
      ++at;
    }
    return source_.size();
  }

  // What of `text`, which a tag follows, is kept.  `sign` is the tag's.
  absl::string_view StripBeforeTag(absl::string_view text, char sign,
                                   bool is_variable) const {
    if (sign == '-') return StripRight(text);
    if (sign == '+' || is_variable) return text;
    const size_t newline = text.rfind('\n');
    const size_t line = newline == absl::string_view::npos ? 0 : newline + 1;
    if (line == 0 && !line_starting_) return text;
    return StripRight(text.substr(line)).empty() ? text.substr(0, line) : text;
  }

  absl::Status ReadTextAndTag() {
    const size_t start = position_;
    const size_t tag = FindTag();
    absl::string_view text = source_.substr(start, tag - start);
    if (tag == source_.size()) {
      if (!text.empty()) Add(TokenKind::kText, text, start);
      position_ = tag;
      return absl::OkStatus();
    }
    const char type = source_[tag + 1];
    position_ = tag + 2;
    const char sign = ReadSign(type);
    text = StripBeforeTag(text, sign, type == '{');
    if (!text.empty()) Add(TokenKind::kText, text, start);
    if (type == '#') return SkipComment(tag);
    if (type == '%' && SkipRawBegin()) return ReadRaw(tag);
    line_starting_ = false;
    const bool block = type == '%';
    Add(block ? TokenKind::kBlockBegin : TokenKind::kVariableBegin, "", tag);
    return ReadTag(tag, block);
  }

  // A sign behind an opening.  A variable takes `-` only: `{{+1}}` is a number.
  char ReadSign(char type) {
    const char sign = position_ < source_.size() ? source_[position_] : '\0';
    if (sign != '-' && (sign != '+' || type == '{')) return '\0';
    ++position_;
    return sign;
  }

  void SkipWhitespace() {
    position_ = source_.size() - StripLeft(Rest()).size();
  }

  bool Consume(absl::string_view text) {
    if (!absl::StartsWith(Rest(), text)) return false;
    position_ += text.size();
    return true;
  }

  // Behind a tag's end.
  void SetLineStarting() { line_starting_ = source_[position_ - 1] == '\n'; }

  // The end of a block or comment, `closing` being its last two characters:
  // with `-` it takes the whitespace that follows, plain it takes one newline.
  bool ConsumeEnd(absl::string_view closing) {
    const bool plus = absl::StartsWith(Rest(), absl::StrCat("+", closing));
    if (plus) {
      position_ += 1 + closing.size();
    } else if (Consume(absl::StrCat("-", closing))) {
      SkipWhitespace();
    } else if (Consume(closing)) {
      if (closing != "}}") Consume("\n");
    } else {
      return false;
    }
    SetLineStarting();
    return true;
  }

  absl::Status SkipComment(size_t start) {
    const size_t end = source_.find("#}", position_);
    if (end == absl::string_view::npos) {
      return Error(start, "a comment {# without its #}");
    }
    const char sign = end > position_ ? source_[end - 1] : '\0';
    position_ = sign == '-' || sign == '+' ? end - 1 : end;
    ConsumeEnd("#}");
    return absl::OkStatus();
  }

  // Skips `raw %}` behind a block's opening; false and nothing when it is
  // another block.
  bool SkipRawBegin() {
    const size_t start = position_;
    SkipWhitespace();
    if (Consume("raw")) {
      SkipWhitespace();
      if (Consume("-%}")) {
        SkipWhitespace();
        line_starting_ = source_[position_ - 1] == '\n';
        return true;
      }
      if (Consume("%}")) {
        line_starting_ = false;
        return true;
      }
    }
    position_ = start;
    return false;
  }

  absl::Status ReadRaw(size_t start) {
    const size_t begin = position_;
    size_t at = begin;
    while ((at = source_.find("{%", at)) != absl::string_view::npos) {
      position_ = at + 2;
      const char sign = ReadSign('%');
      SkipWhitespace();
      if (Consume("endraw")) {
        SkipWhitespace();
        const absl::string_view text =
            StripBeforeTag(source_.substr(begin, at - begin), sign, false);
        if (ConsumeEnd("%}")) {
          if (!text.empty()) Add(TokenKind::kText, text, begin);
          return absl::OkStatus();
        }
      }
      at += 2;
    }
    return Error(start, "{% raw %} without its {% endraw %}");
  }

  absl::Status ReadTag(size_t start, bool block) {
    const absl::string_view closing = block ? "%}" : "}}";
    std::string open;  // Brackets.
    while (true) {
      if (open.empty() && AtEnd(closing)) {
        Add(block ? TokenKind::kBlockEnd : TokenKind::kVariableEnd, "",
            position_);
        ConsumeEnd(closing);
        return absl::OkStatus();
      }
      if (position_ >= source_.size()) {
        return Error(start, absl::StrCat("a tag ", block ? "{%" : "{{",
                                         " without its ", closing));
      }
      const size_t before = position_;
      SkipWhitespace();
      if (position_ == before) OUNCE_RETURN_IF_ERROR(ReadToken(&open));
    }
  }

  bool AtEnd(absl::string_view closing) const {
    absl::string_view rest = Rest();
    if (absl::StartsWith(rest, "-") ||
        (closing != "}}" && absl::StartsWith(rest, "+"))) {
      rest.remove_prefix(1);
    }
    return absl::StartsWith(rest, closing);
  }

  absl::Status ReadToken(std::string* open) {
    const char c = source_[position_];
    if (absl::ascii_isdigit(static_cast<uint8_t>(c))) return ReadNumber();
    if (absl::ascii_isalpha(static_cast<uint8_t>(c)) || c == '_') {
      const size_t start = position_;
      while (position_ < source_.size() &&
             (absl::ascii_isalnum(static_cast<uint8_t>(source_[position_])) ||
              source_[position_] == '_')) {
        ++position_;
      }
      Add(TokenKind::kName, source_.substr(start, position_ - start), start);
      return absl::OkStatus();
    }
    if (c == '"' || c == '\'') return ReadString(c);
    return ReadOperator(open);
  }

  absl::Status ReadNumber() {
    const bool after_dot = !tokens_.empty() && tokens_.back().IsOperator(".");
    const NumberLiteral number = FindNumber(Rest(), !after_dot);
    const TokenKind kind =
        number.is_float ? TokenKind::kFloat : TokenKind::kInteger;
    std::string digits(Rest().substr(0, number.size));
    digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
    Add(kind, digits, position_);
    position_ += number.size;
    return absl::OkStatus();
  }

  absl::Status ReadString(char quote) {
    const size_t start = position_++;
    while (position_ < source_.size() && source_[position_] != quote) {
      position_ += source_[position_] == '\\' ? 2 : 1;
    }
    if (position_ >= source_.size()) {
      return Error(start, "a string without its closing quote");
    }
    const absl::StatusOr<std::string> value =
        UnescapeString(source_.substr(start + 1, position_ - start - 1));
    if (!value.ok()) return AnnotatePlace(value.status(), source_, start);
    ++position_;
    Add(TokenKind::kString, *value, start);
    return absl::OkStatus();
  }

  absl::Status ReadOperator(std::string* open) {
    for (const absl::string_view op : kOperators) {
      if (!absl::StartsWith(Rest(), op)) continue;
      OUNCE_RETURN_IF_ERROR(Balance(op[0], open));
      Add(TokenKind::kOperator, op, position_);
      position_ += op.size();
      return absl::OkStatus();
    }
    const Utf8Char c = DecodeUtf8(source_, position_);
    return Error(position_,
                 absl::StrCat("the character ",
                              Quote(source_.substr(position_, c.num_bytes)),
                              " starts no token"));
  }

  absl::Status Balance(char c, std::string* open) const {
    if (c == '(' || c == '[' || c == '{') {
      open->push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
      return absl::OkStatus();
    }
    if (c != ')' && c != ']' && c != '}') return absl::OkStatus();
    if (open->empty() || open->back() != c) {
      return Error(
          position_,
          absl::StrCat(
              "unexpected '", std::string(1, c), "'",
              open->empty()
                  ? ""
                  : absl::StrCat("; expected '", open->substr(open->size() - 1),
                                 "'")));
    }
    open->pop_back();
    return absl::OkStatus();
  }

  const absl::string_view source_;
  size_t position_ = 0;
  // Whether what comes next stands at the start of a line.
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::string PrepareSource(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      out.push_back(text[i]);
      continue;
    }
    out.push_back('\n');
    if (i + 1 < text.size() && text[i + 1] == '\n') ++i;
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

absl::Status AnnotatePlace(const absl::Status& status, absl::string_view source,
                           size_t offset) {
  const absl::string_view before = source.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t newline = before.rfind('\n');
  const size_t column =
      newline == absl::string_view::npos ? offset + 1 : offset - newline;
  return Annotate(status, absl::StrCat("line ", line, ", column ", column));
}

absl::StatusOr<std::vector<Token>> Tokenize(absl::string_view source) {
  return Lexer(source).Run();
}

}  // namespace ounce::jinja
