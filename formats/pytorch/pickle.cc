#include "formats/pytorch/pickle.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "formats/pytorch/pickle_machine.h"

namespace ounce {
namespace {

using Kind = PickleValue::Kind;

// Walks down from `root` with a stack of its own, so that depth costs memory
// and not the program's stack.
absl::Status CheckAcyclic(const std::vector<PickleValue>& values,
                          PickleId root) {
  enum class State : uint8_t { kNew, kOpen, kDone };
  std::vector<State> states(values.size(), State::kNew);
  std::vector<std::pair<PickleId, size_t>> path = {{root, 0}};
  states[root] = State::kOpen;
  while (!path.empty()) {
    auto& [id, next] = path.back();
    if (next == values[id].items.size()) {
      states[id] = State::kDone;
      path.pop_back();
      continue;
    }
    const PickleId item = values[id].items[next++];
    if (states[item] == State::kOpen) {
      return absl::InvalidArgumentError(
          absl::StrCat(KindName(values[item].kind), " holds itself"));
    }
    if (states[item] == State::kNew && !values[item].items.empty()) {
      states[item] = State::kOpen;
      path.emplace_back(item, 0);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kNone:
      return "None";
    case Kind::kBool:
      return "a bool";
    case Kind::kInteger:
      return "an integer";
    case Kind::kLongInteger:
      return "an integer of more than 64 bits";
    case Kind::kFloat:
      return "a float";
    case Kind::kString:
      return "a string";
    case Kind::kBytes:
      return "bytes";
    case Kind::kTuple:
      return "a tuple";
    case Kind::kList:
      return "a list";
    case Kind::kDict:
      return "a dict";
    case Kind::kGlobal:
      return "a global";
    case Kind::kCall:
      return "the result of a call";
    case Kind::kPersistent:
      return "an object outside the pickle";
  }
  return "an unknown value";
}

absl::StatusOr<Pickle> Pickle::Parse(absl::Span<const uint8_t> bytes,
                                     const PickleOptions& options) {
  if (static_cast<int64_t>(bytes.size()) > options.max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("a pickle of ", bytes.size(),
                                                   " bytes; expected at most ",
                                                   options.max_bytes));
  }
  PickleMachine machine(bytes, options);
  OUNCE_ASSIGN_OR_RETURN(const PickleId root, machine.Run());
  Pickle pickle(machine.TakeValues(), root);
  OUNCE_RETURN_IF_ERROR(CheckAcyclic(pickle.values_, root));
  return pickle;
}

}  // namespace ounce
