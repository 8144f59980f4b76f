#include "formats/gguf/gguf_reader.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/mapped_file.h"
#include "core/status_macros.h"
#include "formats/gguf/gguf_config.h"
#include "formats/gguf/gguf_names.h"
#include "formats/gguf/gguf_shards.h"
#include "formats/gguf/gguf_tokenizer.h"
#include "formats/surplus.h"
#include "model/arch/registry.h"
#include "model/bind.h"

namespace ounce {
namespace {

constexpr absl::string_view kMagic = "GGUF";

class GgufSource : public TensorSource {
 public:
  // Errors as ToStoredTensors; kInvalidArgument: a name twice.
  static absl::StatusOr<std::unique_ptr<GgufSource>> Create(
      GgufShards shards, const GgufArchitecture& architecture,
      int64_t head_dim) {
    std::unique_ptr<GgufSource> source(new GgufSource(std::move(shards)));
    for (const GgufTensor* tensor : source->shards_.tensors()) {
      OUNCE_ASSIGN_OR_RETURN(std::vector<StoredTensor> stored,
                             ToStoredTensors(architecture, *tensor, head_dim));
      for (StoredTensor& one : stored) {
        const size_t index = source->tensors_.size();
        if (!source->index_.emplace(one.name, index).second) {
          return absl::InvalidArgumentError(
              absl::StrCat("tensor '", tensor->name, "' is '", one.name,
                           "', and so is another"));
        }
        source->tensors_.push_back(std::move(one));
      }
    }
    return source;
  }

  absl::Span<const StoredTensor> tensors() const override { return tensors_; }
  const StoredTensor* Find(absl::string_view name) const override {
    const auto found = index_.find(name);
    return found == index_.end() ? nullptr : &tensors_[found->second];
  }
  void Release(absl::Span<const uint8_t> part) const override {
    shards_.Release(part);
  }

 private:
  explicit GgufSource(GgufShards shards) : shards_(std::move(shards)) {}

  const GgufShards shards_;
  std::vector<StoredTensor> tensors_;
  absl::flat_hash_map<std::string, size_t> index_;
};

// Binding makes a list of all tensors that a spec consists of: no more than are
// there are worth it.
absl::Status CheckCounts(const ModelSpec& spec, const TensorSource& source) {
  const auto tensors = static_cast<int64_t>(source.tensors().size());
  const int64_t least =
      spec.layers * std::max<int64_t>(1, spec.experts.experts);
  if (least <= tensors) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "the keys speak of ", spec.layers, " layers and ", spec.experts.experts,
      " experts; there are only ", tensors, " tensors"));
}

}  // namespace

bool IsGguf(const std::string& path) {
  const absl::StatusOr<std::unique_ptr<MappedFile>> file =
      MappedFile::Open(path);
  if (!file.ok()) return false;
  const absl::Span<const uint8_t> bytes = (*file)->bytes();
  return bytes.size() >= kMagic.size() &&
         std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) == 0;
}

absl::StatusOr<ModelFile> BindGguf(GgufShards shards,
                                   const OpenOptions& options) {
  ModelFile model;
  model.format = "gguf";
  model.folder = shards.folder();
  model.files = shards.names();
  OUNCE_ASSIGN_OR_RETURN(const GgufConfig config, ReadGgufConfig(shards));
  OUNCE_ASSIGN_OR_RETURN(model.spec, ParseModelConfig(config.config, nullptr));
  OUNCE_ASSIGN_OR_RETURN(const Architecture* const architecture,
                         FindArchitecture(model.spec.architecture));
  OUNCE_ASSIGN_OR_RETURN(
      std::unique_ptr<TensorSource> source,
      GgufSource::Create(std::move(shards), *config.architecture,
                         model.spec.head_dim));
  OUNCE_RETURN_IF_ERROR(CheckCounts(model.spec, *source));
  OUNCE_ASSIGN_OR_RETURN(model.bound,
                         BindTensors(model.spec, architecture, *source));
  if (options.strict) {
    OUNCE_RETURN_IF_ERROR(CheckSurplus(model.bound.surplus, model.spec));
  }
  model.source = std::move(source);
  return model;
}

absl::StatusOr<ModelFile> OpenGgufModel(const std::string& path,
                                        const OpenOptions& options) {
  OUNCE_ASSIGN_OR_RETURN(GgufShards shards, GgufShards::Open(path));
  OUNCE_ASSIGN_OR_RETURN(TokenizerAsset tokenizer,
                         Annotate(GgufTokenizer(shards.metadata()),
                                  absl::StrCat("reading '", path, "'")));
  OUNCE_ASSIGN_OR_RETURN(ModelFile model,
                         Annotate(BindGguf(std::move(shards), options),
                                  absl::StrCat("reading '", path, "'")));
  model.path = path;
  model.tokenizer = std::move(tokenizer);
  return model;
}

absl::StatusOr<TokenizerAsset> OpenGgufTokenizer(const std::string& path) {
  OUNCE_ASSIGN_OR_RETURN(const GgufShards shards, GgufShards::Open(path));
  return Annotate(GgufTokenizer(shards.metadata()),
                  absl::StrCat("reading '", path, "'"));
}

}  // namespace ounce
