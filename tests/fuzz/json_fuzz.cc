// Any text: an error, or a value that is written and read back unchanged.
#include <cstdlib>
#include <string>

#include "core/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  ounce::JsonLimits narrow;
  narrow.max_depth = 4;
  narrow.max_bytes = 64;
  ounce::ParseJson(text, narrow).status().IgnoreError();

  const absl::StatusOr<ounce::Json> value = ounce::ParseJson(text);
  if (!value.ok()) return 0;
  const std::string dump = value->Dump();
  const absl::StatusOr<ounce::Json> again = ounce::ParseJson(dump);
  if (!again.ok() || again->Dump() != dump) std::abort();
  value->GetIntOr("a", 0).status().IgnoreError();
  value->GetDoubleOr("a", 0).status().IgnoreError();
  return 0;
}
