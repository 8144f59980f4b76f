#include "formats/gguf/gguf_names.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "formats/gguf/gguf_type.h"

namespace ounce {
namespace {

using enum GgufStorage;

// As many as any model has, and no more names than a hostile shape is worth.
constexpr int64_t kMaxExperts = 1024;

constexpr GgufNameRow kLlama[] = {
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
    {"rope_freqs", "", kIgnored},
    {"blk.#.attn_rot_embd", "", kIgnored},
    {"blk.#.attn_norm", "model.layers.#.input_layernorm"},
    {"blk.#.attn_q", "model.layers.#.self_attn.q_proj", kPairs},
    {"blk.#.attn_k", "model.layers.#.self_attn.k_proj", kPairs},
    {"blk.#.attn_v", "model.layers.#.self_attn.v_proj"},
    {"blk.#.attn_output", "model.layers.#.self_attn.o_proj"},
    {"blk.#.ffn_norm", "model.layers.#.post_attention_layernorm"},
    {"blk.#.ffn_gate", "model.layers.#.mlp.gate_proj"},
    {"blk.#.ffn_up", "model.layers.#.mlp.up_proj"},
    {"blk.#.ffn_down", "model.layers.#.mlp.down_proj"},
    {"blk.#.ffn_gate_inp", "model.layers.#.block_sparse_moe.gate"},
    {"blk.#.ffn_gate_exps", "model.layers.#.block_sparse_moe.experts.@.w1",
     kExperts},
    {"blk.#.ffn_up_exps", "model.layers.#.block_sparse_moe.experts.@.w3",
     kExperts},
    {"blk.#.ffn_down_exps", "model.layers.#.block_sparse_moe.experts.@.w2",
     kExperts},
    // As older files have the experts.
    {"blk.#.ffn_gate.@", "model.layers.#.block_sparse_moe.experts.@.w1"},
    {"blk.#.ffn_up.@", "model.layers.#.block_sparse_moe.experts.@.w3"},
    {"blk.#.ffn_down.@", "model.layers.#.block_sparse_moe.experts.@.w2"},
};

constexpr GgufNameRow kQwen[] = {
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
    {"rope_freqs", "", kIgnored},
    {"blk.#.attn_norm", "model.layers.#.input_layernorm"},
    {"blk.#.attn_q", "model.layers.#.self_attn.q_proj"},
    {"blk.#.attn_k", "model.layers.#.self_attn.k_proj"},
    {"blk.#.attn_v", "model.layers.#.self_attn.v_proj"},
    {"blk.#.attn_q_norm", "model.layers.#.self_attn.q_norm"},
    {"blk.#.attn_k_norm", "model.layers.#.self_attn.k_norm"},
    {"blk.#.attn_output", "model.layers.#.self_attn.o_proj"},
    {"blk.#.ffn_norm", "model.layers.#.post_attention_layernorm"},
    {"blk.#.ffn_gate", "model.layers.#.mlp.gate_proj"},
    {"blk.#.ffn_up", "model.layers.#.mlp.up_proj"},
    {"blk.#.ffn_down", "model.layers.#.mlp.down_proj"},
    {"blk.#.ffn_gate_inp", "model.layers.#.mlp.gate"},
    {"blk.#.ffn_gate_exps", "model.layers.#.mlp.experts.@.gate_proj", kExperts},
    {"blk.#.ffn_up_exps", "model.layers.#.mlp.experts.@.up_proj", kExperts},
    {"blk.#.ffn_down_exps", "model.layers.#.mlp.experts.@.down_proj", kExperts},
    {"blk.#.ffn_gate_inp_shexp", "model.layers.#.mlp.shared_expert_gate", kRow},
    {"blk.#.ffn_gate_shexp", "model.layers.#.mlp.shared_expert.gate_proj"},
    {"blk.#.ffn_up_shexp", "model.layers.#.mlp.shared_expert.up_proj"},
    {"blk.#.ffn_down_shexp", "model.layers.#.mlp.shared_expert.down_proj"},
};

constexpr GgufNameRow kPhi3[] = {
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
    {"rope_factors_long", "", kIgnored},
    {"rope_factors_short", "", kIgnored},
    {"blk.#.attn_norm", "model.layers.#.input_layernorm"},
    {"blk.#.attn_qkv", "model.layers.#.self_attn.qkv_proj"},
    {"blk.#.attn_output", "model.layers.#.self_attn.o_proj"},
    {"blk.#.ffn_norm", "model.layers.#.post_attention_layernorm"},
    {"blk.#.ffn_up", "model.layers.#.mlp.gate_up_proj"},
    {"blk.#.ffn_down", "model.layers.#.mlp.down_proj"},
};

constexpr GgufNameRow kGpt2[] = {
    {"token_embd", "transformer.wte"},
    {"position_embd", "transformer.wpe"},
    {"output_norm", "transformer.ln_f"},
    {"output", "lm_head"},
    {"blk.#.attn_norm", "transformer.h.#.ln_1"},
    {"blk.#.attn_qkv", "transformer.h.#.attn.c_attn", kTransposed},
    {"blk.#.attn_output", "transformer.h.#.attn.c_proj", kTransposed},
    {"blk.#.ffn_norm", "transformer.h.#.ln_2"},
    {"blk.#.ffn_up", "transformer.h.#.mlp.c_fc", kTransposed},
    {"blk.#.ffn_down", "transformer.h.#.mlp.c_proj", kTransposed},
};

constexpr GgufArchitecture kArchitectures[] = {
    {"llama", "llama", kLlama}, {"llama", "mixtral", kLlama, true},
    {"qwen2", "qwen2", kQwen},  {"qwen2moe", "qwen2_moe", kQwen, true},
    {"qwen3", "qwen3", kQwen},  {"qwen3moe", "qwen3_moe", kQwen, true},
    {"phi3", "phi3", kPhi3},    {"gpt2", "gpt2", kGpt2},
};

// A GGUF name taken apart: "blk.3.ffn_up.7.weight" is "blk.#.ffn_up.@", layer
// 3, expert 7 and ".weight".
struct ParsedName {
  std::string stem;
  std::string layer;
  std::string expert;
  std::string suffix;
};

bool IsNumber(absl::string_view part) {
  return !part.empty() &&
         std::all_of(part.begin(), part.end(),
                     [](unsigned char c) { return absl::ascii_isdigit(c); });
}

ParsedName Parse(absl::string_view name) {
  ParsedName parsed;
  std::vector<std::string> parts = absl::StrSplit(name, '.');
  if (parts.back() == "weight" || parts.back() == "bias") {
    parsed.suffix = absl::StrCat(".", parts.back());
    parts.pop_back();
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!IsNumber(parts[i])) continue;
    const bool is_layer = i == 1;
    std::string* number = is_layer ? &parsed.layer : &parsed.expert;
    *number = std::move(parts[i]);
    parts[i] = std::string(1, is_layer ? '#' : '@');
  }
  parsed.stem = absl::StrJoin(parts, ".");
  return parsed;
}

std::string HuggingFaceName(const GgufNameRow& row, const ParsedName& name,
                            absl::string_view expert) {
  return absl::StrCat(
      absl::StrReplaceAll(row.hugging_face, {{"#", name.layer}, {"@", expert}}),
      name.suffix);
}

// The number of a foreign codec is 128 and the type's.
absl::StatusOr<Codec> CodecOf(const GgufTensor& tensor) {
  switch (tensor.type) {
    case 0:
      return Codec::kF32;
    case 1:
      return Codec::kF16;
    case 30:
      return Codec::kBF16;
    default:
      break;
  }
  std::string names = "F32, F16, BF16";
  for (const CodecInfo& info : ForeignCodecs()) {
    if (static_cast<uint32_t>(info.codec) - kFirstForeignCodec == tensor.type) {
      return info.codec;
    }
    absl::StrAppend(&names, ", ", absl::AsciiStrToUpper(info.name));
  }
  return absl::UnimplementedError(absl::StrCat(
      "tensor '", tensor.name, "' has type ", FindGgufType(tensor.type)->name,
      "; types that are read are ", names));
}

absl::StatusOr<std::vector<StoredTensor>> SplitExperts(
    const GgufNameRow& row, const ParsedName& name, const GgufTensor& tensor,
    const StoredTensor& whole) {
  const int64_t experts = tensor.shape.front();
  if (tensor.shape.size() != 3 || experts > kMaxExperts) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tensor '", tensor.name, "' has shape ", ShapeString(tensor.shape),
        "; expected [experts, out, in] with at most ", kMaxExperts,
        " experts"));
  }
  const size_t bytes = whole.bytes.size() / static_cast<size_t>(experts);
  std::vector<StoredTensor> stored;
  for (int64_t expert = 0; expert < experts; ++expert) {
    StoredTensor one = whole;
    one.name = HuggingFaceName(row, name, absl::StrCat(expert));
    one.shape = {tensor.shape[1], tensor.shape[2]};
    one.bytes = whole.bytes.subspan(static_cast<size_t>(expert) * bytes, bytes);
    stored.push_back(std::move(one));
  }
  return stored;
}

}  // namespace

absl::StatusOr<const GgufArchitecture*> FindGgufArchitecture(
    absl::string_view name, bool has_experts) {
  std::vector<absl::string_view> known;
  for (const GgufArchitecture& architecture : kArchitectures) {
    if (architecture.name == name && architecture.has_experts == has_experts) {
      return &architecture;
    }
    if (known.empty() || known.back() != architecture.name) {
      known.push_back(architecture.name);
    }
  }
  return absl::UnimplementedError(absl::StrCat(
      "architecture '", name, "' ", has_experts ? "with" : "without",
      " experts; architectures of GGUF files that are read are ",
      absl::StrJoin(known, ", ")));
}

absl::StatusOr<std::vector<StoredTensor>> ToStoredTensors(
    const GgufArchitecture& architecture, const GgufTensor& tensor,
    int64_t head_dim) {
  const ParsedName name = Parse(tensor.name);
  const auto row = std::find_if(
      architecture.rows.begin(), architecture.rows.end(),
      [&](const GgufNameRow& other) { return other.name == name.stem; });
  const bool known = row != architecture.rows.end();
  if (known && row->storage == kIgnored) return std::vector<StoredTensor>();
  StoredTensor stored;
  stored.name = known ? HuggingFaceName(*row, name, name.expert) : tensor.name;
  stored.shape = tensor.shape;
  stored.dtype = std::string(FindGgufType(tensor.type)->name);
  stored.bytes = tensor.bytes;
  if (!known) return std::vector<StoredTensor>{std::move(stored)};
  OUNCE_ASSIGN_OR_RETURN(stored.codec, CodecOf(tensor));
  switch (row->storage) {
    case kPairs:
      if (stored.shape[0] % head_dim == 0) stored.pair_rows = head_dim;
      break;
    case kTransposed:
      stored.transposed = stored.shape.size() == 2;
      if (stored.transposed) std::swap(stored.shape[0], stored.shape[1]);
      break;
    case kExperts:
      return SplitExperts(*row, name, tensor, stored);
    case kRow:
      stored.shape.insert(stored.shape.begin(), 1);
      break;
    case kSame:
    case kIgnored:
      break;
  }
  return std::vector<StoredTensor>{std::move(stored)};
}

}  // namespace ounce
