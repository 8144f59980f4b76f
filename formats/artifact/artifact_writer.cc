#include "formats/artifact/artifact_writer.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "core/checked.h"
#include "core/mapped_file.h"
#include "core/status_macros.h"
#include "formats/artifact/layout.h"
#include "formats/artifact/metadata.h"

namespace ounce {
namespace {

int64_t WeightsOffset(int64_t weight_bytes) {
  return weight_bytes > kLargeWeightBytes ? kLargeWeightAlignment
                                          : kWeightAlignment;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ArtifactWriter>> ArtifactWriter::Create(
    const std::string& path, int64_t weight_bytes) {
  OUNCE_ASSIGN_OR_RETURN(std::unique_ptr<AtomicFile> file,
                         AtomicFile::Create(path));
  const int64_t weights_offset = WeightsOffset(weight_bytes);
  std::unique_ptr<ArtifactWriter> writer(
      new ArtifactWriter(std::move(file), weights_offset));
  // Room for the header, which is written last.
  const std::array<uint8_t, kArtifactHeaderBytes> blank = {};
  OUNCE_RETURN_IF_ERROR(writer->file_->Append(blank));
  OUNCE_RETURN_IF_ERROR(writer->PadTo(weights_offset));
  return writer;
}

absl::StatusOr<std::unique_ptr<ArtifactWriter>> ArtifactWriter::Resume(
    const std::string& path, int64_t weight_bytes,
    std::vector<TensorRecord> records) {
  const int64_t weights_offset = WeightsOffset(weight_bytes);
  int64_t size = weights_offset;
  for (const TensorRecord& record : records) {
    if (record.offset < size || record.bytes < 0 ||
        record.bytes > INT64_MAX - record.offset) {
      return absl::DataLossError(
          absl::StrCat("tensor '", record.name, "' lies at ", record.offset,
                       ", within what is before it; start anew without "
                       "--resume"));
    }
    const absl::StatusOr<int64_t> bytes = SegmentBytes(record);
    if (!bytes.ok() || record.bytes != *bytes) {
      return absl::DataLossError(absl::StrCat(
          "tensor '", record.name, "' has ", record.bytes,
          " bytes, which its codec and shape ", ShapeString(record.shape),
          " do not take; start anew without --resume"));
    }
    size = record.offset + record.bytes;
  }
  OUNCE_ASSIGN_OR_RETURN(std::unique_ptr<AtomicFile> file,
                         AtomicFile::Reopen(path, size));
  OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<MappedFile> map,
                         MappedFile::Open(file->partial_path()));
  std::unique_ptr<ArtifactWriter> writer(
      new ArtifactWriter(std::move(file), weights_offset));
  for (const TensorRecord& record : records) {
    const auto bytes = map->bytes().subspan(static_cast<size_t>(record.offset),
                                            static_cast<size_t>(record.bytes));
    if (!(Xxh3(bytes) == record.hash)) {
      return absl::DataLossError(absl::StrCat(
          "'", map->path(), "': tensor '", record.name,
          "' is not what was written; start anew without --resume"));
    }
    map->Release(bytes);
    writer->names_.insert(record.name);
  }
  writer->records_ = std::move(records);
  return writer;
}

absl::Status ArtifactWriter::PadTo(int64_t alignment) {
  const int64_t size = file_->size();
  const std::string zeros(static_cast<size_t>(RoundUp(size, alignment) - size),
                          '\0');
  return file_->Append(zeros);
}

absl::Status ArtifactWriter::BeginTensor(TensorRecord record) {
  if (hash_.has_value()) {
    return absl::InternalError(absl::StrCat("tensor '", record.name,
                                            "' begins before '",
                                            records_.back().name, "' ended"));
  }
  const absl::StatusOr<int64_t> bytes = SegmentBytes(record);
  if (!bytes.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor '", record.name, "': ", bytes.status().message()));
  }
  if (record.name.empty() || record.name.size() > kMaxNameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a tensor's name has ", record.name.size(),
                     " bytes; expected 1 to ", kMaxNameBytes));
  }
  if (!names_.insert(record.name).second) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor '", record.name, "' is written twice"));
  }
  OUNCE_RETURN_IF_ERROR(PadTo(kSegmentAlignment));
  record.offset = file_->size();
  record.bytes = *bytes;
  records_.push_back(std::move(record));
  hash_.emplace();
  return absl::OkStatus();
}

absl::Status ArtifactWriter::AppendBytes(absl::Span<const uint8_t> bytes) {
  if (!hash_.has_value()) {
    return absl::InternalError("weights are appended outside a tensor");
  }
  hash_->Update(bytes);
  return file_->Append(bytes);
}

absl::Status ArtifactWriter::EndTensor(double snr_db, double sparsity) {
  if (!hash_.has_value()) {
    return absl::InternalError("a tensor ends that did not begin");
  }
  TensorRecord& record = records_.back();
  const int64_t appended = file_->size() - record.offset;
  if (appended != record.bytes) {
    return absl::InternalError(
        absl::StrCat("tensor '", record.name, "' got ", appended,
                     " bytes; codec and shape need ", record.bytes));
  }
  record.hash = hash_->Finish();
  record.snr_db = snr_db;
  record.sparsity = sparsity;
  hash_.reset();
  return absl::OkStatus();
}

absl::StatusOr<Hash128> ArtifactWriter::Finish(const ModelSpec& spec,
                                               const TokenizerAsset& tokenizer,
                                               const Provenance& provenance) {
  if (hash_.has_value()) {
    return absl::InternalError(absl::StrCat("the file ends before tensor '",
                                            records_.back().name, "' ended"));
  }
  OUNCE_RETURN_IF_ERROR(CheckSpec(spec));
  OUNCE_ASSIGN_OR_RETURN(
      const std::vector<uint8_t> metadata,
      EncodeMetadata({spec, records_, tokenizer, provenance}));
  // What we would refuse to read must not be written.
  const absl::Status readable = DecodeMetadata(metadata).status();
  if (!readable.ok()) return absl::InvalidArgumentError(readable.message());
  OUNCE_RETURN_IF_ERROR(PadTo(kSegmentAlignment));
  ArtifactHeader header;
  header.weights_offset = weights_offset_;
  header.metadata_offset = file_->size();
  header.metadata_bytes = static_cast<int64_t>(metadata.size());
  header.metadata_hash = Xxh3(metadata);
  OUNCE_RETURN_IF_ERROR(CheckSegments(records_, header));
  OUNCE_RETURN_IF_ERROR(file_->Append(metadata));
  OUNCE_RETURN_IF_ERROR(file_->WriteAt(0, EncodeHeader(header)));
  OUNCE_RETURN_IF_ERROR(file_->Commit());
  return header.metadata_hash;
}

}  // namespace ounce
