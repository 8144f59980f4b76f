// Writes the seeds of the GGUF fuzz target into the folder given: a file of
// tensors, one with a value of every type, and one of each kind of vocabulary.
#include <cstdio>
#include <string>

#include "core/atomic_file.h"
#include "core/status_macros.h"
#include "tests/formats/gguf/gguf_vocabularies.h"

namespace ounce {
namespace {

GgufImage Tensors() {
  GgufImage image;
  image.alignment = 8;
  image.Value("general.alignment", GgufUint32(8))
      .Value("general.architecture", GgufString("llama"))
      .Tensor("a", {32, 2}, 2, 0)
      .Tensor("b", {2, 1, 3}, 0, 40);
  image.data = std::string(64, '\x2a');
  return image;
}

GgufImage Values() {
  GgufImage image;
  image.version = 2;
  image.Value("k", GgufArray(9, 1, GgufArray(8, 1, GgufText("x")).substr(4)))
      .Value("b", GgufBool(true))
      .Value("f", GgufFloat32(0.5f))
      .Value("d", GgufNumbers<double>(12, {0.5, 1.5}))
      .Value("i", GgufNumbers<int64_t>(11, {-1}))
      .Value("u", GgufNumbers<uint64_t>(10, {1}))
      .Value("w", GgufNumbers<uint16_t>(2, {1, 2, 3}));
  return image;
}

absl::Status WriteCorpus(const std::string& folder) {
  GgufImage chat = TinyBytePairGguf();
  chat.Value("tokenizer.chat_template", GgufString("{{ bos_token }}"))
      .Value("tokenizer.chat_templates", GgufStrings({"tool_use"}))
      .Value("tokenizer.chat_template.tool_use", GgufString("x"))
      .Value("tokenizer.ggml.bos_token_id", GgufUint32(6))
      .Value("tokenizer.ggml.add_bos_token", GgufBool(true));
  for (const auto& [name, image] :
       std::vector<std::pair<std::string, GgufImage>>{
           {"tensors", Tensors()},
           {"values", Values()},
           {"byte_pair", TinyBytePairGguf()},
           {"chat", chat},
           {"sentencepiece", TinySentencePieceGguf()},
           {"word_piece", TinyWordPieceGguf()},
           {"unigram", TinyUnigramGguf()}}) {
    OUNCE_RETURN_IF_ERROR(
        WriteFileAtomically(folder + "/" + name, image.Build()));
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace ounce

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_gguf_corpus tests/fuzz/corpus/gguf\n");
    return 2;
  }
  const absl::Status status = ounce::WriteCorpus(argv[1]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
