#include "kernels/onednn/int8_matmul.h"

#include <array>
#include <map>
#include <memory>

#include "kernels/onednn/cpu_isa.h"
#include "oneapi/dnnl/dnnl.hpp"

namespace ounce {
namespace {

// Shapes are few: tokens of a block, rows of a task, inputs of a model's
// layers. A process that opens many models starts again now and then.
constexpr size_t kMaxShapes = 256;

const dnnl::engine& CpuEngine() {
  // Never destroyed: threads may outlive the program's static objects.
  static const auto* const engine =
      new dnnl::engine(dnnl::engine::kind::cpu, /*index=*/0);
  return *engine;
}

dnnl::matmul::primitive_desc Describe(const dnnl::memory::desc& x,
                                      const dnnl::memory::desc& w,
                                      const dnnl::memory::desc& sums) {
#if DNNL_VERSION_MAJOR >= 3
  return {CpuEngine(), x, w, sums};
#else
  return {dnnl::matmul::desc(x, w, sums), CpuEngine()};
#endif
}

// The product of one shape, compiled.
class Product {
 public:
  explicit Product(const Int8MatmulShape& shape)
      : stream_(CpuEngine()),
        x_({{shape.tokens, shape.cols}, DataType::u8, Tag::ab}, CpuEngine(),
           nullptr),
        // Its (cols, rows) in blocks of 64 rows of 64 columns of four by four:
        // the panels, one after the other.
        w_({{shape.cols, shape.rows}, DataType::s8, Tag::BA16a64b4a},
           CpuEngine(), nullptr),
        sums_({{shape.tokens, shape.rows}, DataType::s32, Tag::ab}, CpuEngine(),
              nullptr),
        matmul_(Describe(x_.get_desc(), w_.get_desc(), sums_.get_desc())) {}

  void Run(const uint8_t* x, const int8_t* w, int32_t* sums) {
    // oneDNN takes no pointers to const; it writes to none of the two.
    x_.set_data_handle(const_cast<uint8_t*>(x));
    w_.set_data_handle(const_cast<int8_t*>(w));
    sums_.set_data_handle(sums);
    matmul_.execute(
        stream_,
        {{DNNL_ARG_SRC, x_}, {DNNL_ARG_WEIGHTS, w_}, {DNNL_ARG_DST, sums_}});
    stream_.wait();
  }

 private:
  using DataType = dnnl::memory::data_type;
  using Tag = dnnl::memory::format_tag;
  dnnl::stream stream_;
  dnnl::memory x_;
  dnnl::memory w_;
  dnnl::memory sums_;
  dnnl::matmul matmul_;
};

Product& ProductOf(const Int8MatmulShape& shape) {
  thread_local std::map<std::array<int64_t, 3>, std::unique_ptr<Product>>
      products;
  const std::array<int64_t, 3> key = {shape.tokens, shape.cols, shape.rows};
  const auto found = products.find(key);
  if (found != products.end()) return *found->second;
  if (products.size() >= kMaxShapes) products.clear();
  return *products.emplace(key, std::make_unique<Product>(shape)).first->second;
}

}  // namespace

bool Int8Matmul(const Int8MatmulShape& shape, const uint8_t* x, const int8_t* w,
                int32_t* sums) {
  UseOneThreadForOneDnn();
  try {
    ProductOf(shape).Run(x, w, sums);
  } catch (const dnnl::error&) {
    return false;
  }
  return true;
}

}  // namespace ounce
