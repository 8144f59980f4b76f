// ALBERT, ELECTRA and ModernBERT: their formulas, written down from the papers
// and from modeling_*.py of transformers 5.12, against the program's raw
// outputs.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/e2e/encoder_fixture.h"

namespace ounce {
namespace {

class AlbertTest : public EncoderFamiliesTest {
 protected:
  static BlockNames Names(const std::string& prefix, int64_t group) {
    const std::string name = absl::StrCat(
        prefix, "encoder.albert_layer_groups.", group, ".albert_layers.0.");
    return {name + "attention.query",     name + "attention.key",
            name + "attention.value",     name + "attention.dense",
            name + "attention.LayerNorm", name + "ffn",
            name + "ffn_output",          name + "full_layer_layer_norm"};
  }
  void AddAlbert(const std::string& prefix, int64_t embedding, int64_t groups) {
    AddEmbeddings(prefix + "embeddings.", embedding, 16, 2);
    net_.AddLinear(prefix + "encoder.embedding_hidden_mapping_in", kNetWidth,
                   embedding, true);
    for (int64_t g = 0; g < groups; ++g) AddBlock(Names(prefix, g));
  }
  // Layer i has the weights of group `groups_of[i]`.
  NetRows Albert(const std::string& prefix, const NetInput& in,
                 const std::vector<int64_t>& groups_of) const {
    NetRows x =
        net_.Linear(prefix + "encoder.embedding_hidden_mapping_in",
                    Embed(prefix + "embeddings.", in, Counted(in), 1e-12));
    for (const int64_t group : groups_of) {
      x = Block(Names(prefix, group), x, in.mask, GeluTanh, 1e-12);
    }
    return x;
  }
  static std::string Config(const std::string& members) {
    return absl::StrCat(
        R"({"model_type": "albert", "vocab_size": 40, "hidden_size": 24,
            "num_attention_heads": 4, "intermediate_size": 40,
            "max_position_embeddings": 16, "hidden_act": "gelu_new", )",
        members, "}");
  }
};

TEST_F(AlbertTest, AllLayersShareTheirWeights) {
  AddAlbert("", 10, 1);
  net_.AddLinear("pooler", kNetWidth, kNetWidth, true);
  ExpectFormula(Config(R"("num_hidden_layers": 3, "embedding_size": 10,
                          "architectures": ["AlbertModel"])"),
                WithTypes(Rows(0)), [&](const NetInput& in) {
                  const NetRows x = Albert("", in, {0, 0, 0});
                  return NetOutputs{
                      {"last_hidden_state", x},
                      {"pooled", Map(net_.Linear("pooler", First(x)), Tanh)}};
                });
}

TEST_F(AlbertTest, GroupsOfLayersThatDivideNothing) {
  AddAlbert("albert.", 24, 3);
  net_.AddLinear("albert.pooler", kNetWidth, kNetWidth, true);
  net_.AddLinear("classifier", 2, kNetWidth, true);
  ExpectFormula(
      Config(R"("num_hidden_layers": 5, "num_hidden_groups": 3,
                "embedding_size": 24,
                "architectures": ["AlbertForSequenceClassification"])"),
      WithTypes(Rows(0)), [&](const NetInput& in) {
        // The whole parts of 3/5, 6/5, 9/5 and 12/5.
        const NetRows x = Albert("albert.", in, {0, 0, 1, 1, 2});
        return NetOutputs{
            {"last_hidden_state", x},
            {"class_logits",
             net_.Linear("classifier",
                         Map(net_.Linear("albert.pooler", First(x)), Tanh))}};
      });
}

// The names of albert-base-v2.
TEST_F(AlbertTest, MaskedThroughTheNarrowEmbedding) {
  AddAlbert("albert.", 10, 1);
  net_.AddLinear("albert.pooler", kNetWidth, kNetWidth, true);
  net_.AddLinear("predictions.dense", 10, kNetWidth, true);
  net_.AddNorm("predictions.LayerNorm", 10, true);
  net_.Add("predictions.bias", {kNetVocab});
  net_.Copy("predictions.bias", "predictions.decoder.bias");
  net_.Copy("albert.embeddings.word_embeddings.weight",
            "predictions.decoder.weight");
  net_.AddLinear("sop_classifier.classifier", 2, kNetWidth, true);
  net_.Add("albert.embeddings.position_ids", {1, 16});
  ExpectFormula(
      Config(R"("num_hidden_layers": 2, "embedding_size": 10,
                "architectures": ["AlbertForMaskedLM"])"),
      Rows(0), [&](const NetInput& in) {
        const NetRows x = Albert("albert.", in, {0, 0});
        return NetOutputs{
            {"last_hidden_state", x},
            {"logits", Vocabulary("predictions.dense", "predictions.LayerNorm",
                                  "albert.embeddings.word_embeddings",
                                  "predictions.bias", x, GeluTanh)}};
      });
}

class ElectraTest : public EncoderFamiliesTest {
 protected:
  void AddElectra(const std::string& prefix, int64_t embedding) {
    AddEmbeddings(prefix + "embeddings.", embedding, 16, 2);
    if (embedding != kNetWidth) {
      net_.AddLinear(prefix + "embeddings_project", kNetWidth, embedding, true);
    }
    for (int64_t l = 0; l < 3; ++l) AddBlock(BertNames(prefix, l));
  }
  NetRows Electra(const std::string& prefix, const NetInput& in) const {
    NetRows x = Embed(prefix + "embeddings.", in, Counted(in), 1e-12);
    if (net_.Has(prefix + "embeddings_project.weight")) {
      x = net_.Linear(prefix + "embeddings_project", x);
    }
    return BertBlocks(prefix, x, in, Gelu);
  }
  static std::string Config(const std::string& architecture,
                            int64_t embedding) {
    return BertConfig(
        absl::StrCat(R"("max_position_embeddings": 16, "embedding_size": )",
                     embedding, R"(, "architectures": [")", architecture,
                     "\"]"),
        "electra");
  }
};

TEST_F(ElectraTest, DiscriminatorIsTheBaseModel) {
  AddElectra("electra.", 10);
  net_.AddLinear("discriminator_predictions.dense", kNetWidth, kNetWidth, true);
  net_.AddLinear("discriminator_predictions.dense_prediction", 1, kNetWidth,
                 true);
  ExpectFormula(
      Config("ElectraForPreTraining", 10), WithTypes(Rows(0)),
      [&](const NetInput& in) {
        return NetOutputs{{"last_hidden_state", Electra("electra.", in)}};
      });
}

TEST_F(ElectraTest, GeneratorPredictsThroughTheNarrowEmbedding) {
  AddElectra("electra.", 10);
  net_.AddLinear("generator_predictions.dense", 10, kNetWidth, true);
  net_.AddNorm("generator_predictions.LayerNorm", 10, true);
  net_.Add("generator_lm_head.bias", {kNetVocab});
  net_.Copy("electra.embeddings.word_embeddings.weight",
            "generator_lm_head.weight");
  ExpectFormula(
      Config("ElectraForMaskedLM", 10), WithTypes(Rows(0)),
      [&](const NetInput& in) {
        const NetRows x = Electra("electra.", in);
        return NetOutputs{
            {"last_hidden_state", x},
            {"logits", Vocabulary("generator_predictions.dense",
                                  "generator_predictions.LayerNorm",
                                  "electra.embeddings.word_embeddings",
                                  "generator_lm_head.bias", x, Gelu)}};
      });
}

TEST_F(ElectraTest, ClassifiesByGelu) {
  AddElectra("electra.", kNetWidth);  // Not projected.
  net_.AddLinear("classifier.dense", kNetWidth, kNetWidth, true);
  net_.AddLinear("classifier.out_proj", 2, kNetWidth, true);
  ExpectFormula(
      Config("ElectraForSequenceClassification", kNetWidth), WithTypes(Rows(0)),
      [&](const NetInput& in) {
        const NetRows x = Electra("electra.", in);
        return NetOutputs{
            {"last_hidden_state", x},
            {"class_logits",
             net_.Linear(
                 "classifier.out_proj",
                 Map(net_.Linear("classifier.dense", First(x)), Gelu))}};
      });
}

class ModernBertTest : public EncoderFamiliesTest {
 protected:
  static constexpr int64_t kLayers = 4;

  static std::string Layer(const std::string& prefix, int64_t layer) {
    return absl::StrCat(prefix, "layers.", layer, ".");
  }
  void AddModernBert(const std::string& prefix, bool bias) {
    net_.Add(prefix + "embeddings.tok_embeddings.weight",
             {kNetVocab, kNetWidth});
    net_.AddNorm(prefix + "embeddings.norm", kNetWidth, bias);
    for (int64_t l = 0; l < kLayers; ++l) {
      const std::string name = Layer(prefix, l);
      if (l > 0) net_.AddNorm(name + "attn_norm", kNetWidth, bias);
      net_.AddLinear(name + "attn.Wqkv", 3 * kNetWidth, kNetWidth, bias);
      net_.AddLinear(name + "attn.Wo", kNetWidth, kNetWidth, bias);
      net_.AddNorm(name + "mlp_norm", kNetWidth, bias);
      net_.AddLinear(name + "mlp.Wi", 2 * kNetFfn, kNetWidth, bias);
      net_.AddLinear(name + "mlp.Wo", kNetWidth, kNetFfn, bias);
    }
    net_.AddNorm(prefix + "final_norm", kNetWidth, bias);
  }
  void AddHead(bool bias, bool norm_bias) {
    net_.AddLinear("head.dense", kNetWidth, kNetWidth, bias);
    net_.AddNorm("head.norm", kNetWidth, norm_bias);
  }
  NetRows Head(const NetRows& x, double (*activation)(double) = Gelu) const {
    return net_.LayerNorm("head.norm",
                          Map(net_.Linear("head.dense", x), activation), 1e-5);
  }

  // Layer l sees all where `is_global(l)`, turned by `global` as base, else
  // `reach` tokens to each side, turned by `local`.
  struct Kinds {
    std::vector<bool> is_global;
    double global, local;
    size_t reach;
  };
  NetRows Attention(const std::string& name, const NetRows& in,
                    const NetInput& input, bool is_global,
                    const Kinds& kinds) const {
    const double base = is_global ? kinds.global : kinds.local;
    NetAttention args = {4, 4, 1 / kNetRoot};
    args.causal = false;
    args.mask = input.mask;
    if (!is_global) args.window = kinds.reach + 1;
    return net_.Linear(
        name + "attn.Wo",
        Attend(args,
               Rope(net_.Linear(name + "attn.Wqkv", in, 0, 24), 6, 6, base),
               Rope(net_.Linear(name + "attn.Wqkv", in, 24, 48), 6, 6, base),
               net_.Linear(name + "attn.Wqkv", in, 48, 72)));
  }
  NetRows ModernBert(const std::string& prefix, const NetInput& input,
                     const Kinds& kinds) const {
    NetRows x = net_.LayerNorm(
        prefix + "embeddings.norm",
        net_.Embedding(prefix + "embeddings.tok_embeddings.weight", input.ids),
        1e-5);
    for (int64_t l = 0; l < kLayers; ++l) {
      const std::string name = Layer(prefix, l);
      const NetRows in =
          l == 0 ? x : net_.LayerNorm(name + "attn_norm", x, 1e-5);
      x = Sum(x, Attention(name, in, input,
                           kinds.is_global[static_cast<size_t>(l)], kinds));
      const NetRows second = net_.LayerNorm(name + "mlp_norm", x, 1e-5);
      // The first half is activated, the second is the gate.
      x = Sum(
          x,
          net_.Linear(
              name + "mlp.Wo",
              Times(
                  Map(net_.Linear(name + "mlp.Wi", second, 0, kNetFfn), Gelu),
                  net_.Linear(name + "mlp.Wi", second, kNetFfn, 2 * kNetFfn))));
    }
    return net_.LayerNorm(prefix + "final_norm", x, 1e-5);
  }

  static std::string Config(const std::string& members) {
    return absl::StrCat(
        R"({"model_type": "modernbert", "vocab_size": 40, "hidden_size": 24,
            "num_hidden_layers": 4, "num_attention_heads": 4,
            "intermediate_size": 40, "norm_eps": 1e-5, )",
        members, "}");
  }
  // As the older configs say it.
  static std::string OldConfig(const std::string& members) {
    return Config(absl::StrCat(
        R"("local_attention": 4, "global_attn_every_n_layers": 3, "global_rope_theta": 500.0,
           "local_rope_theta": 20.0, )",
        members));
  }
  const Kinds kEveryThird = {{true, false, false, true}, 500.0, 20.0, 2};
};

TEST_F(ModernBertTest, MaskedWithTwoLocalLayersOfThree) {
  AddModernBert("model.", false);
  AddHead(false, false);
  net_.Add("decoder.bias", {kNetVocab});
  net_.Copy("model.embeddings.tok_embeddings.weight", "decoder.weight");
  ExpectFormula(
      OldConfig(R"("architectures": ["ModernBertForMaskedLM"])"), Rows(0),
      [&](const NetInput& in) {
        const NetRows x = ModernBert("model.", in, kEveryThird);
        NetRows logits =
            net_.Linear("model.embeddings.tok_embeddings", Head(x));
        for (NetVector& row : logits) {
          for (size_t i = 0; i < row.size(); ++i) {
            row[i] += net_.At("decoder.bias", static_cast<int64_t>(i));
          }
        }
        return NetOutputs{{"last_hidden_state", x}, {"logits", logits}};
      });
}

TEST_F(ModernBertTest, BaseModelOfTheNewerConfigWithAllBiases) {
  AddModernBert("", true);
  const Kinds kinds = {{false, true, true, false}, 700.0, 30.0, 1};
  ExpectFormula(
      Config(R"("local_attention": 3, "norm_bias": true,
                "attention_bias": true, "mlp_bias": true,
                "layer_types": ["sliding_attention", "full_attention",
                                "full_attention", "sliding_attention"],
                "rope_parameters": {
                  "full_attention": {"rope_type": "default",
                                     "rope_theta": 700.0},
                  "sliding_attention": {"rope_type": "default",
                                        "rope_theta": 30.0}},
                "architectures": ["ModernBertModel"])"),
      Rows(0), [&](const NetInput& in) {
        return NetOutputs{{"last_hidden_state", ModernBert("", in, kinds)}};
      });
}

TEST_F(ModernBertTest, ClassifiesByTheFirstTokenOrTheMean) {
  AddModernBert("model.", false);
  AddHead(true, false);
  net_.AddLinear("classifier", 3, kNetWidth, true);
  for (const bool mean : {false, true}) {
    ExpectFormula(
        OldConfig(absl::StrCat(
            R"("classifier_bias": true, "num_labels": 3,
               "classifier_activation": "relu", "classifier_pooling": ")",
            mean ? "mean" : "cls",
            R"(", "architectures": ["ModernBertForSequenceClassification"])")),
        Rows(0), [&](const NetInput& in) {
          const NetRows x = ModernBert("model.", in, kEveryThird);
          NetRows pooled = First(x);
          if (mean) {
            NetVector sum(24);
            double count = 0;
            for (size_t t = 0; t < x.size(); ++t) {
              count += in.mask[t];
              for (size_t i = 0; i < 24; ++i) sum[i] += in.mask[t] * x[t][i];
            }
            pooled = Map({sum}, [count](double v) { return v / count; });
          }
          return NetOutputs{
              {"last_hidden_state", x},
              {"class_logits", net_.Linear("classifier", Head(pooled, Relu))}};
        });
  }
}

TEST_F(ModernBertTest, ClassifiesTokensByTheSameHead) {
  AddModernBert("model.", false);
  AddHead(false, false);
  net_.AddLinear("classifier", 3, kNetWidth, true);
  ExpectFormula(OldConfig(R"("num_labels": 3, "architectures":
                   ["ModernBertForTokenClassification"])"),
                Rows(0), [&](const NetInput& in) {
                  const NetRows x = ModernBert("model.", in, kEveryThird);
                  return NetOutputs{
                      {"last_hidden_state", x},
                      {"class_logits", net_.Linear("classifier", Head(x))}};
                });
}

}  // namespace
}  // namespace ounce
