#include "formats/pytorch/pickle_machine.h"

#include <array>
#include <bit>
#include <cstring>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/status_macros.h"
#include "core/utf8.h"

namespace ounce {
namespace {

using Kind = PickleValue::Kind;

constexpr uint8_t kProto = 0x80;
constexpr uint8_t kStop = '.';
constexpr int kMaxProtocol = 5;
constexpr absl::string_view kOrderedDict = "collections.OrderedDict";

// Values that need be there but once.
constexpr PickleId kNoneId = 0;
constexpr PickleId kFalseId = 1;
constexpr PickleId kTrueId = 2;

absl::Status Wrong(Kind found, absl::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat("found ", KindName(found), "; expected ", expected));
}

}  // namespace

const PickleMachine::Opcode PickleMachine::kOpcodes[] = {
    {0x95, "FRAME", &PickleMachine::Frame},
    {'(', "MARK", &PickleMachine::Mark},
    {'0', "POP", &PickleMachine::Drop},
    {'1', "POP_MARK", &PickleMachine::DropToMark},
    {'2', "DUP", &PickleMachine::Duplicate},
    {'N', "NONE", &PickleMachine::Constant<kNoneId>},
    {0x88, "NEWTRUE", &PickleMachine::Constant<kTrueId>},
    {0x89, "NEWFALSE", &PickleMachine::Constant<kFalseId>},
    {'J', "BININT", &PickleMachine::Integer<int32_t>},
    {'K', "BININT1", &PickleMachine::Integer<uint8_t>},
    {'M', "BININT2", &PickleMachine::Integer<uint16_t>},
    {0x8A, "LONG1", &PickleMachine::Long<uint8_t>},
    {0x8B, "LONG4", &PickleMachine::Long<int32_t>},
    {'G', "BINFLOAT", &PickleMachine::Float},
    {0x8C, "SHORT_BINUNICODE", &PickleMachine::Unicode<uint8_t>},
    {'X', "BINUNICODE", &PickleMachine::Unicode<uint32_t>},
    {0x8D, "BINUNICODE8", &PickleMachine::Unicode<uint64_t>},
    {'C', "SHORT_BINBYTES", &PickleMachine::Bytes<uint8_t>},
    {'B', "BINBYTES", &PickleMachine::Bytes<uint32_t>},
    {0x8E, "BINBYTES8", &PickleMachine::Bytes<uint64_t>},
    {0x96, "BYTEARRAY8", &PickleMachine::Bytes<uint64_t>},
    {'U', "SHORT_BINSTRING", &PickleMachine::OldString<uint8_t>},
    {'T', "BINSTRING", &PickleMachine::OldString<int32_t>},
    {')', "EMPTY_TUPLE", &PickleMachine::Empty<Kind::kTuple>},
    {0x85, "TUPLE1", &PickleMachine::SmallTuple<1>},
    {0x86, "TUPLE2", &PickleMachine::SmallTuple<2>},
    {0x87, "TUPLE3", &PickleMachine::SmallTuple<3>},
    {'t', "TUPLE", &PickleMachine::Tuple},
    {']', "EMPTY_LIST", &PickleMachine::Empty<Kind::kList>},
    {'a', "APPEND", &PickleMachine::Append},
    {'e', "APPENDS", &PickleMachine::Appends},
    {'}', "EMPTY_DICT", &PickleMachine::Empty<Kind::kDict>},
    {'s', "SETITEM", &PickleMachine::SetItem},
    {'u', "SETITEMS", &PickleMachine::SetItems},
    {'c', "GLOBAL", &PickleMachine::Global},
    {0x93, "STACK_GLOBAL", &PickleMachine::StackGlobal},
    {'R', "REDUCE", &PickleMachine::Call},
    {0x81, "NEWOBJ", &PickleMachine::Call},
    {'b', "BUILD", &PickleMachine::Build},
    {'Q', "BINPERSID", &PickleMachine::Persistent},
    {'q', "BINPUT", &PickleMachine::Put<uint8_t>},
    {'r', "LONG_BINPUT", &PickleMachine::Put<uint32_t>},
    {0x94, "MEMOIZE", &PickleMachine::Memoize},
    {'h', "BINGET", &PickleMachine::Get<uint8_t>},
    {'j', "LONG_BINGET", &PickleMachine::Get<uint32_t>},
    {kProto, "PROTO", nullptr},
    {'I', "INT", nullptr},
    {'L', "LONG", nullptr},
    {'F', "FLOAT", nullptr},
    {'S', "STRING", nullptr},
    {'V', "UNICODE", nullptr},
    {'d', "DICT", nullptr},
    {'l', "LIST", nullptr},
    {'p', "PUT", nullptr},
    {'g', "GET", nullptr},
    {'P', "PERSID", nullptr},
    {'i', "INST", nullptr},
    {'o', "OBJ", nullptr},
    {0x82, "EXT1", nullptr},
    {0x83, "EXT2", nullptr},
    {0x84, "EXT4", nullptr},
    {0x8F, "EMPTY_SET", nullptr},
    {0x90, "ADDITEMS", nullptr},
    {0x91, "FROZENSET", nullptr},
    {0x92, "NEWOBJ_EX", nullptr},
    {0x97, "NEXT_BUFFER", nullptr},
    {0x98, "READONLY_BUFFER", nullptr},
};

PickleMachine::PickleMachine(absl::Span<const uint8_t> bytes,
                             const PickleOptions& options)
    : input_(bytes), options_(options), values_(3) {
  values_[kFalseId].kind = values_[kTrueId].kind = Kind::kBool;
  values_[kTrueId].integer = 1;
}

const PickleMachine::Opcode* PickleMachine::Find(uint8_t code) {
  static const std::array<const Opcode*, 256> by_code = [] {
    std::array<const Opcode*, 256> table = {};
    for (const Opcode& opcode : kOpcodes) table[opcode.code] = &opcode;
    return table;
  }();
  return by_code[code];
}

absl::Status PickleMachine::Push(PickleId id) {
  stack_.push_back(id);
  return absl::OkStatus();
}

// Pushes a new value.  Its address is good until the next one.
absl::StatusOr<PickleValue*> PickleMachine::New(Kind kind) {
  if (static_cast<int64_t>(values_.size()) >= options_.max_values) {
    return absl::InvalidArgumentError(
        absl::StrCat("more than ", options_.max_values,
                     " values, too many for a file of weights"));
  }
  stack_.push_back(static_cast<PickleId>(values_.size()));
  values_.emplace_back().kind = kind;
  return &values_.back();
}

absl::StatusOr<PickleId> PickleMachine::Pop() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) {
    return absl::InvalidArgumentError(
        "takes more values than are on the stack");
  }
  const PickleId id = stack_.back();
  stack_.pop_back();
  return id;
}

absl::StatusOr<PickleValue*> PickleMachine::Top(Kind kind) {
  OUNCE_ASSIGN_OR_RETURN(const PickleId id, Pop());
  stack_.push_back(id);
  if (values_[id].kind != kind) {
    return Wrong(values_[id].kind, KindName(kind));
  }
  return &values_[id];
}

absl::StatusOr<std::vector<PickleId>> PickleMachine::PopToMark() {
  if (marks_.empty()) {
    return absl::InvalidArgumentError("has no mark on the stack");
  }
  const auto begin =
      stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<PickleId> items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

absl::Status PickleMachine::Frame() {
  OUNCE_ASSIGN_OR_RETURN(const uint64_t size, input_.Load<uint64_t>());
  return input_.BeginFrame(size);
}

absl::Status PickleMachine::Mark() {
  marks_.push_back(stack_.size());
  return absl::OkStatus();
}

absl::Status PickleMachine::Drop() { return Pop().status(); }

absl::Status PickleMachine::DropToMark() { return PopToMark().status(); }

absl::Status PickleMachine::Duplicate() {
  OUNCE_ASSIGN_OR_RETURN(const PickleId id, Pop());
  stack_.push_back(id);
  return Push(id);
}

template <typename T>
absl::Status PickleMachine::Integer() {
  OUNCE_ASSIGN_OR_RETURN(const T integer, input_.Load<T>());
  OUNCE_ASSIGN_OR_RETURN(PickleValue* const value, New(Kind::kInteger));
  value->integer = integer;
  return absl::OkStatus();
}

// Two's complement of any length.
template <typename T>
absl::Status PickleMachine::Long() {
  OUNCE_ASSIGN_OR_RETURN(const T size, input_.Load<T>());
  if (size < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("an integer of ", size, " bytes"));
  }
  OUNCE_ASSIGN_OR_RETURN(const absl::string_view bytes,
                         input_.Take(static_cast<uint64_t>(size)));
  OUNCE_ASSIGN_OR_RETURN(PickleValue* const value, New(Kind::kLongInteger));
  if (bytes.size() > sizeof(value->integer)) return absl::OkStatus();
  value->kind = Kind::kInteger;
  if (!bytes.empty() && (bytes.back() & 0x80) != 0) value->integer = -1;
  std::memcpy(&value->integer, bytes.data(), bytes.size());
  return absl::OkStatus();
}

// The one number that is big endian.
absl::Status PickleMachine::Float() {
  OUNCE_ASSIGN_OR_RETURN(const uint64_t bits, input_.Load<uint64_t>());
  OUNCE_ASSIGN_OR_RETURN(PickleValue* const value, New(Kind::kFloat));
  value->real = std::bit_cast<double>(__builtin_bswap64(bits));
  return absl::OkStatus();
}

absl::Status PickleMachine::PushText(Kind kind, absl::string_view text) {
  OUNCE_ASSIGN_OR_RETURN(PickleValue* const value, New(kind));
  value->text = text;
  return absl::OkStatus();
}

template <typename Length>
absl::Status PickleMachine::Unicode() {
  OUNCE_ASSIGN_OR_RETURN(const Length size, input_.Load<Length>());
  OUNCE_ASSIGN_OR_RETURN(const absl::string_view text, input_.Take(size));
  if (!IsValidUtf8(text)) {
    return absl::InvalidArgumentError("a string that is not UTF-8");
  }
  return PushText(Kind::kString, text);
}

template <typename Length>
absl::Status PickleMachine::Bytes() {
  OUNCE_ASSIGN_OR_RETURN(const Length size, input_.Load<Length>());
  OUNCE_ASSIGN_OR_RETURN(const absl::string_view text, input_.Take(size));
  return PushText(Kind::kBytes, text);
}

// A string of Python 2, which may be either.
template <typename Length>
absl::Status PickleMachine::OldString() {
  OUNCE_ASSIGN_OR_RETURN(const Length size, input_.Load<Length>());
  if (size < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("a string of ", size, " bytes"));
  }
  OUNCE_ASSIGN_OR_RETURN(const absl::string_view text,
                         input_.Take(static_cast<uint64_t>(size)));
  return PushText(IsValidUtf8(text) ? Kind::kString : Kind::kBytes, text);
}

template <int kSize>
absl::Status PickleMachine::SmallTuple() {
  std::vector<PickleId> items(kSize);
  for (int i = kSize - 1; i >= 0; --i) {
    OUNCE_ASSIGN_OR_RETURN(items[static_cast<size_t>(i)], Pop());
  }
  OUNCE_ASSIGN_OR_RETURN(PickleValue* const value, New(Kind::kTuple));
  value->items = std::move(items);
  return absl::OkStatus();
}

absl::Status PickleMachine::Tuple() {
  OUNCE_ASSIGN_OR_RETURN(std::vector<PickleId> items, PopToMark());
  OUNCE_ASSIGN_OR_RETURN(PickleValue* const value, New(Kind::kTuple));
  value->items = std::move(items);
  return absl::OkStatus();
}

absl::Status PickleMachine::Append() {
  OUNCE_ASSIGN_OR_RETURN(const PickleId item, Pop());
  OUNCE_ASSIGN_OR_RETURN(PickleValue* const list, Top(Kind::kList));
  list->items.push_back(item);
  return absl::OkStatus();
}

absl::Status PickleMachine::Appends() {
  OUNCE_ASSIGN_OR_RETURN(const std::vector<PickleId> items, PopToMark());
  OUNCE_ASSIGN_OR_RETURN(PickleValue* const list, Top(Kind::kList));
  list->items.insert(list->items.end(), items.begin(), items.end());
  return absl::OkStatus();
}

absl::Status PickleMachine::SetItem() {
  OUNCE_ASSIGN_OR_RETURN(const PickleId item, Pop());
  OUNCE_ASSIGN_OR_RETURN(const PickleId key, Pop());
  OUNCE_ASSIGN_OR_RETURN(PickleValue* const dict, Top(Kind::kDict));
  dict->items.push_back(key);
  dict->items.push_back(item);
  return absl::OkStatus();
}

absl::Status PickleMachine::SetItems() {
  OUNCE_ASSIGN_OR_RETURN(const std::vector<PickleId> items, PopToMark());
  OUNCE_ASSIGN_OR_RETURN(PickleValue* const dict, Top(Kind::kDict));
  if (items.size() % 2 != 0) {
    return absl::InvalidArgumentError("a key without its value");
  }
  dict->items.insert(dict->items.end(), items.begin(), items.end());
  return absl::OkStatus();
}

absl::Status PickleMachine::PushGlobal(absl::string_view module,
                                       absl::string_view name) {
  const std::string global = absl::StrCat(module, ".", name);
  for (const absl::string_view allowed : options_.globals) {
    if (allowed == global) return PushText(Kind::kGlobal, allowed);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "global '", absl::CHexEscape(global),
      "' is none of those that weights need; nothing was run.  If the file is "
      "to be trusted, load it in Python and save its state_dict() alone"));
}

absl::Status PickleMachine::Global() {
  OUNCE_ASSIGN_OR_RETURN(const absl::string_view module, input_.TakeLine());
  OUNCE_ASSIGN_OR_RETURN(const absl::string_view name, input_.TakeLine());
  return PushGlobal(module, name);
}

absl::Status PickleMachine::StackGlobal() {
  OUNCE_ASSIGN_OR_RETURN(const PickleId name_id, Pop());
  OUNCE_ASSIGN_OR_RETURN(const PickleId module_id, Pop());
  const PickleValue& name = values_[name_id];
  const PickleValue& module = values_[module_id];
  for (const PickleValue* value : {&module, &name}) {
    if (value->kind != Kind::kString) {
      return Wrong(value->kind, "a global's name");
    }
    if (value->text.size() > kMaxPickleNameBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("a global's name of ", value->text.size(), " bytes"));
    }
  }
  return PushGlobal(module.text, name.text);
}

// REDUCE calls, NEWOBJ makes an object of a class: both are kept as they are,
// but for an OrderedDict, which is what its items will say.
absl::Status PickleMachine::Call() {
  OUNCE_ASSIGN_OR_RETURN(const PickleId arguments, Pop());
  OUNCE_ASSIGN_OR_RETURN(const PickleId callee, Pop());
  if (values_[callee].kind != Kind::kGlobal) {
    return Wrong(values_[callee].kind, "a global to call");
  }
  if (values_[arguments].kind != Kind::kTuple) {
    return Wrong(values_[arguments].kind, "a tuple of arguments");
  }
  if (values_[callee].text == kOrderedDict) {
    if (!values_[arguments].items.empty()) {
      return absl::InvalidArgumentError(
          "an OrderedDict made of arguments; expected its items to follow");
    }
    return New(Kind::kDict).status();
  }
  OUNCE_ASSIGN_OR_RETURN(PickleValue* const value, New(Kind::kCall));
  value->items = {callee, arguments};
  return absl::OkStatus();
}

// Attributes of an object: of a state_dict() the versions of its modules, which
// have no influence on weights.
absl::Status PickleMachine::Build() {
  OUNCE_RETURN_IF_ERROR(Pop().status());
  OUNCE_ASSIGN_OR_RETURN(const PickleId object, Pop());
  const Kind kind = values_[object].kind;
  if (kind != Kind::kDict && kind != Kind::kCall) {
    return Wrong(kind, "an object to give attributes");
  }
  return Push(object);
}

absl::Status PickleMachine::Persistent() {
  OUNCE_ASSIGN_OR_RETURN(const PickleId id, Pop());
  OUNCE_ASSIGN_OR_RETURN(PickleValue* const value, New(Kind::kPersistent));
  value->items = {id};
  return absl::OkStatus();
}

absl::Status PickleMachine::PutAt(uint32_t index) {
  OUNCE_ASSIGN_OR_RETURN(const PickleId id, Pop());
  stack_.push_back(id);
  if (static_cast<int64_t>(memo_.size()) >= options_.max_values) {
    return absl::InvalidArgumentError(
        absl::StrCat("more than ", options_.max_values, " values remembered"));
  }
  memo_[index] = id;
  return absl::OkStatus();
}

template <typename T>
absl::Status PickleMachine::Put() {
  OUNCE_ASSIGN_OR_RETURN(const T index, input_.Load<T>());
  return PutAt(index);
}

absl::Status PickleMachine::Memoize() {
  return PutAt(static_cast<uint32_t>(memo_.size()));
}

template <typename T>
absl::Status PickleMachine::Get() {
  OUNCE_ASSIGN_OR_RETURN(const T index, input_.Load<T>());
  const auto it = memo_.find(index);
  if (it == memo_.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("memo entry ", index, " was not set before"));
  }
  return Push(it->second);
}

absl::Status PickleMachine::CheckProtocol() {
  OUNCE_ASSIGN_OR_RETURN(const uint8_t first, input_.Load<uint8_t>());
  OUNCE_ASSIGN_OR_RETURN(const uint8_t protocol, input_.Load<uint8_t>());
  if (first == kProto && protocol >= 2 && protocol <= kMaxProtocol) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("begins with the bytes ", first, " and ", protocol,
                   "; expected a pickle of protocol 2 to ", kMaxProtocol,
                   ", which begins ", kProto, " and the protocol"));
}

absl::Status PickleMachine::Step(uint8_t code) {
  const Opcode* const opcode = Find(code);
  if (opcode == nullptr || opcode->run == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("opcode ", code, opcode == nullptr ? "" : ", ",
                     opcode == nullptr ? "" : opcode->name,
                     ", is none that a file of weights has"));
  }
  return Annotate((this->*opcode->run)(), opcode->name);
}

absl::StatusOr<PickleId> PickleMachine::Run() {
  OUNCE_RETURN_IF_ERROR(CheckProtocol());
  for (int64_t count = 1; count <= options_.max_opcodes; ++count) {
    const size_t offset = input_.position();
    OUNCE_ASSIGN_OR_RETURN(const uint8_t code, input_.NextOpcode());
    if (code != kStop) {
      const absl::Status status = Step(code);
      if (status.ok()) continue;
      return Annotate(status, absl::StrCat("at byte ", offset));
    }
    if (input_.left() != 0) {
      return absl::DataLossError(absl::StrCat(
          input_.left(), " bytes after its end, at byte ", offset));
    }
    if (stack_.size() != 1 || !marks_.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "ends with ", stack_.size(), " values and ", marks_.size(),
          " marks on the stack; expected one value"));
    }
    return stack_.back();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("more than ", options_.max_opcodes,
                   " opcodes, too many for a file of weights"));
}

}  // namespace ounce
