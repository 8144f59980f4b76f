#include "formats/pytorch/state_dict.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/checked.h"
#include "core/status_macros.h"
#include "formats/pytorch/strided_view.h"
#include "formats/safetensors/dtype.h"

namespace ounce {
namespace {

using Kind = PickleValue::Kind;

struct TorchType {
  absl::string_view dtype;
  absl::string_view storage;      // Empty: has none of its own.
  absl::string_view safetensors;  // What safetensors calls it.
};

constexpr TorchType kTypes[] = {
    {"torch.float32", "torch.FloatStorage", "F32"},
    {"torch.float16", "torch.HalfStorage", "F16"},
    {"torch.bfloat16", "torch.BFloat16Storage", "BF16"},
    {"torch.float64", "torch.DoubleStorage", "F64"},
    {"torch.int64", "torch.LongStorage", "I64"},
    {"torch.int32", "torch.IntStorage", "I32"},
    {"torch.int16", "torch.ShortStorage", "I16"},
    {"torch.int8", "torch.CharStorage", "I8"},
    {"torch.uint8", "torch.ByteStorage", "U8"},
    {"torch.bool", "torch.BoolStorage", "BOOL"},
    {"torch.complex64", "torch.ComplexFloatStorage", "C64"},
    {"torch.uint16", "", "U16"},
    {"torch.uint32", "", "U32"},
    {"torch.uint64", "", "U64"},
    {"torch.float8_e4m3fn", "", "F8_E4M3"},
    {"torch.float8_e5m2", "", "F8_E5M2"},
    {"torch.float8_e4m3fnuz", "", "F8_E4M3FNUZ"},
    {"torch.float8_e5m2fnuz", "", "F8_E5M2FNUZ"},
    {"torch.float8_e8m0fnu", "", "F8_E8M0"},
};

constexpr absl::string_view kRebuildTensor = "torch._utils._rebuild_tensor";
constexpr absl::string_view kRebuildTensor2 = "torch._utils._rebuild_tensor_v2";
constexpr absl::string_view kRebuildTensor3 = "torch._utils._rebuild_tensor_v3";
constexpr absl::string_view kRebuildParameter =
    "torch._utils._rebuild_parameter";
constexpr absl::string_view kRebuildParameterWithState =
    "torch._utils._rebuild_parameter_with_state";
constexpr absl::string_view kRebuildFromType =
    "torch._tensor._rebuild_from_type_v2";
constexpr absl::string_view kSize = "torch.Size";
// Storages without a type, under the names of PyTorch 2 and 1.13.
constexpr absl::string_view kUntyped[] = {"torch.storage.UntypedStorage",
                                          "torch.storage._UntypedStorage"};
// These only make values that are no tensors, or say what class one had.
constexpr absl::string_view kOtherGlobals[] = {
    "collections.OrderedDict", "torch.device", "torch.Tensor",
    "torch.nn.parameter.Parameter", "_codecs.encode"};

// What a checkpoint of training calls the weights among other things.
constexpr absl::string_view kWrappers[] = {"state_dict", "model"};

// Tensors wrapped in a parameter in a subclass.
constexpr int kMaxWrappings = 4;
constexpr absl::string_view kContiguousRemedy =
    "; call .contiguous() on it in Python and save it anew";

// A function that makes a tensor, and its arguments.
struct Call {
  absl::string_view function;
  const PickleValue* arguments = nullptr;  // A tuple.
};

struct Storage {
  const TorchType* type = nullptr;  // nullptr: untyped.
  absl::Span<const uint8_t> bytes;
};

const TorchType* FindDtype(absl::string_view dtype) {
  for (const TorchType& type : kTypes) {
    if (type.dtype == dtype) return &type;
  }
  return nullptr;
}

const TorchType* FindStorageType(absl::string_view storage) {
  for (const TorchType& type : kTypes) {
    if (type.storage == storage) return &type;
  }
  return nullptr;
}

// A name from the pickle, for messages: of one line and bounded length.
std::string Shown(absl::string_view name) {
  constexpr size_t kMaxShownBytes = 200;
  return absl::StrCat("'",
                      absl::Utf8SafeCEscape(name.substr(0, kMaxShownBytes)),
                      name.size() > kMaxShownBytes ? "..." : "", "'");
}

absl::Status Wrong(absl::string_view what, const PickleValue& found,
                   absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(
      what, " is ", KindName(found.kind), "; expected ", expected));
}

class Reader {
 public:
  Reader(const Pickle& pickle, const StateDictContext& context)
      : pickle_(pickle),
        context_(context),
        gather_left_(context.max_gathered_bytes) {}

  absl::StatusOr<WeightFile> Read();

 private:
  const PickleValue& At(const PickleValue& list, size_t index) const {
    return pickle_.at(list.items[index]);
  }
  Call AsCall(const PickleValue& value) const;
  // The value of a key, or nullptr.
  const PickleValue* Find(const PickleValue& dict, absl::string_view key) const;
  absl::StatusOr<const PickleValue*> FindStateDict() const;
  // Whether `call` makes a tensor; unwraps parameters and subclasses.
  absl::StatusOr<bool> FindTensor(Call* call) const;
  absl::Status Unwrap(Call* call) const;

  absl::StatusOr<int64_t> ReadCount(absl::string_view what,
                                    const PickleValue& value) const;
  absl::StatusOr<Shape> ReadCounts(absl::string_view what,
                                   const PickleValue& value) const;
  absl::StatusOr<Storage> ReadStorage(const PickleValue& value) const;
  absl::Status CheckMetadata(const PickleValue& value) const;
  absl::StatusOr<const TorchType*> ReadType(const Call& call,
                                            const Storage& storage) const;
  absl::StatusOr<StoredTensor> ReadTensor(const Call& call);
  absl::StatusOr<absl::Span<const uint8_t>> ReadElements(
      const StridedView& view, absl::Span<const uint8_t> storage,
      int64_t element_bytes);

  const Pickle& pickle_;
  const StateDictContext& context_;
  int64_t gather_left_;
  std::vector<std::vector<uint8_t>> gathered_;
};

Call Reader::AsCall(const PickleValue& value) const {
  if (value.kind != Kind::kCall) return {};
  return {At(value, 0).text, &At(value, 1)};
}

const PickleValue* Reader::Find(const PickleValue& dict,
                                absl::string_view key) const {
  for (size_t i = 0; i < dict.items.size(); i += 2) {
    const PickleValue& name = At(dict, i);
    if (name.kind == Kind::kString && name.text == key) return &At(dict, i + 1);
  }
  return nullptr;
}

absl::StatusOr<const PickleValue*> Reader::FindStateDict() const {
  const PickleValue& root = pickle_.at(pickle_.root());
  if (root.kind != Kind::kDict) {
    return Wrong("what was saved", root,
                 "a dict of tensors; save the model's state_dict()");
  }
  for (const absl::string_view wrapper : kWrappers) {
    const PickleValue* inner = Find(root, wrapper);
    if (inner != nullptr && inner->kind == Kind::kDict) return inner;
  }
  return &root;
}

// One layer of what is around a tensor.
absl::Status Reader::Unwrap(Call* call) const {
  const PickleValue& arguments = *call->arguments;
  if (call->function == kRebuildFromType) {
    // (function, class, its arguments, attributes)
    if (arguments.items.size() != 4 || At(arguments, 0).kind != Kind::kGlobal ||
        At(arguments, 2).kind != Kind::kTuple) {
      return absl::InvalidArgumentError(
          absl::StrCat(call->function, "() has other arguments than we know"));
    }
    *call = {At(arguments, 0).text, &At(arguments, 2)};
    return absl::OkStatus();
  }
  // (tensor, requires_grad, hooks[, attributes])
  if (arguments.items.empty() || At(arguments, 0).kind != Kind::kCall) {
    return absl::InvalidArgumentError(
        absl::StrCat(call->function, "() has no tensor"));
  }
  *call = AsCall(At(arguments, 0));
  return absl::OkStatus();
}

absl::StatusOr<bool> Reader::FindTensor(Call* call) const {
  for (int depth = 0; depth <= kMaxWrappings; ++depth) {
    if (call->function == kRebuildTensor || call->function == kRebuildTensor2 ||
        call->function == kRebuildTensor3) {
      return true;
    }
    if (call->function != kRebuildParameter &&
        call->function != kRebuildParameterWithState &&
        call->function != kRebuildFromType) {
      return false;
    }
    OUNCE_RETURN_IF_ERROR(Unwrap(call));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "more than ", kMaxWrappings, " calls around the tensor's own"));
}

absl::StatusOr<int64_t> Reader::ReadCount(absl::string_view what,
                                          const PickleValue& value) const {
  if (value.kind == Kind::kInteger && value.integer >= 0) return value.integer;
  if (value.kind != Kind::kInteger) {
    return Wrong(what, value, "an integer from 0 to 2^63 - 1");
  }
  return absl::InvalidArgumentError(absl::StrCat(
      what, " is ", value.integer, "; expected an integer of at least 0"));
}

absl::StatusOr<Shape> Reader::ReadCounts(absl::string_view what,
                                         const PickleValue& value) const {
  const PickleValue* counts = &value;
  const Call call = AsCall(value);
  if (call.function == kSize && call.arguments->items.size() == 1) {
    counts = &At(*call.arguments, 0);
  }
  if (counts->kind != Kind::kTuple && counts->kind != Kind::kList) {
    return Wrong(what, *counts, "a tuple of integers");
  }
  Shape shape;
  shape.reserve(counts->items.size());
  for (size_t i = 0; i < counts->items.size(); ++i) {
    OUNCE_ASSIGN_OR_RETURN(const int64_t count,
                           ReadCount(what, At(*counts, i)));
    shape.push_back(count);
  }
  return shape;
}

// An object outside the pickle: ("storage", type, key, device, elements).
absl::StatusOr<Storage> Reader::ReadStorage(const PickleValue& value) const {
  if (value.kind != Kind::kPersistent) {
    return Wrong("its storage", value, "an object outside the pickle");
  }
  const PickleValue& id = At(value, 0);
  if (id.kind != Kind::kTuple || id.items.size() != 5 ||
      At(id, 0).text != "storage" || At(id, 1).kind != Kind::kGlobal ||
      At(id, 2).kind != Kind::kString || At(id, 3).kind != Kind::kString) {
    return absl::InvalidArgumentError(
        "its storage is not (\"storage\", type, key, device, elements)");
  }
  Storage storage;
  const absl::string_view type = At(id, 1).text;
  storage.type = FindStorageType(type);
  if (storage.type == nullptr &&
      std::find(std::begin(kUntyped), std::end(kUntyped), type) ==
          std::end(kUntyped)) {
    return absl::InvalidArgumentError(
        absl::StrCat("its storage has type ", type, ", which is none"));
  }
  OUNCE_ASSIGN_OR_RETURN(const int64_t elements,
                         ReadCount("its storage's size", At(id, 4)));
  const std::string name = absl::StrCat(context_.folder, At(id, 2).text);
  const ZipEntry* entry = context_.archive.Find(name);
  if (entry == nullptr) {
    return absl::DataLossError(
        absl::StrCat("its storage ", Shown(name), " is not in the archive"));
  }
  storage.bytes = entry->bytes;
  const int64_t element_bytes =
      storage.type == nullptr
          ? 1
          : FindSafetensorsDtype(storage.type->safetensors)->bits / 8;
  if (CheckedMul(elements, element_bytes) !=
      static_cast<int64_t>(storage.bytes.size())) {
    return absl::DataLossError(
        absl::StrCat("its storage of ", elements, " elements of ",
                     element_bytes, " bytes is ", Shown(name), ", which has ",
                     storage.bytes.size(), " bytes"));
  }
  return storage;
}

// Whether a tensor is to be negated or conjugated when it is read, which we do
// not do.
absl::Status Reader::CheckMetadata(const PickleValue& value) const {
  bool plain = value.kind == Kind::kDict || value.kind == Kind::kNone;
  for (size_t i = 1; i < value.items.size(); i += 2) {
    plain =
        plain && At(value, i).kind == Kind::kBool && At(value, i).integer == 0;
  }
  if (plain) return absl::OkStatus();
  return absl::UnimplementedError(
      "it is a negated or conjugated view; call .resolve_neg() on it in Python "
      "and save it anew");
}

absl::StatusOr<const TorchType*> Reader::ReadType(
    const Call& call, const Storage& storage) const {
  const PickleValue& arguments = *call.arguments;
  const bool has_dtype = call.function == kRebuildTensor3;
  const size_t metadata = has_dtype ? 7 : 6;
  if (arguments.items.size() > metadata + 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        call.function, "() has ", arguments.items.size(), " arguments"));
  }
  if (arguments.items.size() > metadata) {
    OUNCE_RETURN_IF_ERROR(CheckMetadata(At(arguments, metadata)));
  }
  const TorchType* type = storage.type;
  if (has_dtype) {
    type =
        arguments.items.size() > 6 ? FindDtype(At(arguments, 6).text) : nullptr;
  }
  if (type != nullptr) return type;
  return absl::InvalidArgumentError(
      absl::StrCat(call.function, "() has no type of elements"));
}

absl::StatusOr<absl::Span<const uint8_t>> Reader::ReadElements(
    const StridedView& view, absl::Span<const uint8_t> storage,
    int64_t element_bytes) {
  const std::optional<int64_t> bytes =
      CheckedMul(*CheckedProduct(view.shape), element_bytes);
  if (bytes == 0) return absl::Span<const uint8_t>();
  if (bytes.has_value() && IsContiguous(view)) {
    return storage.subspan(static_cast<size_t>(view.offset * element_bytes),
                           static_cast<size_t>(*bytes));
  }
  if (!bytes.has_value() || *bytes > gather_left_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "its elements do not lie one after the other, and with it such tensors "
        "exceed the ",
        context_.max_gathered_bytes, " bytes that this file may take",
        kContiguousRemedy));
  }
  gather_left_ -= *bytes;
  std::vector<uint8_t>& copy =
      gathered_.emplace_back(static_cast<size_t>(*bytes));
  GatherElements(view, storage, element_bytes, copy.data());
  return absl::MakeConstSpan(copy);
}

absl::StatusOr<StoredTensor> Reader::ReadTensor(const Call& call) {
  const PickleValue& arguments = *call.arguments;
  if (arguments.items.size() < 4) {
    return absl::InvalidArgumentError(
        absl::StrCat(call.function, "() has ", arguments.items.size(),
                     " arguments; expected storage, offset, shape, strides"));
  }
  OUNCE_ASSIGN_OR_RETURN(const Storage storage, ReadStorage(At(arguments, 0)));
  OUNCE_ASSIGN_OR_RETURN(const TorchType* const type, ReadType(call, storage));
  StridedView view;
  OUNCE_ASSIGN_OR_RETURN(view.offset, ReadCount("offset", At(arguments, 1)));
  OUNCE_ASSIGN_OR_RETURN(view.shape, ReadCounts("shape", At(arguments, 2)));
  OUNCE_ASSIGN_OR_RETURN(view.strides, ReadCounts("strides", At(arguments, 3)));
  const SafetensorsDtype& dtype = *FindSafetensorsDtype(type->safetensors);
  const int64_t element_bytes = dtype.bits / 8;
  OUNCE_RETURN_IF_ERROR(CheckView(
      view, static_cast<int64_t>(storage.bytes.size()) / element_bytes));
  StoredTensor tensor;
  tensor.dtype = std::string(dtype.name);
  tensor.codec = dtype.codec;
  OUNCE_ASSIGN_OR_RETURN(tensor.bytes,
                         ReadElements(view, storage.bytes, element_bytes));
  tensor.shape = std::move(view.shape);
  return tensor;
}

absl::StatusOr<WeightFile> Reader::Read() {
  OUNCE_ASSIGN_OR_RETURN(const PickleValue* const dict, FindStateDict());
  absl::flat_hash_set<absl::string_view> names;
  WeightFile found;
  for (size_t i = 0; i < dict->items.size(); i += 2) {
    const PickleValue& key = At(*dict, i);
    if (key.kind != Kind::kString) continue;
    const std::string context = absl::StrCat("tensor ", Shown(key.text));
    Call call = AsCall(At(*dict, i + 1));
    OUNCE_ASSIGN_OR_RETURN(const bool is_tensor,
                           Annotate(FindTensor(&call), context));
    if (!is_tensor) continue;
    if (!names.insert(key.text).second) {
      return absl::DataLossError(absl::StrCat(context, " is there twice"));
    }
    OUNCE_ASSIGN_OR_RETURN(StoredTensor tensor,
                           Annotate(ReadTensor(call), context));
    tensor.name = std::string(key.text);
    found.tensors.push_back(std::move(tensor));
  }
  if (found.tensors.empty()) {
    return absl::InvalidArgumentError(
        "no tensors in the dict that was saved, nor in its \"state_dict\" or "
        "\"model\"; save the model's state_dict()");
  }
  found.gathered = std::move(gathered_);
  return found;
}

std::vector<absl::string_view> ListGlobals() {
  std::vector<absl::string_view> globals = {kRebuildTensor,
                                            kRebuildTensor2,
                                            kRebuildTensor3,
                                            kRebuildFromType,
                                            kRebuildParameter,
                                            kRebuildParameterWithState,
                                            kSize};
  globals.insert(globals.end(), std::begin(kUntyped), std::end(kUntyped));
  globals.insert(globals.end(), std::begin(kOtherGlobals),
                 std::end(kOtherGlobals));
  for (const TorchType& type : kTypes) {
    globals.push_back(type.dtype);
    if (!type.storage.empty()) globals.push_back(type.storage);
  }
  return globals;
}

}  // namespace

absl::Span<const absl::string_view> StateDictGlobals() {
  static const auto& globals =
      *new std::vector<absl::string_view>(ListGlobals());
  return globals;
}

absl::StatusOr<WeightFile> ReadStateDict(const Pickle& pickle,
                                         const StateDictContext& context) {
  return Reader(pickle, context).Read();
}

}  // namespace ounce
