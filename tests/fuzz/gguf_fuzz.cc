// Any file: an error, or tensors that lie in it side by side and values that
// can be asked for as anything.  Its tokenizer, if it has one, becomes files
// that text/ reads or refuses.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "formats/gguf/gguf_file.h"
#include "formats/gguf/gguf_tokenizer.h"
#include "formats/gguf/gguf_type.h"
#include "text/tokenizer.h"

namespace {

void CheckTensors(const ounce::GgufFile& gguf, absl::Span<const uint8_t> file) {
  std::vector<absl::Span<const uint8_t>> places;
  for (const ounce::GgufTensor& tensor : gguf.tensors()) {
    const ounce::GgufTypeInfo* type = ounce::FindGgufType(tensor.type);
    if (type == nullptr) std::abort();
    int64_t elements = 1;
    for (const int64_t size : tensor.shape) elements *= size;
    const int64_t bytes = elements / type->block_size * type->block_bytes;
    if (static_cast<int64_t>(tensor.bytes.size()) != bytes) std::abort();
    if (tensor.bytes.data() < file.data() ||
        tensor.bytes.data() + bytes > file.data() + file.size()) {
      std::abort();
    }
    places.push_back(tensor.bytes);
  }
  std::sort(places.begin(), places.end(),
            [](const auto& a, const auto& b) { return a.data() < b.data(); });
  for (size_t i = 1; i < places.size(); ++i) {
    if (places[i - 1].data() + places[i - 1].size() > places[i].data()) {
      std::abort();
    }
  }
}

void AskForValues(const ounce::GgufFile& gguf) {
  for (const absl::string_view key :
       {"general.alignment", "general.name", "tokenizer.ggml.tokens",
        "tokenizer.ggml.scores", "tokenizer.ggml.token_type", "k"}) {
    (void)gguf.IsArray(key);
    (void)gguf.String(key, "");
    (void)gguf.Int(key, 0);
    (void)gguf.Double(key, 0);
    (void)gguf.Bool(key, false);
    (void)gguf.Strings(key);
    (void)gguf.Ints(key);
    (void)gguf.Doubles(key);
  }
}

void CheckTokenizer(const ounce::GgufFile& gguf) {
  const absl::StatusOr<ounce::TokenizerAsset> asset =
      ounce::GgufTokenizer(gguf);
  if (!asset.ok() || asset->kind == ounce::TokenizerKind::kNone) return;
  const auto tokenizer = ounce::Tokenizer::Create(*asset);
  if (!tokenizer.ok()) return;
  const auto ids = (*tokenizer)->Encode(" A cat's\n\u00e9 12 <s>", true);
  if (ids.ok()) (void)(*tokenizer)->Decode(*ids, false);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::Span<const uint8_t> file(data, size);
  const absl::StatusOr<ounce::GgufFile> gguf = ounce::GgufFile::Parse(file);
  if (!gguf.ok()) return 0;
  CheckTensors(*gguf, file);
  AskForValues(*gguf);
  CheckTokenizer(*gguf);
  return 0;
}
