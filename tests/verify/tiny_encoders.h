// Small encoders and encoder-decoders whose ids the LetterTokenizer gives, and
// what they make of an encoding, computed one text at a time.
#ifndef OUNCE_TESTS_VERIFY_TINY_ENCODERS_H_
#define OUNCE_TESTS_VERIFY_TINY_ENCODERS_H_

#include <cmath>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "runtime/executor.h"
#include "tests/util/tiny_model.h"
#include "tests/verify/letter_tokenizer.h"
#include "verify/text_lines.h"

namespace ounce {

inline ModelSpec TinyEncoderSpec(HeadKind head, int64_t labels = 0) {
  ModelSpec spec = TinySpec();
  spec.architecture = "modernbert";
  spec.causal = false;
  spec.head = head;
  spec.tied_head = head == HeadKind::kLanguageModel;
  spec.transform.present = head == HeadKind::kLanguageModel;
  spec.pooling = Pooling::kMean;
  for (int64_t i = 0; i < labels; ++i) {
    spec.labels.push_back(std::string("label ") + static_cast<char>('A' + i));
  }
  return spec;
}

inline ModelSpec TinyEncoderDecoderSpec() {
  ModelSpec spec = TinySpec();
  spec.architecture = "t5";
  spec.encoder = {.layers = 2, .heads = 4, .head_dim = 8, .ffn = 40};
  spec.generation.start_id = 4;
  spec.stop_ids = {3};
  return spec;
}

// Lines of letters, each of another length, from `pattern` turned on.
inline std::vector<std::string> LetterLines(int64_t count) {
  std::vector<std::string> lines;
  Random random(9);
  for (int64_t i = 0; i < count; ++i) {
    std::string line;
    const uint64_t length = 1 + random.NextBelow(12);
    for (uint64_t c = 0; c < length; ++c) {
      line += static_cast<char>('a' + random.NextBelow(26));
    }
    lines.push_back(line);
  }
  return lines;
}

inline std::vector<TextLine> AsTextLines(
    const std::vector<std::string>& texts) {
  std::vector<TextLine> lines;
  for (const std::string& text : texts) {
    lines.push_back({static_cast<int64_t>(lines.size()) + 1, text, {}, {}});
  }
  return lines;
}

// The final states of one text by an executor of its own.
inline Matrix HiddenOf(const ModelWeights& weights, KernelContext* context,
                       absl::Span<const int32_t> ids) {
  Executor executor(weights, context, static_cast<int64_t>(ids.size()));
  Matrix hidden;
  executor.Forward(ids, &hidden).IgnoreError();
  return hidden;
}

// KL(softmax(a) || softmax(b)), by its definition.
inline double PlainKl(absl::Span<const float> a, absl::Span<const float> b) {
  double a_sum = 0, b_sum = 0, kl = 0;
  for (const float x : a) a_sum += std::exp(double{x});
  for (const float x : b) b_sum += std::exp(double{x});
  for (size_t i = 0; i < a.size(); ++i) {
    const double p = std::exp(double{a[i]}) / a_sum;
    kl += p * std::log(p / (std::exp(double{b[i]}) / b_sum));
  }
  return kl;
}

inline absl::Span<const float> RowOf(const Matrix& matrix, int64_t row) {
  return absl::MakeConstSpan(matrix.row(row),
                             static_cast<size_t>(matrix.cols()));
}

}  // namespace ounce

#endif  // OUNCE_TESTS_VERIFY_TINY_ENCODERS_H_
