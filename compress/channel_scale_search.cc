#include "compress/channel_scale_search.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "calibrate/block_evaluator.h"
#include "calibrate/input_statistics.h"
#include "calibrate/layer_inputs.h"
#include "core/status_macros.h"
#include "model/scale_fold.h"

namespace ounce {
namespace {

// What must be left of the error at most.  The best of twenty is a little
// better than none by chance alone; and GPTQ makes up for channels that are
// somewhat uneven by itself, better than scales that were chosen for rounding
// to nearest.
constexpr double kWorthwhile = 0.95;
constexpr double kWorthwhileForCalibrated = 0.7;

// One place, and the tensors of the block that its scales change.
struct Place {
  ScaleFold fold;
  std::vector<BlockTensor*> producers;
  std::vector<BlockTensor*> consumers;
};

bool IsQuantized(const BlockTensor& tensor) {
  return tensor.plan->quantize != nullptr;
}

// Copies of tensors with their scales applied; in the order of the place.
std::vector<BlockTensor> Scaled(const Place& place,
                                absl::Span<const float> scales) {
  std::vector<BlockTensor> tensors;
  const std::vector<float> divisors = ProducerScales(place.fold, scales);
  for (size_t i = 0; i < place.producers.size(); ++i) {
    BlockTensor tensor = *place.producers[i];
    if (place.fold.producers[i].role == TensorRole::kVector) {
      DivideVector(divisors, place.fold.producers[i].offset,
                   tensor.values.values());
    } else {
      DivideRows(divisors, tensor.values.view());
    }
    tensors.push_back(std::move(tensor));
  }
  const std::vector<float> factors = ConsumerScales(place.fold, scales);
  for (const BlockTensor* consumer : place.consumers) {
    BlockTensor tensor = *consumer;
    MultiplyColumns(factors, tensor.values.view());
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

class Search {
 public:
  Search(const BlockRun& run, ScaleRule rule, Block* block,
         CompressReport* report)
      : run_(run), rule_(rule), block_(*block), report_(*report) {}

  absl::Status Run() {
    const LayerWeights layer = block_.Arrange();
    const LayerRun layer_run = {run_.executor, run_.context, &layer,
                                block_.layer(), run_.inputs};
    const std::vector<Place> places = FindPlaces();
    std::vector<SharedInput> wanted;
    for (const Place& place : places) {
      SharedInput shared;
      for (const BlockTensor* consumer : place.consumers) {
        shared.push_back(consumer->data());
      }
      wanted.push_back(std::move(shared));
    }
    if (places.empty()) return absl::OkStatus();
    OUNCE_ASSIGN_OR_RETURN(
        const std::vector<InputStatistics> statistics,
        CollectInputs(layer_run, wanted, /*second_moments=*/false));
    OUNCE_ASSIGN_OR_RETURN(
        const BlockEvaluator evaluator,
        BlockEvaluator::Create(layer_run, kScaleSearchTokens));
    for (size_t i = 0; i < places.size(); ++i) {
      OUNCE_RETURN_IF_ERROR(SearchPlace(places[i], statistics[i], evaluator));
    }
    return absl::OkStatus();
  }

 private:
  std::vector<Place> FindPlaces() {
    std::vector<Place> places;
    for (ScaleFold& fold : ScaleFoldsOf(block_.spec(), block_.layer())) {
      Place place;
      bool quantizes = false;
      for (const ScaleProducer& producer : fold.producers) {
        place.producers.push_back(block_.Find(producer.tensor));
      }
      for (const ScaleConsumer& consumer : fold.consumers) {
        place.consumers.push_back(block_.Find(consumer.tensor));
        quantizes |= IsQuantized(*place.consumers.back());
      }
      place.fold = std::move(fold);
      if (quantizes) places.push_back(std::move(place));
    }
    return places;
  }

  ChannelStatistics ChannelsOf(const Place& place,
                               const InputStatistics& inputs) const {
    std::vector<float> largest_weight(
        static_cast<size_t>(place.fold.columns()));
    for (const BlockTensor* consumer : place.consumers) {
      if (!IsQuantized(*consumer)) continue;
      RaiseToColumnMaxima(consumer->values.view(),
                          absl::MakeSpan(largest_weight));
    }
    return {LargestOfChannels(place.fold, inputs.abs_max),
            MeanOfChannels(place.fold, inputs.mean_abs),
            LargestOfChannels(place.fold, largest_weight)};
  }

  absl::StatusOr<std::vector<ScaleCandidate>> FindCandidates(
      const Place& place, const InputStatistics& inputs) const {
    OUNCE_RETURN_IF_ERROR(CheckStatistics(inputs));
    return ScaleCandidates(rule_, ChannelsOf(place, inputs));
  }

  absl::StatusOr<double> ErrorOf(const Place& place,
                                 absl::Span<const float> scales,
                                 const BlockEvaluator& evaluator) const {
    std::vector<BlockTensor> changed = Scaled(place, scales);
    for (size_t i = place.producers.size(); i < changed.size(); ++i) {
      BlockTensor& tensor = changed[i];
      if (!IsQuantized(tensor)) continue;
      // Without calibration: what GPTQ makes of a matrix takes long, and gets
      // better with the same scales.
      OUNCE_ASSIGN_OR_RETURN(tensor.packed,
                             PackRows(*tensor.plan, tensor.values.view(),
                                      &run_.context->pool(), nullptr));
    }
    return evaluator.OutputError(block_.ArrangeWith(changed));
  }

  absl::Status SearchPlace(const Place& place, const InputStatistics& inputs,
                           const BlockEvaluator& evaluator) {
    const absl::StatusOr<std::vector<ScaleCandidate>> candidates =
        FindCandidates(place, inputs);
    if (!candidates.ok()) {
      report_.warnings.push_back(
          absl::StrCat("channels of '", place.fold.name,
                       "' are not scaled: ", candidates.status().message()));
      return absl::OkStatus();
    }
    ChannelScaleReport line;
    line.name = place.fold.name;
    line.method = std::string(ChannelScaleName(rule_));
    const ScaleCandidate* best = nullptr;
    for (const ScaleCandidate& candidate : *candidates) {
      const absl::StatusOr<double> error =
          ErrorOf(place, candidate.scales, evaluator);
      // A scale that its codec cannot hold rules a candidate out.
      if (!error.ok() && best != nullptr) continue;
      OUNCE_RETURN_IF_ERROR(error.status());
      if (best == nullptr) line.error_before = *error;
      if (best != nullptr && !(*error < line.error_after)) continue;
      best = &candidate;
      line.error_after = *error;
    }
    if (line.error_after > WorthwhileShare(place) * line.error_before) {
      best = &candidates->front();
      line.error_after = line.error_before;
    }
    line.applied = best->alpha.has_value();
    line.alpha = best->alpha.value_or(0.0);
    report_.channel_scales.push_back(line);
    if (line.applied) Apply(place, best->scales);
    return absl::OkStatus();
  }

  static double WorthwhileShare(const Place& place) {
    const bool calibrated =
        std::any_of(place.consumers.begin(), place.consumers.end(),
                    [](const BlockTensor* tensor) {
                      return IsQuantized(*tensor) &&
                             tensor->plan->quantize->method->calibrated();
                    });
    return calibrated ? kWorthwhileForCalibrated : kWorthwhile;
  }

  static void Apply(const Place& place, absl::Span<const float> scales) {
    std::vector<BlockTensor> scaled = Scaled(place, scales);
    for (size_t i = 0; i < place.producers.size(); ++i) {
      place.producers[i]->values = std::move(scaled[i].values);
    }
    for (size_t i = 0; i < place.consumers.size(); ++i) {
      place.consumers[i]->values =
          std::move(scaled[place.producers.size() + i].values);
    }
  }

  const BlockRun run_;
  const ScaleRule rule_;
  Block& block_;
  CompressReport& report_;
};

}  // namespace

absl::Status SearchChannelScales(const BlockRun& run, ScaleRule rule,
                                 Block* block, CompressReport* report) {
  return Search(run, rule, block, report).Run();
}

}  // namespace ounce
