#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/packing/codec.h"
#include "formats/artifact/artifact_reader.h"
#include "formats/artifact/metadata.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/formats/artifact_image.h"
#include "tests/formats/tiny_artifact.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

constexpr int64_t kInt64Max = std::numeric_limits<int64_t>::max();

// The tiny artifact, and verbs that damage it.
class ArtifactTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(WriteTinyArtifact(folder_.Path("tiny.oz")));
    file_ = folder_.Read("tiny.oz");
  }

  ArtifactImage Image() const { return ArtifactImage(file_); }

  static absl::Status Open(ArtifactImage image) {
    const AlignedBytes bytes(image.bytes());
    return ArtifactReader::Parse(bytes.bytes()).status();
  }

  absl::Status OpenTruncatedTo(size_t size) const {
    ArtifactImage image = Image();
    image.bytes().resize(size);
    return Open(std::move(image));
  }

  // With the 64-bit field of the header at `at` set and the checksum right.
  absl::Status OpenWithField(size_t at, uint64_t value) const {
    ArtifactImage image = Image();
    image.SetField(at, value);
    image.Seal();
    return Open(std::move(image));
  }

  // With metadata that says something else, under a right hash.
  absl::Status OpenWith(
      const std::function<void(ArtifactMetadata&)>& edit) const {
    ArtifactImage image = Image();
    const AlignedBytes metadata(
        absl::MakeConstSpan(image.bytes()).subspan(image.metadata_offset()));
    OUNCE_ASSIGN_OR_RETURN(ArtifactMetadata edited,
                           DecodeMetadata(metadata.bytes()));
    edit(edited);
    OUNCE_ASSIGN_OR_RETURN(const std::vector<uint8_t> encoded,
                           EncodeMetadata(edited));
    image.SetMetadata(encoded);
    return Open(std::move(image));
  }

  // With another record for the second tensor, the vector of the first norm.
  absl::Status OpenWithRecord(
      const std::function<void(TensorRecord&)>& edit) const {
    return OpenWith([&](ArtifactMetadata& m) { edit(m.records[1]); });
  }

  const TempFolder folder_;
  std::string file_;
};

testing::Matcher<absl::Status> DataLoss(const std::string& words) {
  return StatusIs(absl::StatusCode::kDataLoss, HasSubstr(words));
}

// The header is a contract: when this changes, the format version has to.  The
// checksum was computed with libxxhash alone.
TEST(ArtifactHeaderTest, HasTheDocumentedBytes) {
  ArtifactHeader header;
  header.version = 1;
  header.weights_offset = 0x1000;
  header.metadata_offset = 0x2000;
  header.metadata_bytes = 100;
  header.metadata_hash = {1, 2};
  const auto bytes = EncodeHeader(header);
  EXPECT_THAT(bytes,
              ElementsAre(0x89, 'O', 'U', 'N', 'C', 'E', '\r', '\n',  //
                          1, 0, 0, 0, 64, 0, 0, 0,                    //
                          0x00, 0x10, 0, 0, 0, 0, 0, 0,               //
                          0x00, 0x20, 0, 0, 0, 0, 0, 0,               //
                          100, 0, 0, 0, 0, 0, 0, 0,                   //
                          1, 0, 0, 0, 0, 0, 0, 0,                     //
                          2, 0, 0, 0, 0, 0, 0, 0,                     //
                          0x94, 0x80, 0xdd, 0xef, 0x7f, 0xd8, 0xb6, 0x6a));
}

// What is written today (0), and what was written when each version was
// settled: every later version has to read it.
class StoredArtifactTest : public ArtifactTest,
                           public ::testing::WithParamInterface<uint32_t> {
 protected:
  std::string Path() const {
    return GetParam() == 0
               ? folder_.Path("tiny.oz")
               : absl::StrCat(OUNCE_SOURCE_DIR "/tests/formats/golden/version_",
                              GetParam(), ".oz");
  }
};

INSTANTIATE_TEST_SUITE_P(Files, StoredArtifactTest,
                         ::testing::Values(0, 1, 2, 3, 4),
                         [](const ::testing::TestParamInfo<uint32_t>& version) {
                           return version.param == 0
                                      ? "written_now"
                                      : absl::StrCat("version_", version.param);
                         });

TEST_P(StoredArtifactTest, GivesBackWhatWasWritten) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ArtifactReader> reader,
                       ArtifactReader::Open(Path()));
  EXPECT_EQ(reader->version(), GetParam() == 0 ? kArtifactVersion : GetParam());
  EXPECT_OK(reader->CheckHashes(nullptr));
  const std::vector<TensorRecord> expected = TinyRecords(reader->version());
  ASSERT_EQ(reader->records().size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    const TensorRecord& record = reader->records()[i];
    EXPECT_EQ(record.name, expected[i].name);
    EXPECT_EQ(record.shape, expected[i].shape);
    EXPECT_EQ(record.codec, expected[i].codec);
    EXPECT_EQ(record.group_size, expected[i].group_size);
    EXPECT_EQ(std::isinf(record.snr_db), record.codec == Codec::kF32);
    EXPECT_EQ(record.sparsity, 0.25);
    const StoredTensor* tensor = reader->Find(record.name);
    ASSERT_NE(tensor, nullptr);
    EXPECT_EQ(tensor->codec, record.codec);
    EXPECT_THAT(tensor->bytes, ElementsAreArray(TinyWeights(i, record.bytes)));
  }
  EXPECT_EQ(reader->Find("lm_head.weight"), nullptr);
}

TEST_P(StoredArtifactTest, GivesBackSpecTokenizerAndProvenance) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ArtifactReader> reader,
                       ArtifactReader::Open(Path()));
  const ModelSpec& spec = reader->spec();
  EXPECT_EQ(spec.architecture, "llama");
  EXPECT_EQ(spec.vocab, 8);
  EXPECT_EQ(spec.norm_epsilon, 1e-5);
  EXPECT_EQ(spec.activation, ActivationKind::kGeluTanh);
  EXPECT_EQ(spec.rotary.scaling, RotaryScaling::kLlama3);
  EXPECT_EQ(spec.rotary.factor, 8.0);
  EXPECT_EQ(spec.rotary.original_context, 8192);
  EXPECT_EQ(spec.window, 12);
  EXPECT_TRUE(spec.tied_head);
  EXPECT_FALSE(spec.qkv_bias);
  EXPECT_THAT(spec.stop_ids, ElementsAre(7, 3));
  ASSERT_EQ(reader->tokenizer().files.size(), 2u);
  ASSERT_NE(reader->tokenizer().Find("chat_template.jinja"), nullptr);
  EXPECT_EQ(*reader->tokenizer().Find("chat_template.jinja"),
            std::string("a\0b", 3));
  const Provenance& provenance = reader->provenance();
  EXPECT_EQ(provenance.tool_version, "0.1.0");
  EXPECT_EQ(provenance.recipe, "weights: int4\n");
  ASSERT_EQ(provenance.sources.size(), 2u);
  EXPECT_EQ(provenance.sources[1].name, "model.safetensors");
  EXPECT_EQ(provenance.sources[1].sha256, std::string(64, 'b'));
  EXPECT_EQ(provenance.sources[1].bytes, int64_t{1} << 40);
}

// Every field of a spec differs from its default and from its neighbours.
ModelSpec SpecOfEveryChoice() {
  ModelSpec spec = TinySpec();
  spec.layers = 3;
  spec.norm = NormKind::kLayer;
  spec.norm_bias = true;
  spec.norm_offset = 1.0;
  spec.norm_placement = NormPlacement::kInputAndOutput;
  spec.final_norm = false;
  spec.qk_norm = QkNorm::kWhole;
  spec.position_offset = 2;
  spec.alibi_scale = 0.25;
  spec.alibi_bf16 = true;
  spec.rotary.scaling = RotaryScaling::kLongRope;
  spec.rotary.dims = 2;
  spec.rotary.adjacent_pairs = true;
  spec.rotary.beta_fast = 31.0;
  spec.rotary.beta_slow = 2.0;
  spec.rotary.truncate = false;
  spec.rotary.attention_factor = 1.19;
  spec.rotary.short_factors = {1.5};
  spec.rotary.long_factors = {2.5};
  spec.local_rotary.base = 77.0;
  spec.layer_kinds = {
      {.windowed = false, .rotary = LayerRotary::kLocal, .routed = true},
      {.windowed = true, .rotary = LayerRotary::kNone, .routed = false},
      {}};
  spec.gated_ffn = false;
  spec.experts = {.experts = 6,
                  .per_token = 2,
                  .ffn = 5,
                  .shared_ffn = 7,
                  .normalized = false};
  spec.embedding_width = 3;
  spec.embedding_scale = 2.5;
  spec.embedding_norm = true;
  spec.attention_scale = 0.5;
  spec.attention_scale_by_layer = true;
  spec.attention_soft_cap = 50.0;
  spec.residual_scale = 0.22;
  spec.logit_scale = 0.125;
  spec.logit_soft_cap = 30.0;
  spec.head_bias = true;
  return spec;
}

ModelSpec RoundTrip(const ModelSpec& spec) {
  ArtifactMetadata metadata;
  metadata.spec = spec;
  metadata.provenance = TinyProvenance();
  metadata.tokenizer = TinyTokenizer();
  metadata.records = TinyRecords();
  const absl::StatusOr<std::vector<uint8_t>> bytes = EncodeMetadata(metadata);
  EXPECT_OK(bytes.status());
  const AlignedBytes aligned(*bytes);
  const absl::StatusOr<ArtifactMetadata> decoded =
      DecodeMetadata(aligned.bytes());
  EXPECT_OK(decoded.status());
  return decoded->spec;
}

TEST(ArtifactMetadataTest, KeepsEveryChoiceOfASpec) {
  const ModelSpec spec = RoundTrip(SpecOfEveryChoice());
  EXPECT_EQ(spec.norm, NormKind::kLayer);
  EXPECT_TRUE(spec.norm_bias);
  EXPECT_EQ(spec.norm_offset, 1.0);
  EXPECT_EQ(spec.norm_placement, NormPlacement::kInputAndOutput);
  EXPECT_FALSE(spec.final_norm);
  EXPECT_EQ(spec.qk_norm, QkNorm::kWhole);
  EXPECT_EQ(spec.position_offset, 2);
  EXPECT_EQ(spec.alibi_scale, 0.25);
  EXPECT_TRUE(spec.alibi_bf16);
  EXPECT_EQ(spec.rotary.scaling, RotaryScaling::kLongRope);
  EXPECT_EQ(spec.rotary.dims, 2);
  EXPECT_TRUE(spec.rotary.adjacent_pairs);
  EXPECT_EQ(spec.rotary.beta_fast, 31.0);
  EXPECT_EQ(spec.rotary.beta_slow, 2.0);
  EXPECT_FALSE(spec.rotary.truncate);
  EXPECT_EQ(spec.rotary.attention_factor, 1.19);
  EXPECT_THAT(spec.rotary.short_factors, ElementsAre(1.5));
  EXPECT_THAT(spec.rotary.long_factors, ElementsAre(2.5));
  EXPECT_EQ(spec.local_rotary.base, 77.0);
  ASSERT_EQ(spec.layer_kinds.size(), 3u);
  EXPECT_FALSE(spec.layer_kinds[0].windowed);
  EXPECT_EQ(spec.layer_kinds[0].rotary, LayerRotary::kLocal);
  EXPECT_TRUE(spec.layer_kinds[0].routed);
  EXPECT_TRUE(spec.layer_kinds[1].windowed);
  EXPECT_EQ(spec.layer_kinds[1].rotary, LayerRotary::kNone);
  EXPECT_FALSE(spec.layer_kinds[1].routed);
  EXPECT_FALSE(spec.gated_ffn);
  EXPECT_EQ(spec.experts.experts, 6);
  EXPECT_EQ(spec.experts.per_token, 2);
  EXPECT_EQ(spec.experts.ffn, 5);
  EXPECT_EQ(spec.experts.shared_ffn, 7);
  EXPECT_FALSE(spec.experts.normalized);
  EXPECT_EQ(spec.embedding_width, 3);
  EXPECT_EQ(spec.embedding_scale, 2.5);
  EXPECT_TRUE(spec.embedding_norm);
  EXPECT_EQ(spec.attention_scale, 0.5);
  EXPECT_TRUE(spec.attention_scale_by_layer);
  EXPECT_EQ(spec.attention_soft_cap, 50.0);
  EXPECT_EQ(spec.residual_scale, 0.22);
  EXPECT_EQ(spec.logit_scale, 0.125);
  EXPECT_EQ(spec.logit_soft_cap, 30.0);
  EXPECT_TRUE(spec.head_bias);
}

TEST(ArtifactMetadataTest, KeepsOrdersAndPositionsToo) {
  ModelSpec spec = TinySpec();
  spec.residual = ResidualOrder::kParallelShared;
  spec.position = PositionKind::kLearned;
  EXPECT_EQ(RoundTrip(spec).residual, ResidualOrder::kParallelShared);
  EXPECT_EQ(RoundTrip(spec).position, PositionKind::kLearned);
  spec = TinySpec();
  spec.residual_from_norm = true;
  spec.position = PositionKind::kAlibi;
  EXPECT_TRUE(RoundTrip(spec).residual_from_norm);
  EXPECT_EQ(RoundTrip(spec).position, PositionKind::kAlibi);
}

TEST_F(ArtifactTest, RefusesWhatIsNoArtifact) {
  const auto not_artifact = StatusIs(absl::StatusCode::kInvalidArgument,
                                     HasSubstr("not an artifact"));
  EXPECT_THAT(OpenTruncatedTo(0), not_artifact);
  EXPECT_THAT(OpenTruncatedTo(7), not_artifact);
  ArtifactImage image = Image();
  image.bytes()[7] = '\r';  // A transfer as text did this.
  EXPECT_THAT(Open(std::move(image)), not_artifact);
  EXPECT_THAT(ArtifactReader::Open(folder_.Path("none.oz")).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none.oz")));
}

TEST_F(ArtifactTest, ReportsTruncationAtEveryBoundary) {
  const size_t metadata_offset = Image().metadata_offset();
  EXPECT_THAT(OpenTruncatedTo(8), DataLoss("truncated: the file has 8 bytes"));
  EXPECT_THAT(OpenTruncatedTo(63), DataLoss("truncated"));
  for (const size_t size :
       {size_t{64}, size_t{4095}, size_t{4096}, metadata_offset,
        metadata_offset + 1, file_.size() - 1}) {
    EXPECT_THAT(OpenTruncatedTo(size), DataLoss("truncated: metadata at"))
        << size;
  }
}

TEST_F(ArtifactTest, ReportsBytesAfterTheEnd) {
  ArtifactImage image = Image();
  image.bytes().push_back(0);
  EXPECT_THAT(Open(std::move(image)),
              DataLoss("1 bytes after the metadata's end"));
}

TEST_F(ArtifactTest, RefusesTheVersionBeforeTheFirst) {
  ArtifactImage image = Image();
  image.bytes()[8] = 0;
  EXPECT_THAT(Open(std::move(image)),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("compress the checkpoint again")));
}

TEST_F(ArtifactTest, RefusesANewerVersionByName) {
  ArtifactImage image = Image();
  image.bytes()[8] = 7;
  EXPECT_THAT(Open(std::move(image)),
              StatusIs(absl::StatusCode::kUnimplemented,
                       "format version 7 is newer than 4; update ounce"));
}

TEST_F(ArtifactTest, ChecksTheHeader) {
  ArtifactImage image = Image();
  image.bytes()[20] ^= 1;
  EXPECT_THAT(Open(image), DataLoss("checksum at offset 56 does not match"));
  EXPECT_THAT(OpenWithField(8, uint64_t{65} << 32 | 1),
              DataLoss("size field at offset 12 is 65; expected 64"));
  EXPECT_THAT(OpenWithField(16, 0), DataLoss("weights at offset 0"));
  EXPECT_THAT(OpenWithField(16, 4097), DataLoss("multiple of 4096"));
  EXPECT_THAT(OpenWithField(16, 1 << 20), DataLoss("after the weights"));
  EXPECT_THAT(OpenWithField(24, 4097), DataLoss("multiple of 64"));
  EXPECT_THAT(OpenWithField(24, uint64_t{1} << 63), DataLoss("multiple of 64"));
  EXPECT_THAT(OpenWithField(24, uint64_t{1} << 62), DataLoss("truncated"));
  EXPECT_THAT(OpenWithField(32, ~uint64_t{0}), DataLoss("metadata of -1"));
  EXPECT_THAT(OpenWithField(32, uint64_t{1} << 31),
              DataLoss("expected at most 1073741824"));
}

TEST_F(ArtifactTest, ChecksTheMetadataHash) {
  ArtifactImage image = Image();
  image.bytes().back() ^= 1;
  EXPECT_THAT(Open(std::move(image)), DataLoss("the file is damaged"));
}

TEST_F(ArtifactTest, VerifiesMetadataBehindARightHash) {
  const auto invalid = DataLoss("no valid FlatBuffer of kind OUNC");
  ArtifactImage image = Image();
  image.SetMetadata(std::vector<uint8_t>(64, 0xFF));
  EXPECT_THAT(Open(image), invalid);
  image.SetMetadata({});
  EXPECT_THAT(Open(image), DataLoss("metadata of 0 bytes"));
  ArtifactImage wrong_kind = Image();
  wrong_kind.bytes()[wrong_kind.metadata_offset() + 4] = 'X';
  wrong_kind.Seal();
  EXPECT_THAT(Open(std::move(wrong_kind)), invalid);
}

TEST_F(ArtifactTest, ChecksWhereTensorsLie) {
  // The embedding [8, 4] of f32 takes 128 bytes, so the norm follows at 4224.
  const auto moved_to = [&](int64_t offset) {
    return OpenWithRecord([&](TensorRecord& r) { r.offset = offset; });
  };
  EXPECT_THAT(moved_to(4224), IsOk());
  for (const int64_t offset : {4224 + 1, 4224 + 64, 4224 - 64, 0, -64}) {
    EXPECT_THAT(moved_to(offset),
                DataLoss("'model.layers.0.input_layernorm.weight' at offset " +
                         std::to_string(offset) + "; expected 4224"));
  }
  EXPECT_THAT(moved_to(kInt64Max), DataLoss("expected 4224"));
  EXPECT_THAT(moved_to(int64_t{1} << 40), DataLoss("expected 4224"));
}

TEST_F(ArtifactTest, ChecksThatTensorsFillTheWeightRegion) {
  EXPECT_THAT(OpenWith([](ArtifactMetadata& m) { m.records.pop_back(); }),
              DataLoss("but the metadata starts at"));
  EXPECT_THAT(OpenWith([](ArtifactMetadata& m) {
                TensorRecord extra = m.records.back();
                extra.name = "extra";
                extra.offset += 64;
                m.records.push_back(extra);
              }),
              DataLoss("tensor 'extra' at offset"));
  EXPECT_THAT(OpenWith([](ArtifactMetadata& m) {
                std::swap(m.records[0], m.records[1]);
              }),
              DataLoss("expected 4096"));
}

TEST_F(ArtifactTest, ChecksThatBytesAreWhatTheShapeNeeds) {
  EXPECT_THAT(OpenWithRecord([](TensorRecord& r) { r.bytes = 15; }),
              DataLoss("has 15 bytes; shape [4] of codec f32 needs 16"));
  EXPECT_THAT(OpenWithRecord([](TensorRecord& r) { r.bytes = -1; }),
              DataLoss("has -1 bytes"));
  EXPECT_THAT(OpenWithRecord([](TensorRecord& r) { r.shape = {5}; }),
              DataLoss("needs 20"));
  EXPECT_THAT(OpenWithRecord([](TensorRecord& r) { r.codec = Codec::kF16; }),
              DataLoss("of codec f16 needs 8"));
}

TEST_F(ArtifactTest, ChecksShapes) {
  const auto shaped = [&](const Shape& shape) {
    return OpenWithRecord([&](TensorRecord& r) { r.shape = shape; });
  };
  EXPECT_THAT(shaped({}), DataLoss("has rank 0; expected 1 or 2"));
  EXPECT_THAT(shaped({2, 2, 1}), DataLoss("has rank 3"));
  EXPECT_THAT(shaped({0}), DataLoss("expected positive dimensions"));
  EXPECT_THAT(shaped({2, -2}), DataLoss("expected positive dimensions"));
  EXPECT_THAT(shaped({kInt64Max, kInt64Max}), DataLoss("at most 2^50"));
  EXPECT_THAT(shaped({int64_t{1} << 62, 4}), DataLoss("at most 2^50"));
}

TEST_F(ArtifactTest, ChecksCodecs) {
  EXPECT_THAT(
      OpenWithRecord([](TensorRecord& r) { r.codec = static_cast<Codec>(99); }),
      StatusIs(absl::StatusCode::kUnimplemented,
               HasSubstr("has codec 99; we have f32, f16, bf16, int8, int4, "
                         "int4-asym")));
  // A foreign one.
  EXPECT_THAT(OpenWithRecord([](TensorRecord& r) { r.codec = Codec::kQ8_0; }),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("has codec 136; we have f32")));
  EXPECT_THAT(OpenWithRecord([](TensorRecord& r) { r.codec = Codec::kInt8; }),
              DataLoss("a vector of codec int8; expected f32, f16 or bf16"));
  EXPECT_THAT(OpenWithRecord([](TensorRecord& r) { r.group_size = 7; }),
              DataLoss("group size 7 for codec f32"));
  EXPECT_THAT(OpenWithRecord([](TensorRecord& r) {
                r.shape = {2, 2};
                r.codec = Codec::kInt4;
                r.group_size = 0;
              }),
              DataLoss("group size 0 for codec int4; expected 32, 64 or 128"));
}

TEST_F(ArtifactTest, ChecksNamesAndMeasures) {
  EXPECT_THAT(OpenWith([](ArtifactMetadata& m) {
                m.records[1].name = m.records[0].name;
              }),
              DataLoss("'model.embed_tokens.weight' is listed twice"));
  EXPECT_THAT(OpenWithRecord([](TensorRecord& r) { r.name.clear(); }),
              DataLoss("a tensor's name has 0 bytes; expected 1 to 1024"));
  EXPECT_THAT(OpenWithRecord([](TensorRecord& r) { r.snr_db = std::nan(""); }),
              DataLoss("snr_db nan"));
  for (const double sparsity : {-0.1, 1.1, std::nan("")}) {
    EXPECT_THAT(OpenWithRecord([&](TensorRecord& r) { r.sparsity = sparsity; }),
                DataLoss("expected a number and a share from 0 to 1"));
  }
}

TEST_F(ArtifactTest, ChecksTheSpec) {
  const auto with_spec = [&](const std::function<void(ModelSpec&)>& edit) {
    return OpenWith([&](ArtifactMetadata& m) { edit(m.spec); });
  };
  EXPECT_THAT(with_spec([](ModelSpec& s) {
                s.activation = static_cast<ActivationKind>(7);
              }),
              DataLoss("activation is 7; expected 0 to 6"));
  EXPECT_THAT(with_spec([](ModelSpec& s) {
                s.rotary.scaling = static_cast<RotaryScaling>(6);
              }),
              DataLoss("rotary.scaling is 6; expected 0 to 5"));
  EXPECT_THAT(with_spec([](ModelSpec& s) { s.layers = -1; }),
              DataLoss("spec: layers is -1"));
  EXPECT_THAT(with_spec([](ModelSpec& s) { s.norm_epsilon = std::nan(""); }),
              DataLoss("spec: norm_epsilon"));
  EXPECT_THAT(with_spec([](ModelSpec& s) { s.architecture.clear(); }),
              DataLoss("architecture has 0 bytes"));
}

TEST_F(ArtifactTest, ChecksTokenizerAndProvenance) {
  EXPECT_THAT(OpenWith([](ArtifactMetadata& m) {
                m.tokenizer.kind = static_cast<TokenizerKind>(5);
              }),
              DataLoss("the tokenizer's kind is 5; expected 0 to 4"));
  EXPECT_THAT(OpenWith([](ArtifactMetadata& m) {
                m.tokenizer.files.push_back(m.tokenizer.files[0]);
              }),
              DataLoss("tokenizer file 'tokenizer.json' is listed twice"));
  EXPECT_THAT(OpenWith([](ArtifactMetadata& m) {
                m.provenance.sources[0].sha256 = "abc";
              }),
              DataLoss("SHA-256 has 3 bytes; expected 64"));
  EXPECT_THAT(
      OpenWith([](ArtifactMetadata& m) { m.provenance.sources[0].bytes = -1; }),
      DataLoss("source 'config.json' has -1 bytes"));
}

TEST_F(ArtifactTest, CheckHashesNamesTheTensorThatDiffers) {
  file_[4224 + 3] ^= 0x10;
  ASSERT_OK_AND_ASSIGN(
      const std::unique_ptr<ArtifactReader> reader,
      ArtifactReader::Open(folder_.Write("damaged.oz", file_)));
  EXPECT_THAT(reader->CheckHashes({}),
              DataLoss("'model.layers.0.input_layernorm.weight' at offset "
                       "4224 with 16 bytes: hash is"));
}

TEST_F(ArtifactTest, CheckHashesReportsProgressUpToTheTotal) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ArtifactReader> reader,
                       ArtifactReader::Open(folder_.Path("tiny.oz")));
  int64_t last = 0;
  int64_t last_total = 0;
  EXPECT_OK(reader->CheckHashes([&](int64_t done, int64_t total) {
    EXPECT_GE(done, last);
    last = done;
    last_total = total;
  }));
  EXPECT_EQ(last, last_total);
  EXPECT_EQ(last, static_cast<int64_t>(Image().metadata_offset()) - 4096);
}

// Header checksum, metadata hash, tensor hashes and the zeros between them
// leave no byte out.
TEST_F(ArtifactTest, NoByteOfTheFileCanDifferUnnoticed) {
  for (size_t i = 0; i < file_.size(); ++i) {
    ArtifactImage image = Image();
    image.bytes()[i] ^= 0x04;
    const AlignedBytes bytes(image.bytes());
    const auto reader = ArtifactReader::Parse(bytes.bytes());
    ASSERT_FALSE(reader.ok() && (*reader)->CheckHashes({}).ok())
        << "byte " << i;
  }
}

// Damage under right hashes, as a hostile file has it: an error or a model
// whose every byte can be read.
TEST_F(ArtifactTest, SurvivesSealedRandomDamage) {
  std::mt19937 random(1);
  int opened = 0;
  for (int round = 0; round < 500; ++round) {
    ArtifactImage image = Image();
    const size_t metadata_offset = image.metadata_offset();
    const int num_edits = 1 + static_cast<int>(random() % 4);
    for (int edit = 0; edit < num_edits; ++edit) {
      // Mostly in the metadata: the weights are never interpreted here.
      const size_t begin = random() % 8 == 0 ? 0 : metadata_offset;
      const size_t at = begin + random() % (image.bytes().size() - begin);
      image.bytes()[at] = static_cast<uint8_t>(random());
    }
    image.Seal();
    const AlignedBytes bytes(image.bytes());
    const auto reader = ArtifactReader::Parse(bytes.bytes());
    if (!reader.ok()) continue;
    ++opened;
    TouchAllBytes(**reader);
    (*reader)->CheckHashes({}).IgnoreError();
  }
  // Some damage is harmless (a text, a hash): else nothing was tested.
  EXPECT_GT(opened, 20);
  EXPECT_LT(opened, 480);
}

}  // namespace
}  // namespace ounce
