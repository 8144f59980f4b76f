// A checkpoint of a FamilyNet, opened strictly, and all its raw outputs against
// a family's formulas.
#ifndef OUNCE_TESTS_E2E_RAW_OUTPUTS_FIXTURE_H_
#define OUNCE_TESTS_E2E_RAW_OUTPUTS_FIXTURE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/thread_pool.h"
#include "formats/model_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/kernel_context.h"
#include "runtime/weights.h"
#include "tests/e2e/family_net.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"
#include "tools/raw_outputs.h"

namespace ounce {

using Ids = std::vector<int32_t>;

// One row of the inputs.
struct NetInput {
  Ids ids;
  std::vector<uint8_t> mask = {};  // As long as `ids`.
  Ids types = {};                  // As long as `ids`, or empty.
  Ids decoder_ids = {};            // Of encoder-decoders.
};

// By the names that `ounce logits` writes; what a row gives for the whole text
// is one row here.
using NetOutputs = std::map<std::string, NetRows>;
using NetFormula = std::function<NetOutputs(const NetInput&)>;

class RawOutputsTest : public ::testing::Test {
 protected:
  // Rows of 13 ids below 40: a whole one, one padded behind, one in front.
  static std::vector<NetInput> Rows(int32_t pad) {
    std::vector<NetInput> rows = {
        {.ids = {3, 39, 7, 7, 0, 21, 15, 2, 30, 11, 8, 19, 1}},
        {.ids = {5, 12, 33, 4, 28, 6, 6, 17, pad, pad, pad, pad, pad}},
        {.ids = {pad, pad, pad, 9, 26, 14, 3, 31, 22, 10, 38, 2, 24}}};
    for (size_t r = 0; r < rows.size(); ++r) {
      rows[r].mask.assign(13, 1);
      if (r == 1) std::fill(rows[r].mask.begin() + 8, rows[r].mask.end(), 0);
      if (r == 2) std::fill_n(rows[r].mask.begin(), 3, 0);
    }
    return rows;
  }
  static std::vector<NetInput> WithTypes(std::vector<NetInput> rows) {
    for (NetInput& row : rows) {
      row.types.assign(row.ids.size(), 0);
      std::fill(row.types.begin() + 6, row.types.end(), 1);
    }
    return rows;
  }
  static std::vector<NetInput> WithDecoderIds(std::vector<NetInput> rows) {
    for (size_t r = 0; r < rows.size(); ++r) {
      const auto first = static_cast<int32_t>(r);
      rows[r].decoder_ids = {first, 4, 29, 29, 13, 2, 37};
    }
    return rows;
  }

  // What the program gives for `inputs` equals `formula`, on tokens that are no
  // padding.
  void ExpectFormula(const std::string& config,
                     const std::vector<NetInput>& inputs,
                     const NetFormula& formula) {
    net_.Write(folder_.path(), config, rename_);
    ASSERT_OK_AND_ASSIGN(const ModelFile model,
                         OpenModel(folder_.path(), {.strict = true}));
    ThreadPool pool(2);
    KernelContext context(*ParseIsa("native"), &pool);
    const ModelWeights weights = ArrangeWeights(model.spec, model.bound);
    ASSERT_OK_AND_ASSIGN(const std::vector<RawOutput> outputs,
                         ComputeRawOutputs(Gather(inputs), weights, &context));
    std::vector<NetOutputs> expected;
    for (const NetInput& input : inputs) expected.push_back(formula(input));
    std::vector<std::string> names;
    for (const RawOutput& output : outputs) {
      SCOPED_TRACE(output.name);
      names.push_back(output.name);
      ExpectNear(output, inputs, expected);
    }
    std::vector<std::string> expected_names;
    for (const auto& [name, rows] : expected[0]) expected_names.push_back(name);
    EXPECT_THAT(names, ::testing::UnorderedElementsAreArray(expected_names));
  }

  FamilyNet net_;
  // See FamilyNet::Write().
  std::function<std::string(std::string)> rename_ = nullptr;
  const TempFolder folder_;

 private:
  template <typename Values, typename Of>
  static IdMatrix GatherOne(const std::vector<NetInput>& inputs, Of of) {
    IdMatrix matrix;
    matrix.rows = static_cast<int64_t>(inputs.size());
    matrix.tokens = static_cast<int64_t>(of(inputs[0]).size());
    for (const NetInput& input : inputs) {
      const Values& values = of(input);
      matrix.values.insert(matrix.values.end(), values.begin(), values.end());
    }
    return matrix;
  }
  static RawInputs Gather(const std::vector<NetInput>& inputs) {
    RawInputs raw;
    raw.ids = GatherOne<Ids>(inputs, [](const auto& in) { return in.ids; });
    raw.mask = GatherOne<std::vector<uint8_t>>(
        inputs, [](const auto& in) { return in.mask; });
    if (!inputs[0].types.empty()) {
      raw.token_types =
          GatherOne<Ids>(inputs, [](const auto& in) { return in.types; });
    }
    if (!inputs[0].decoder_ids.empty()) {
      raw.decoder_ids =
          GatherOne<Ids>(inputs, [](const auto& in) { return in.decoder_ids; });
    }
    return raw;
  }

  static void ExpectNear(const RawOutput& output,
                         const std::vector<NetInput>& inputs,
                         const std::vector<NetOutputs>& expected) {
    double largest = 0, error = 0;
    size_t index = 0;
    for (size_t r = 0; r < inputs.size(); ++r) {
      ASSERT_TRUE(expected[r].contains(output.name));
      const NetRows& rows = expected[r].at(output.name);
      const bool per_token = rows.size() == inputs[r].mask.size();
      for (size_t t = 0; t < rows.size(); ++t) {
        for (const double value : rows[t]) {
          ASSERT_LT(index, output.values.size());
          const double actual = double{output.values[index++]};
          if (per_token && inputs[r].mask[t] == 0) continue;
          largest = std::max(largest, std::abs(value));
          error = std::max(error, std::abs(actual - value));
        }
      }
    }
    EXPECT_EQ(index, output.values.size());
    EXPECT_GT(largest, 0.1);
    // f32 against f64 through two or three blocks, as in families_test.cc.
    EXPECT_LT(error, 2e-5 * largest);
  }
};

}  // namespace ounce

#endif  // OUNCE_TESTS_E2E_RAW_OUTPUTS_FIXTURE_H_
