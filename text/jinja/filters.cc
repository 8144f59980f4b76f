#include "text/jinja/filters.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "text/jinja/method_table.h"
#include "text/quote.h"

namespace ounce::jinja {
namespace {

const FunctionRow* FindFilter(absl::string_view name) {
  const FunctionRow* const row = FindFunction(ScalarFilters(), name);
  return row != nullptr ? row : FindFunction(SequenceFilters(), name);
}

// What a filter reads of a string marked safe without making another string.
bool TakesMarkup(absl::string_view name) {
  constexpr absl::string_view kNames[] = {"count", "d",      "default",
                                          "e",     "escape", "length",
                                          "safe",  "string", "tojson"};
  return std::find(std::begin(kNames), std::end(kNames), name) !=
         std::end(kNames);
}

absl::Status CheckFilterName(absl::string_view name) {
  if (FindFilter(name) != nullptr) return absl::OkStatus();
  std::vector<absl::string_view> names;
  for (const auto rows : {ScalarFilters(), SequenceFilters()}) {
    for (const FunctionRow& row : rows) names.push_back(row.signature.name);
  }
  std::sort(names.begin(), names.end());
  return absl::UnimplementedError(absl::StrCat(
      "the filter ", Quote(name), "; we have ", absl::StrJoin(names, ", ")));
}

}  // namespace

absl::StatusOr<Value> ApplyFilter(absl::string_view name, const Value& input,
                                  const Arguments& arguments, Work* work) {
  OUNCE_RETURN_IF_ERROR(CheckFilterName(name));
  if (input.AsText() != nullptr && input.AsText()->is_markup &&
      !TakesMarkup(name)) {
    return absl::UnimplementedError(absl::StrCat(
        "the filter '", name, "' behind `safe` or `escape`; put it before"));
  }
  return CallFunction(*FindFilter(name), input, arguments, work);
}

}  // namespace ounce::jinja
