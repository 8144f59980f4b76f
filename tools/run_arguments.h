// The arguments of `ounce run`, and which of them go with which kind of model.
#ifndef OUNCE_TOOLS_RUN_ARGUMENTS_H_
#define OUNCE_TOOLS_RUN_ARGUMENTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/spec.h"
#include "tools/chat.h"
#include "tools/command_line.h"
#include "tools/generation.h"

namespace ounce {

// What a model is run for.
enum class RunKind : unsigned {
  kContinue = 1,   // A decoder continues a prompt, or talks.
  kTranslate = 2,  // An encoder-decoder makes a text of a source text.
  kClassify = 4,   // Labels of a text.
  kTag = 8,        // Labels of each token.
  kFillMask = 16,  // What could stand for the mask tokens of a text.
  kEmbed = 32,     // The vector of a text.
};

// -1 and empty texts: not given.
struct RunArguments {
  std::string model;
  std::string prompt;
  std::string file;     // Of texts, one a line.
  int64_t context = 0;  // 0: the model's limit.
  std::string kv;  // Empty: f32 for a float model, f16 for a quantised one.
  bool check = false;
  int64_t tokens = -1;
  TextOptions text;
  ChatArguments chat;
  // Of encoders, and of the sources of encoder-decoders.
  bool truncate = false;
  int64_t batch = 16;  // Texts that go through the model together.
  std::string pair;    // The second text of each pair.
  int64_t top = -1;
  std::string pooling;
  bool normalize = false;
  // Of encoder-decoders.
  int64_t beams = -1;
  double length_penalty = 1.0;
  int64_t no_repeat_ngram = -1;
  std::string target_language;

  std::vector<std::string> given;  // The long names of what was given.

  bool is_given(absl::string_view option) const;
  // Whether there may be several texts, each a line.
  bool has_lines() const { return prompt == "-" || !file.empty(); }
};

void DeclareRun(CommandLine& line, RunArguments* arguments);

// An encoder with a language model's head embeds when it is told how.
RunKind KindOf(const ModelSpec& spec, const RunArguments& arguments);

// What can be said before the model is known, and then, `path` being the
// model's: kInvalidArgument naming an option that its kind does not take.
absl::Status CheckRunArguments(const RunArguments& arguments);
absl::Status CheckRunOptions(const RunArguments& arguments,
                             const ModelSpec& spec);

// The most tokens that a model, or a stack of it, may be run with.  Where
// positions are distances alone, that is what memory should be spent on.
int64_t MostPositions(const ModelSpec& spec);

// The longest text in tokens: of prompt and answer, or of a text to encode.
// A usage error: --context asks for more than the model has.
absl::StatusOr<int64_t> ContextLimit(const RunArguments& arguments,
                                     const ModelSpec& spec);

}  // namespace ounce

#endif  // OUNCE_TOOLS_RUN_ARGUMENTS_H_
