// BERT and its kin: their formulas, written down from the papers and from
// modeling_*.py of transformers 5.12, against the program's raw outputs, from a
// config.json and tensors under the names that published files have.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/e2e/encoder_fixture.h"

namespace ounce {
namespace {

TEST_F(EncoderFamiliesTest, BertPoolsWhatItGivesTheFirstToken) {
  AddBert("", 16, 2);
  net_.AddLinear("pooler.dense", kNetWidth, kNetWidth, true);
  ExpectFormula(
      BertConfig(R"("max_position_embeddings": 16,
                              "architectures": ["BertModel"])"),
      WithTypes(Rows(0)), [&](const NetInput& in) {
        const NetRows x = Bert("", in);
        return NetOutputs{
            {"last_hidden_state", x},
            {"pooled", Map(net_.Linear("pooler.dense", First(x)), Tanh)}};
      });
}

// The names of bert-base-uncased: norms' vectors by their old names, the
// pre-training heads, a number for each position.
TEST_F(EncoderFamiliesTest, MaskedBertUnderItsOldestNames) {
  AddBert("bert.", 16, 2);
  net_.AddLinear("bert.pooler.dense", kNetWidth, kNetWidth, true);
  net_.AddLinear("cls.predictions.transform.dense", kNetWidth, kNetWidth, true);
  net_.AddNorm("cls.predictions.transform.LayerNorm", kNetWidth, true);
  net_.Add("cls.predictions.bias", {kNetVocab});
  net_.AddLinear("cls.seq_relationship", 2, kNetWidth, true);
  net_.Add("bert.embeddings.position_ids", {1, 16});
  net_.Copy("bert.embeddings.word_embeddings.weight",
            "cls.predictions.decoder.weight");
  rename_ = [](std::string name) {
    if (absl::EndsWith(name, "LayerNorm.weight")) {
      return name.substr(0, name.size() - 6) + "gamma";
    }
    if (absl::EndsWith(name, "LayerNorm.bias")) {
      return name.substr(0, name.size() - 4) + "beta";
    }
    return name;
  };
  ExpectFormula(
      BertConfig(R"("max_position_embeddings": 16, "hidden_act": "gelu_new",
                    "architectures": ["BertForMaskedLM"])"),
      WithTypes(Rows(0)), [&](const NetInput& in) {
        const NetRows x = Bert("bert.", in, GeluTanh);
        return NetOutputs{
            {"last_hidden_state", x},
            {"logits", Vocabulary("cls.predictions.transform.dense",
                                  "cls.predictions.transform.LayerNorm",
                                  "bert.embeddings.word_embeddings",
                                  "cls.predictions.bias", x, GeluTanh)}};
      });
}

TEST_F(EncoderFamiliesTest, BertForPreTrainingIsALanguageModel) {
  AddBert("bert.", 16, 2);
  net_.AddLinear("cls.predictions.transform.dense", kNetWidth, kNetWidth, true);
  net_.AddNorm("cls.predictions.transform.LayerNorm", kNetWidth, true);
  net_.Add("cls.predictions.bias", {kNetVocab});
  // A head that was trained apart from the embedding, whatever the config says.
  net_.Add("cls.predictions.decoder.weight", {kNetVocab, kNetWidth});
  ExpectFormula(
      BertConfig(R"("max_position_embeddings": 16,
                              "architectures": ["BertForPreTraining"])"),
      Rows(0), [&](const NetInput& in) {
        const NetRows x = Bert("bert.", in);
        return NetOutputs{
            {"last_hidden_state", x},
            {"logits", Vocabulary("cls.predictions.transform.dense",
                                  "cls.predictions.transform.LayerNorm",
                                  "cls.predictions.decoder",
                                  "cls.predictions.bias", x, Gelu)}};
      });
}

TEST_F(EncoderFamiliesTest, BertClassifiesTheTextByItsPooler) {
  AddBert("bert.", 16, 2);
  net_.AddLinear("bert.pooler.dense", kNetWidth, kNetWidth, true);
  net_.AddLinear("classifier", 3, kNetWidth, true);
  ExpectFormula(
      BertConfig(R"("max_position_embeddings": 16, "hidden_act": "relu",
                    "architectures": ["BertForSequenceClassification"],
                    "id2label": {"0": "a", "1": "b", "2": "c"})"),
      WithTypes(Rows(0)), [&](const NetInput& in) {
        const NetRows x = Bert("bert.", in, Relu);
        return NetOutputs{
            {"last_hidden_state", x},
            {"class_logits",
             net_.Linear(
                 "classifier",
                 Map(net_.Linear("bert.pooler.dense", First(x)), Tanh))}};
      });
}

TEST_F(EncoderFamiliesTest, BertClassifiesTokensWithoutATransform) {
  AddBert("bert.", 16, 2);
  net_.AddLinear("classifier", 5, kNetWidth, true);
  ExpectFormula(BertConfig(R"("max_position_embeddings": 16, "num_labels": 5,
                    "architectures": ["BertForTokenClassification"])"),
                Rows(0), [&](const NetInput& in) {
                  const NetRows x = Bert("bert.", in);
                  return NetOutputs{
                      {"last_hidden_state", x},
                      {"class_logits", net_.Linear("classifier", x)}};
                });
}

// Some tensors with the prefix, some without.
TEST_F(EncoderFamiliesTest, PrefixesMayBeMixed) {
  AddBert("bert.", 16, 2);
  rename_ = [](std::string name) {
    return absl::StrContains(name, "layer.1.") ||
                   absl::StrContains(name, "position")
               ? name.substr(5)
               : name;
  };
  ExpectFormula(BertConfig(R"("max_position_embeddings": 16)"), Rows(0),
                [&](const NetInput& in) {
                  return NetOutputs{{"last_hidden_state", Bert("bert.", in)}};
                });
}

TEST_F(EncoderFamiliesTest, StrictRefusesTensorsOfNobody) {
  AddBert("bert.", 16, 2);
  net_.Add("bert.encoder.layer.0.adapter.down.weight", {4, kNetWidth});
  net_.Write(folder_.path(), BertConfig(R"("max_position_embeddings": 16)"));
  EXPECT_THAT(OpenModel(folder_.path(), {.strict = true}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::HasSubstr(
                           "bert.encoder.layer.0.adapter.down.weight")));
  ASSERT_OK_AND_ASSIGN(const ModelFile model, OpenModel(folder_.path()));
  EXPECT_THAT(
      model.bound.surplus,
      ::testing::ElementsAre("bert.encoder.layer.0.adapter.down.weight"));
}

// Another layer than the config has is not silently left out either.
TEST_F(EncoderFamiliesTest, StrictRefusesALayerTooMany) {
  AddBert("", 16, 2);
  AddBlock(BertNames("", 3));
  net_.Write(folder_.path(), BertConfig(R"("max_position_embeddings": 16)"));
  EXPECT_THAT(OpenModel(folder_.path(), {.strict = true}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::HasSubstr("16 tensors")));
}

class RobertaTest : public EncoderFamiliesTest {
 protected:
  // Tokens that are no padding have the rows behind the padding's id, the
  // padding has the row of its id.
  static Ids Placed(const NetInput& in, int32_t pad) {
    Ids positions;
    int32_t next = pad;
    for (const int32_t id : in.ids) {
      positions.push_back(id == pad ? pad : ++next);
    }
    return positions;
  }
  NetRows Roberta(const std::string& prefix, const NetInput& in,
                  int32_t pad) const {
    return BertBlocks(prefix,
                      Embed(prefix + "embeddings.", in, Placed(in, pad), 1e-12),
                      in, Gelu);
  }
};

TEST_F(RobertaTest, CountsNoPaddingWhereverItIs) {
  AddBert("", 18, 1);
  std::vector<NetInput> rows = Rows(1);
  // One in the middle that the mask does not hide.
  rows[1].ids[4] = 1;
  ExpectFormula(BertConfig(R"("max_position_embeddings": 18,
                              "type_vocab_size": 1, "pad_token_id": 1,
                              "architectures": ["XLMRobertaModel"])",
                           "xlm-roberta"),
                rows, [&](const NetInput& in) {
                  return NetOutputs{{"last_hidden_state", Roberta("", in, 1)}};
                });
}

// The names of roberta-base: a pooler that its head leaves out, copies of the
// tied head and of its bias.
TEST_F(RobertaTest, MaskedWithAnotherPadding) {
  AddBert("roberta.", 20, 2);
  net_.AddLinear("roberta.pooler.dense", kNetWidth, kNetWidth, true);
  net_.AddLinear("lm_head.dense", kNetWidth, kNetWidth, true);
  net_.AddNorm("lm_head.layer_norm", kNetWidth, true);
  net_.Add("lm_head.bias", {kNetVocab});
  net_.Copy("roberta.embeddings.word_embeddings.weight",
            "lm_head.decoder.weight");
  net_.Copy("lm_head.bias", "lm_head.decoder.bias");
  ExpectFormula(
      BertConfig(R"("max_position_embeddings": 20, "pad_token_id": 5,
                    "architectures": ["RobertaForMaskedLM"])",
                 "roberta"),
      WithTypes(Rows(5)), [&](const NetInput& in) {
        const NetRows x = Roberta("roberta.", in, 5);
        return NetOutputs{
            {"last_hidden_state", x},
            {"logits", Vocabulary("lm_head.dense", "lm_head.layer_norm",
                                  "roberta.embeddings.word_embeddings",
                                  "lm_head.bias", x, Gelu)}};
      });
}

TEST_F(RobertaTest, ClassifiesByATransformOfTheFirstToken) {
  AddBert("roberta.", 18, 1);
  net_.AddLinear("classifier.dense", kNetWidth, kNetWidth, true);
  net_.AddLinear("classifier.out_proj", 2, kNetWidth, true);
  ExpectFormula(
      BertConfig(R"("max_position_embeddings": 18, "type_vocab_size": 1,
                    "architectures": ["RobertaForSequenceClassification"])",
                 "roberta"),
      Rows(1), [&](const NetInput& in) {
        const NetRows x = Roberta("roberta.", in, 1);
        return NetOutputs{
            {"last_hidden_state", x},
            {"class_logits",
             net_.Linear(
                 "classifier.out_proj",
                 Map(net_.Linear("classifier.dense", First(x)), Tanh))}};
      });
}

TEST_F(RobertaTest, ClassifiesTokens) {
  AddBert("roberta.", 18, 1);
  net_.AddLinear("classifier", 4, kNetWidth, true);
  ExpectFormula(
      BertConfig(R"("max_position_embeddings": 18, "type_vocab_size": 1,
                    "num_labels": 4,
                    "architectures": ["XLMRobertaForTokenClassification"])",
                 "xlm-roberta"),
      Rows(1), [&](const NetInput& in) {
        const NetRows x = Roberta("roberta.", in, 1);
        return NetOutputs{{"last_hidden_state", x},
                          {"class_logits", net_.Linear("classifier", x)}};
      });
}

class DistilBertTest : public EncoderFamiliesTest {
 protected:
  static BlockNames Names(const std::string& prefix, int64_t layer) {
    const std::string name =
        absl::StrCat(prefix, "transformer.layer.", layer, ".");
    return {name + "attention.q_lin", name + "attention.k_lin",
            name + "attention.v_lin", name + "attention.out_lin",
            name + "sa_layer_norm",   name + "ffn.lin1",
            name + "ffn.lin2",        name + "output_layer_norm"};
  }
  void AddDistilBert(const std::string& prefix) {
    AddEmbeddings(prefix + "embeddings.", kNetWidth, 16, 0);
    for (int64_t l = 0; l < 2; ++l) AddBlock(Names(prefix, l));
  }
  NetRows DistilBert(const std::string& prefix, const NetInput& in) const {
    NetRows x = Embed(prefix + "embeddings.", in, Counted(in), 1e-12);
    for (int64_t l = 0; l < 2; ++l) {
      x = Block(Names(prefix, l), x, in.mask, Gelu, 1e-12);
    }
    return x;
  }
  static std::string Config(const std::string& architecture) {
    return absl::StrCat(
        R"({"model_type": "distilbert", "vocab_size": 40, "dim": 24,
            "n_layers": 2, "n_heads": 4, "hidden_dim": 40,
            "max_position_embeddings": 16, "activation": "gelu",
            "architectures": [")",
        architecture, R"("]})");
  }
};

TEST_F(DistilBertTest, BaseModelOutOfAMaskedOnesFile) {
  AddDistilBert("distilbert.");
  net_.AddLinear("vocab_transform", kNetWidth, kNetWidth, true);
  net_.AddNorm("vocab_layer_norm", kNetWidth, true);
  net_.Add("vocab_projector.bias", {kNetVocab});
  ExpectFormula(Config("DistilBertModel"), Rows(0), [&](const NetInput& in) {
    return NetOutputs{{"last_hidden_state", DistilBert("distilbert.", in)}};
  });
}

TEST_F(DistilBertTest, Masked) {
  AddDistilBert("distilbert.");
  net_.AddLinear("vocab_transform", kNetWidth, kNetWidth, true);
  net_.AddNorm("vocab_layer_norm", kNetWidth, true);
  net_.Add("vocab_projector.bias", {kNetVocab});
  net_.Copy("distilbert.embeddings.word_embeddings.weight",
            "vocab_projector.weight");
  ExpectFormula(
      Config("DistilBertForMaskedLM"), Rows(0), [&](const NetInput& in) {
        const NetRows x = DistilBert("distilbert.", in);
        return NetOutputs{
            {"last_hidden_state", x},
            {"logits", Vocabulary("vocab_transform", "vocab_layer_norm",
                                  "distilbert.embeddings.word_embeddings",
                                  "vocab_projector.bias", x, Gelu)}};
      });
}

TEST_F(DistilBertTest, ClassifiesTextsAndTokens) {
  AddDistilBert("distilbert.");
  net_.AddLinear("classifier", 2, kNetWidth, true);
  ExpectFormula(Config("DistilBertForTokenClassification"), Rows(0),
                [&](const NetInput& in) {
                  const NetRows x = DistilBert("distilbert.", in);
                  return NetOutputs{
                      {"last_hidden_state", x},
                      {"class_logits", net_.Linear("classifier", x)}};
                });
  net_.AddLinear("pre_classifier", kNetWidth, kNetWidth, true);
  ExpectFormula(
      Config("DistilBertForSequenceClassification"), Rows(0),
      [&](const NetInput& in) {
        const NetRows x = DistilBert("distilbert.", in);
        return NetOutputs{
            {"last_hidden_state", x},
            {"class_logits",
             net_.Linear("classifier",
                         Map(net_.Linear("pre_classifier", First(x)), Relu))}};
      });
}

}  // namespace
}  // namespace ounce
