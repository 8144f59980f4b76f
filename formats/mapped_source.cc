#include "formats/mapped_source.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/status_macros.h"

namespace ounce {

absl::Status MappedSource::AddFile(const std::string& path,
                                   WeightFileParser parse) {
  OUNCE_ASSIGN_OR_RETURN(std::unique_ptr<MappedFile> file,
                         MappedFile::Open(path));
  OUNCE_ASSIGN_OR_RETURN(
      WeightFile found,
      Annotate(parse(file->bytes()), absl::StrCat("reading '", path, "'")));
  for (StoredTensor& tensor : found.tensors) {
    const auto [it, inserted] =
        index_.try_emplace(tensor.name, tensors_.size());
    if (!inserted) {
      return absl::DataLossError(
          absl::StrCat("tensor '", tensor.name, "' is both in '",
                       PathOf(tensors_[it->second]), "' and in '", path,
                       "'; get the checkpoint again"));
    }
    tensors_.push_back(std::move(tensor));
    file_of_.push_back(files_.size());
  }
  files_.push_back(std::move(file));
  for (std::vector<uint8_t>& bytes : found.gathered) {
    gathered_.push_back(std::move(bytes));
  }
  return absl::OkStatus();
}

const StoredTensor* MappedSource::Find(absl::string_view name) const {
  const auto it = index_.find(name);
  return it == index_.end() ? nullptr : &tensors_[it->second];
}

void MappedSource::Release(absl::Span<const uint8_t> part) const {
  for (const std::unique_ptr<MappedFile>& file : files_) {
    const absl::Span<const uint8_t> bytes = file->bytes();
    if (part.data() >= bytes.data() &&
        part.data() + part.size() <= bytes.data() + bytes.size()) {
      file->Release(part);
      return;
    }
  }
}

const std::string& MappedSource::PathOf(const StoredTensor& tensor) const {
  const auto index = static_cast<size_t>(&tensor - tensors_.data());
  return files_[file_of_[index]]->path();
}

}  // namespace ounce
