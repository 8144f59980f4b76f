// Encoders and encoder-decoders compressed and verified: what `ounce verify`
// says of them against what follows from the raw outputs of `ounce logits`, and
// those against transformers 5.12.1 (tests/golden/make_models.py).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/json.h"
#include "core/random.h"
#include "formats/safetensors/safetensors_reader.h"
#include "formats/safetensors/safetensors_writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/program.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kRows = 32;
constexpr int64_t kTokens = 12;
constexpr int64_t kVocab = 320;

// Bounds of |compressed - reference| / |reference| (Euclidean) of the outputs.
// int8: weights 44 dB and activations about as much are 1 % an operand, and
// some ten products in a row give 2 to 3 %.  int4: weights of 21 dB are 9 %
// each, 15 to 25 % in a row.  Few logits of a classifier, differences of many
// states of random sign, are 2 to 4 times as far off.  T5 does not divide its
// scores by the root of the head's size: with random weights its softmax picks
// one token or another, and errors of scores become jumps.  Independent outputs
// would be sqrt(2) apart.  Bounds are about twice what is expected.
struct Case {
  const char* folder;
  const char* recipe;
  double states;
  double logits;
};

void PrintTo(const Case& test, std::ostream* out) {
  *out << test.folder << " " << test.recipe;
}

const std::vector<Case>& Cases() {
  static const auto& cases = *new std::vector<Case>{
      {"bert", "int8", 0.05, 0.05},
      {"bert", "int4", 0.4, 0.4},
      {"bert-classifier", "int8", 0.05, 0.15},
      {"bert-classifier", "int4", 0.4, 0.8},
      {"roberta", "int8", 0.05, 0.05},
      {"roberta", "int4", 0.4, 0.4},
      {"distilbert-classifier", "int8", 0.05, 0.15},
      {"distilbert-classifier", "int4", 0.4, 0.8},
      {"t5-gated", "int8", 0.2, 0.5},
      {"t5-gated", "int4", 0.9, 1.2},
      {"marian-sinusoidal", "int8", 0.05, 0.05},
      {"marian-sinusoidal", "int4", 0.4, 0.5},
  };
  return cases;
}

template <typename T>
std::vector<T> Values(const TensorSource& source, const std::string& name) {
  const StoredTensor* tensor = source.Find(name);
  if (tensor == nullptr) return {};
  std::vector<T> values(tensor->bytes.size() / sizeof(T));
  std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
  return values;
}

double PlainKl(absl::Span<const float> a, absl::Span<const float> b) {
  double a_sum = 0, b_sum = 0, kl = 0;
  for (const float x : a) a_sum += std::exp(double{x});
  for (const float x : b) b_sum += std::exp(double{x});
  for (size_t i = 0; i < a.size(); ++i) {
    const double p = std::exp(double{a[i]}) / a_sum;
    kl += p * std::log(p / (std::exp(double{b[i]}) / b_sum));
  }
  return kl;
}

// A tokenizer of words alone, "w7" for 7, that adds nothing: texts are ids.
std::string WordTokenizer() {
  std::string vocab;
  for (int64_t i = 0; i < kVocab; ++i) {
    absl::StrAppend(&vocab, i > 0 ? ", " : "", "\"w", i, "\": ", i);
  }
  return absl::StrCat(
      R"({"version": "1.0", "truncation": null, "padding": null,)",
      R"( "added_tokens": [], "normalizer": null,)",
      R"( "pre_tokenizer": {"type": "WhitespaceSplit"},)",
      R"( "post_processor": null, "decoder": null,)",
      R"( "model": {"type": "WordLevel", "unk_token": "w0", "vocab": {)", vocab,
      "}}}");
}

std::string Words(absl::Span<const int64_t> ids) {
  std::string text;
  for (const int64_t id : ids) {
    absl::StrAppend(&text, text.empty() ? "" : " ", "w", id);
  }
  return text;
}

class EncoderLossTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    checkpoint_ = temp_.Path("checkpoint");
    std::filesystem::copy(absl::StrCat(OUNCE_SOURCE_DIR "/tests/golden/models/",
                                       GetParam().folder),
                          checkpoint_);
    WriteWholeFile(checkpoint_ + "/tokenizer.json", WordTokenizer());
    artifact_ = temp_.Path("model.oz");
    Expect({"compress", checkpoint_, "-o", artifact_, "--recipe",
            GetParam().recipe});
  }

  static std::string Expect(const std::vector<std::string>& args) {
    const ProgramResult run = RunOunce(args);
    EXPECT_EQ(run.exit_code, 0) << args[0] << ": " << run.err;
    return run.out;
  }

  std::unique_ptr<TensorSource> LogitsOf(const std::string& model,
                                         const std::string& input) {
    const std::string output =
        temp_.Path(absl::StrCat("out", ++outputs_, ".safetensors"));
    Expect({"logits", model, "--input", input, "--output", output});
    auto source = OpenSafetensors(output);
    EXPECT_OK(source.status());
    return *std::move(source);
  }

  bool IsEncoderDecoder() const {
    return absl::StartsWith(GetParam().folder, "t5") ||
           absl::StartsWith(GetParam().folder, "marian");
  }
  // Of T5 and Marian as their config has them.
  int64_t start_id() const {
    return absl::StartsWith(GetParam().folder, "t5") ? 0 : 319;
  }
  int64_t end_id() const {
    return absl::StartsWith(GetParam().folder, "t5") ? 1 : 0;
  }

  // Random ids, none that a model has a use for of its own.
  std::vector<int64_t> RandomIds(int64_t count) {
    std::vector<int64_t> ids;
    for (int64_t i = 0; i < count; ++i) {
      ids.push_back(static_cast<int64_t>(5 + random_.NextBelow(310)));
    }
    return ids;
  }

  // Writes the same ids as a file for `logits` and as lines for `verify`.
  void WriteInputs() {
    const std::vector<int64_t> ids = RandomIds(kRows * kTokens);
    std::vector<int64_t> decoder_ids;
    std::string text;
    for (int64_t row = 0; row < kRows; ++row) {
      absl::StrAppend(&text, Words(absl::MakeConstSpan(ids).subspan(
                                 static_cast<size_t>(row * kTokens), kTokens)));
      if (IsEncoderDecoder()) {
        const std::vector<int64_t> target = RandomIds(kTokens - 1);
        decoder_ids.push_back(start_id());
        decoder_ids.insert(decoder_ids.end(), target.begin(), target.end());
        absl::StrAppend(&text, "\t", Words(target));
      }
      text += "\n";
    }
    WriteWholeFile(temp_.Path("lines.txt"), text);
    const auto tensor = [](const char* name, const std::vector<int64_t>& from) {
      return OutputTensor{
          name,
          "I64",
          {kRows, kTokens},
          {reinterpret_cast<const uint8_t*>(from.data()), from.size() * 8}};
    };
    std::vector<OutputTensor> tensors = {tensor("input_ids", ids)};
    if (IsEncoderDecoder()) {
      tensors.push_back(tensor("decoder_input_ids", decoder_ids));
    }
    ASSERT_OK(WriteSafetensors(temp_.Path("ids.safetensors"), tensors));
  }

  Json Verify(const std::vector<std::string>& more = {}) {
    std::vector<std::string> args = {"verify",    artifact_,
                                     "--against", checkpoint_,
                                     "--text",    temp_.Path("lines.txt"),
                                     "--json"};
    args.insert(args.end(), more.begin(), more.end());
    absl::StatusOr<Json> json = ParseJson(Expect(args));
    EXPECT_OK(json.status());
    return json.ok() ? *json : Json();
  }

  static double Number(const Json& json, const char* key, const char* member) {
    const Json* object = json.Find(key);
    EXPECT_NE(object, nullptr) << key;
    return object == nullptr ? NAN
                             : object->Find(member)->AsDouble().value_or(NAN);
  }

  // Rows of `name` in two files, `width` values each.
  struct Rows {
    std::vector<float> a, b;
    size_t width;
    size_t count() const { return a.size() / width; }
    absl::Span<const float> a_row(size_t i) const {
      return absl::MakeConstSpan(a).subspan(i * width, width);
    }
    absl::Span<const float> b_row(size_t i) const {
      return absl::MakeConstSpan(b).subspan(i * width, width);
    }
  };
  Rows OutputRows(const char* name) {
    const std::string ids = temp_.Path("ids.safetensors");
    const auto a = LogitsOf(checkpoint_, ids);
    const auto b = LogitsOf(artifact_, ids);
    EXPECT_NE(a->Find(name), nullptr);
    return {Values<float>(*a, name), Values<float>(*b, name),
            static_cast<size_t>(a->Find(name)->shape.back())};
  }

  void ExpectSameKl(const Rows& rows, const Json& json) {
    double kl = 0, most = 0;
    for (size_t i = 0; i < rows.count(); ++i) {
      const double one = PlainKl(rows.a_row(i), rows.b_row(i));
      kl += one / static_cast<double>(rows.count());
      most = std::max(most, one);
    }
    ASSERT_GT(kl, 0.0);
    // Products of other numbers of rows may round otherwise: 1e-5 of logits.
    EXPECT_NEAR(Number(json, "kl", "value") / kl, 1.0, 0.01);
    EXPECT_NEAR(
        *json.Find("kl")->Find("percentiles")->Find("max")->AsDouble() / most,
        1.0, 0.01);
    EXPECT_LT(Number(json, "kl", "low"), Number(json, "kl", "value"));
    EXPECT_GT(Number(json, "kl", "high"), Number(json, "kl", "value"));
  }

  static size_t Winner(absl::Span<const float> row) {
    return static_cast<size_t>(std::max_element(row.begin(), row.end()) -
                               row.begin());
  }

  TempFolder temp_;
  std::string checkpoint_, artifact_;
  Random random_{7};
  int outputs_ = 0;
};

TEST_P(EncoderLossTest, OutputsStayNearTheReference) {
  const std::string golden_path = checkpoint_ + "/golden.safetensors";
  ASSERT_OK_AND_ASSIGN(const auto golden, OpenSafetensors(golden_path));
  const auto ours = LogitsOf(artifact_, golden_path);
  const std::vector<int64_t> mask = Values<int64_t>(*golden, "attention_mask");
  for (const StoredTensor& tensor : ours->tensors()) {
    const std::vector<float> actual = Values<float>(*ours, tensor.name);
    const std::vector<float> expected = Values<float>(*golden, tensor.name);
    ASSERT_EQ(actual.size(), expected.size()) << tensor.name;
    // States of padding are undefined.
    const bool states = absl::StrContains(tensor.name, "last_hidden_state");
    const size_t width = states ? actual.size() / mask.size() : 1;
    double noise = 0, signal = 0;
    for (size_t i = 0; i < actual.size(); ++i) {
      if (states && mask[i / width] == 0) continue;
      noise += std::pow(double{actual[i]} - double{expected[i]}, 2);
      signal += std::pow(double{expected[i]}, 2);
    }
    EXPECT_GT(noise, 0.0) << tensor.name;
    EXPECT_LT(std::sqrt(noise / signal),
              states ? GetParam().states : GetParam().logits)
        << tensor.name;
  }
}

TEST_P(EncoderLossTest, VerifySaysWhatFollowsFromTheRawOutputs) {
  WriteInputs();
  const Json json = Verify();
  EXPECT_EQ(json.Find("lines")->AsInt(), kRows);
  EXPECT_EQ(json.Find("lines_cut")->AsInt(), 0);
  EXPECT_TRUE(std::filesystem::exists(artifact_ + ".proof.json"));
  if (IsEncoderDecoder()) {
    EXPECT_EQ(*json.Find("kind")->AsString(), "sequence_to_sequence");
    // Each target and its end.
    EXPECT_EQ(json.Find("tokens_scored")->AsInt(), kRows * kTokens);
    const Rows rows = OutputRows("logits");
    ExpectSameKl(rows, json);
    double same = 0;
    for (size_t i = 0; i < rows.count(); ++i) {
      same += Winner(rows.a_row(i)) == Winner(rows.b_row(i)) ? 1 : 0;
    }
    // One near tie of 384 may fall the other way.
    EXPECT_NEAR(Number(json, "same_top1", "value"),
                same / static_cast<double>(rows.count()), 0.003);
  } else if (absl::StrContains(GetParam().folder, "classifier")) {
    EXPECT_EQ(*json.Find("kind")->AsString(), "sequence_labels");
    const Rows rows = OutputRows("class_logits");
    ExpectSameKl(rows, json);
    double flips = 0;
    for (size_t i = 0; i < rows.count(); ++i) {
      flips += Winner(rows.a_row(i)) != Winner(rows.b_row(i)) ? 1 : 0;
    }
    EXPECT_EQ(Number(json, "flips", "count"), flips);
  } else {
    EXPECT_EQ(*json.Find("kind")->AsString(), "embedding");
    const Rows rows = OutputRows("last_hidden_state");
    double distance = 0;
    for (size_t row = 0; row < kRows; ++row) {
      // Means of the line's states, up to a factor.
      std::vector<double> a(rows.width), b(rows.width);
      for (size_t t = row * kTokens; t < (row + 1) * kTokens; ++t) {
        for (size_t i = 0; i < rows.width; ++i) {
          a[i] += rows.a_row(t)[i];
          b[i] += rows.b_row(t)[i];
        }
      }
      double ab = 0, aa = 0, bb = 0;
      for (size_t i = 0; i < rows.width; ++i) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
      }
      distance += (1 - ab / std::sqrt(aa * bb)) / kRows;
    }
    ASSERT_GT(distance, 0.0);
    // Pooled vectors are f32: cosines are off by some 1e-7.
    EXPECT_NEAR(Number(json, "cosine_distance", "value"), distance,
                1e-6 + 0.01 * distance);
  }
}

TEST_P(EncoderLossTest, GatesApplyByKind) {
  WriteInputs();
  const bool embeds = !IsEncoderDecoder() &&
                      !absl::StrContains(GetParam().folder, "classifier");
  const std::vector<std::string> verify = {
      "verify",    artifact_, "--against",
      checkpoint_, "--text",  temp_.Path("lines.txt")};
  const auto run = [&](const char* gate, const char* limit) {
    std::vector<std::string> args = verify;
    args.insert(args.end(), {gate, limit});
    return RunOunce(args);
  };
  const char* fitting = embeds ? "--max-cosine-distance" : "--max-kl";
  const char* other = embeds ? "--max-kl" : "--max-cosine-distance";
  EXPECT_EQ(run(fitting, "10").exit_code, 0);
  EXPECT_EQ(run(fitting, "0").exit_code, 3);
  const ProgramResult refused = run(other, "10");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("does not apply to"));
  EXPECT_EQ(run("--max-ppl-increase", "100").exit_code,
            IsEncoderDecoder() ? 0 : 2);
  EXPECT_EQ(run("--tasks", "none.jsonl").exit_code, 2);
  EXPECT_EQ(run("--score-from", "2").exit_code, 2);
  EXPECT_EQ(run("--kv", "int8").exit_code, IsEncoderDecoder() ? 0 : 2);
}

TEST_P(EncoderLossTest, OtherCommandsTakeIt) {
  const ProgramResult inspect = RunOunce({"inspect", artifact_, "--check"});
  EXPECT_EQ(inspect.exit_code, 0) << inspect.err;
  EXPECT_THAT(inspect.out,
              HasSubstr(IsEncoderDecoder() ? "encoder-decoder" : ", encoder:"));
  EXPECT_EQ(RunOunce({"diff", checkpoint_, artifact_}).exit_code, 0);
  const ProgramResult bench = RunOunce(
      {"bench", artifact_, "-p", "16", "-b", "2", "-r", "1", "--json"});
  ASSERT_EQ(bench.exit_code, 0) << bench.err;
  ASSERT_OK_AND_ASSIGN(const Json json, ParseJson(bench.out));
  const Json::Array& results = *json.Find("results")->AsArray();
  ASSERT_EQ(results.size(), IsEncoderDecoder() ? 2u : 1u);
  EXPECT_EQ(*results[0].Find("test")->AsString(), "prompt");
  EXPECT_EQ(json.Find("first_token_ms")->is_null(), !IsEncoderDecoder());
  if (IsEncoderDecoder()) {
    EXPECT_EQ(results[1].Find("source_tokens")->AsInt(), 16);
  } else {
    EXPECT_EQ(RunOunce({"bench", artifact_, "-n", "8"}).exit_code, 2);
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, EncoderLossTest, testing::ValuesIn(Cases()),
                         [](const testing::TestParamInfo<Case>& param) {
                           std::string name = absl::StrCat(
                               param.param.folder, "_", param.param.recipe);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace ounce
