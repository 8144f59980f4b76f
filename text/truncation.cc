#include "text/truncation.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/checked.h"
#include "core/status_macros.h"
#include "text/config.h"

namespace ounce {
namespace {

using Strategy = Truncation::Strategy;

constexpr EnumName<Strategy> kStrategies[] = {
    {"LongestFirst", Strategy::kLongestFirst},
    {"OnlyFirst", Strategy::kOnlyFirst},
    {"OnlySecond", Strategy::kOnlySecond},
};

absl::StatusOr<Truncation> Parse(const Json& config) {
  Truncation truncation;
  OUNCE_ASSIGN_OR_RETURN(truncation.max_length, GetSize(config, "max_length"));
  OUNCE_ASSIGN_OR_RETURN(truncation.stride, GetSize(config, "stride"));
  OUNCE_ASSIGN_OR_RETURN(
      truncation.strategy,
      GetEnum(config, "strategy", absl::MakeConstSpan(kStrategies)));
  if (config.Find("direction") == nullptr) return truncation;
  OUNCE_ASSIGN_OR_RETURN(truncation.side, GetEnum(config, "direction",
                                                  absl::MakeConstSpan(kSides)));
  return truncation;
}

// Ids [begin, end) of an encoding.
struct Window {
  int64_t begin = 0;
  int64_t end = 0;
};

// Windows of `max_length` ids over `length`, each `step` from the one before,
// up to the first that reaches the other end.
std::vector<Window> WindowsOver(int64_t length, int64_t max_length,
                                int64_t step, Side side) {
  std::vector<Window> windows;
  if (side == Side::kRight) {
    for (int64_t begin = 0; begin < length; begin += step) {
      windows.push_back({begin, std::min(begin + max_length, length)});
      if (windows.back().end == length) break;
    }
  } else {
    for (int64_t end = length; end > 0; end -= step) {
      windows.push_back({std::max<int64_t>(end - max_length, 0), end});
      if (windows.back().begin == 0) break;
    }
  }
  return windows;
}

template <typename T>
std::vector<T> Part(const std::vector<T>& list, Window window) {
  return std::vector<T>(list.begin() + window.begin, list.begin() + window.end);
}

// The windows of `text`, which is one, of `max_length` ids.
absl::Status Cut(const Truncation& truncation, int64_t max_length,
                 Windows* text) {
  const Encoding whole = std::move(text->front());
  const auto length = static_cast<int64_t>(whole.size());
  if (max_length >= length) {
    text->front() = whole;
    return absl::OkStatus();
  }
  if (max_length == 0) {
    *text = {Encoding(), whole};
    return absl::OkStatus();
  }
  if (truncation.stride >= max_length) {
    return absl::InvalidArgumentError(
        absl::StrCat("the stride is ", truncation.stride, " and ", max_length,
                     " ids are left of a text; expected a shorter stride"));
  }
  const int64_t step = max_length - truncation.stride;
  const auto num_ids = CheckedMul(DivideUp(length, step), max_length);
  if (!num_ids.has_value() || *num_ids > kMaxWindowIds) {
    return absl::InvalidArgumentError(absl::StrCat(
        "windows of ", max_length, " ids over ", length,
        " would have more than ", kMaxWindowIds, "; use a shorter stride"));
  }
  text->clear();
  for (const Window& window :
       WindowsOver(length, max_length, step, truncation.side)) {
    Encoding& part = text->emplace_back();
    part.ids = Part(whole.ids, window);
    part.type_ids = Part(whole.type_ids, window);
    part.attention_mask = Part(whole.attention_mask, window);
  }
  return absl::OkStatus();
}

int64_t LengthOf(const Windows& text) {
  return static_cast<int64_t>(text.front().size());
}

// The shorter text keeps what it has while the longer one is not shorter;
// else each gets half.
absl::Status CutLongestFirst(const Truncation& truncation,
                             std::vector<Windows>* texts) {
  const int64_t max_length = truncation.max_length;
  if (texts->size() == 1) return Cut(truncation, max_length, &texts->front());
  Windows* shorter = &texts->front();
  Windows* longer = &texts->back();
  if (LengthOf(*shorter) > LengthOf(*longer)) std::swap(shorter, longer);
  int64_t short_length = LengthOf(*shorter);
  int64_t long_length = short_length > max_length
                            ? short_length
                            : std::max(short_length, max_length - short_length);
  if (short_length > max_length - long_length) {
    short_length = max_length / 2;
    long_length = short_length + max_length % 2;
  }
  OUNCE_RETURN_IF_ERROR(Cut(truncation, short_length, shorter));
  return Cut(truncation, long_length, longer);
}

absl::Status CutOne(const Truncation& truncation, int64_t num_excess,
                    std::vector<Windows>* texts) {
  const bool first = truncation.strategy == Strategy::kOnlyFirst;
  if (!first && texts->size() == 1) {
    return absl::InvalidArgumentError(
        "the strategy is OnlySecond, but there is no second text");
  }
  Windows* text = first ? &texts->front() : &texts->back();
  if (LengthOf(*text) <= num_excess) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the ", first ? "first" : "second", " text has ", LengthOf(*text),
        " ids, but ", num_excess, " must go; expected more of them"));
  }
  return Cut(truncation, LengthOf(*text) - num_excess, text);
}

}  // namespace

absl::StatusOr<std::optional<Truncation>> ParseTruncation(const Json& file) {
  const Json* config = file.Find("truncation");
  if (config == nullptr || config->is_null()) return std::nullopt;
  OUNCE_ASSIGN_OR_RETURN(const Truncation truncation,
                         Annotate(Parse(*config), "truncation"));
  return truncation;
}

absl::Status Truncate(const Truncation& truncation,
                      std::vector<Windows>* texts) {
  if (truncation.max_length == 0) {
    for (Windows& text : *texts) {
      OUNCE_RETURN_IF_ERROR(Cut(truncation, 0, &text));
    }
    return absl::OkStatus();
  }
  int64_t length = 0;
  for (const Windows& text : *texts) length += LengthOf(text);
  if (length <= truncation.max_length) return absl::OkStatus();
  return truncation.strategy == Strategy::kLongestFirst
             ? CutLongestFirst(truncation, texts)
             : CutOne(truncation, length - truncation.max_length, texts);
}

}  // namespace ounce
