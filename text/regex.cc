#include "text/regex.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/quote.h"
#include "text/regex_proxy.h"
#include "text/regex_syntax.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace ounce {
namespace {

template <typename T, void (*kFree)(T*)>
struct Free {
  void operator()(T* object) const { kFree(object); }
};
template <typename T, void (*kFree)(T*)>
using Owned = std::unique_ptr<T, Free<T, kFree>>;

using CompiledCode = Owned<pcre2_code, pcre2_code_free>;
using CompileContext = Owned<pcre2_compile_context, pcre2_compile_context_free>;
using MatchContext = Owned<pcre2_match_context, pcre2_match_context_free>;
using MatchData = Owned<pcre2_match_data, pcre2_match_data_free>;
using JitStack = Owned<pcre2_jit_stack, pcre2_jit_stack_free>;

// Longest pattern that is compiled; published ones have a few hundred bytes.
constexpr size_t kMaxPatternBytes = 1 << 16;
// Bounds of one match: the steps it may take, a number of its own (PCRE2's
// default) and some for each byte of the text, so that a run of white space may
// be as long as the text; the machine stack of compiled code; and the heap of
// interpreted code.
constexpr uint64_t kMinMatchSteps = 10000000;
constexpr uint64_t kMatchStepsPerByte = 8;
constexpr size_t kFirstStackBytes = size_t{64} << 10;
constexpr size_t kMaxStackBytes = size_t{64} << 20;
constexpr uint32_t kMaxHeapKibibytes = 256 << 10;

std::string ErrorText(int code) {
  PCRE2_UCHAR8 buffer[256];
  if (pcre2_get_error_message(code, buffer, sizeof(buffer)) < 0) {
    return absl::StrCat("PCRE2 error ", code);
  }
  return reinterpret_cast<const char*>(buffer);
}

PCRE2_SPTR8 BytesOf(absl::string_view text) {
  // PCRE2 refuses a null pointer even for an empty text.
  return reinterpret_cast<PCRE2_SPTR8>(text.data() != nullptr ? text.data()
                                                              : "");
}

// One pass over one text: the scratch memory that matching writes to.
class Scan {
 public:
  Scan(const pcre2_code* code, absl::string_view text)
      : code_(code),
        text_(text),
        context_(pcre2_match_context_create(nullptr)),
        data_(pcre2_match_data_create(1, nullptr)) {
    pcre2_set_match_limit(context_.get(), MaxSteps(text.size()));
    pcre2_set_heap_limit(context_.get(), kMaxHeapKibibytes);
  }

  // The number of groups set, PCRE2_ERROR_NOMATCH, or another error.
  int Find(size_t from, TextRange* match) {
    int result = Match(from, 0);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT && stack_ == nullptr) {
      stack_.reset(
          pcre2_jit_stack_create(kFirstStackBytes, kMaxStackBytes, nullptr));
      pcre2_jit_stack_assign(context_.get(), nullptr, stack_.get());
      result = Match(from, 0);
    }
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) {
      result = Match(from, PCRE2_NO_JIT);
    }
    if (result >= 0) {
      const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(data_.get());
      *match = {offsets[0], offsets[1]};
    }
    return result;
  }

 private:
  static uint32_t MaxSteps(size_t num_bytes) {
    return static_cast<uint32_t>(
        std::min<uint64_t>(kMinMatchSteps + kMatchStepsPerByte * num_bytes,
                           std::numeric_limits<uint32_t>::max()));
  }

  int Match(size_t from, uint32_t options) {
    return pcre2_match(code_, BytesOf(text_), text_.size(), from,
                       options | PCRE2_NO_UTF_CHECK, data_.get(),
                       context_.get());
  }

  const pcre2_code* const code_;
  const absl::string_view text_;
  MatchContext context_;
  MatchData data_;
  JitStack stack_;  // Made when the machine stack turns out too small.
};

}  // namespace

struct Regex::Code {
  CompiledCode compiled;
};

Regex::Regex(std::unique_ptr<Code> code, absl::string_view pattern)
    : code_(std::move(code)), pattern_(pattern) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

absl::StatusOr<Regex> Regex::Compile(absl::string_view pattern) {
  if (pattern.size() > kMaxPatternBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a regular expression of ", pattern.size(),
                     " bytes; at most ", kMaxPatternBytes, " are compiled"));
  }
  OUNCE_ASSIGN_OR_RETURN(const std::string translated,
                         TranslateOniguruma(pattern));
  const CompileContext context(pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  auto code = std::make_unique<Code>();
  code->compiled.reset(pcre2_compile(
      BytesOf(translated), translated.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error,
      &offset, context.get()));
  if (code->compiled == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("regular expression ", Quote(pattern),
                     " does not compile: ", ErrorText(error)));
  }
  // Where this machine has no JIT, matching is interpreted.
  pcre2_jit_compile(code->compiled.get(), PCRE2_JIT_COMPLETE);
  return Regex(std::move(code), pattern);
}

absl::Status Regex::FindAll(absl::string_view text,
                            std::vector<TextRange>* matches) const {
  if (text.empty()) return absl::OkStatus();
  const std::optional<std::string> with_proxies = WithProxies(text);
  if (with_proxies.has_value()) text = *with_proxies;
  Scan scan(code_->compiled.get(), text);
  constexpr size_t kNone = static_cast<size_t>(-1);
  size_t last_end = kNone;
  for (size_t from = 0; from <= text.size();) {
    TextRange match;
    const int result = scan.Find(from, &match);
    if (result == PCRE2_ERROR_NOMATCH) break;
    if (result < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "regular expression ", Quote(pattern_),
          " gave up on the text at byte ", from, ": ", ErrorText(result)));
    }
    if (match.begin == match.end && match.end == last_end) {
      from += from < text.size() ? DecodeUtf8(text, from).num_bytes : 1;
      continue;
    }
    matches->push_back(match);
    from = last_end = match.end;
  }
  return absl::OkStatus();
}

}  // namespace ounce
