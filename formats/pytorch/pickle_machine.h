// The machine that a pickle is a program for: a stack of values, marks on it
// and a memo.  Its opcodes are a table in pickle_machine.cc.
#ifndef OUNCE_FORMATS_PYTORCH_PICKLE_MACHINE_H_
#define OUNCE_FORMATS_PYTORCH_PICKLE_MACHINE_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "formats/pytorch/pickle.h"
#include "formats/pytorch/pickle_input.h"

namespace ounce {

class PickleMachine {
 public:
  PickleMachine(absl::Span<const uint8_t> bytes, const PickleOptions& options);

  // The value that the pickle leaves.  Call once.
  absl::StatusOr<PickleId> Run();
  std::vector<PickleValue> TakeValues() { return std::move(values_); }

 private:
  struct Opcode {
    uint8_t code;
    absl::string_view name;
    absl::Status (PickleMachine::*run)();  // nullptr: refused.
  };
  static const Opcode kOpcodes[];
  static const Opcode* Find(uint8_t code);

  absl::Status CheckProtocol();
  absl::Status Step(uint8_t code);

  // Stack ---------------------------------------------------------------------
  absl::StatusOr<PickleValue*> New(PickleValue::Kind kind);
  absl::StatusOr<PickleId> Pop();
  absl::StatusOr<PickleValue*> Top(PickleValue::Kind kind);
  absl::StatusOr<std::vector<PickleId>> PopToMark();
  absl::Status Push(PickleId id);

  // Opcodes -------------------------------------------------------------------
  absl::Status Frame();
  absl::Status Mark();
  absl::Status Drop();
  absl::Status DropToMark();
  absl::Status Duplicate();
  template <PickleId kId>
  absl::Status Constant() {
    return Push(kId);
  }
  template <typename T>
  absl::Status Integer();
  template <typename T>
  absl::Status Long();
  absl::Status Float();
  template <typename Length>
  absl::Status Unicode();
  template <typename Length>
  absl::Status Bytes();
  template <typename Length>
  absl::Status OldString();
  template <PickleValue::Kind kKind>
  absl::Status Empty() {
    return New(kKind).status();
  }
  template <int kSize>
  absl::Status SmallTuple();
  absl::Status Tuple();
  absl::Status Append();
  absl::Status Appends();
  absl::Status SetItem();
  absl::Status SetItems();
  absl::Status Global();
  absl::Status StackGlobal();
  absl::Status Call();
  absl::Status Build();
  absl::Status Persistent();
  template <typename T>
  absl::Status Put();
  absl::Status Memoize();
  template <typename T>
  absl::Status Get();

  absl::Status PushText(PickleValue::Kind kind, absl::string_view text);
  absl::Status PushGlobal(absl::string_view module, absl::string_view name);
  absl::Status PutAt(uint32_t index);

  PickleInput input_;
  const PickleOptions& options_;
  std::vector<PickleValue> values_;
  std::vector<PickleId> stack_;
  std::vector<size_t> marks_;  // Heights of the stack.
  absl::flat_hash_map<uint32_t, PickleId> memo_;
};

}  // namespace ounce

#endif  // OUNCE_FORMATS_PYTORCH_PICKLE_MACHINE_H_
