// Blocks of a small model and a text that goes through them in windows.
#ifndef OUNCE_TESTS_CALIBRATE_SMALL_BLOCKS_H_
#define OUNCE_TESTS_CALIBRATE_SMALL_BLOCKS_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "calibrate/activation_store.h"
#include "calibrate/layer_inputs.h"
#include "gtest/gtest.h"
#include "kernels/kernel_context.h"
#include "runtime/executor.h"
#include "tests/util/status_matchers.h"
#include "tests/util/tiny_model.h"

namespace ounce {

class SmallBlocks {
 public:
  SmallBlocks(const ModelSpec& spec, std::vector<int64_t> window_tokens)
      : model(spec), executor(model.weights(), &context, 32) {
    auto store = ActivationStore::Create(std::move(window_tokens), spec.width,
                                         /*spill_path=*/"");
    inputs = *std::move(store);
    int32_t id = 1;
    for (int64_t window = 0; window < inputs->windows(); ++window) {
      std::vector<int32_t> ids(static_cast<size_t>(inputs->tokens(window)));
      for (int32_t& next : ids) next = id = id * 7 % 47;
      Matrix residual;
      EXPECT_OK(executor.EmbedText(ids, &residual));
      EXPECT_OK(inputs->Write(window, residual.view()));
    }
  }

  LayerRun Run(int64_t layer = 0) {
    return {&executor, &context,
            &model.weights().layers[static_cast<size_t>(layer)], layer,
            inputs.get()};
  }
  Matrix Read(int64_t window) const {
    Matrix residual;
    EXPECT_OK(inputs->Read(window, &residual));
    return residual;
  }
  // What `layer` makes of a window.
  Matrix Output(int64_t window, const LayerWeights& layer) {
    Matrix residual = Read(window);
    EXPECT_TRUE(executor.RunLayer(layer, 0, nullptr, &residual));
    return residual;
  }
  // Fills a tensor with zeros.
  void Clear(const std::string& name) {
    const auto size = model.source().Find(name)->bytes.size();
    std::fill_n(model.source().MutableBytes(name), size, uint8_t{0});
    model.Bind();
  }

  ThreadPool pool{2};
  KernelContext context{*ParseIsa("native"), &pool};
  TinyModel model;
  Executor executor;
  std::unique_ptr<ActivationStore> inputs;
};

}  // namespace ounce

#endif  // OUNCE_TESTS_CALIBRATE_SMALL_BLOCKS_H_
