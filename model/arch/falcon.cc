// Falcon: one key head for all (7B), for groups (40B, 180B, Falcon 2) or each
// (RW), sub-layers parallel or not, positions turned or by distance.
// Source: The Falcon Series, arXiv:2311.16867; config defaults as in
// transformers 5.12.
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

// Biases by distance are added to scores before these are scaled, and computed
// in bfloat16.
void UseAlibi(ModelSpec* spec) {
  spec->position = PositionKind::kAlibi;
  const auto head_dim = static_cast<double>(spec->head_dim);
  spec->alibi_scale = 1.0 / std::sqrt(std::max(head_dim, 1.0));
  spec->alibi_bf16 = true;
}

// `grouped`: the newer decoder layer, with groups of heads.
void ReadKeyHeads(bool grouped, ModelSpec* spec, ConfigReader* reader) {
  const int64_t heads =
      reader->Int(reader->FirstOf({"num_kv_heads", "n_head_kv"}), spec->heads);
  const bool single = reader->Bool("multi_query", true);
  spec->kv_heads = single && !grouped ? 1 : heads;
  reader->Refuse(!grouped && !single && heads != spec->heads,
                 "\"num_kv_heads\" other than the number of heads without "
                 "\"multi_query\" and \"new_decoder_architecture\"");
}

ResidualOrder ReadResidual(bool grouped, ConfigReader* reader) {
  const bool parallel = reader->Bool("parallel_attn", true);
  const int64_t norms = reader->Int("num_ln_in_parallel_attn", grouped ? 2 : 1);
  reader->Refuse(grouped && !parallel,
                 "\"new_decoder_architecture\" without \"parallel_attn\"");
  reader->Refuse(parallel && norms != 1 && !(grouped && norms == 2),
                 "this \"num_ln_in_parallel_attn\"");
  if (!parallel) return ResidualOrder::kSerial;
  return norms == 2 ? ResidualOrder::kParallel : ResidualOrder::kParallelShared;
}

absl::StatusOr<ModelSpec> ParseFalcon(const Json& config) {
  ConfigReader reader(config);
  const bool alibi = reader.Bool("alibi", false);
  ModelSpec spec = ReadDecoder(
      {.vocab = 65024,
       .width = 4544,
       .heads = 71,
       .ffn = 0,
       .norm_epsilon = 1e-5,
       .activation = "gelu",
       .tied_head = true,
       .position = alibi ? PositionKind::kAlibi : PositionKind::kRotary,
       .keys = {.width = "n_embed",
                .layers = "n_layer",
                .heads = "n_head",
                .ffn = "ffn_hidden_size",
                .norm_epsilon = "layer_norm_epsilon",
                .activation = "activation",
                .grouped = false}},
      &reader);
  UseLayerNorm(&spec);
  if (alibi) UseAlibi(&spec);
  const bool grouped = reader.Bool("new_decoder_architecture", false);
  ReadKeyHeads(grouped, &spec, &reader);
  spec.residual = ReadResidual(grouped, &reader);
  spec.gated_ffn = false;
  spec.qkv_bias = reader.Bool("bias", false);
  spec.output_bias = spec.ffn_bias = spec.qkv_bias;
  return Finish(&reader, std::move(spec));
}

constexpr absl::string_view kQkv =
    "transformer.h.#.self_attention.query_key_value";
constexpr NameRow kNames[] = {
    {"model.embed_tokens", "transformer.word_embeddings"},
    {"input_layernorm", "transformer.h.#.input_layernorm"},
    {"input_layernorm", "transformer.h.#.ln_attn"},
    {"self_attn.q_proj", kQkv, Fusion::kQkvByHead, 0},
    {"self_attn.k_proj", kQkv, Fusion::kQkvByHead, 1},
    {"self_attn.v_proj", kQkv, Fusion::kQkvByHead, 2},
    {"self_attn.o_proj", "transformer.h.#.self_attention.dense"},
    {"post_attention_layernorm", "transformer.h.#.post_attention_layernorm"},
    {"post_attention_layernorm", "transformer.h.#.ln_mlp"},
    {"mlp.up_proj", "transformer.h.#.mlp.dense_h_to_4h"},
    {"mlp.down_proj", "transformer.h.#.mlp.dense_4h_to_h"},
    {"model.norm", "transformer.ln_f"},
};

}  // namespace

constexpr Architecture kFalcon = {
    "falcon", ParseFalcon, {"transformer.", kNames}};

}  // namespace ounce
