// Any file: an error, or tensors that fill the data region exactly.  An input
// that starts with '{' is taken for a header alone, to which a right length and
// 64 bytes of data are added.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "formats/safetensors/safetensors_reader.h"

namespace {

void Check(absl::Span<const uint8_t> file) {
  const absl::StatusOr<ounce::WeightFile> found = ounce::ParseSafetensors(file);
  if (!found.ok()) return;
  uint64_t header_bytes;
  std::memcpy(&header_bytes, file.data(), sizeof(header_bytes));
  size_t total = 0;
  uint64_t sum = 0;
  for (const ounce::StoredTensor& tensor : found->tensors) {
    for (const uint8_t byte : tensor.bytes) sum += byte;
    total += tensor.bytes.size();
  }
  if (8 + header_bytes + total != file.size()) std::abort();
  if (sum > 255 * file.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || data[0] != '{') {
    Check({data, size});
    return 0;
  }
  const uint64_t header_bytes = size;
  std::vector<uint8_t> file(8 + size + 64);
  std::memcpy(file.data(), &header_bytes, 8);
  std::memcpy(file.data() + 8, data, size);
  Check(file);
  return 0;
}
