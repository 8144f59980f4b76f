// Puts the model's own special tokens around the ids of a text.  Each Parse
// function reads the settings of one type of `post_processor`.
// Source: huggingface/tokenizers, src/processors.  Offsets, type ids and pairs
// of texts are not kept.
#ifndef OUNCE_TEXT_POST_PROCESSOR_H_
#define OUNCE_TEXT_POST_PROCESSOR_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/json.h"

namespace ounce {

// Immutable; thread-safe.
class PostProcessor {
 public:
  virtual ~PostProcessor() = default;
  virtual std::vector<int32_t> Apply(std::vector<int32_t> ids,
                                     bool add_special_tokens) const = 0;
};

using PostProcessorOr = absl::StatusOr<std::unique_ptr<PostProcessor>>;

// ByteLevel: changes offsets only, so nothing here.
PostProcessorOr ParseByteLevelPostProcessor(const Json& config);
// TemplateProcessing {"single", "special_tokens"}; "pair" is not used.
PostProcessorOr ParseTemplateProcessing(const Json& config);
// RobertaProcessing and BertProcessing {"cls", "sep"}: cls text sep.
PostProcessorOr ParseClsSepProcessing(const Json& config);

// Applies `parts` in order.
std::unique_ptr<PostProcessor> MakeSequence(
    std::vector<std::unique_ptr<PostProcessor>> parts);

}  // namespace ounce

#endif  // OUNCE_TEXT_POST_PROCESSOR_H_
