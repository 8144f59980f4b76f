// The texts of a run of an encoder: read, encoded, and put through the model in
// batches.
#ifndef OUNCE_TOOLS_TEXT_BATCHES_H_
#define OUNCE_TOOLS_TEXT_BATCHES_H_

#include <cstdint>
#include <fstream>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/executor.h"
#include "runtime/heads.h"
#include "text/tokenizer.h"
#include "tools/command.h"
#include "tools/run_arguments.h"
#include "tools/run_model.h"

namespace ounce {

// One text, or the lines of stdin or of a file.
class TextSource {
 public:
  // kNotFound: the file cannot be read.
  static absl::StatusOr<TextSource> Open(const RunArguments& arguments);

  // The next text, without the end of its line; nullopt: there is none.
  std::optional<std::string> Next();

 private:
  TextSource() = default;

  std::optional<std::string> text_;
  std::unique_ptr<std::ifstream> file_;
  std::istream* lines_ = nullptr;
};

// A text as a model gets it.
struct EncodedText {
  int64_t number = 1;  // Among the texts of the run.
  std::string text;    // The first of a pair.
  Encoding encoding;
  int64_t dropped_tokens = 0;  // What --truncate cut off.
};

// Encodes `text` and, if it is longer than the model takes, cuts it with a
// remark, as the tokenizer's file says, if it says anything: at which side, and
// which of a pair.  A text is named in messages if there are several.
// kInvalidArgument: it is too long and --truncate is not given, or has no
// tokens; other errors as Tokenizer::EncodeWindows().
class TextEncoder {
 public:
  // All must outlive it.
  TextEncoder(const RunModel& run, const RunArguments& arguments,
              const CommonOptions& common)
      : run_(run), arguments_(arguments), common_(common) {}

  absl::StatusOr<EncodedText> Encode(const std::string& text);
  // Counts a text that is not encoded.
  void Skip() { ++number_; }

 private:
  absl::StatusOr<EncodedText> EncodeUnnamed(const std::string& text) const;
  std::string Name() const;

  const RunModel& run_;
  const RunArguments& arguments_;
  const CommonOptions& common_;
  int64_t number_ = 0;
};

// What the model made of a text.
struct TextResult {
  const EncodedText& text;
  TextStates states;  // No token is hidden.
  Executor& executor;
};

// Puts all texts through the encoder, as many together as the arguments say,
// and hands them on in order.  Errors as above and of Executor::Forward().
absl::Status ForEachText(
    const RunModel& run, const RunArguments& arguments,
    const CommonOptions& common,
    absl::FunctionRef<absl::Status(const TextResult&)> visit);

}  // namespace ounce

#endif  // OUNCE_TOOLS_TEXT_BATCHES_H_
