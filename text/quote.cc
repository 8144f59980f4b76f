#include "text/quote.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/utf8.h"

namespace ounce {
namespace {

constexpr size_t kMaxBytes = 80;

}  // namespace

std::string Quote(absl::string_view text) {
  size_t end = 0;
  while (end < text.size() && end < kMaxBytes) {
    end += DecodeUtf8(text, end).num_bytes;
  }
  return absl::StrCat("\"", absl::Utf8SafeCEscape(text.substr(0, end)),
                      end < text.size() ? "..." : "", "\"");
}

}  // namespace ounce
