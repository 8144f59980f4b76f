// Puts the model's own special tokens around the ids of a text or of a pair.
// Each Parse function reads the settings of one type of `post_processor`.
// Source: huggingface/tokenizers 0.23, src/processors.  Offsets are not kept.
#ifndef OUNCE_TEXT_POST_PROCESSOR_H_
#define OUNCE_TEXT_POST_PROCESSOR_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/json.h"
#include "text/encoding.h"

namespace ounce {

// What JoinParts() will join.
using Parts = std::vector<Windows>;

// Immutable; thread-safe.
class PostProcessor {
 public:
  virtual ~PostProcessor() = default;
  // `parts` are one text or two, or what another post-processor made of them.
  // kInvalidArgument: this one cannot have that many.
  virtual absl::StatusOr<Parts> Apply(Parts parts,
                                      bool add_special_tokens) const = 0;
  // How many ids it adds to a text or a pair.
  virtual int64_t NumAdded(bool is_pair) const = 0;
};

using PostProcessorOr = absl::StatusOr<std::unique_ptr<PostProcessor>>;

// BertProcessing {"cls", "sep"}: cls first sep, second sep.
PostProcessorOr ParseBertProcessing(const Json& config);
// ByteLevel: changes offsets only, so nothing here.
PostProcessorOr ParseByteLevelPostProcessor(const Json& config);
// RobertaProcessing {"cls", "sep"}: cls first sep, sep second sep; every type
// id is 0.
PostProcessorOr ParseRobertaProcessing(const Json& config);
// TemplateProcessing {"single", "pair", "special_tokens"}.  What is wrong with
// "pair" is an error of Apply() to a pair.
PostProcessorOr ParseTemplateProcessing(const Json& config);

// Applies `parts` in order.
std::unique_ptr<PostProcessor> MakeSequence(
    std::vector<std::unique_ptr<PostProcessor>> parts);

// Joins parts end to end.  Where parts have several windows, every window of
// one goes with every window of the others.
// kInvalidArgument: they would have more than kMaxWindowIds ids together.
absl::StatusOr<Windows> JoinParts(Parts parts);

}  // namespace ounce

#endif  // OUNCE_TEXT_POST_PROCESSOR_H_
