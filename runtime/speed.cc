#include "runtime/speed.h"

#include <algorithm>
#include <chrono>
#include <initializer_list>

#include "absl/functional/function_ref.h"
#include "core/random.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

void AddMatrices(std::initializer_list<const PackedMatrix*> matrices,
                 OpWork* work) {
  int64_t largest = 0;
  for (const PackedMatrix* matrix : matrices) {
    work->products += matrix->rows * matrix->cols;
    work->bytes += matrix->bytes;
    if (matrix->bytes < largest) continue;
    largest = matrix->bytes;
    work->codec = matrix->codec;
  }
}

void AddFeedForward(const FeedForwardWeights& ffn, OpWork* gate_up,
                    OpWork* down) {
  AddMatrices({&ffn.gate.weight, &ffn.up.weight}, gate_up);
  AddMatrices({&ffn.down.weight}, down);
}

// The same ids for every sequence and repetition.
std::vector<int32_t> RandomIds(const ModelSpec& spec, int64_t count) {
  Random random(1);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) {
    ids.push_back(static_cast<int32_t>(
        random.NextBelow(static_cast<uint64_t>(spec.vocab))));
  }
  return ids;
}

// Runs the sequences of one executor side by side.
class Runner {
 public:
  explicit Runner(Executor* executor)
      : executor_(*executor),
        logits_(executor->sequences(), executor->spec().vocab) {}

  // Appends `ids` to every sequence and computes the last logits of each; of an
  // encoder reads them and computes what its head gives for each.
  absl::Status Append(absl::Span<const int32_t> ids) {
    batch_.clear();
    for (int64_t i = 0; i < executor_.sequences(); ++i) {
      batch_.push_back({i, ids, nullptr});
    }
    if (!executor_.spec().causal) return ReadTexts();
    OUNCE_RETURN_IF_ERROR(
        executor_.Forward(batch_, HiddenRows::kLastOfEach, &hidden_));
    executor_.Logits(hidden_.view(), logits_.view());
    return absl::OkStatus();
  }

  // Encodes `ids` for every sequence: their states, one text after the other.
  absl::StatusOr<MatrixView<const float>> Encode(
      absl::Span<const int32_t> ids) {
    batch_.clear();
    for (int64_t i = 0; i < executor_.sequences(); ++i) {
      batch_.push_back({i, ids, nullptr});
    }
    OUNCE_RETURN_IF_ERROR(
        executor_.Forward(batch_, HiddenRows::kAll, &hidden_));
    return MatrixView<const float>(hidden_.view());
  }

  absl::StatusOr<SpeedRun> Repeat(
      int64_t depth, int64_t tokens, int64_t repetitions,
      absl::FunctionRef<absl::Status(absl::Span<const int32_t>)> run) {
    const std::vector<int32_t> ids = RandomIds(executor_.spec(), tokens);
    SpeedRun result;
    result.tokens = tokens * executor_.sequences();
    for (int64_t i = 0; i < executor_.sequences(); ++i) executor_.Reset(i);
    if (depth > 0) {
      OUNCE_RETURN_IF_ERROR(Append(RandomIds(executor_.spec(), depth)));
    }
    // The first is a warm-up.
    for (int64_t r = -1; r < repetitions; ++r) {
      for (int64_t i = 0; i < executor_.sequences(); ++i) {
        executor_.Rewind(depth, i);
      }
      executor_.set_op_times(r < 0 ? nullptr : &result.op_times);
      const auto start = std::chrono::steady_clock::now();
      const absl::Status status = run(ids);
      executor_.set_op_times(nullptr);
      OUNCE_RETURN_IF_ERROR(status);
      if (r < 0) continue;
      result.seconds.push_back(std::chrono::duration<double>(
                                   std::chrono::steady_clock::now() - start)
                                   .count());
    }
    return result;
  }

 private:
  // An encoder's texts, with its head.
  absl::Status ReadTexts() {
    OUNCE_ASSIGN_OR_RETURN(const MatrixView<const float> states,
                           Encode(batch_.front().ids));
    const int64_t size = states.rows / executor_.sequences();
    const ModelSpec& spec = executor_.spec();
    for (int64_t i = 0; i < executor_.sequences(); ++i) {
      const TextStates text = {states.Rows(i * size, (i + 1) * size)};
      if (spec.has_labels()) {
        executor_.heads().LabelLogits(text);
      } else if (spec.head == HeadKind::kLanguageModel) {
        executor_.Logits(text.hidden.Rows(0, 1), logits_.view().Rows(i, i + 1));
      } else if (spec.transform.present) {
        executor_.heads().Pooled(text);
      }
    }
    return absl::OkStatus();
  }

  Executor& executor_;
  std::vector<SequenceTokens> batch_;
  Matrix hidden_;
  Matrix logits_;
};

}  // namespace

std::array<OpWork, kNumOps> CountWork(const ModelWeights& weights) {
  std::array<OpWork, kNumOps> work;
  const auto at = [&](Op op) { return &work[static_cast<size_t>(op)]; };
  for (int64_t index = 0; index < weights.spec.layers; ++index) {
    const LayerWeights& layer =
        weights.layers[static_cast<size_t>(weights.spec.stored_layer(index))];
    AddMatrices({&layer.query.weight, &layer.key.weight, &layer.value.weight,
                 &layer.cross_query.weight},
                at(Op::kQkv));
    AddMatrices({&layer.output.weight, &layer.cross_output.weight},
                at(Op::kOutput));
    if (layer.experts == nullptr) {
      AddFeedForward(layer.ffn, at(Op::kGateUp), at(Op::kDown));
      continue;
    }
    const ExpertWeights& experts = *layer.experts;
    AddMatrices({&experts.router}, at(Op::kRouter));
    // A token takes some, all of one size.
    for (int64_t e = 0; e < weights.spec.experts.per_token; ++e) {
      AddFeedForward(experts.experts[static_cast<size_t>(e)], at(Op::kGateUp),
                     at(Op::kDown));
    }
    AddFeedForward(experts.shared, at(Op::kGateUp), at(Op::kDown));
  }
  AddMatrices({&weights.head_transform.weight, &weights.project_out.weight,
               &weights.head.weight, &weights.classifier.weight},
              at(Op::kHead));
  return work;
}

std::array<OpWork, kNumOps> CountSourceWork(const ModelWeights& weights) {
  std::array<OpWork, kNumOps> work = CountWork(*weights.encoder);
  for (const LayerWeights& layer : weights.layers) {
    AddMatrices({&layer.cross_key.weight, &layer.cross_value.weight},
                &work[static_cast<size_t>(Op::kQkv)]);
  }
  return work;
}

int64_t KvBytesRead(const ModelSpec& spec, KvType type, int64_t position) {
  int64_t keys = 0;
  for (int64_t layer = 0; layer < spec.layers; ++layer) {
    const int64_t window = spec.layer_window(layer);
    keys += window > 0 ? std::min(window, position + 1) : position + 1;
  }
  const int64_t scales = type == KvType::kInt8 ? 8 : 0;
  return spec.kv_heads * keys *
         (2 * spec.head_dim * KvTypeBytes(type) + scales);
}

double SpeedRun::median() const {
  std::vector<double> sorted = seconds;
  std::sort(sorted.begin(), sorted.end());
  const size_t half = sorted.size() / 2;
  const double middle = sorted.size() % 2 == 1
                            ? sorted[half]
                            : 0.5 * (sorted[half - 1] + sorted[half]);
  return static_cast<double>(tokens) / middle;
}

double SpeedRun::slowest() const {
  return static_cast<double>(tokens) /
         *std::max_element(seconds.begin(), seconds.end());
}

double SpeedRun::fastest() const {
  return static_cast<double>(tokens) /
         *std::min_element(seconds.begin(), seconds.end());
}

absl::StatusOr<SpeedRun> MeasurePrompt(Executor* executor, int64_t depth,
                                       int64_t tokens, int64_t repetitions) {
  Runner runner(executor);
  return runner.Repeat(
      depth, tokens, repetitions,
      [&](absl::Span<const int32_t> ids) { return runner.Append(ids); });
}

absl::StatusOr<SpeedRun> MeasureEncoding(Executor* encoder, Executor* decoder,
                                         int64_t tokens, int64_t repetitions) {
  Runner runner(encoder);
  return runner.Repeat(
      0, tokens, repetitions,
      [&](absl::Span<const int32_t> ids) -> absl::Status {
        OUNCE_ASSIGN_OR_RETURN(const MatrixView<const float> states,
                               runner.Encode(ids));
        for (int64_t i = 0; i < encoder->sequences(); ++i) {
          OUNCE_RETURN_IF_ERROR(decoder->SetSource(
              states.Rows(i * tokens, (i + 1) * tokens), {}, i));
        }
        return absl::OkStatus();
      });
}

absl::StatusOr<SpeedRun> MeasureGeneration(Executor* executor, int64_t depth,
                                           int64_t tokens,
                                           int64_t repetitions) {
  Runner runner(executor);
  return runner.Repeat(
      depth, tokens, repetitions,
      [&](absl::Span<const int32_t> ids) -> absl::Status {
        for (const int32_t& id : ids) {
          OUNCE_RETURN_IF_ERROR(runner.Append(absl::MakeConstSpan(&id, 1)));
        }
        return absl::OkStatus();
      });
}

}  // namespace ounce
