// Decoder families of which tests/golden has no outputs of a reference
// implementation: their formulas, written down from the papers and from
// modeling_*.py of transformers 5.12, against the program's float logits, from
// a config.json and tensors under the family's own names.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/half.h"
#include "core/thread_pool.h"
#include "formats/model_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/kernel_context.h"
#include "runtime/executor.h"
#include "tests/e2e/family_net.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using Ids = std::vector<int32_t>;
using Forward = std::function<NetRows(const Ids&)>;

// All nets: vocabulary 40, width 24, 4 heads, 3 layers unless a config says
// otherwise.
constexpr int64_t kVocab = 40;
constexpr int64_t kWidth = 24;
constexpr int64_t kLayers = 3;
constexpr double kRoot = 2.449489742783178;  // Of head size 6.

class FamiliesTest : public ::testing::Test {
 protected:
  // The program's logits of `net` under `config` equal what `forward` gives.
  void ExpectFormula(const std::string& config, const Forward& forward) {
    net_.Write(folder_.path(), config);
    ASSERT_OK_AND_ASSIGN(const ModelFile model, OpenModel(folder_.path()));
    EXPECT_THAT(model.bound.surplus, ::testing::IsEmpty());
    const Ids ids = {3, 39, 7, 7, 0, 21, 15, 2, 30, 11, 8, 19, 1};
    ThreadPool pool(1);
    KernelContext context(*ParseIsa("native"), &pool);
    const ModelWeights weights = ArrangeWeights(model.spec, model.bound);
    Executor executor(weights, &context, 16);
    Matrix hidden;
    ASSERT_OK(executor.Forward(ids, &hidden));
    Matrix logits(hidden.rows(), model.spec.vocab);
    executor.Logits(hidden.view(), logits.view());
    const NetRows expected = forward(ids);
    double largest = 0, error = 0;
    for (size_t t = 0; t < ids.size(); ++t) {
      for (size_t i = 0; i < expected[t].size(); ++i) {
        const double actual = logits.row(static_cast<int64_t>(t))[i];
        largest = std::max(largest, std::abs(expected[t][i]));
        error = std::max(error, std::abs(actual - expected[t][i]));
      }
    }
    EXPECT_GT(largest, 0.1);
    // f32 against f64 through three blocks, as tests/runtime/executor_test.cc.
    EXPECT_LT(error, 2e-5 * largest);
  }

  // "prefix.N." of a layer.
  static std::string Layer(const std::string& prefix, int64_t layer) {
    return absl::StrCat(prefix, ".", layer, ".");
  }

  // The usual projections of grouped attention and a gated feed-forward.
  void AddLlamaLayer(int64_t layer, int64_t kv, int64_t ffn) {
    const std::string name = Layer("model.layers", layer);
    net_.AddLinear(name + "self_attn.q_proj", kWidth, kWidth, qkv_bias_);
    net_.AddLinear(name + "self_attn.k_proj", kv, kWidth, qkv_bias_);
    net_.AddLinear(name + "self_attn.v_proj", kv, kWidth, qkv_bias_);
    net_.AddLinear(name + "self_attn.o_proj", kWidth, kWidth);
    if (ffn > 0) AddGated(name + "mlp", ffn);
  }
  void AddGated(const std::string& name, int64_t ffn) {
    net_.AddLinear(name + ".gate_proj", ffn, kWidth);
    net_.AddLinear(name + ".up_proj", ffn, kWidth);
    net_.AddLinear(name + ".down_proj", kWidth, ffn);
  }
  void AddEnds(bool tied) {
    net_.Add("model.embed_tokens.weight", {kVocab, kWidth});
    net_.AddNorm("model.norm", kWidth);
    if (!tied) net_.AddLinear("lm_head", kVocab, kWidth);
  }
  NetRows Gated(const std::string& name, const NetRows& x,
                double (*activation)(double)) const {
    return net_.Linear(
        name + ".down_proj",
        Times(Map(net_.Linear(name + ".gate_proj", x), activation),
              net_.Linear(name + ".up_proj", x)));
  }
  NetRows Logits(const NetRows& x) const {
    if (net_.Has("lm_head.weight")) return net_.Linear("lm_head", x);
    return net_.Linear("model.embed_tokens", x);
  }

  FamilyNet net_;
  bool qkv_bias_ = false;
  const TempFolder folder_;
};

TEST_F(FamiliesTest, GraniteMultipliesEmbeddingScoresResidualsAndLogits) {
  AddEnds(true);
  for (int64_t l = 0; l < kLayers; ++l) {
    AddLlamaLayer(l, 12, 32);
    net_.AddNorm(Layer("model.layers", l) + "input_layernorm", kWidth);
    net_.AddNorm(Layer("model.layers", l) + "post_attention_layernorm", kWidth);
  }
  ExpectFormula(
      R"({"model_type": "granite", "vocab_size": 40, "hidden_size": 24,
          "num_hidden_layers": 3, "num_attention_heads": 4,
          "num_key_value_heads": 2, "intermediate_size": 32,
          "embedding_multiplier": 6.0, "attention_multiplier": 0.3,
          "residual_multiplier": 0.22, "logits_scaling": 4.0,
          "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
          "tie_word_embeddings": true})",
      [&](const Ids& ids) {
        NetRows x = Map(net_.Embedding("model.embed_tokens.weight", ids),
                        [](double v) { return 6.0 * v; });
        for (int64_t l = 0; l < kLayers; ++l) {
          const std::string name = Layer("model.layers", l);
          const NetRows in = net_.RmsNorm(name + "input_layernorm", x, 1e-5);
          const NetRows attended = Attend(
              {4, 2, 0.3},
              Rope(net_.Linear(name + "self_attn.q_proj", in), 6, 6, 1e4),
              Rope(net_.Linear(name + "self_attn.k_proj", in), 6, 6, 1e4),
              net_.Linear(name + "self_attn.v_proj", in));
          x = Sum(x, net_.Linear(name + "self_attn.o_proj", attended), 0.22);
          x = Sum(
              x,
              Gated(name + "mlp",
                    net_.RmsNorm(name + "post_attention_layernorm", x, 1e-5),
                    Silu),
              0.22);
        }
        return Map(Logits(net_.RmsNorm("model.norm", x, 1e-5)),
                   [](double v) { return v / 4.0; });
      });
}

TEST_F(FamiliesTest, Olmo2NormsWhatSubLayersGiveAndWholeQueriesAndKeys) {
  AddEnds(false);
  for (int64_t l = 0; l < kLayers; ++l) {
    const std::string name = Layer("model.layers", l);
    AddLlamaLayer(l, 12, 32);
    net_.AddNorm(name + "self_attn.q_norm", 24);
    net_.AddNorm(name + "self_attn.k_norm", 12);
    net_.AddNorm(name + "post_attention_layernorm", kWidth);
    net_.AddNorm(name + "post_feedforward_layernorm", kWidth);
  }
  ExpectFormula(
      R"({"model_type": "olmo2", "vocab_size": 40, "hidden_size": 24,
          "num_hidden_layers": 3, "num_attention_heads": 4,
          "num_key_value_heads": 2, "intermediate_size": 32,
          "rms_norm_eps": 1e-6, "rope_theta": 500000.0,
          "tie_word_embeddings": false})",
      [&](const Ids& ids) {
        NetRows x = net_.Embedding("model.embed_tokens.weight", ids);
        for (int64_t l = 0; l < kLayers; ++l) {
          const std::string name = Layer("model.layers", l);
          const NetRows q =
              net_.RmsNorm(name + "self_attn.q_norm",
                           net_.Linear(name + "self_attn.q_proj", x), 1e-6);
          const NetRows k =
              net_.RmsNorm(name + "self_attn.k_norm",
                           net_.Linear(name + "self_attn.k_proj", x), 1e-6);
          const NetRows attended =
              Attend({4, 2, 1 / kRoot}, Rope(q, 6, 6, 5e5), Rope(k, 6, 6, 5e5),
                     net_.Linear(name + "self_attn.v_proj", x));
          x = Sum(x,
                  net_.RmsNorm(name + "post_attention_layernorm",
                               net_.Linear(name + "self_attn.o_proj", attended),
                               1e-6));
          x = Sum(x, net_.RmsNorm(name + "post_feedforward_layernorm",
                                  Gated(name + "mlp", x, Silu), 1e-6));
        }
        return Logits(net_.RmsNorm("model.norm", x, 1e-6));
      });
}

TEST_F(FamiliesTest, SmolLm3LeavesSomeLayersWithoutPositions) {
  AddEnds(true);
  for (int64_t l = 0; l < kLayers; ++l) {
    AddLlamaLayer(l, 12, 32);
    net_.AddNorm(Layer("model.layers", l) + "input_layernorm", kWidth);
    net_.AddNorm(Layer("model.layers", l) + "post_attention_layernorm", kWidth);
  }
  ExpectFormula(
      R"({"model_type": "smollm3", "vocab_size": 40, "hidden_size": 24,
          "num_hidden_layers": 3, "num_attention_heads": 4,
          "num_key_value_heads": 2, "intermediate_size": 32,
          "rms_norm_eps": 1e-6, "rope_theta": 2000000.0,
          "no_rope_layers": [1, 0, 1], "pad_token_id": 0})",
      [&](const Ids& ids) {
        NetRows x = net_.Embedding("model.embed_tokens.weight", ids);
        for (int64_t l = 0; l < kLayers; ++l) {
          const std::string name = Layer("model.layers", l);
          const NetRows in = net_.RmsNorm(name + "input_layernorm", x, 1e-6);
          NetRows q = net_.Linear(name + "self_attn.q_proj", in);
          NetRows k = net_.Linear(name + "self_attn.k_proj", in);
          if (l != 1) {
            q = Rope(q, 6, 6, 2e6);
            k = Rope(k, 6, 6, 2e6);
          }
          const NetRows attended =
              Attend({4, 2, 1 / kRoot}, q, k,
                     net_.Linear(name + "self_attn.v_proj", in));
          x = Sum(x, net_.Linear(name + "self_attn.o_proj", attended));
          x = Sum(
              x, Gated(name + "mlp",
                       net_.RmsNorm(name + "post_attention_layernorm", x, 1e-6),
                       Silu));
        }
        return Logits(net_.RmsNorm("model.norm", x, 1e-6));
      });
}

TEST_F(FamiliesTest, GemmaScalesEmbeddingsAndNormsAroundOne) {
  net_.norm_center = 0.0f;
  AddEnds(true);
  for (int64_t l = 0; l < 2; ++l) {
    const std::string name = Layer("model.layers", l);
    net_.AddLinear(name + "self_attn.q_proj", 32, kWidth);
    net_.AddLinear(name + "self_attn.k_proj", 8, kWidth);
    net_.AddLinear(name + "self_attn.v_proj", 8, kWidth);
    net_.AddLinear(name + "self_attn.o_proj", kWidth, 32);
    AddGated(name + "mlp", 32);
    net_.AddNorm(name + "input_layernorm", kWidth);
    net_.AddNorm(name + "post_attention_layernorm", kWidth);
  }
  ExpectFormula(
      R"({"model_type": "gemma", "vocab_size": 40, "hidden_size": 24,
          "num_hidden_layers": 2, "num_attention_heads": 4, "head_dim": 8,
          "num_key_value_heads": 1, "intermediate_size": 32,
          "hidden_act": "gelu_pytorch_tanh", "rms_norm_eps": 1e-6})",
      [&](const Ids& ids) {
        NetRows x = Map(net_.Embedding("model.embed_tokens.weight", ids),
                        [](double v) { return v * std::sqrt(24.0); });
        for (int64_t l = 0; l < 2; ++l) {
          const std::string name = Layer("model.layers", l);
          const NetRows in =
              net_.RmsNorm(name + "input_layernorm", x, 1e-6, 1.0);
          const NetRows attended = Attend(
              {4, 1, 1 / std::sqrt(8.0)},
              Rope(net_.Linear(name + "self_attn.q_proj", in), 8, 8, 1e4),
              Rope(net_.Linear(name + "self_attn.k_proj", in), 8, 8, 1e4),
              net_.Linear(name + "self_attn.v_proj", in));
          x = Sum(x, net_.Linear(name + "self_attn.o_proj", attended));
          x = Sum(x, Gated(name + "mlp",
                           net_.RmsNorm(name + "post_attention_layernorm", x,
                                        1e-6, 1.0),
                           GeluTanh));
        }
        return Logits(net_.RmsNorm("model.norm", x, 1e-6, 1.0));
      });
}

TEST_F(FamiliesTest, Gemma3HasAnglesOfItsOwnInWindowedLayers) {
  net_.norm_center = 0.0f;
  AddEnds(true);
  for (int64_t l = 0; l < kLayers; ++l) {
    const std::string name = Layer("model.layers", l);
    AddLlamaLayer(l, 12, 32);
    for (const char* norm :
         {"input_layernorm", "post_attention_layernorm",
          "pre_feedforward_layernorm", "post_feedforward_layernorm"}) {
      net_.AddNorm(name + norm, kWidth);
    }
    net_.AddNorm(name + "self_attn.q_norm", 6);
    net_.AddNorm(name + "self_attn.k_norm", 6);
  }
  ExpectFormula(
      R"({"model_type": "gemma3_text", "vocab_size": 40, "hidden_size": 24,
          "num_hidden_layers": 3, "num_attention_heads": 4, "head_dim": 6,
          "num_key_value_heads": 2, "intermediate_size": 32,
          "rms_norm_eps": 1e-6, "query_pre_attn_scalar": 10,
          "sliding_window": 4, "sliding_window_pattern": 3,
          "rope_theta": 1000000.0, "rope_local_base_freq": 100.0,
          "rope_scaling": {"rope_type": "linear", "factor": 8.0}})",
      [&](const Ids& ids) {
        NetRows x = Map(net_.Embedding("model.embed_tokens.weight", ids),
                        [](double v) { return v * std::sqrt(24.0); });
        for (int64_t l = 0; l < kLayers; ++l) {
          const std::string name = Layer("model.layers", l);
          const auto norm = [&](const char* which, const NetRows& rows) {
            return net_.RmsNorm(name + which, rows, 1e-6, 1.0);
          };
          const bool windowed = l != 2;
          const auto turn = [&](NetRows rows) {
            if (windowed) return Rope(std::move(rows), 6, 6, 100.0);
            // Positions divided by 8: angles of every pair are.
            for (size_t t = 0; t < rows.size(); ++t) {
              for (size_t h = 0; h < rows[t].size(); h += 6) {
                for (size_t i = 0; i < 3; ++i) {
                  const double angle =
                      static_cast<double>(t) / 8.0 *
                      std::pow(1e6, -static_cast<double>(i) / 3.0);
                  double& a = rows[t][h + i];
                  double& b = rows[t][h + i + 3];
                  const double turned =
                      a * std::cos(angle) - b * std::sin(angle);
                  b = a * std::sin(angle) + b * std::cos(angle);
                  a = turned;
                }
              }
            }
            return rows;
          };
          const NetRows in = norm("input_layernorm", x);
          const NetRows attended =
              Attend({4, 2, 1 / std::sqrt(10.0), windowed ? 4u : 0u},
                     turn(norm("self_attn.q_norm",
                               net_.Linear(name + "self_attn.q_proj", in))),
                     turn(norm("self_attn.k_norm",
                               net_.Linear(name + "self_attn.k_proj", in))),
                     net_.Linear(name + "self_attn.v_proj", in));
          x = Sum(x, norm("post_attention_layernorm",
                          net_.Linear(name + "self_attn.o_proj", attended)));
          x = Sum(x,
                  norm("post_feedforward_layernorm",
                       Gated(name + "mlp", norm("pre_feedforward_layernorm", x),
                             GeluTanh)));
        }
        return Logits(net_.RmsNorm("model.norm", x, 1e-6, 1.0));
      });
}

TEST_F(FamiliesTest, PhiRunsItsSubLayersSideBySideOnOneNorm) {
  net_.Add("model.embed_tokens.weight", {kVocab, kWidth});
  net_.AddNorm("model.final_layernorm", kWidth, true);
  net_.AddLinear("lm_head", kVocab, kWidth, true);
  for (int64_t l = 0; l < kLayers; ++l) {
    const std::string name = Layer("model.layers", l);
    net_.AddNorm(name + "input_layernorm", kWidth, true);
    net_.AddLinear(name + "self_attn.q_proj", 24, kWidth, true);
    net_.AddLinear(name + "self_attn.k_proj", 24, kWidth, true);
    net_.AddLinear(name + "self_attn.v_proj", 24, kWidth, true);
    net_.AddLinear(name + "self_attn.dense", kWidth, 24, true);
    net_.AddLinear(name + "mlp.fc1", 40, kWidth, true);
    net_.AddLinear(name + "mlp.fc2", kWidth, 40, true);
  }
  ExpectFormula(
      R"({"model_type": "phi", "vocab_size": 40, "hidden_size": 24,
          "num_hidden_layers": 3, "num_attention_heads": 3,
          "intermediate_size": 40, "partial_rotary_factor": 0.5,
          "layer_norm_eps": 1e-5, "hidden_act": "gelu_new"})",
      [&](const Ids& ids) {
        NetRows x = net_.Embedding("model.embed_tokens.weight", ids);
        for (int64_t l = 0; l < kLayers; ++l) {
          const std::string name = Layer("model.layers", l);
          const NetRows in = net_.LayerNorm(name + "input_layernorm", x, 1e-5);
          const NetRows attended = Attend(
              {3, 3, 1 / std::sqrt(8.0)},
              Rope(net_.Linear(name + "self_attn.q_proj", in), 8, 4, 1e4),
              Rope(net_.Linear(name + "self_attn.k_proj", in), 8, 4, 1e4),
              net_.Linear(name + "self_attn.v_proj", in));
          const NetRows fed =
              net_.Linear(name + "mlp.fc2",
                          Map(net_.Linear(name + "mlp.fc1", in), GeluTanh));
          x = Sum(Sum(net_.Linear(name + "self_attn.dense", attended), fed), x);
        }
        return net_.Linear("lm_head",
                           net_.LayerNorm("model.final_layernorm", x, 1e-5));
      });
}

TEST_F(FamiliesTest, GptJTurnsNeighbours) {
  net_.Add("transformer.wte.weight", {kVocab, kWidth});
  net_.AddNorm("transformer.ln_f", kWidth, true);
  net_.AddLinear("lm_head", kVocab, kWidth, true);
  for (int64_t l = 0; l < kLayers; ++l) {
    const std::string name = Layer("transformer.h", l);
    net_.AddNorm(name + "ln_1", kWidth, true);
    for (const char* projection : {"q_proj", "k_proj", "v_proj", "out_proj"}) {
      net_.AddLinear(name + "attn." + projection, kWidth, kWidth);
    }
    net_.AddLinear(name + "mlp.fc_in", 40, kWidth, true);
    net_.AddLinear(name + "mlp.fc_out", kWidth, 40, true);
  }
  ExpectFormula(
      R"({"model_type": "gptj", "vocab_size": 40, "n_embd": 24, "n_layer": 3,
          "n_head": 3, "n_positions": 64, "n_inner": 40, "rotary_dim": 6,
          "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5})",
      [&](const Ids& ids) {
        NetRows x = net_.Embedding("transformer.wte.weight", ids);
        for (int64_t l = 0; l < kLayers; ++l) {
          const std::string name = Layer("transformer.h", l);
          const NetRows in = net_.LayerNorm(name + "ln_1", x, 1e-5);
          const NetRows attended = Attend(
              {3, 3, 1 / std::sqrt(8.0)},
              Rope(net_.Linear(name + "attn.q_proj", in), 8, 6, 1e4, true),
              Rope(net_.Linear(name + "attn.k_proj", in), 8, 6, 1e4, true),
              net_.Linear(name + "attn.v_proj", in));
          const NetRows fed =
              net_.Linear(name + "mlp.fc_out",
                          Map(net_.Linear(name + "mlp.fc_in", in), GeluTanh));
          x = Sum(Sum(x, net_.Linear(name + "attn.out_proj", attended)), fed);
        }
        return net_.Linear("lm_head",
                           net_.LayerNorm("transformer.ln_f", x, 1e-5));
      });
}

TEST_F(FamiliesTest, Starcoder2IsGroupedWithPlainFeedForwardAndBiases) {
  net_.Add("model.embed_tokens.weight", {kVocab, kWidth});
  net_.AddNorm("model.norm", kWidth, true);
  for (int64_t l = 0; l < kLayers; ++l) {
    const std::string name = Layer("model.layers", l);
    net_.AddNorm(name + "input_layernorm", kWidth, true);
    net_.AddNorm(name + "post_attention_layernorm", kWidth, true);
    net_.AddLinear(name + "self_attn.q_proj", 24, kWidth, true);
    net_.AddLinear(name + "self_attn.k_proj", 12, kWidth, true);
    net_.AddLinear(name + "self_attn.v_proj", 12, kWidth, true);
    net_.AddLinear(name + "self_attn.o_proj", kWidth, 24, true);
    net_.AddLinear(name + "mlp.c_fc", 40, kWidth, true);
    net_.AddLinear(name + "mlp.c_proj", kWidth, 40, true);
  }
  ExpectFormula(
      R"({"model_type": "starcoder2", "vocab_size": 40, "hidden_size": 24,
          "num_hidden_layers": 3, "num_attention_heads": 4,
          "num_key_value_heads": 2, "intermediate_size": 40,
          "norm_epsilon": 1e-5, "sliding_window": 5, "use_bias": true,
          "rope_theta": 100000.0, "hidden_act": "gelu_pytorch_tanh"})",
      [&](const Ids& ids) {
        NetRows x = net_.Embedding("model.embed_tokens.weight", ids);
        for (int64_t l = 0; l < kLayers; ++l) {
          const std::string name = Layer("model.layers", l);
          const NetRows in = net_.LayerNorm(name + "input_layernorm", x, 1e-5);
          const NetRows attended = Attend(
              {4, 2, 1 / kRoot, 5},
              Rope(net_.Linear(name + "self_attn.q_proj", in), 6, 6, 1e5),
              Rope(net_.Linear(name + "self_attn.k_proj", in), 6, 6, 1e5),
              net_.Linear(name + "self_attn.v_proj", in));
          x = Sum(x, net_.Linear(name + "self_attn.o_proj", attended));
          const NetRows second =
              net_.LayerNorm(name + "post_attention_layernorm", x, 1e-5);
          x = Sum(x, net_.Linear(name + "mlp.c_proj",
                                 Map(net_.Linear(name + "mlp.c_fc", second),
                                     GeluTanh)));
        }
        return net_.Linear("model.embed_tokens",
                           net_.LayerNorm("model.norm", x, 1e-5));
      });
}

// Falcon's three layers: query, key and value of `groups` key heads in one
// tensor, each group's queries first.
class FalconTest : public FamiliesTest {
 protected:
  void AddNet(int64_t groups, const std::vector<std::string>& norms,
              bool bias) {
    groups_ = groups;
    net_.Add("transformer.word_embeddings.weight", {kVocab, kWidth});
    net_.AddNorm("transformer.ln_f", kWidth, true);
    for (int64_t l = 0; l < kLayers; ++l) {
      const std::string name = Layer("transformer.h", l);
      for (const std::string& norm : norms) {
        net_.AddNorm(name + norm, kWidth, true);
      }
      net_.AddLinear(name + "self_attention.query_key_value",
                     24 + 2 * groups * 6, kWidth, bias);
      net_.AddLinear(name + "self_attention.dense", kWidth, 24, bias);
      net_.AddLinear(name + "mlp.dense_h_to_4h", 40, kWidth, bias);
      net_.AddLinear(name + "mlp.dense_4h_to_h", kWidth, 40, bias);
    }
  }
  // Rows of query (0), key (1) or value (2) of all groups.
  NetRows Part(const std::string& name, const NetRows& in, int part) const {
    const int64_t queries = 24 / groups_;
    const int64_t group = queries + 12;
    NetRows out(in.size());
    for (int64_t g = 0; g < groups_; ++g) {
      const int64_t begin =
          g * group + (part == 0 ? 0 : queries + (part - 1) * 6);
      const NetRows rows =
          net_.Linear(name + "self_attention.query_key_value", in, begin,
                      begin + (part == 0 ? queries : 6));
      for (size_t t = 0; t < in.size(); ++t) {
        out[t].insert(out[t].end(), rows[t].begin(), rows[t].end());
      }
    }
    return out;
  }
  NetRows Attention(const std::string& name, const NetRows& in, bool rotary,
                    const NetAttention& args) const {
    NetRows q = Part(name, in, 0), k = Part(name, in, 1);
    if (rotary) {
      q = Rope(q, 6, 6, 1e4);
      k = Rope(k, 6, 6, 1e4);
    }
    return net_.Linear(name + "self_attention.dense",
                       Attend(args, q, k, Part(name, in, 2)));
  }
  NetRows Fed(const std::string& name, const NetRows& in) const {
    return net_.Linear(name + "mlp.dense_4h_to_h",
                       Map(net_.Linear(name + "mlp.dense_h_to_4h", in), Gelu));
  }
  NetRows Head(const NetRows& x) const {
    return net_.Linear("transformer.word_embeddings",
                       net_.LayerNorm("transformer.ln_f", x, 1e-5));
  }

  int64_t groups_ = 1;
};

TEST_F(FalconTest, OneKeyHeadAndOneNormForBothSubLayers) {
  AddNet(1, {"input_layernorm"}, false);
  ExpectFormula(
      R"({"model_type": "falcon", "vocab_size": 40, "hidden_size": 24,
          "num_hidden_layers": 3, "num_attention_heads": 4,
          "ffn_hidden_size": 40, "multi_query": true, "parallel_attn": true,
          "bias": false, "alibi": false})",
      [&](const Ids& ids) {
        NetRows x = net_.Embedding("transformer.word_embeddings.weight", ids);
        for (int64_t l = 0; l < kLayers; ++l) {
          const std::string name = Layer("transformer.h", l);
          const NetRows in = net_.LayerNorm(name + "input_layernorm", x, 1e-5);
          x = Sum(Sum(x, Attention(name, in, true, {4, 1, 1 / kRoot})),
                  Fed(name, in));
        }
        return Head(x);
      });
}

TEST_F(FalconTest, GroupedKeyHeadsHaveANormForEachSubLayer) {
  AddNet(2, {"ln_attn", "ln_mlp"}, false);
  ExpectFormula(
      R"({"model_type": "falcon", "vocab_size": 40, "hidden_size": 24,
          "num_hidden_layers": 3, "num_attention_heads": 4,
          "num_kv_heads": 2, "new_decoder_architecture": true,
          "ffn_hidden_size": 40, "bias": false, "alibi": false})",
      [&](const Ids& ids) {
        NetRows x = net_.Embedding("transformer.word_embeddings.weight", ids);
        for (int64_t l = 0; l < kLayers; ++l) {
          const std::string name = Layer("transformer.h", l);
          const NetRows attended =
              Attention(name, net_.LayerNorm(name + "ln_attn", x, 1e-5), true,
                        {4, 2, 1 / kRoot});
          const NetRows fed =
              Fed(name, net_.LayerNorm(name + "ln_mlp", x, 1e-5));
          x = Sum(Sum(x, attended), fed);
        }
        return Head(x);
      });
}

TEST_F(FalconTest, AlibiIsRoundedToBfloat16AndScaledWithTheScores) {
  AddNet(4, {"input_layernorm", "post_attention_layernorm"}, true);
  // 4 heads: slopes 1/4, 1/16, 1/64, 1/256, all of which bfloat16 holds, as it
  // does their products with positions up to 12.
  const auto bias = [](size_t head, size_t, size_t key) {
    return std::pow(0.25, static_cast<double>(head + 1)) *
           static_cast<double>(key) / kRoot;
  };
  ExpectFormula(
      R"({"model_type": "falcon", "vocab_size": 40, "hidden_size": 24,
          "num_hidden_layers": 3, "num_attention_heads": 4,
          "ffn_hidden_size": 40, "multi_query": false, "parallel_attn": false,
          "bias": true, "alibi": true})",
      [&](const Ids& ids) {
        NetRows x = net_.Embedding("transformer.word_embeddings.weight", ids);
        for (int64_t l = 0; l < kLayers; ++l) {
          const std::string name = Layer("transformer.h", l);
          x = Sum(
              x,
              Attention(name, net_.LayerNorm(name + "input_layernorm", x, 1e-5),
                        false, {4, 4, 1 / kRoot, 0, 0.0, bias}));
          x = Sum(x, Fed(name, net_.LayerNorm(name + "post_attention_layernorm",
                                              x, 1e-5)));
        }
        return Head(x);
      });
}

// The two Qwen families with experts.
class ExpertFamiliesTest : public FamiliesTest {
 protected:
  // The best `per_token` experts of each token by the softmax of the router's
  // scores; their weights sum to 1 if `normalized`.
  NetRows Mix(const std::string& name, const NetRows& x, size_t per_token,
              bool normalized) const {
    NetRows out;
    for (const NetVector& row : x) {
      NetVector scores = net_.Linear(name + "mlp.gate", {row})[0];
      double sum = 0, best = 0;
      for (double& score : scores) sum += score = std::exp(score);
      NetRows mixed = {NetVector(row.size())};
      std::vector<std::pair<size_t, double>> picks;
      for (size_t n = 0; n < per_token; ++n) {
        const size_t e = static_cast<size_t>(
            std::max_element(scores.begin(), scores.end()) - scores.begin());
        picks.push_back({e, scores[e]});
        best += scores[e];
        scores[e] = -1;
      }
      for (const auto& [e, score] : picks) {
        mixed = Sum(mixed,
                    Gated(absl::StrCat(name, "mlp.experts.", e), {row}, Silu),
                    score / (normalized ? best : sum));
      }
      out.push_back(mixed[0]);
    }
    return out;
  }
  void AddExperts(const std::string& name) {
    net_.AddLinear(name + "mlp.gate", 5, kWidth);
    for (int e = 0; e < 5; ++e) {
      AddGated(absl::StrCat(name, "mlp.experts.", e), 16);
    }
  }
  void AddNorms(const std::string& name) {
    net_.AddNorm(name + "input_layernorm", kWidth);
    net_.AddNorm(name + "post_attention_layernorm", kWidth);
  }
};

TEST_F(ExpertFamiliesTest, Qwen2MoeHasAGatedSharedExpert) {
  qkv_bias_ = true;
  AddEnds(false);
  for (int64_t l = 0; l < kLayers; ++l) {
    const std::string name = Layer("model.layers", l);
    AddLlamaLayer(l, 12, 0);
    AddNorms(name);
    AddExperts(name);
    AddGated(name + "mlp.shared_expert", 20);
    net_.AddLinear(name + "mlp.shared_expert_gate", 1, kWidth);
  }
  ExpectFormula(
      R"({"model_type": "qwen2_moe", "vocab_size": 40, "hidden_size": 24,
          "num_hidden_layers": 3, "num_attention_heads": 4,
          "num_key_value_heads": 2, "num_experts": 5, "num_experts_per_tok": 2,
          "moe_intermediate_size": 16, "shared_expert_intermediate_size": 20,
          "norm_topk_prob": false, "rms_norm_eps": 1e-6,
          "tie_word_embeddings": false})",
      [&](const Ids& ids) {
        NetRows x = net_.Embedding("model.embed_tokens.weight", ids);
        for (int64_t l = 0; l < kLayers; ++l) {
          const std::string name = Layer("model.layers", l);
          const NetRows in = net_.RmsNorm(name + "input_layernorm", x, 1e-6);
          const NetRows attended = Attend(
              {4, 2, 1 / kRoot},
              Rope(net_.Linear(name + "self_attn.q_proj", in), 6, 6, 1e4),
              Rope(net_.Linear(name + "self_attn.k_proj", in), 6, 6, 1e4),
              net_.Linear(name + "self_attn.v_proj", in));
          x = Sum(x, net_.Linear(name + "self_attn.o_proj", attended));
          const NetRows second =
              net_.RmsNorm(name + "post_attention_layernorm", x, 1e-6);
          NetRows shared = Gated(name + "mlp.shared_expert", second, Silu);
          const NetRows gate =
              net_.Linear(name + "mlp.shared_expert_gate", second);
          for (size_t t = 0; t < shared.size(); ++t) {
            for (double& v : shared[t]) v /= 1 + std::exp(-gate[t][0]);
          }
          x = Sum(Sum(x, Mix(name, second, 2, false)), shared);
        }
        return Logits(net_.RmsNorm("model.norm", x, 1e-6));
      });
}

TEST_F(ExpertFamiliesTest, Qwen3MoeLeavesSomeLayersWithoutExperts) {
  AddEnds(false);
  for (int64_t l = 0; l < kLayers; ++l) {
    const std::string name = Layer("model.layers", l);
    AddLlamaLayer(l, 12, l == 1 ? 28 : 0);
    AddNorms(name);
    net_.AddNorm(name + "self_attn.q_norm", 6);
    net_.AddNorm(name + "self_attn.k_norm", 6);
    if (l != 1) AddExperts(name);
  }
  ExpectFormula(
      R"({"model_type": "qwen3_moe", "vocab_size": 40, "hidden_size": 24,
          "num_hidden_layers": 3, "num_attention_heads": 4, "head_dim": 6,
          "num_key_value_heads": 2, "num_experts": 5, "num_experts_per_tok": 3,
          "moe_intermediate_size": 16, "intermediate_size": 28,
          "mlp_only_layers": [1], "norm_topk_prob": true,
          "rms_norm_eps": 1e-6, "tie_word_embeddings": false})",
      [&](const Ids& ids) {
        NetRows x = net_.Embedding("model.embed_tokens.weight", ids);
        for (int64_t l = 0; l < kLayers; ++l) {
          const std::string name = Layer("model.layers", l);
          const NetRows in = net_.RmsNorm(name + "input_layernorm", x, 1e-6);
          const NetRows q =
              net_.RmsNorm(name + "self_attn.q_norm",
                           net_.Linear(name + "self_attn.q_proj", in), 1e-6);
          const NetRows k =
              net_.RmsNorm(name + "self_attn.k_norm",
                           net_.Linear(name + "self_attn.k_proj", in), 1e-6);
          const NetRows attended =
              Attend({4, 2, 1 / kRoot}, Rope(q, 6, 6, 1e4), Rope(k, 6, 6, 1e4),
                     net_.Linear(name + "self_attn.v_proj", in));
          x = Sum(x, net_.Linear(name + "self_attn.o_proj", attended));
          const NetRows second =
              net_.RmsNorm(name + "post_attention_layernorm", x, 1e-6);
          x = Sum(x, l == 1 ? Gated(name + "mlp", second, Silu)
                            : Mix(name, second, 3, true));
        }
        return Logits(net_.RmsNorm("model.norm", x, 1e-6));
      });
}

}  // namespace
}  // namespace ounce
