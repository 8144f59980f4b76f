// Pickles written opcode by opcode, after CPython's Lib/pickletools.py.
#ifndef OUNCE_TESTS_FORMATS_PYTORCH_PICKLE_OPS_H_
#define OUNCE_TESTS_FORMATS_PYTORCH_PICKLE_OPS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/formats/pytorch/zip_image.h"

namespace ounce {

// A whole pickle of protocol 2.
inline std::string Protocol2(const std::string& opcodes) {
  return "\x80\x02" + opcodes + ".";
}

inline std::string Str(const std::string& text) {
  return "X" + Le(text.size(), 4) + text;
}
// LONG1 of eight bytes.
inline std::string Int(int64_t value) {
  return "\x8A\x08" + Le(static_cast<uint64_t>(value), 8);
}
inline std::string Tuple(const std::vector<std::string>& items) {
  std::string out = "(";
  for (const std::string& item : items) out += item;
  return out + "t";
}
inline std::string Ints(const std::vector<int64_t>& values) {
  std::vector<std::string> items;
  for (const int64_t value : values) items.push_back(Int(value));
  return Tuple(items);
}
inline std::string GlobalOp(const std::string& module,
                            const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string Call(const std::string& global,
                        const std::vector<std::string>& arguments) {
  return global + Tuple(arguments) + "R";
}
inline std::string Dict(
    const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = "}(";
  for (const auto& [key, value] : items) out += Str(key) + value;
  return out + "u";
}

// A tensor as torch.save() describes it.
struct TensorOps {
  std::string type = "FloatStorage";  // In the module torch.
  std::string key = "0";
  int64_t elements = 0;  // Of the storage.
  int64_t offset = 0;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;

  std::string Storage() const {
    return Tuple({Str("storage"), GlobalOp("torch", type), Str(key), Str("cpu"),
                  Int(elements)}) +
           "Q";
  }
  std::vector<std::string> Arguments() const {
    return {Storage(),   Int(offset),
            Ints(shape), Ints(strides),
            "\x89",      GlobalOp("collections", "OrderedDict") + ")R"};
  }
  std::string Rebuild() const {
    return Call(GlobalOp("torch._utils", "_rebuild_tensor_v2"), Arguments());
  }
};

}  // namespace ounce

#endif  // OUNCE_TESTS_FORMATS_PYTORCH_PICKLE_OPS_H_
