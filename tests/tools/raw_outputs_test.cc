#include "tools/raw_outputs.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/executor.h"
#include "tests/util/status_matchers.h"
#include "tests/util/tiny_model.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// Tensors of integers in memory.
class IntegerSource : public TensorSource {
 public:
  template <typename T>
  void Add(const std::string& name, const Shape& shape,
           const std::vector<T>& values, const std::string& dtype) {
    bytes_.emplace_back(values.size() * sizeof(T));
    if (!values.empty()) {
      std::memcpy(bytes_.back().data(), values.data(), bytes_.back().size());
    }
    tensors_.push_back({name, shape, dtype, std::nullopt, 0, bytes_.back()});
  }
  absl::Span<const StoredTensor> tensors() const override { return tensors_; }
  const StoredTensor* Find(absl::string_view name) const override {
    for (const StoredTensor& tensor : tensors_) {
      if (tensor.name == name) return &tensor;
    }
    return nullptr;
  }
  void Release(absl::Span<const uint8_t>) const override {}

 private:
  std::vector<std::vector<uint8_t>> bytes_;
  std::vector<StoredTensor> tensors_;
};

using Long = std::vector<int64_t>;

TEST(ReadRawInputsTest, ReadsEveryTensorOfEitherWidth) {
  IntegerSource source;
  source.Add<int64_t>("input_ids", {2, 3}, {1, 2, 3, 4, 5, 6}, "I64");
  source.Add<int32_t>("attention_mask", {2, 3}, {1, 1, 0, 1, 1, 1}, "I32");
  source.Add<int64_t>("token_type_ids", {2, 3}, {0, 0, 1, 0, 1, 1}, "I64");
  source.Add<int64_t>("decoder_input_ids", {2, 1}, {8, 9}, "I64");
  source.Add<int64_t>("something", {1}, {7}, "I64");
  ASSERT_OK_AND_ASSIGN(const RawInputs inputs, ReadRawInputs(source));
  EXPECT_EQ(inputs.ids.rows, 2);
  EXPECT_EQ(inputs.ids.tokens, 3);
  EXPECT_THAT(inputs.ids.row(1), ElementsAre(4, 5, 6));
  EXPECT_THAT(inputs.mask->row(0), ElementsAre(1, 1, 0));
  EXPECT_THAT(inputs.token_types->row(1), ElementsAre(0, 1, 1));
  EXPECT_THAT(inputs.decoder_ids->row(1), ElementsAre(9));
}

TEST(ReadRawInputsTest, OneDimensionIsOneRow) {
  IntegerSource source;
  source.Add<int64_t>("input_ids", {3}, {1, 2, 3}, "I64");
  ASSERT_OK_AND_ASSIGN(const RawInputs inputs, ReadRawInputs(source));
  EXPECT_EQ(inputs.ids.rows, 1);
  EXPECT_FALSE(inputs.mask.has_value() || inputs.token_types.has_value() ||
               inputs.decoder_ids.has_value());
}

TEST(ReadRawInputsTest, NamesWhatCannotBe) {
  EXPECT_THAT(ReadRawInputs(IntegerSource()),
              StatusIs(kInvalid, HasSubstr("no tensor 'input_ids'")));
  const struct {
    Shape shape;
    Long values;
    std::string dtype, words;
  } kBad[] = {
      {{}, {1}, "I64", "has shape"},
      {{1, 1, 2}, {1, 2}, "I64", "expected [rows, tokens]"},
      {{2, 0}, {}, "I64", "is empty"},
      {{1, 1}, {1}, "F64", "expected I64 or I32"},
      {{1, 2}, {1, int64_t{1} << 31}, "I64", "holds 2147483648"},
  };
  for (const auto& bad : kBad) {
    IntegerSource source;
    source.Add<int64_t>("input_ids", bad.shape, bad.values, bad.dtype);
    EXPECT_THAT(ReadRawInputs(source),
                StatusIs(kInvalid, HasSubstr(bad.words)));
  }
  for (const std::string beside : {"attention_mask", "token_type_ids"}) {
    IntegerSource source;
    source.Add<int64_t>("input_ids", {1, 2}, {1, 2}, "I64");
    source.Add<int64_t>(beside, {2, 1}, {1, 1}, "I64");
    EXPECT_THAT(ReadRawInputs(source), StatusIs(kInvalid, HasSubstr(beside)));
  }
  IntegerSource source;
  source.Add<int64_t>("input_ids", {1, 2}, {1, 2}, "I64");
  source.Add<int64_t>("decoder_input_ids", {2, 1}, {1, 1}, "I64");
  EXPECT_THAT(ReadRawInputs(source),
              StatusIs(kInvalid, HasSubstr("'decoder_input_ids' has 2 rows")));
}

class RawOutputsTest : public ::testing::Test {
 protected:
  static RawInputs Inputs() {
    RawInputs inputs;
    inputs.ids = {2, 3, {7, 3, 9, 49, 0, 12}};
    inputs.mask = IdMatrix{2, 3, {1, 1, 1, 0, 1, 1}};
    return inputs;
  }
  static ModelSpec EncoderSpec(HeadKind head) {
    ModelSpec spec = TinySpec();
    spec.causal = false;
    spec.head = head;
    if (spec.has_labels()) spec.labels = {"a", "b"};
    return spec;
  }
  static ModelSpec SequenceSpec() {
    ModelSpec spec = TinySpec();
    spec.kv_heads = 4;
    spec.position = PositionKind::kSinusoidal;
    spec.encoder = {.layers = 1, .heads = 4, .head_dim = 8, .ffn = 40};
    spec.generation.start_id = 5;
    return spec;
  }
  // Names and shapes of what a model of `spec` gives.
  std::vector<std::string> Shapes(const ModelSpec& spec) {
    const TinyModel model(spec);
    const auto outputs =
        ComputeRawOutputs(Inputs(), model.weights(), &context_);
    EXPECT_OK(outputs.status());
    std::vector<std::string> shapes;
    for (const RawOutput& output : *outputs) {
      shapes.push_back(output.name + " " + ShapeString(output.shape));
      int64_t size = 1;
      for (const int64_t dimension : output.shape) size *= dimension;
      EXPECT_EQ(size, static_cast<int64_t>(output.values.size()));
    }
    return shapes;
  }

  ThreadPool pool_{2};
  KernelContext context_{*ParseIsa("native"), &pool_};
};

TEST_F(RawOutputsTest, EveryHeadGivesItsOutputs) {
  EXPECT_THAT(Shapes(TinySpec()), ElementsAre("logits [2, 3, 50]"));
  ModelSpec base = EncoderSpec(HeadKind::kNone);
  EXPECT_THAT(Shapes(base), ElementsAre("last_hidden_state [2, 3, 24]"));
  base.transform.present = true;
  EXPECT_THAT(Shapes(base),
              ElementsAre("last_hidden_state [2, 3, 24]", "pooled [2, 24]"));
  EXPECT_THAT(
      Shapes(EncoderSpec(HeadKind::kSequenceLabels)),
      ElementsAre("last_hidden_state [2, 3, 24]", "class_logits [2, 2]"));
  EXPECT_THAT(
      Shapes(EncoderSpec(HeadKind::kTokenLabels)),
      ElementsAre("last_hidden_state [2, 3, 24]", "class_logits [2, 3, 2]"));
  ModelSpec masked = EncoderSpec(HeadKind::kLanguageModel);
  masked.transform.present = true;
  EXPECT_THAT(Shapes(masked),
              ElementsAre("last_hidden_state [2, 3, 24]", "logits [2, 3, 50]"));
  EXPECT_THAT(
      Shapes(SequenceSpec()),
      ElementsAre("encoder_last_hidden_state [2, 3, 24]", "logits [2, 1, 50]"));
}

// Without ids for the decoder it has the one that it starts from.
TEST_F(RawOutputsTest, DecoderStartsFromItsId) {
  const TinyModel model(SequenceSpec());
  RawInputs inputs = Inputs();
  ASSERT_OK_AND_ASSIGN(const auto without,
                       ComputeRawOutputs(inputs, model.weights(), &context_));
  inputs.decoder_ids = IdMatrix{2, 1, {5, 5}};
  ASSERT_OK_AND_ASSIGN(const auto with,
                       ComputeRawOutputs(inputs, model.weights(), &context_));
  EXPECT_THAT(without[1].values, ElementsAreArray(with[1].values));
  ModelSpec spec = SequenceSpec();
  spec.generation.start_id = -1;
  const TinyModel startless(spec);
  inputs.decoder_ids.reset();
  EXPECT_THAT(ComputeRawOutputs(inputs, startless.weights(), &context_),
              StatusIs(kInvalid, HasSubstr("token id -1")));
}

// Each greedy id is the best of the logits for the text before it.
TEST_F(RawOutputsTest, GreedyIdsAreTheBestOfTheLogits) {
  for (const ModelSpec& spec : {TinySpec(), SequenceSpec()}) {
    const TinyModel model(spec);
    RawInputs inputs = Inputs();
    ASSERT_OK_AND_ASSIGN(const std::vector<int64_t> greedy,
                         ComputeGreedy(inputs, model.weights(), 4, &context_));
    ASSERT_EQ(greedy.size(), 4u);
    std::vector<int32_t> text = {7, 3, 9};
    if (spec.has_encoder()) text = {5};
    for (const int64_t id : greedy) {
      const auto size = static_cast<int64_t>(text.size());
      RawInputs whole = Inputs();
      IdMatrix& ids =
          spec.has_encoder() ? whole.decoder_ids.emplace() : whole.ids;
      ids = {1, size, text};
      if (spec.has_encoder()) whole.ids = {1, 3, {7, 3, 9}};
      whole.mask.reset();
      ASSERT_OK_AND_ASSIGN(
          const auto outputs,
          ComputeRawOutputs(whole, model.weights(), &context_));
      const std::vector<float>& logits = outputs.back().values;
      const auto last = logits.end() - 50;
      EXPECT_EQ(std::max_element(last, logits.end()) - last, id);
      text.push_back(static_cast<int32_t>(id));
    }
  }
}

TEST_F(RawOutputsTest, GreedyNeedsATextAndADecoder) {
  const TinyModel encoder(EncoderSpec(HeadKind::kNone));
  EXPECT_THAT(ComputeGreedy(Inputs(), encoder.weights(), 2, &context_),
              StatusIs(kInvalid, HasSubstr("generates no text")));
  const TinyModel decoder(TinySpec());
  RawInputs inputs = Inputs();
  inputs.mask->values.assign(6, 0);
  EXPECT_THAT(ComputeGreedy(inputs, decoder.weights(), 2, &context_),
              StatusIs(kInvalid, HasSubstr("hides every token")));
}

TEST_F(RawOutputsTest, IdsThatTheModelHasNotAreNamed) {
  for (const HeadKind head : {HeadKind::kNone, HeadKind::kTokenLabels}) {
    const TinyModel model(EncoderSpec(head));
    RawInputs inputs = Inputs();
    inputs.token_types = IdMatrix{2, 3, {0, 0, 0, 0, 1, 0}};
    EXPECT_THAT(ComputeRawOutputs(inputs, model.weights(), &context_),
                StatusIs(kInvalid, HasSubstr("token type 1")));
    inputs.token_types.reset();
    inputs.ids.values[4] = 50;
    EXPECT_THAT(ComputeRawOutputs(inputs, model.weights(), &context_),
                StatusIs(kInvalid, HasSubstr("token id 50")));
  }
}

}  // namespace
}  // namespace ounce
