#include "model/scale_fold.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/check.h"

namespace ounce {
namespace {

// Whether norms come before sub-layers and nothing else reads their output.
bool NormsFeedSubLayersAlone(const ModelSpec& spec) {
  return (spec.norm_placement == NormPlacement::kInput ||
          spec.norm_placement == NormPlacement::kInputAndOutput) &&
         !spec.residual_from_norm;
}

ScaleConsumer Reader(absl::string_view name,
                     TensorRole role = TensorRole::kMatrix) {
  return {absl::StrCat(name, ".weight"), role};
}

ScaleFold NormFold(const ModelSpec& spec, std::string name) {
  ScaleFold fold;
  fold.kind = ScaleFoldKind::kNorm;
  fold.channels = fold.block = spec.width;
  fold.producers.push_back(
      {absl::StrCat(name, ".weight"), TensorRole::kVector, spec.norm_offset});
  if (spec.norm == NormKind::kLayer && spec.norm_bias) {
    fold.producers.push_back(
        {absl::StrCat(name, ".bias"), TensorRole::kVector});
  }
  fold.name = std::move(name);
  return fold;
}

// From the rows of the matrix `name` to the columns of `reader`.
ScaleFold MatrixFold(std::string name, int64_t channels, bool bias,
                     absl::string_view reader) {
  ScaleFold fold;
  fold.kind = ScaleFoldKind::kHidden;
  fold.channels = fold.block = channels;
  fold.producers.push_back(
      {absl::StrCat(name, ".weight"), TensorRole::kMatrix});
  if (bias) {
    fold.producers.push_back(
        {absl::StrCat(name, ".bias"), TensorRole::kVector});
  }
  fold.consumers.push_back(Reader(reader));
  fold.name = std::move(name);
  return fold;
}

// Collects the folds of a layer.
class LayerFolds {
 public:
  LayerFolds(const ModelSpec& spec, int64_t layer)
      : spec_(spec), layer_(layer) {}

  std::vector<ScaleFold> Take() {
    AddNorms();
    AddValue("self_attn");
    if (spec_.has_encoder()) AddValue("cross_attn");
    if (!spec_.has_experts(layer_)) {
      AddHidden("mlp", spec_.ffn);
      return std::move(folds_);
    }
    const ExpertSpec& experts = spec_.experts;
    for (int64_t e = 0; e < experts.experts; ++e) {
      AddHidden(absl::StrCat("mlp.experts.", e), experts.ffn);
    }
    if (experts.shared_ffn > 0) {
      AddHidden("mlp.shared_expert", experts.shared_ffn);
    }
    return std::move(folds_);
  }

 private:
  std::string Name(absl::string_view suffix) const {
    return LayerTensorName(layer_, suffix);
  }

  void AddNorms() {
    if (!NormsFeedSubLayersAlone(spec_)) return;
    const bool shared = spec_.residual == ResidualOrder::kParallelShared;
    if (layer_ > 0 || spec_.first_norm) {
      ScaleFold fold = NormFold(spec_, Name("input_layernorm"));
      for (const char* name : {"q_proj", "k_proj", "v_proj"}) {
        fold.consumers.push_back(
            Reader(Name(absl::StrCat("self_attn.", name))));
      }
      if (shared) AddFeedForwardReaders(&fold);
      folds_.push_back(std::move(fold));
    }
    if (spec_.has_encoder()) {
      // Keys and values are of what the encoder gives.
      ScaleFold fold = NormFold(spec_, Name("cross_attention_layernorm"));
      fold.consumers.push_back(Reader(Name("cross_attn.q_proj")));
      folds_.push_back(std::move(fold));
    }
    if (shared) return;
    ScaleFold fold = NormFold(spec_, Name("post_attention_layernorm"));
    AddFeedForwardReaders(&fold);
    folds_.push_back(std::move(fold));
  }

  void AddFeedForwardReaders(ScaleFold* fold) const {
    const auto add = [&](absl::string_view name) {
      if (spec_.gated_ffn) {
        fold->consumers.push_back(
            Reader(Name(absl::StrCat(name, ".gate_proj"))));
      }
      fold->consumers.push_back(Reader(Name(absl::StrCat(name, ".up_proj"))));
    };
    if (!spec_.has_experts(layer_)) return add("mlp");
    fold->consumers.push_back(Reader(Name("mlp.router"), TensorRole::kRouter));
    for (int64_t e = 0; e < spec_.experts.experts; ++e) {
      add(absl::StrCat("mlp.experts.", e));
    }
    if (spec_.experts.shared_ffn == 0) return;
    add("mlp.shared_expert");
    fold->consumers.push_back(
        Reader(Name("mlp.shared_expert_gate"), TensorRole::kRouter));
  }

  void AddValue(absl::string_view attention) {
    ScaleFold fold = MatrixFold(Name(absl::StrCat(attention, ".v_proj")),
                                spec_.kv_heads * spec_.head_dim, spec_.qkv_bias,
                                Name(absl::StrCat(attention, ".o_proj")));
    fold.kind = ScaleFoldKind::kValue;
    fold.block = spec_.head_dim;
    fold.repeats = spec_.heads / spec_.kv_heads;
    folds_.push_back(std::move(fold));
  }

  void AddHidden(absl::string_view name, int64_t ffn) {
    const bool squared =
        !spec_.gated_ffn && spec_.activation == ActivationKind::kReluSquared;
    if (!spec_.gated_ffn && !squared &&
        spec_.activation != ActivationKind::kRelu) {
      return;
    }
    ScaleFold fold =
        MatrixFold(Name(absl::StrCat(name, ".up_proj")), ffn, spec_.ffn_bias,
                   Name(absl::StrCat(name, ".down_proj")));
    fold.squared = squared;
    folds_.push_back(std::move(fold));
  }

  const ModelSpec& spec_;
  const int64_t layer_;
  std::vector<ScaleFold> folds_;
};

// The names of a fold of the encoder beside a decoder.
void MoveToEncoder(ScaleFold* fold) {
  fold->name = EncoderTensorName(fold->name);
  for (ScaleProducer& producer : fold->producers) {
    producer.tensor = EncoderTensorName(producer.tensor);
  }
  for (ScaleConsumer& consumer : fold->consumers) {
    consumer.tensor = EncoderTensorName(consumer.tensor);
  }
}

}  // namespace

std::vector<ScaleFold> ScaleFoldsOf(const ModelSpec& spec, int64_t layer) {
  return LayerFolds(spec, layer).Take();
}

std::optional<ScaleFold> HeadScaleFoldOf(const ModelSpec& spec) {
  // What an encoder's last norm gives is an output of the model.
  if (!spec.causal || !spec.final_norm) return std::nullopt;
  ScaleFold fold = NormFold(spec, std::string(kFinalNorm));
  if (spec.transform.present) {
    fold.consumers.push_back(Reader(TransformName(spec.head)));
  } else if (spec.token_width() != spec.width) {
    fold.consumers.push_back(Reader(kProjectOut));
  } else if (!spec.tied_head) {
    fold.consumers.push_back({std::string(kHeadName), TensorRole::kHead});
  } else {
    return std::nullopt;
  }
  return fold;
}

std::vector<ScaleFold> AllScaleFolds(const ModelSpec& spec) {
  std::vector<ScaleFold> all;
  if (spec.has_encoder()) {
    all = AllScaleFolds(EncoderOf(spec));
    for (ScaleFold& fold : all) MoveToEncoder(&fold);
  }
  for (int64_t layer = 0; layer < spec.stored_layers(); ++layer) {
    for (ScaleFold& fold : ScaleFoldsOf(spec, layer)) {
      all.push_back(std::move(fold));
    }
  }
  if (std::optional<ScaleFold> fold = HeadScaleFoldOf(spec)) {
    all.push_back(*std::move(fold));
  }
  return all;
}

std::vector<float> ProducerScales(const ScaleFold& fold,
                                  absl::Span<const float> scales) {
  OUNCE_DCHECK(static_cast<int64_t>(scales.size()) == fold.channels);
  std::vector<float> result(scales.begin(), scales.end());
  if (!fold.squared) return result;
  for (float& scale : result) scale = std::sqrt(scale);
  return result;
}

std::vector<float> ConsumerScales(const ScaleFold& fold,
                                  absl::Span<const float> scales) {
  OUNCE_DCHECK(static_cast<int64_t>(scales.size()) == fold.channels);
  std::vector<float> result;
  result.reserve(static_cast<size_t>(fold.columns()));
  for (int64_t column = 0; column < fold.columns(); ++column) {
    result.push_back(scales[static_cast<size_t>(fold.ChannelOf(column))]);
  }
  return result;
}

void DivideVector(absl::Span<const float> scales, double offset,
                  absl::Span<float> values) {
  OUNCE_DCHECK(scales.size() == values.size());
  for (size_t c = 0; c < values.size(); ++c) {
    values[c] = static_cast<float>(
        (double{values[c]} + offset) / double{scales[c]} - offset);
  }
}

void DivideRows(absl::Span<const float> scales, MatrixView<float> rows) {
  OUNCE_DCHECK(static_cast<int64_t>(scales.size()) == rows.rows);
  for (int64_t r = 0; r < rows.rows; ++r) {
    const float scale = scales[static_cast<size_t>(r)];
    for (int64_t c = 0; c < rows.cols; ++c) rows.at(r, c) /= scale;
  }
}

void MultiplyColumns(absl::Span<const float> scales, MatrixView<float> rows) {
  OUNCE_DCHECK(static_cast<int64_t>(scales.size()) == rows.cols);
  for (int64_t r = 0; r < rows.rows; ++r) {
    float* row = rows.row(r);
    for (int64_t c = 0; c < rows.cols; ++c) {
      row[c] *= scales[static_cast<size_t>(c)];
    }
  }
}

}  // namespace ounce
