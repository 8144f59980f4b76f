// usage: make_gguf_model_corpus FOLDER
// Writes the seeds of fuzz_gguf_model: the smallest models of each arrangement.
#include <fstream>
#include <string>

#include "model/arch/registry.h"
#include "tests/util/family_config.h"
#include "tests/util/gguf_checkpoint.h"

namespace {

void Write(const std::string& folder, const std::string& architecture,
           const std::string& model_type, const std::string& members) {
  const auto spec = ounce::FamilySpec(model_type, members);
  if (!spec.ok()) std::abort();
  ounce::CanonicalValues values;
  for (const ounce::TensorSlot& slot : ounce::TensorTable(*spec)) {
    size_t size = 1;
    for (const int64_t dimension : slot.shape) {
      size *= static_cast<size_t>(dimension);
    }
    values[slot.name].assign(size, 0.5f);
  }
  ounce::GgufCheckpoint checkpoint(*spec, architecture);
  checkpoint.AddAll(values);
  std::ofstream(folder + "/" + model_type + ".gguf", std::ios::binary)
      << checkpoint.image().Build();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string sizes =
      R"("vocab_size": 3, "hidden_size": 4, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 2,
         "intermediate_size": 3, "max_position_embeddings": 8)";
  Write(argv[1], "llama", "llama",
        sizes + R"(, "rope_scaling": {"rope_type": "llama3", "factor": 8,
          "low_freq_factor": 1, "high_freq_factor": 4,
          "original_max_position_embeddings": 4})");
  Write(argv[1], "llama", "mixtral", sizes + R"(, "num_local_experts": 2)");
  Write(argv[1], "qwen2moe", "qwen2_moe",
        sizes + R"(, "num_experts": 2, "num_experts_per_tok": 1,
          "moe_intermediate_size": 2, "shared_expert_intermediate_size": 2)");
  Write(argv[1], "gpt2", "gpt2",
        R"("vocab_size": 3, "n_embd": 4, "n_layer": 1, "n_head": 2,
           "n_positions": 4)");
  return 0;
}
