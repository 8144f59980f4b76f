// T5, mT5, BART, mBART and Marian: their formulas, written down from the papers
// and from modeling_*.py of transformers 5.12, against the program's raw
// outputs, from a config.json and tensors under the names that published files
// have.
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/e2e/raw_outputs_fixture.h"

namespace ounce {
namespace {

constexpr int64_t kVocab = 40;
constexpr int64_t kWidth = 24;

double Relu(double x) { return std::max(x, 0.0); }

// Rows of another vocabulary's size are no tensor of this one.
std::vector<uint8_t> AllSeen(const NetInput& in) {
  return std::vector<uint8_t>(in.decoder_ids.size(), 1);
}

class T5Test : public RawOutputsTest {
 protected:
  // 4 heads of size 5, a feed-forward of 40; 3 layers encode, 2 decode.
  static constexpr int64_t kInner = 20;
  static constexpr int64_t kFfn = 40;

  static std::string Part(const std::string& stack, int64_t block, int part) {
    return absl::StrCat(stack, ".block.", block, ".layer.", part, ".");
  }
  void AddAttention(const std::string& name) {
    for (const char* projection : {"q", "k", "v"}) {
      net_.AddLinear(name + projection, kInner, kWidth);
    }
    net_.AddLinear(name + "o", kWidth, kInner);
  }
  void AddStack(const std::string& stack, int64_t blocks, bool crosses) {
    for (int64_t b = 0; b < blocks; ++b) {
      AddAttention(Part(stack, b, 0) + "SelfAttention.");
      net_.AddNorm(Part(stack, b, 0) + "layer_norm", kWidth);
      if (crosses) {
        AddAttention(Part(stack, b, 1) + "EncDecAttention.");
        net_.AddNorm(Part(stack, b, 1) + "layer_norm", kWidth);
      }
      const std::string fed = Part(stack, b, crosses ? 2 : 1);
      for (const char* in : {"wi", "wi_0", "wi_1"}) {
        if (gated_ == absl::StrContains(in, "_")) {
          net_.AddLinear(absl::StrCat(fed, "DenseReluDense.", in), kFfn,
                         kWidth);
        }
      }
      net_.AddLinear(fed + "DenseReluDense.wo", kWidth, kFfn);
      net_.AddNorm(fed + "layer_norm", kWidth);
    }
    net_.Add(Part(stack, 0, 0) + "SelfAttention.relative_attention_bias.weight",
             {buckets_, 4});
    net_.AddNorm(stack + ".final_layer_norm", kWidth);
  }
  void AddT5() {
    net_.Add("shared.weight", {kVocab, kWidth});
    AddStack("encoder", 3, false);
    AddStack("decoder", 2, true);
  }

  // Section 2.1 of the paper: half of `buckets` are for a distance each, the
  // others for ranges that grow as powers up to `distance_`.
  int64_t Range(int64_t distance, int64_t buckets) const {
    const int64_t exact = buckets / 2;
    if (distance < exact) return distance;
    int64_t bucket = exact;
    // The range of bucket b begins where (distance / exact)^(buckets - exact)
    // reaches (distance_ / exact)^(b - exact).
    const auto steps = static_cast<double>(buckets - exact);
    const double reached = steps * std::log2(static_cast<double>(distance) /
                                             static_cast<double>(exact));
    const double step =
        std::log2(static_cast<double>(distance_) / static_cast<double>(exact));
    while (bucket + 1 < buckets &&
           step * static_cast<double>(bucket + 1 - exact) <= reached + 1e-9) {
      ++bucket;
    }
    return bucket;
  }
  double Bias(const std::string& stack, size_t head, size_t query,
              size_t key) const {
    const int64_t ahead =
        static_cast<int64_t>(key) - static_cast<int64_t>(query);
    int64_t bucket;
    if (stack == "decoder") {
      bucket = Range(std::max<int64_t>(0, -ahead), buckets_);
    } else {
      bucket =
          Range(std::abs(ahead), buckets_ / 2) + (ahead > 0 ? buckets_ / 2 : 0);
    }
    return net_.At(
        Part(stack, 0, 0) + "SelfAttention.relative_attention_bias.weight",
        bucket * 4 + static_cast<int64_t>(head));
  }
  NetRows Attention(const std::string& name, const NetRows& x,
                    const NetRows& seen, const NetAttention& args) const {
    return net_.Linear(name + "o", Attend(args, net_.Linear(name + "q", x),
                                          net_.Linear(name + "k", seen),
                                          net_.Linear(name + "v", seen)));
  }
  NetRows Fed(const std::string& name, const NetRows& x) const {
    const NetRows in = net_.RmsNorm(name + "layer_norm", x, 1e-6);
    const std::string dense = name + "DenseReluDense.";
    return net_.Linear(
        dense + "wo",
        gated_ ? Times(Map(net_.Linear(dense + "wi_0", in), GeluTanh),
                       net_.Linear(dense + "wi_1", in))
               : Map(net_.Linear(dense + "wi", in), Relu));
  }
  NetRows Encode(const NetInput& in) const {
    NetRows x = net_.Embedding("shared.weight", in.ids);
    NetAttention args = {4, 4, 1.0};
    args.causal = false;
    args.mask = in.mask;
    args.bias = [this](size_t h, size_t q, size_t k) {
      return Bias("encoder", h, q, k);
    };
    for (int64_t b = 0; b < 3; ++b) {
      const std::string name = Part("encoder", b, 0);
      const NetRows y = net_.RmsNorm(name + "layer_norm", x, 1e-6);
      x = Sum(x, Attention(name + "SelfAttention.", y, y, args));
      x = Sum(x, Fed(Part("encoder", b, 1), x));
    }
    return net_.RmsNorm("encoder.final_layer_norm", x, 1e-6);
  }
  NetRows Decode(const NetInput& in, const NetRows& encoded) const {
    NetRows x = net_.Embedding("shared.weight", in.decoder_ids);
    NetAttention self = {4, 4, 1.0};
    self.bias = [this](size_t h, size_t q, size_t k) {
      return Bias("decoder", h, q, k);
    };
    NetAttention cross = {4, 4, 1.0};
    cross.causal = false;
    cross.mask = in.mask;
    for (int64_t b = 0; b < 2; ++b) {
      std::string name = Part("decoder", b, 0);
      NetRows y = net_.RmsNorm(name + "layer_norm", x, 1e-6);
      x = Sum(x, Attention(name + "SelfAttention.", y, y, self));
      name = Part("decoder", b, 1);
      y = net_.RmsNorm(name + "layer_norm", x, 1e-6);
      x = Sum(x, Attention(name + "EncDecAttention.", y, encoded, cross));
      x = Sum(x, Fed(Part("decoder", b, 2), x));
    }
    return net_.RmsNorm("decoder.final_layer_norm", x, 1e-6);
  }
  // Logits by the rows of `head`, multiplied by `scale`.
  void ExpectT5(const std::string& members, const std::string& head,
                double scale, std::vector<NetInput> inputs) {
    ExpectFormula(
        absl::StrCat(R"({"vocab_size": 40, "d_model": 24, "d_kv": 5,
                         "num_layers": 3, "num_decoder_layers": 2,
                         "num_heads": 4, "d_ff": 40,
                         "decoder_start_token_id": 0, )",
                     members, "}"),
        inputs, [&](const NetInput& in) {
          const NetRows encoded = Encode(in);
          return NetOutputs{
              {"encoder_last_hidden_state", encoded},
              {"logits", Map(net_.Linear(head, Decode(in, encoded)),
                             [scale](double v) { return scale * v; })}};
        });
  }

  bool gated_ = false;
  int64_t buckets_ = 32;
  int64_t distance_ = 128;
};

const double kScale = 1.0 / std::sqrt(24.0);

// The names of t5-small, whose encoder and decoder have copies of the
// embedding, and a bias that nothing reads.
TEST_F(T5Test, TiedHeadIsScaledDown) {
  AddT5();
  net_.Copy("shared.weight", "encoder.embed_tokens.weight");
  net_.Copy("shared.weight", "decoder.embed_tokens.weight");
  net_.Copy("shared.weight", "lm_head.weight");
  net_.Add(
      "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias."
      "weight",
      {32, 4});
  ExpectT5(R"("model_type": "t5",
              "architectures": ["T5ForConditionalGeneration"])",
           "shared", kScale, WithDecoderIds(Rows(0)));
}

TEST_F(T5Test, ScaleByItsOwnKeyWhateverIsTied) {
  AddT5();
  ExpectT5(R"("model_type": "t5", "tie_word_embeddings": true,
              "scale_decoder_outputs": false)",
           "shared", 1.0, WithDecoderIds(Rows(0)));
  ExpectT5(R"("model_type": "t5", "tie_word_embeddings": false,
              "scale_decoder_outputs": true)",
           "shared", kScale, WithDecoderIds(Rows(0)));
}

// As of version 1.1: of a config of then, and of one saved anew by
// transformers 5, which calls the head tied.
TEST_F(T5Test, GatedWithAHeadOfItsOwn) {
  gated_ = true;
  AddT5();
  net_.AddLinear("lm_head", kVocab, kWidth);
  ExpectT5(R"("model_type": "t5", "feed_forward_proj": "gated-gelu",
              "tie_word_embeddings": false)",
           "lm_head", 1.0, WithDecoderIds(Rows(0)));
  ExpectT5(R"("model_type": "t5", "feed_forward_proj": "gated-gelu",
              "tie_word_embeddings": true, "scale_decoder_outputs": false)",
           "lm_head", 1.0, WithDecoderIds(Rows(0)));
}

// Files without the shared name, as MADLAD's.
TEST_F(T5Test, EmbeddingUnderTheDecodersNameAlone) {
  gated_ = true;
  AddT5();
  net_.AddLinear("lm_head", kVocab, kWidth);
  rename_ = [](std::string name) {
    return name == "shared.weight" ? "decoder.embed_tokens.weight" : name;
  };
  ExpectT5(R"("model_type": "t5", "feed_forward_proj": "gated-gelu",
              "tie_word_embeddings": false)",
           "lm_head", 1.0, WithDecoderIds(Rows(0)));
}

TEST_F(T5Test, Mt5ScalesNothing) {
  gated_ = true;
  AddT5();
  for (const char* tied : {"", R"(, "tie_word_embeddings": true)",
                           R"(, "tie_word_embeddings": false)"}) {
    ExpectT5(absl::StrCat(R"("model_type": "mt5")", tied), "shared", 1.0,
             WithDecoderIds(Rows(0)));
  }
  net_.AddLinear("lm_head", kVocab, kWidth);
  ExpectT5(R"("model_type": "mt5", "tie_word_embeddings": false)", "lm_head",
           1.0, WithDecoderIds(Rows(0)));
}

// Far beyond the distance from which on all share a bucket, on both sides.
TEST_F(T5Test, LongTexts) {
  AddT5();
  std::vector<NetInput> inputs(1);
  for (int32_t i = 0; i < 300; ++i) {
    inputs[0].ids.push_back(i * 7 % 40);
    inputs[0].mask.push_back(i % 11 != 3);
    if (i < 170) inputs[0].decoder_ids.push_back(i * 3 % 40);
  }
  ExpectT5(R"("model_type": "t5")", "shared", kScale, inputs);
}

TEST_F(T5Test, OtherBucketsAndDistances) {
  buckets_ = 9;  // The last of them serves no encoder.
  distance_ = 7;
  AddT5();
  ExpectT5(R"("model_type": "t5", "relative_attention_num_buckets": 9,
              "relative_attention_max_distance": 7)",
           "shared", kScale, WithDecoderIds(Rows(0)));
}

// BART's kin.  4 heads decode and 2 encode, feed-forwards of 40 and 32.
class BartTest : public RawOutputsTest {
 protected:
  void AddAttention(const std::string& name) {
    for (const char* projection : {"q_proj", "k_proj", "v_proj", "out_proj"}) {
      net_.AddLinear(name + "." + projection, kWidth, kWidth, true);
    }
    net_.AddNorm(name + "_layer_norm", kWidth, true);
  }
  void AddStack(const std::string& stack, int64_t ffn, bool crosses) {
    for (int64_t l = 0; l < 2; ++l) {
      const std::string name = absl::StrCat(stack, ".layers.", l, ".");
      AddAttention(name + "self_attn");
      if (crosses) AddAttention(name + "encoder_attn");
      net_.AddLinear(name + "fc1", ffn, kWidth, true);
      net_.AddLinear(name + "fc2", kWidth, ffn, true);
      net_.AddNorm(name + "final_layer_norm", kWidth, true);
    }
    if (learned_) {
      net_.Add(stack + ".embed_positions.weight", {18, kWidth});
      net_.AddNorm(stack + ".layernorm_embedding", kWidth, true);
    }
    if (pre_norm_) net_.AddNorm(stack + ".layer_norm", kWidth, true);
  }
  void AddBart(const std::string& prefix) {
    AddStack(prefix + "encoder", 32, false);
    AddStack(prefix + "decoder", 40, true);
  }

  // The sines of all even dimensions, then the cosines of all odd ones.
  static double Sinusoid(size_t position, size_t i) {
    const bool is_sine = i < kWidth / 2;
    const size_t pair = is_sine ? i : i - kWidth / 2;
    const double angle =
        static_cast<double>(position) /
        std::pow(10000.0, 2.0 * static_cast<double>(pair) / kWidth);
    return is_sine ? std::sin(angle) : std::cos(angle);
  }
  NetRows Embed(const std::string& stack, const std::string& embedding,
                const Ids& ids) const {
    NetRows x = Map(net_.Embedding(embedding + ".weight", ids),
                    [this](double v) { return scale_ * v; });
    for (size_t t = 0; t < x.size(); ++t) {
      for (size_t i = 0; i < x[t].size(); ++i) {
        const auto row = static_cast<int64_t>((t + 2) * kWidth + i);
        x[t][i] += learned_ ? net_.At(stack + ".embed_positions.weight", row)
                            : Sinusoid(t, i);
      }
    }
    return learned_ ? net_.LayerNorm(stack + ".layernorm_embedding", x, 1e-5)
                    : x;
  }
  // One sub-layer around `function`.
  NetRows Around(const std::string& norm, const NetRows& x,
                 const std::function<NetRows(const NetRows&)>& function) const {
    if (pre_norm_) return Sum(x, function(net_.LayerNorm(norm, x, 1e-5)));
    return net_.LayerNorm(norm, Sum(x, function(x)), 1e-5);
  }
  NetRows Attention(const std::string& name, const NetRows& x,
                    const NetRows& seen, size_t heads, bool causal,
                    const std::vector<uint8_t>& mask) const {
    NetAttention args = {heads, heads,
                         1 / std::sqrt(24.0 / static_cast<double>(heads))};
    args.causal = causal;
    args.mask = mask;
    return net_.Linear(name + ".out_proj",
                       Attend(args, net_.Linear(name + ".q_proj", x),
                              net_.Linear(name + ".k_proj", seen),
                              net_.Linear(name + ".v_proj", seen)));
  }
  // `encoded` is null for the encoder itself.
  NetRows Stack(const std::string& stack, NetRows x, const NetInput& in,
                const NetRows* encoded) const {
    const bool decodes = encoded != nullptr;
    for (int64_t l = 0; l < 2; ++l) {
      const std::string name = absl::StrCat(stack, ".layers.", l, ".");
      x = Around(name + "self_attn_layer_norm", x, [&](const NetRows& y) {
        return Attention(name + "self_attn", y, y, decodes ? 4 : 2, decodes,
                         decodes ? AllSeen(in) : in.mask);
      });
      if (decodes) {
        x = Around(name + "encoder_attn_layer_norm", x, [&](const NetRows& y) {
          return Attention(name + "encoder_attn", y, *encoded, 4, false,
                           in.mask);
        });
      }
      x = Around(name + "final_layer_norm", x, [&](const NetRows& y) {
        return net_.Linear(name + "fc2",
                           Map(net_.Linear(name + "fc1", y), activation_));
      });
    }
    return pre_norm_ ? net_.LayerNorm(stack + ".layer_norm", x, 1e-5) : x;
  }
  struct Ends {
    std::string prefix;   // Of all but the head.
    std::string encoder;  // Embeddings.
    std::string decoder;
    std::string head;
  };
  void ExpectBart(const std::string& members, const Ends& ends,
                  const std::vector<NetInput>& inputs) {
    ExpectFormula(
        absl::StrCat(R"({"d_model": 24, "encoder_layers": 2,
                         "decoder_layers": 2, "encoder_attention_heads": 2,
                         "decoder_attention_heads": 4, "encoder_ffn_dim": 32,
                         "decoder_ffn_dim": 40, "max_position_embeddings": 16,
                         "decoder_start_token_id": 2, )",
                     members, "}"),
        inputs, [&](const NetInput& in) {
          const std::string encoder = ends.prefix + "encoder";
          const std::string decoder = ends.prefix + "decoder";
          const NetRows encoded =
              Stack(encoder, Embed(encoder, ends.encoder, in.ids), in, nullptr);
          NetRows logits = net_.Linear(
              ends.head,
              Stack(decoder, Embed(decoder, ends.decoder, in.decoder_ids), in,
                    &encoded));
          for (size_t i = 0;
               net_.Has("final_logits_bias") && i < logits[0].size(); ++i) {
            for (NetVector& row : logits) {
              row[i] += net_.At("final_logits_bias", static_cast<int64_t>(i));
            }
          }
          return NetOutputs{{"encoder_last_hidden_state", encoded},
                            {"logits", logits}};
        });
  }

  bool learned_ = true;    // Positions, with a norm of the embedding.
  bool pre_norm_ = false;  // Norms before sub-layers, and one at the end.
  double scale_ = 1.0;     // Of the embedding.
  double (*activation_)(double) = Gelu;
};

// The names of facebook/bart-large-cnn.
TEST_F(BartTest, BartWithCopiesOfItsEmbedding) {
  net_.Add("model.shared.weight", {kVocab, kWidth});
  AddBart("model.");
  net_.Copy("model.shared.weight", "model.encoder.embed_tokens.weight");
  net_.Copy("model.shared.weight", "model.decoder.embed_tokens.weight");
  net_.Copy("model.shared.weight", "lm_head.weight");
  net_.Add("final_logits_bias", {1, kVocab});
  net_.Add("model.encoder.version", {1});
  net_.Add("model.decoder.version", {1});
  ExpectBart(R"("model_type": "bart", "vocab_size": 40,
                "architectures": ["BartForConditionalGeneration"])",
             {"model.", "model.shared", "model.shared", "model.shared"},
             WithDecoderIds(Rows(1)));
}

// The names of facebook/bart-base: those of the base model alone.
TEST_F(BartTest, BaseModelWithoutAPrefixAndWithoutABias) {
  net_.Add("shared.weight", {kVocab, kWidth});
  AddBart("");
  ExpectBart(R"("model_type": "bart", "vocab_size": 40,
                "architectures": ["BartModel"])",
             {"", "shared", "shared", "shared"}, WithDecoderIds(Rows(1)));
}

TEST_F(BartTest, MbartNormsBeforeAndScalesItsEmbedding) {
  pre_norm_ = true;
  scale_ = std::sqrt(24.0);
  activation_ = Relu;
  net_.Add("model.shared.weight", {kVocab, kWidth});
  AddBart("model.");
  net_.AddLinear("lm_head", kVocab, kWidth);  // Its own, config or not.
  net_.Add("final_logits_bias", {1, kVocab});
  for (const char* tied : {"", R"(, "tie_word_embeddings": false)"}) {
    ExpectBart(absl::StrCat(R"("model_type": "mbart", "vocab_size": 40,
                        "scale_embedding": true,
                        "activation_function": "relu",
                        "architectures": ["MBartForConditionalGeneration"])",
                            tied),
               {"model.", "model.shared", "model.shared", "lm_head"},
               WithDecoderIds(Rows(1)));
  }
}

// The names of Helsinki-NLP's files, sinusoids and all.
TEST_F(BartTest, MarianComputesItsPositions) {
  learned_ = false;
  scale_ = std::sqrt(24.0);
  activation_ = Silu;
  net_.Add("model.shared.weight", {kVocab, kWidth});
  AddBart("model.");
  for (const char* stack : {"encoder", "decoder"}) {
    net_.Copy("model.shared.weight",
              absl::StrCat("model.", stack, ".embed_tokens.weight"));
    net_.Add(absl::StrCat("model.", stack, ".embed_positions.weight"),
             {16, kWidth});
  }
  net_.Add("final_logits_bias", {1, kVocab});
  ExpectBart(R"("model_type": "marian", "vocab_size": 40,
                "scale_embedding": true, "activation_function": "swish",
                "decoder_vocab_size": 40,
                "architectures": ["MarianMTModel"])",
             {"model.", "model.shared", "model.shared", "model.shared"},
             WithDecoderIds(Rows(39)));
}

TEST_F(BartTest, MarianWithTwoVocabularies) {
  learned_ = false;
  activation_ = Relu;
  net_.Add("model.encoder.embed_tokens.weight", {kVocab, kWidth});
  net_.Add("model.decoder.embed_tokens.weight", {45, kWidth});
  AddBart("model.");
  net_.Add("final_logits_bias", {1, 45});
  std::vector<NetInput> inputs = WithDecoderIds(Rows(39));
  inputs[0].decoder_ids[3] = 44;  // No id of the source.
  ExpectBart(R"("model_type": "marian", "vocab_size": 40,
                "decoder_vocab_size": 45, "activation_function": "relu",
                "share_encoder_decoder_embeddings": false,
                "architectures": ["MarianMTModel"])",
             {"model.", "model.encoder.embed_tokens",
              "model.decoder.embed_tokens", "model.decoder.embed_tokens"},
             inputs);
}

}  // namespace
}  // namespace ounce
