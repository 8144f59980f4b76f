// What artifacts say of encoders and encoder-decoders, from format version 3
// on.
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "formats/artifact/metadata.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/formats/artifact_image.h"
#include "tests/formats/tiny_artifact.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ModelSpec EncoderSpec() {
  ModelSpec spec;
  spec.architecture = "bert";
  spec.vocab = 8;
  spec.width = 4;
  spec.layers = 3;
  spec.heads = spec.kv_heads = 1;
  spec.head_dim = 4;
  spec.ffn = 4;
  spec.max_context = 16;
  spec.causal = false;
  spec.head = HeadKind::kSequenceLabels;
  spec.labels = {"no", "", "\xC3\xA9"};
  return spec;
}

ModelSpec SequenceSpec() {
  ModelSpec spec = EncoderSpec();
  spec.causal = true;
  spec.head = HeadKind::kLanguageModel;
  spec.labels.clear();
  spec.position = PositionKind::kRelative;
  spec.relative_buckets = 8;
  spec.relative_max_distance = 20;
  spec.encoder = {.layers = 2, .heads = 3, .head_dim = 5, .ffn = 6, .vocab = 7};
  return spec;
}

absl::StatusOr<ModelSpec> RoundTrip(const ModelSpec& spec) {
  ArtifactMetadata metadata;
  metadata.spec = spec;
  metadata.provenance = TinyProvenance();
  metadata.tokenizer = TinyTokenizer();
  metadata.records = TinyRecords();
  const absl::StatusOr<std::vector<uint8_t>> bytes = EncodeMetadata(metadata);
  if (!bytes.ok()) return bytes.status();
  const AlignedBytes aligned(*bytes);
  const absl::StatusOr<ArtifactMetadata> decoded =
      DecodeMetadata(aligned.bytes());
  if (!decoded.ok()) return decoded.status();
  return decoded->spec;
}

TEST(EncoderMetadataTest, KeepsEveryChoiceOfAnEncoder) {
  ModelSpec spec = EncoderSpec();
  spec.position = PositionKind::kLearned;
  spec.position_offset = 2;
  spec.unplaced_id = 1;
  spec.token_types = 3;
  spec.embedding_projected_last = true;
  spec.transform = {.present = true,
                    .bias = false,
                    .norm = true,
                    .activation = ActivationKind::kQuickGelu};
  spec.pooling = Pooling::kMean;
  spec.unit_embedding = true;
  spec.multi_label = true;
  spec.layer_groups = 2;
  ASSERT_OK_AND_ASSIGN(const ModelSpec read, RoundTrip(spec));
  EXPECT_FALSE(read.causal);
  EXPECT_EQ(read.unplaced_id, 1);
  EXPECT_EQ(read.token_types, 3);
  EXPECT_TRUE(read.embedding_projected_last);
  EXPECT_TRUE(read.transform.present && read.transform.norm);
  EXPECT_FALSE(read.transform.bias);
  EXPECT_EQ(read.transform.activation, ActivationKind::kQuickGelu);
  EXPECT_EQ(read.pooling, Pooling::kMean);
  EXPECT_TRUE(read.unit_embedding && read.multi_label);
  EXPECT_EQ(read.layer_groups, 2);
  EXPECT_EQ(read.head, HeadKind::kSequenceLabels);
  EXPECT_THAT(read.labels, ElementsAre("no", "", "\xC3\xA9"));
  EXPECT_TRUE(read.first_norm);
  EXPECT_FALSE(read.has_encoder());
  spec = EncoderSpec();
  spec.first_norm = false;
  EXPECT_FALSE(RoundTrip(spec)->first_norm);
  EXPECT_FALSE(RoundTrip(spec)->transform.present);
  spec.head = HeadKind::kTokenLabels;
  EXPECT_EQ(RoundTrip(spec)->head, HeadKind::kTokenLabels);
  spec.head = HeadKind::kNone;
  spec.labels.clear();
  EXPECT_EQ(RoundTrip(spec)->head, HeadKind::kNone);
}

TEST(EncoderMetadataTest, KeepsTheEncoderBesideADecoderAndItsGeneration) {
  ModelSpec spec = SequenceSpec();
  spec.generation = {.start_id = 1,
                     .forced_first_id = 2,
                     .forced_last_id = 3,
                     .beams = 4,
                     .length_penalty = -0.5,
                     .early_stopping = true,
                     .no_repeat_ngram = 5,
                     .max_tokens = 6,
                     .min_tokens = 7,
                     .suppressed_ids = {0, 6}};
  ASSERT_OK_AND_ASSIGN(const ModelSpec read, RoundTrip(spec));
  EXPECT_TRUE(read.causal);
  EXPECT_EQ(read.position, PositionKind::kRelative);
  EXPECT_EQ(read.relative_buckets, 8);
  EXPECT_EQ(read.relative_max_distance, 20);
  EXPECT_EQ(read.encoder.layers, 2);
  EXPECT_EQ(read.encoder.heads, 3);
  EXPECT_EQ(read.encoder.head_dim, 5);
  EXPECT_EQ(read.encoder.ffn, 6);
  EXPECT_EQ(read.encoder.vocab, 7);
  EXPECT_EQ(read.generation.start_id, 1);
  EXPECT_EQ(read.generation.forced_first_id, 2);
  EXPECT_EQ(read.generation.forced_last_id, 3);
  EXPECT_EQ(read.generation.beams, 4);
  EXPECT_EQ(read.generation.length_penalty, -0.5);
  EXPECT_TRUE(read.generation.early_stopping);
  EXPECT_EQ(read.generation.no_repeat_ngram, 5);
  EXPECT_EQ(read.generation.max_tokens, 6);
  EXPECT_EQ(read.generation.min_tokens, 7);
  EXPECT_THAT(read.generation.suppressed_ids, ElementsAre(0, 6));
  spec.position = PositionKind::kSinusoidal;
  EXPECT_EQ(RoundTrip(spec)->position, PositionKind::kSinusoidal);
}

// As files of the versions before have it, which lack all of these fields.
TEST(EncoderMetadataTest, WhatIsNotSaidIsADecoder) {
  ModelSpec spec = SequenceSpec();
  spec.encoder = {};
  spec.position = PositionKind::kRotary;
  ASSERT_OK_AND_ASSIGN(const ModelSpec read, RoundTrip(spec));
  EXPECT_TRUE(read.causal && read.first_norm);
  EXPECT_EQ(read.head, HeadKind::kLanguageModel);
  EXPECT_EQ(read.unplaced_id, -1);
  EXPECT_EQ(read.generation.start_id, -1);
  EXPECT_EQ(read.generation.beams, 1);
  EXPECT_TRUE(read.labels.empty());
}

struct Bad {
  std::string words;
  std::function<void(ModelSpec*)> change;
};

void ExpectNamed(const ModelSpec& valid, const std::vector<Bad>& all) {
  ASSERT_OK(RoundTrip(valid).status());
  for (const Bad& bad : all) {
    ModelSpec spec = valid;
    bad.change(&spec);
    EXPECT_THAT(RoundTrip(spec),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr(bad.words)))
        << bad.words;
  }
}

TEST(EncoderMetadataTest, HostileEncodersAreNamed) {
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  ExpectNamed(
      EncoderSpec(),
      {{"head is 4; expected 0 to 3",
        [](ModelSpec* s) { s->head = static_cast<HeadKind>(4); }},
       {"pooling is 2; expected 0 to 1",
        [](ModelSpec* s) { s->pooling = static_cast<Pooling>(2); }},
       {"the head's activation is 9",
        [](ModelSpec* s) {
          s->transform.present = true;
          s->transform.activation = static_cast<ActivationKind>(9);
        }},
       {"position is 5",
        [](ModelSpec* s) { s->position = static_cast<PositionKind>(5); }},
       {"a label has 1025 bytes",
        [](ModelSpec* s) { s->labels = {std::string(1025, 'x')}; }},
       {"number of labels is 65537",
        [](ModelSpec* s) { s->labels.assign(65537, ""); }},
       {"number of labels is 0", [](ModelSpec* s) { s->labels.clear(); }},
       {"unplaced_id is 7", [](ModelSpec* s) { s->unplaced_id = 7; }},
       {"unplaced_id", [](ModelSpec* s) { s->unplaced_id = -kHuge; }},
       {"token_types", [](ModelSpec* s) { s->token_types = kHuge; }},
       {"layer_groups", [](ModelSpec* s) { s->layer_groups = kHuge; }},
       {"layer_groups", [](ModelSpec* s) { s->layer_groups = -1; }},
       {"can lack the first",
        [](ModelSpec* s) {
          s->first_norm = false;
          s->norm_placement = NormPlacement::kSum;
        }},
       {"a decoder needs", [](ModelSpec* s) { s->causal = true; }}});
}

TEST(EncoderMetadataTest, HostileSequenceModelsAreNamed) {
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  ExpectNamed(
      SequenceSpec(),
      {{"encoder layers", [](ModelSpec* s) { s->encoder.layers = kHuge; }},
       {"encoder heads", [](ModelSpec* s) { s->encoder.heads = -1; }},
       {"encoder head_dim", [](ModelSpec* s) { s->encoder.head_dim = 0; }},
       {"encoder ffn", [](ModelSpec* s) { s->encoder.ffn = kHuge; }},
       {"encoder vocab", [](ModelSpec* s) { s->encoder.vocab = -2; }},
       {"relative_buckets", [](ModelSpec* s) { s->relative_buckets = 0; }},
       {"relative_max_distance",
        [](ModelSpec* s) { s->relative_max_distance = 0; }},
       {"beams", [](ModelSpec* s) { s->generation.beams = kHuge; }},
       {"suppressed id",
        [](ModelSpec* s) { s->generation.suppressed_ids = {-1}; }},
       {"generation id",
        [](ModelSpec* s) { s->generation.start_id = INT32_MIN; }},
       {"length_penalty", [](ModelSpec* s) {
          s->generation.length_penalty =
              std::numeric_limits<double>::infinity();
        }}});
}

}  // namespace
}  // namespace ounce
