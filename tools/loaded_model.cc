#include "tools/loaded_model.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/annotate.h"
#include "core/checked.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "tools/terminal.h"

namespace ounce {
namespace {

constexpr size_t kMaxNamesShown = 10;
// Rows that one task checks.
constexpr int64_t kCheckRows = 256;

absl::Status CheckTensorFinite(const BoundTensor& tensor, ThreadPool* pool) {
  const int64_t rows = tensor.matrix.rows;
  std::vector<absl::Status> statuses(
      static_cast<size_t>(DivideUp(rows, kCheckRows)));
  pool->Run(static_cast<int64_t>(statuses.size()), [&](int64_t task, int) {
    statuses[static_cast<size_t>(task)] = CheckFinite(
        tensor, task * kCheckRows, std::min(rows, (task + 1) * kCheckRows));
  });
  for (const absl::Status& status : statuses) OUNCE_RETURN_IF_ERROR(status);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Engine> CreateEngine(const CommonOptions& options) {
  const absl::StatusOr<Isa> isa = ParseIsa(options.isa);
  if (!isa.ok()) return UsageError(Annotate(isa.status(), "--isa"));
  Engine engine;
  engine.pool = std::make_unique<ThreadPool>(options.num_threads());
  engine.context = std::make_unique<KernelContext>(*isa, engine.pool.get());
  return engine;
}

void UnpackWeights(ThreadPool* pool, LoadedModel* model) {
  BoundTensors bound = model->file.bound;
  for (BoundTensor& tensor : bound.tensors) {
    PackedMatrix& matrix = tensor.matrix;
    const CodecInfo& codec = GetCodecInfo(matrix.codec);
    if (!codec.quantized) continue;
    Matrix& values = model->unpacked.emplace_back(matrix.rows, matrix.cols);
    pool->Run(DivideUp(matrix.rows, kCheckRows), [&](int64_t task, int) {
      const int64_t begin = task * kCheckRows;
      const int64_t end = std::min(matrix.rows, begin + kCheckRows);
      codec.unpack_rows(matrix, begin, end, values.row(begin));
    });
    matrix.codec = Codec::kF32;
    matrix.group_size = 0;
    matrix.data = reinterpret_cast<const uint8_t*>(values.row(0));
    matrix.bytes = matrix.rows * matrix.cols * 4;
  }
  model->weights = ArrangeWeights(model->file.spec, bound);
}

absl::Status CheckAllFinite(const BoundTensors& bound, ThreadPool* pool) {
  for (const BoundTensor& tensor : bound.tensors) {
    OUNCE_RETURN_IF_ERROR(CheckTensorFinite(tensor, pool));
  }
  return absl::OkStatus();
}

void WarnOfSurplus(const ModelFile& file, const CommonOptions& options) {
  const std::vector<std::string>& names = file.bound.surplus;
  if (names.empty()) return;
  const auto shown = absl::MakeConstSpan(names).subspan(
      0, std::min(names.size(), kMaxNamesShown));
  Remark(options,
         absl::StrCat("warning: ", file.path, ": ", names.size(),
                      " tensors that architecture ", file.spec.architecture,
                      " does not use are ignored: ", absl::StrJoin(shown, ", "),
                      shown.size() < names.size() ? ", ..." : ""));
}

absl::StatusOr<LoadedModel> LoadModel(const std::string& path, bool strict,
                                      const CommonOptions& options,
                                      ThreadPool* pool) {
  OUNCE_ASSIGN_OR_RETURN(ModelFile file, OpenModel(path, {.strict = strict}));
  return PrepareModel(std::move(file), options, pool);
}

absl::StatusOr<LoadedModel> PrepareModel(ModelFile file,
                                         const CommonOptions& options,
                                         ThreadPool* pool) {
  LoadedModel model;
  model.file = std::move(file);
  WarnOfSurplus(model.file, options);
  OUNCE_RETURN_IF_ERROR(
      Annotate(CheckAllFinite(model.file.bound, pool), model.file.path));
  model.weights = ArrangeWeights(model.file.spec, model.file.bound);
  return model;
}

absl::StatusOr<std::unique_ptr<Tokenizer>> CreateTokenizer(
    const ModelFile& file) {
  return Annotate(Tokenizer::Create(file.tokenizer), file.path);
}

}  // namespace ounce
