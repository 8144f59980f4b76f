// What tests of encoder families share: nets of BERT's kind, and their blocks
// and embeddings as formulas.
#ifndef OUNCE_TESTS_E2E_ENCODER_FIXTURE_H_
#define OUNCE_TESTS_E2E_ENCODER_FIXTURE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/e2e/raw_outputs_fixture.h"

namespace ounce {

// All nets: vocabulary 40, width 24, 4 heads of size 6, feed-forward 40.
inline constexpr int64_t kNetVocab = 40;
inline constexpr int64_t kNetWidth = 24;
inline constexpr int64_t kNetFfn = 40;
inline constexpr double kNetRoot = 2.449489742783178;  // Of head size 6.

// The tensors of a block with norms after the sums.
struct BlockNames {
  std::string query, key, value, output, first_norm, up, down, second_norm;
};

inline NetRows First(const NetRows& x) { return {x[0]}; }

inline double Relu(double x) { return std::max(x, 0.0); }
inline double Tanh(double x) { return std::tanh(x); }

class EncoderFamiliesTest : public RawOutputsTest {
 protected:
  void AddBlock(const BlockNames& names) {
    for (const std::string& name :
         {names.query, names.key, names.value, names.output}) {
      net_.AddLinear(name, kNetWidth, kNetWidth, true);
    }
    net_.AddNorm(names.first_norm, kNetWidth, true);
    net_.AddLinear(names.up, kNetFfn, kNetWidth, true);
    net_.AddLinear(names.down, kNetWidth, kNetFfn, true);
    net_.AddNorm(names.second_norm, kNetWidth, true);
  }
  NetRows Block(const BlockNames& names, const NetRows& x,
                const std::vector<uint8_t>& mask, double (*activation)(double),
                double epsilon) const {
    NetAttention args = {4, 4, 1 / kNetRoot};
    args.causal = false;
    args.mask = mask;
    const NetRows attended =
        Attend(args, net_.Linear(names.query, x), net_.Linear(names.key, x),
               net_.Linear(names.value, x));
    const NetRows y = net_.LayerNorm(
        names.first_norm, Sum(x, net_.Linear(names.output, attended)), epsilon);
    return net_.LayerNorm(
        names.second_norm,
        Sum(y,
            net_.Linear(names.down, Map(net_.Linear(names.up, y), activation))),
        epsilon);
  }

  void AddEmbeddings(const std::string& prefix, int64_t width,
                     int64_t positions, int64_t types) {
    net_.Add(prefix + "word_embeddings.weight", {kNetVocab, width});
    net_.Add(prefix + "position_embeddings.weight", {positions, width});
    if (types > 0) {
      net_.Add(prefix + "token_type_embeddings.weight", {types, width});
    }
    net_.AddNorm(prefix + "LayerNorm", width, true);
  }
  NetRows Embed(const std::string& prefix, const NetInput& in,
                const Ids& positions, double epsilon) const {
    NetRows x = net_.Embedding(prefix + "word_embeddings.weight", in.ids);
    x = Sum(x,
            net_.Embedding(prefix + "position_embeddings.weight", positions));
    if (net_.Has(prefix + "token_type_embeddings.weight")) {
      Ids types = in.types;
      types.resize(in.ids.size());
      x = Sum(x,
              net_.Embedding(prefix + "token_type_embeddings.weight", types));
    }
    return net_.LayerNorm(prefix + "LayerNorm", x, epsilon);
  }
  static Ids Counted(const NetInput& in) {
    Ids positions;
    for (size_t t = 0; t < in.ids.size(); ++t) {
      positions.push_back(static_cast<int32_t>(t));
    }
    return positions;
  }

  // The names of BERT, RoBERTa and ELECTRA.
  static BlockNames BertNames(const std::string& prefix, int64_t layer) {
    const std::string name = absl::StrCat(prefix, "encoder.layer.", layer, ".");
    return {name + "attention.self.query",
            name + "attention.self.key",
            name + "attention.self.value",
            name + "attention.output.dense",
            name + "attention.output.LayerNorm",
            name + "intermediate.dense",
            name + "output.dense",
            name + "output.LayerNorm"};
  }
  void AddBert(const std::string& prefix, int64_t positions, int64_t types) {
    AddEmbeddings(prefix + "embeddings.", kNetWidth, positions, types);
    for (int64_t l = 0; l < 3; ++l) AddBlock(BertNames(prefix, l));
  }
  NetRows BertBlocks(const std::string& prefix, NetRows x, const NetInput& in,
                     double (*activation)(double)) const {
    for (int64_t l = 0; l < 3; ++l) {
      x = Block(BertNames(prefix, l), x, in.mask, activation, 1e-12);
    }
    return x;
  }
  NetRows Bert(const std::string& prefix, const NetInput& in,
               double (*activation)(double) = Gelu) const {
    return BertBlocks(prefix,
                      Embed(prefix + "embeddings.", in, Counted(in), 1e-12), in,
                      activation);
  }
  // norm(activation(dense)), then the embedding's rows and a bias.
  NetRows Vocabulary(const std::string& dense, const std::string& norm,
                     const std::string& embedding, const std::string& bias,
                     const NetRows& x, double (*activation)(double)) const {
    NetRows logits = net_.Linear(
        embedding,
        net_.LayerNorm(norm, Map(net_.Linear(dense, x), activation), 1e-12));
    for (NetVector& row : logits) {
      for (size_t i = 0; i < row.size(); ++i) {
        row[i] += net_.At(bias, static_cast<int64_t>(i));
      }
    }
    return logits;
  }

  static std::string BertConfig(const std::string& members,
                                const std::string& type = "bert") {
    return absl::StrCat(R"({"model_type": ")", type,
                        R"(", "vocab_size": 40, "hidden_size": 24,
            "num_hidden_layers": 3, "num_attention_heads": 4,
            "intermediate_size": 40, )",
                        members, "}");
  }
};

}  // namespace ounce

#endif  // OUNCE_TESTS_E2E_ENCODER_FIXTURE_H_
