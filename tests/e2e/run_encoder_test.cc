// `ounce run` of encoders against what transformers 5.12.1 gives on the same
// ids (tests/golden/make_models.py wrote it).
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "formats/safetensors/safetensors_writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/golden_text.h"
#include "tests/util/gaussian.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

// Both compute in f32 with sums in another order.
constexpr double kTolerance = 1e-4;

class RunEncoderTest : public testing::Test {
 protected:
  std::string Model(const std::string& name,
                    const IdTokenizer& tokenizer = {}) {
    const std::string folder = temp_.Path(name);
    WriteGoldenModel(name, tokenizer, folder);
    golden_ = *OpenSafetensors(GoldenPath(name) + "/golden.safetensors");
    return folder;
  }

  // Of row `row` of the golden inputs.
  ProgramResult RunRow(const std::string& model, size_t row,
                       std::vector<std::string> more = {}) {
    const GoldenText text = TextOfRow(*golden_, row);
    std::vector<std::string> args = {"run", model, "-p", text.first};
    if (!text.second.empty()) {
      args.insert(args.end(), {"--pair", text.second});
    }
    args.insert(args.end(), more.begin(), more.end());
    return RunOunce(args);
  }

  void ExpectUsage(const std::vector<std::string>& args,
                   const std::string& words) {
    const ProgramResult run = RunOunce(args);
    EXPECT_EQ(run.exit_code, 2) << run.err;
    EXPECT_THAT(run.err, AllOf(StartsWith("ounce: "), HasSubstr(words)));
  }

  TempFolder temp_;
  std::unique_ptr<TensorSource> golden_;
};

TEST_F(RunEncoderTest, LabelsHaveTheReferencesProbabilities) {
  const std::string model = Model("bert-classifier");
  const auto logits = TensorValues<float>(*golden_, "class_logits");
  for (size_t row = 0; row < 2; ++row) {
    const std::vector<double> expected = SoftmaxOf(logits, 3 * row, 3);
    const ProgramResult run = RunRow(model, row, {"--json"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const Json json = JsonOf(run.out);
    const Json::Array& labels = *json.Find("labels")->AsArray();
    ASSERT_THAT(labels, SizeIs(3));
    double before = 1.0;
    for (const Json& label : labels) {
      const std::string name = *label.GetString("label");
      const double probability = *label.GetDouble("probability");
      EXPECT_NEAR(probability, expected[static_cast<size_t>(name.back() - '0')],
                  kTolerance);
      EXPECT_LE(probability, before);  // The most probable first.
      before = probability;
    }
  }
}

TEST_F(RunEncoderTest, TablesShowAsManyLabelsAsAskedFor) {
  const std::string model = Model("bert-classifier");
  const ProgramResult all = RunRow(model, 0);
  EXPECT_EQ(std::count(all.out.begin(), all.out.end(), '\n'), 4) << all.out;
  const ProgramResult one = RunRow(model, 0, {"--top", "1"});
  EXPECT_EQ(std::count(one.out.begin(), one.out.end(), '\n'), 2) << one.out;
  EXPECT_THAT(all.out, StartsWith("label"));
  const ProgramResult lines =
      RunOunce({"run", model, "-p", "-", "--top", "2"}, "t9 t8\nt7\n");
  EXPECT_EQ(std::count(lines.out.begin(), lines.out.end(), '\n'), 2);
  EXPECT_EQ(std::count(lines.out.begin(), lines.out.end(), '\t'), 6);
}

TEST_F(RunEncoderTest, SeveralLabelsAtOnceAreSigmoids) {
  const std::string model = Model("bert-classifier");
  ReplaceInFile(model + "/config.json", "\"use_cache\"",
                "\"problem_type\": \"multi_label_classification\", "
                "\"use_cache\"");
  const ProgramResult run = RunRow(model, 1, {"--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto logits = TensorValues<float>(*golden_, "class_logits");
  const Json json = JsonOf(run.out);
  for (const Json& label : *json.Find("labels")->AsArray()) {
    const auto i = static_cast<size_t>(label.GetString("label")->back() - '0');
    EXPECT_NEAR(*label.GetDouble("probability"),
                1.0 / (1.0 + std::exp(-double{logits[3 + i]})), kTolerance);
  }
}

TEST_F(RunEncoderTest, EmbeddingsAreTheReferencesStatesPooled) {
  const std::string model = Model("bert");
  const auto states = TensorValues<float>(*golden_, "last_hidden_state");
  const auto pooled = TensorValues<float>(*golden_, "pooled");
  for (size_t row = 0; row < 2; ++row) {
    const size_t tokens = TextOfRow(*golden_, row).tokens;
    const std::vector<double> mean =
        NumbersOf(JsonOf(RunRow(model, row, {"--json"}).out));
    const std::vector<double> first = NumbersOf(
        JsonOf(RunRow(model, row, {"--json", "--pooling", "cls"}).out));
    const std::vector<double> pooler = NumbersOf(
        JsonOf(RunRow(model, row, {"--json", "--pooling", "pooler"}).out));
    ASSERT_THAT(mean, SizeIs(64));
    ASSERT_THAT(first, SizeIs(64));
    ASSERT_THAT(pooler, SizeIs(64));
    for (size_t i = 0; i < 64; ++i) {
      double sum = 0.0;
      for (size_t t = 0; t < tokens; ++t) {
        sum += double{states[(row * 20 + t) * 64 + i]};
      }
      EXPECT_NEAR(mean[i], sum / static_cast<double>(tokens), kTolerance);
      EXPECT_NEAR(first[i], states[row * 20 * 64 + i], kTolerance);
      EXPECT_NEAR(pooler[i], pooled[row * 64 + i], kTolerance);
    }
  }
}

TEST_F(RunEncoderTest, NormalizedEmbeddingsPointTheSameWayWithLengthOne) {
  const std::string model = Model("bert");
  const std::vector<double> plain =
      NumbersOf(JsonOf(RunRow(model, 0, {"--json"}).out));
  const std::vector<double> unit =
      NumbersOf(JsonOf(RunRow(model, 0, {"--json", "--normalize"}).out));
  double squares = 0.0, dot = 0.0, length = 0.0;
  for (size_t i = 0; i < plain.size(); ++i) {
    squares += unit[i] * unit[i];
    dot += unit[i] * plain[i];
    length += plain[i] * plain[i];
  }
  EXPECT_NEAR(squares, 1.0, 1e-6);
  EXPECT_NEAR(dot, std::sqrt(length), 1e-5);
}

TEST_F(RunEncoderTest, TextAndJsonHaveTheSameNumbers) {
  const std::string model = Model("bert");
  std::string text = RunRow(model, 0).out;
  std::replace(text.begin(), text.end(), ' ', ',');
  const std::vector<double> numbers = NumbersOf(JsonOf("[" + text + "]"));
  EXPECT_THAT(numbers, SizeIs(64));
  EXPECT_EQ(numbers, NumbersOf(JsonOf(RunRow(model, 0, {"--json"}).out)));
}

TEST_F(RunEncoderTest, ASentenceTransformersFolderSaysHowToPool) {
  const std::string model = Model("bert");
  const std::vector<double> expected = NumbersOf(JsonOf(
      RunRow(model, 0, {"--json", "--pooling", "cls", "--normalize"}).out));
  WriteWholeFile(model + "/modules.json", R"([
      {"idx": 0, "name": "0", "path": "",
       "type": "sentence_transformers.models.Transformer"},
      {"idx": 1, "name": "1", "path": "1_Pooling",
       "type": "sentence_transformers.models.Pooling"},
      {"idx": 2, "name": "2", "path": "2_Normalize",
       "type": "sentence_transformers.models.Normalize"}])");
  std::filesystem::create_directory(model + "/1_Pooling");
  WriteWholeFile(model + "/1_Pooling/config.json",
                 R"({"word_embedding_dimension": 64,
                     "pooling_mode_cls_token": true,
                     "pooling_mode_mean_tokens": false})");
  WriteWholeFile(model + "/sentence_bert_config.json",
                 R"({"max_seq_length": 20, "do_lower_case": false})");
  EXPECT_EQ(NumbersOf(JsonOf(RunRow(model, 0, {"--json"}).out)), expected);
  // An artifact knows it too.
  const std::string artifact = temp_.Path("float.oz");
  ASSERT_EQ(RunOunce({"compress", model, "-o", artifact, "--recipe", "float"})
                .exit_code,
            0);
  EXPECT_EQ(NumbersOf(JsonOf(RunRow(artifact, 0, {"--json"}).out)), expected);
  const ProgramResult inspect = RunOunce({"inspect", artifact});
  EXPECT_THAT(inspect.out, HasSubstr("1_Pooling/config.json"));
  std::string long_text;
  for (int i = 0; i < 21; ++i) long_text += "t9 ";
  const ProgramResult refused = RunOunce({"run", artifact, "-p", long_text});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("21 tokens, and the model takes 20"),
                                 HasSubstr("--truncate")));
}

// Texts of different lengths, so that one would feel the other's padding.
constexpr char kLines[] =
    "t9 t8 t7 t6 t5\nt44\nt100 t101 t102 t103 t104 t105 t106 t107\nt31 t32\n";

TEST_F(RunEncoderTest, ABatchGivesWhatEachTextGivesAlone) {
  const std::string model = Model("bert");
  const std::string artifact = temp_.Path("int8.oz");
  ASSERT_EQ(RunOunce({"compress", model, "-o", artifact, "--recipe", "int8"})
                .exit_code,
            0);
  WriteWholeFile(temp_.Path("texts"), kLines);
  const auto run = [&](const std::string& path, const char* batch) {
    const ProgramResult result = RunOunce(
        {"run", path, "--file", temp_.Path("texts"), "-b", batch, "--json"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  };
  // Quantised weights: to the last bit.
  const std::string alone = run(artifact, "1");
  EXPECT_THAT(JsonLines(alone), SizeIs(4));
  EXPECT_EQ(run(artifact, "3"), alone);
  EXPECT_EQ(run(artifact, "16"), alone);
  // Float products may add in another order.
  const std::vector<Json> together = JsonLines(run(model, "16"));
  const std::vector<Json> one_by_one = JsonLines(run(model, "1"));
  ASSERT_EQ(together.size(), one_by_one.size());
  for (size_t i = 0; i < together.size(); ++i) {
    const std::vector<double> a = NumbersOf(together[i]);
    const std::vector<double> b = NumbersOf(one_by_one[i]);
    ASSERT_THAT(a, SizeIs(64));
    for (size_t j = 0; j < a.size(); ++j) EXPECT_NEAR(a[j], b[j], 1e-5);
  }
  const ProgramResult piped =
      RunOunce({"run", artifact, "-p", "-", "--json"}, kLines);
  EXPECT_EQ(piped.out, alone);
  const ProgramResult first =
      RunOunce({"run", artifact, "-p", "t9 t8 t7 t6 t5", "--json"});
  EXPECT_THAT(alone, StartsWith(first.out));
}

TEST_F(RunEncoderTest, LongTextsAreRefusedOrCutAloud) {
  const std::string model = Model("bert");
  const std::string lines = "t9\nt1 t2 t3 t4 t5 t6\n";
  const ProgramResult refused =
      RunOunce({"run", model, "-p", "-", "--context", "4"}, lines);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("line 2"), HasSubstr("6 tokens"),
                                 HasSubstr("--truncate")));
  // One by one, as the text below: float products of more rows may round
  // otherwise.
  const ProgramResult cut = RunOunce(
      {"run", model, "-p", "-", "-b", "1", "--context", "4", "--truncate"},
      lines);
  EXPECT_EQ(cut.exit_code, 0);
  EXPECT_THAT(cut.err, AllOf(HasSubstr("line 2"), HasSubstr("cut to 4")));
  const ProgramResult shorter = RunOunce({"run", model, "-p", "t1 t2 t3 t4"});
  EXPECT_THAT(cut.out, testing::EndsWith(shorter.out));
}

TEST_F(RunEncoderTest, TokensHaveLabelsOfTheirOwn) {
  // "t2" and "t3" stand for [CLS] and [SEP].
  const std::string model = Model(
      "bert-classifier", {{{2, "[CLS]"}, {3, "[SEP]"}},
                          R"({"type": "BertProcessing", "sep": ["[SEP]", 3],
                 "cls": ["[CLS]", 2]})"});
  ReplaceInFile(model + "/config.json", "BertForSequenceClassification",
                "BertForTokenClassification");
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{
           {"\"0\": \"LABEL_0\"", "\"0\": \"O\""},
           {"\"1\": \"LABEL_1\"", "\"1\": \"B-PER\""},
           {"\"2\": \"LABEL_2\"", "\"2\": \"I-PER\""}}) {
    ReplaceInFile(model + "/config.json", from, to);
  }
  const ProgramResult run =
      RunOunce({"run", model, "-p", "t9 t80 t70 t61 t51 t200", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json json = JsonOf(run.out);
  const Json::Array& tokens = *json.Find("tokens")->AsArray();
  ASSERT_THAT(tokens, SizeIs(6));  // Special ones are not shown.
  EXPECT_EQ(*tokens[1].GetString("token"), "t80");

  // The same ids through `ounce logits`, which golden_logits_test.cc holds
  // against the reference.
  const std::vector<int64_t> ids = {2, 9, 80, 70, 61, 51, 200, 3};
  const auto* bytes = reinterpret_cast<const uint8_t*>(ids.data());
  ASSERT_OK(WriteSafetensors(temp_.Path("ids"),
                             {{"input_ids", "I64", {1, 8}, {bytes, 64}}}));
  const ProgramResult raw =
      RunOunce({"logits", model, "--input", temp_.Path("ids"), "--output",
                temp_.Path("raw")});
  ASSERT_EQ(raw.exit_code, 0) << raw.err;
  ASSERT_OK_AND_ASSIGN(const auto outputs, OpenSafetensors(temp_.Path("raw")));
  const auto logits = TensorValues<float>(*outputs, "class_logits");
  ASSERT_THAT(logits, SizeIs(24));
  const std::vector<std::string> names = {"O", "B-PER", "I-PER"};
  for (size_t t = 0; t < tokens.size(); ++t) {
    const std::vector<double> expected = SoftmaxOf(logits, 3 * (t + 1), 3);
    const size_t best = static_cast<size_t>(
        std::max_element(expected.begin(), expected.end()) - expected.begin());
    EXPECT_EQ(*tokens[t].GetString("label"), names[best]);
    EXPECT_NEAR(*tokens[t].GetDouble("probability"), expected[best], 1e-6);
  }
  const ProgramResult table =
      RunOunce({"run", model, "-p", "t9 t80 t70 t61 t51 t200"});
  EXPECT_THAT(table.out, StartsWith("token"));
  ExpectUsage({"run", model, "-p", "t9", "--top", "2"},
              "a classifier of tokens");
}

// bert with a masked language model's head of random weights.
void AddLanguageModelHead(const std::string& model) {
  ASSERT_OK_AND_ASSIGN(const auto source,
                       OpenSafetensors(model + "/model.safetensors"));
  std::vector<OutputTensor> tensors;
  for (const StoredTensor& tensor : source->tensors()) {
    tensors.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.bytes});
  }
  Gaussian gaussian(4);
  std::vector<std::vector<float>> values;
  values.reserve(5);
  const std::string head = "cls.predictions.";
  for (const auto& [name, shape] : std::vector<std::pair<std::string, Shape>>{
           {"transform.dense.weight", {64, 64}},
           {"transform.dense.bias", {64}},
           {"transform.LayerNorm.weight", {64}},
           {"transform.LayerNorm.bias", {64}},
           {"bias", {kGoldenVocab}}}) {
    int64_t size = 1;
    for (const int64_t side : shape) size *= side;
    values.push_back(gaussian.Floats(size, 0.3));
    tensors.push_back({head + name,
                       "F32",
                       shape,
                       {reinterpret_cast<const uint8_t*>(values.back().data()),
                        values.back().size() * 4}});
  }
  std::filesystem::create_directory(model + "/new");
  ASSERT_OK(WriteSafetensors(model + "/new/model.safetensors", tensors));
  std::filesystem::rename(model + "/new/model.safetensors",
                          model + "/model.safetensors");
  ReplaceInFile(model + "/config.json", "BertModel", "BertForMaskedLM");
}

TEST_F(RunEncoderTest, MasksGetTheMostProbableTokens) {
  const std::string model = Model("bert", {{{4, "[MASK]"}}});
  AddLanguageModelHead(model);
  const std::vector<int64_t> ids = {9, 4, 70, 61, 4, 200};
  const auto* bytes = reinterpret_cast<const uint8_t*>(ids.data());
  ASSERT_OK(WriteSafetensors(temp_.Path("ids"),
                             {{"input_ids", "I64", {1, 6}, {bytes, 48}}}));
  const ProgramResult raw =
      RunOunce({"logits", model, "--input", temp_.Path("ids"), "--output",
                temp_.Path("raw")});
  ASSERT_EQ(raw.exit_code, 0) << raw.err;
  ASSERT_OK_AND_ASSIGN(const auto outputs, OpenSafetensors(temp_.Path("raw")));
  const auto logits = TensorValues<float>(*outputs, "logits");
  ASSERT_THAT(logits, SizeIs(6 * kGoldenVocab));

  const std::string text = "t9 [MASK] t70 t61 [MASK] t200";
  const ProgramResult run =
      RunOunce({"run", model, "-p", text, "--top", "3", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json json = JsonOf(run.out);
  const Json::Array& masks = *json.Find("masks")->AsArray();
  ASSERT_THAT(masks, SizeIs(2));
  for (size_t m = 0; m < 2; ++m) {
    const std::vector<double> expected =
        SoftmaxOf(logits, (m == 0 ? 1 : 4) * kGoldenVocab, kGoldenVocab);
    std::vector<double> sorted = expected;
    std::sort(sorted.rbegin(), sorted.rend());
    const Json::Array& candidates = *masks[m].AsArray();
    ASSERT_THAT(candidates, SizeIs(3));
    for (size_t c = 0; c < 3; ++c) {
      const auto id = static_cast<size_t>(*candidates[c].GetInt("id"));
      EXPECT_NEAR(*candidates[c].GetDouble("probability"), expected[id], 1e-6);
      EXPECT_NEAR(expected[id], sorted[c], 1e-6);
      EXPECT_EQ(*candidates[c].GetString("token"), absl::StrCat("t", id));
    }
  }
  const ProgramResult table = RunOunce({"run", model, "-p", text});
  EXPECT_EQ(std::count(table.out.begin(), table.out.end(), '\n'), 13);
  const ProgramResult none = RunOunce({"run", model, "-p", "t9 t8"});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.err, HasSubstr("[MASK]"));
  // Told how to pool, it embeds.
  const ProgramResult embed =
      RunOunce({"run", model, "-p", text, "--pooling", "mean", "--json"});
  EXPECT_THAT(NumbersOf(JsonOf(embed.out)), SizeIs(64));
}

TEST_F(RunEncoderTest, OptionsOfOtherModelsAreRefused) {
  const std::string classifier = Model("bert-classifier");
  const std::string encoder = Model("bert");
  for (const char* option :
       {"--temperature", "--top-k", "-n", "--beams", "--length-penalty"}) {
    ExpectUsage({"run", classifier, "-p", "t9", option, "1"},
                "is no option for a classifier of texts");
  }
  ExpectUsage({"run", classifier, "-p", "t9", "--chat"}, "--chat is no option");
  ExpectUsage({"run", classifier, "-p", "t9", "--pooling", "mean"},
              "--pooling is no option");
  ExpectUsage({"run", encoder, "-p", "t9", "--top", "3"},
              "an encoder without a head");
  ExpectUsage({"run", encoder, "-p", "t9", "--pooling", "max"},
              "expected mean, cls or pooler");
  ExpectUsage({"run", encoder}, "no text");
  ExpectUsage({"run", encoder, "-p", "t9", "--file", "x"}, "give one of them");
  ExpectUsage({"run", encoder, "-p", "t9", "--context", "1000"},
              "limit is 256");
  const ProgramResult missing =
      RunOunce({"run", encoder, "--file", temp_.Path("nowhere")});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, HasSubstr("nowhere"));
}

TEST_F(RunEncoderTest, EmptyInputsAreSaidToBe) {
  const std::string model = Model("bert");
  EXPECT_EQ(RunOunce({"run", model, "-p", "-"}, "").out, "");
  const ProgramResult empty = RunOunce({"run", model, "-p", "-"}, "t9\n\n");
  EXPECT_EQ(empty.exit_code, 1);
  EXPECT_THAT(empty.err, AllOf(HasSubstr("line 2"), HasSubstr("no tokens")));
}

}  // namespace
}  // namespace ounce
